"""Events that name things, each thing for as long as it counts: the rows that say so."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, Table, bindparam, literal, null, or_, select, union_all
from sqlmodel import Session, col

from indexer.read.route.spells import Interval, holds
from indexer.read.route.walk import Limits
from indexer.read.values import chunks
from indexer.tables.content import EventEpc, SealedEvent
from indexer.tables.provenance import Attested

Values = Mapping[str, Any]
"""a row by column"""
Key = tuple[int, str]
"""member and sealId, as the mirror keeps them"""


@dataclass(frozen=True, slots=True)
class Namings:
    """Events by their keys in the order of event time; those without a readable time come last."""

    about: dict[Key, set[str]]
    """keys of the things that each names"""
    rows: defaultdict[Key, list[Values]]
    """rows of event_epc that say so; none where only the signed subject does"""
    dangling: list[Key]
    """events that some row names and none tells"""
    truncated: list[str]
    """what was left out"""


def namings(
    session: Session, windows: Mapping[str, Sequence[Interval]], root: str, limits: Limits
) -> Namings:
    """Events that name one of these things, by their keys, while it counts.

    Where no time can be read, those that name the root.
    """
    about: defaultdict[Key, set[str]] = defaultdict(set)
    rows: defaultdict[Key, list[Values]] = defaultdict(list)
    times: dict[Key, int | None] = {}
    dangling: dict[Key, None] = {}
    truncated: list[str] = []
    for number, (name, time, there) in enumerate(_read(session, windows, limits)):
        if number == limits.rows:
            truncated.append(f"events: only {limits.rows} rows that name these things were read")
            break
        key, thing = (name["member"], name["seal_id"]), name["item_id"] or name["uri"]
        if there is None:
            dangling[key] = None
        elif thing == root if time is None else holds(windows[thing], time):
            about[key].add(thing)
            times[key] = time
            if name["role"] != _SUBJECT:
                rows[key].append(name)
    ordered = sorted(about, key=lambda key: (times[key] is None, times[key] or 0, key[1], key[0]))
    if len(ordered) > limits.events:
        truncated.append(f"events: the first {limits.events} of {len(ordered)} are told")
    return Namings({key: about[key] for key in ordered[: limits.events]}, rows, list(dangling), truncated)


def _read(session: Session, windows: Mapping[str, Sequence[Interval]], limits: Limits) -> Any:
    """Row of event_epc, time of its event, and the event's sealId where there is one."""
    by_key = [thing for thing in windows if thing.startswith("0x")]
    by_name = [thing for thing in windows if not thing.startswith("0x")]
    for statement, things in ((_BY_KEY, by_key), (_BY_NAME, by_name)):
        for part in chunks(sorted(things)):
            given = {
                "things": part,
                "since": min(start for thing in part for start, _ in windows[thing]),
                "until": max(end for thing in part for _, end in windows[thing]),
                "rows": limits.rows + 1,
            }
            for row in session.connection().execute(statement, given):
                yield dict(zip(_COLUMNS, row, strict=False)), row[-2], row[-1]


# -- statements, made once ---------------------------------------------------------------------------------

_SUBJECT: Final = "subject"
"""role of what an attestation was signed about, where no document names it"""


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


_EVENT, _EPC, _ATTEST = _table(SealedEvent), _table(EventEpc), _table(Attested)
_COLUMNS: Final = [column.name for column in _EPC.columns]


def _during() -> Any:
    since, until = (bindparam(name, type_=BigInteger()) for name in ("since", "until"))
    time = col(SealedEvent.event_time)
    return or_(time.is_(None), time.between(since, until))


def _naming() -> Any:
    told = (_EPC.c.member == _EVENT.c.member) & (_EPC.c.seal_id == _EVENT.c.seal_id)
    return select(
        *(column.label(f"x_{column.name}") for column in _EPC.columns),
        _EVENT.c.event_time.label("e_time"),
        _EVENT.c.seal_id.label("e_seal_id"),
    ).select_from(_EPC.outerjoin(_EVENT, told))


def _subjects() -> Any:
    attested = {
        "member": _ATTEST.c.member,
        "seal_id": _ATTEST.c.seal_id,
        "role": literal(_SUBJECT),
        "uri": literal(""),
        "item_id": _ATTEST.c.subject,
        "position": literal(-1),
        "block_number": _ATTEST.c.block_number,
    }
    told = (_ATTEST.c.member == _EVENT.c.member) & (_ATTEST.c.seal_id == _EVENT.c.seal_id)
    return select(
        *(attested.get(name, null()).label(f"x_{name}") for name in _COLUMNS),
        _EVENT.c.event_time,
        _EVENT.c.seal_id,
    ).select_from(_ATTEST.outerjoin(_EVENT, told))


_THINGS: Final[Any] = bindparam("things", expanding=True)
_ROWS: Final[Any] = bindparam("rows", type_=Integer())
_BY_KEY: Final = union_all(
    _naming().where(_EPC.c.item_id.in_(_THINGS), _during()),
    _subjects().where(_ATTEST.c.subject.in_(_THINGS), _during()),
).limit(_ROWS)
_BY_NAME: Final = _naming().where(_EPC.c.item_id.is_(None), _EPC.c.uri.in_(_THINGS), _during()).limit(_ROWS)

__all__ = ["Key", "Namings", "Values", "namings"]
