"""Which transaction a log came from."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from indexer.read.pairs import among
from indexer.read.values import chunks
from indexer.tables.chainlog import RawLog

Place = tuple[str, int]
"""block hash and log index"""


def transactions(session: Session, places: Sequence[Place]) -> dict[Place, str]:
    """Transaction hash of each log."""
    found: dict[Place, str] = {}
    for part in chunks(list(dict.fromkeys(places))):
        query = select(col(RawLog.block_hash), col(RawLog.log_index), col(RawLog.tx_hash)).where(
            among(RawLog, "block_hash", "log_index", part)
        )
        found.update({(row[0], row[1]): row[2] for row in session.execute(query)})
    return found
