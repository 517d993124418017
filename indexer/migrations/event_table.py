"""What migrations of the mirror say often."""

from typing import Any

import sqlalchemy as sa
from alembic import op


def column(name: str, kind: Any, *, index: bool = False, nullable: bool = False, key: bool = False) -> Any:
    """A column; `key` makes it part of the primary key."""
    return sa.Column(name, kind, index=index, nullable=nullable, primary_key=key)


def event_table(name: str, *columns: Any) -> None:
    """The table of one contract event: the log's place and time, then the event's parameters."""
    op.create_table(
        name,
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("block_time", sa.BigInteger()),
        column("address", sa.String()),
        *columns,
    )
