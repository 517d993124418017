"""Contract values as people and other systems write them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Select, select
from sqlmodel import Session, col

from indexer.tables import EventRow

ROLE_NAMES: Final = {
    1 << 0: "BRAND_OWNER",
    1 << 1: "MAKER",
    1 << 2: "INSPECTOR",
    1 << 3: "CARRIER",
    1 << 4: "CUSTOMS",
    1 << 5: "TRADER",
    1 << 6: "ARBITER",
    1 << 7: "TOKEN_ISSUER",
    1 << 8: "ORACLE",
    1 << 9: "REGULATOR",
    1 << 31: "KEY_ADMIN",
}
"""bits of contracts/access/Roles.sol"""

T = TypeVar("T", bound=EventRow)
K = TypeVar("K")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
ZERO_HASH: Final = "0x" + "00" * 32


def roles(mask: int) -> list[str]:
    """Names of the role bits that are set."""
    return [name for bit, name in ROLE_NAMES.items() if mask & bit]


def gln(number: int) -> str:
    """A GLN as 13 digits."""
    return f"{number:013d}"


def gtin(number: int) -> str:
    """A GTIN as 14 digits."""
    return f"{number:014d}"


def seconds(unix: int) -> datetime:
    """Unix seconds as UTC; what a calendar cannot hold is its last second."""
    return _moment(timedelta(seconds=min(unix, 1 << 39)))


def millis(unix: int) -> datetime:
    """Unix milliseconds as UTC; what a calendar cannot hold is its last second."""
    return _moment(timedelta(milliseconds=min(unix, 1 << 49)))


def unix_millis(moment: datetime) -> int:
    """Unix milliseconds of an aware time; finer fractions are cut."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(since: timedelta) -> datetime:
    return min(_EPOCH + min(since, _LAST - _EPOCH), _LAST)


def ascii_text(hexadecimal: str) -> str:
    """bytesN that hold a code, such as a country or unit; hexadecimal where they hold something else."""
    raw = bytes.fromhex(hexadecimal[2:]).rstrip(b"\0")
    return raw.decode("ascii") if raw.isascii() and raw.decode("ascii").isprintable() else hexadecimal


def digest(hexadecimal: str) -> str | None:
    """A hash, None for the zero that stands for none."""
    return None if hexadecimal == ZERO_HASH else hexadecimal


def newest_first(table: type[T]) -> Select[Any]:
    """Rows of an event's table, the latest log first."""
    return select(table).order_by(col(table.block_number).desc(), col(table.log_index).desc())


def in_order(session: Session, table: type[T], *conditions: Any) -> list[T]:
    """Rows of an event's table in chain order."""
    query = select(table).where(*conditions)
    return list(session.scalars(query.order_by(col(table.block_number), col(table.log_index))))


def latest(session: Session, table: type[T], *conditions: Any) -> T | None:
    """The last log that meets the conditions."""
    return session.scalars(newest_first(table).where(*conditions).limit(1)).first()


def chunks(keys: Sequence[K], size: int = 300) -> Iterator[Sequence[K]]:
    """Parts of a list, each short enough for one statement's parameters."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
