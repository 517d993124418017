"""The mirror against one built anew from chain and vault, row by row."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import inspect, select, text
from sqlmodel import Session

from evidence.findings import Finding
from indexer.compare import Difference, differing, mirrored_tables, printable
from indexer.tables import metadata
from indexer.tables.content import CONTRADICTS, CORRUPT, MISSING, PENDING, PRESENT

_PLACE: Final = frozenset(
    {"block_hash", "log_index", "block_number", "position", "record_time", "event_hash", "cid"}
)
"""columns of sealed_event that its first proof says"""
_STATES: Final = frozenset({PENDING, PRESENT, MISSING, CORRUPT, CONTRADICTS})
_REMEMBERED: Final = 10_000
_CONTENT: Final = metadata.tables["content"].c
_MANIFEST: Final = metadata.tables["manifest"].c
_PROOF: Final = metadata.tables["event_proof"].c
_EVENT: Final = metadata.tables["sealed_event"].c


def schema_findings(ours: Session, theirs: Session) -> Iterator[Finding]:
    """Tables that are gone; in SQLite also indexes and triggers that are not the mirror's, and pages that do
    not fit together."""
    if ours.get_bind().dialect.name != "sqlite":
        there = set(inspect(ours.connection()).get_table_names())
        for name in sorted(set(metadata.tables) - there):
            yield Finding("mirror", name, "the table is missing")
        return
    for message in ours.connection().exec_driver_sql("PRAGMA integrity_check(1)").scalars():
        if message != "ok":
            yield Finding("mirror", "database", f"is damaged: {printable(message)}")
    found, wanted = _objects(ours), _objects(theirs)
    for kind, name in sorted(wanted - found):
        yield Finding("mirror", name, f"the {kind} is missing")
    for kind, name in sorted(found - wanted):
        yield Finding("mirror", printable(name), f"the {kind} is none of the mirror's")


def _objects(session: Session) -> set[tuple[str, str]]:
    query = text("SELECT type, name, tbl_name FROM sqlite_master")
    return {(kind, name) for kind, name, table in session.execute(query) if table in metadata.tables}


def row_findings(ours: Session, theirs: Session) -> Iterator[Finding]:
    """Rows that chain and vault do not bear out; those that damaged content keeps from being rebuilt are left
    to the findings about that content. Memory does not grow with the mirror."""
    excused = _Excused(ours, theirs)
    there = _tables(ours)
    for difference in differing(ours, theirs, [table for table in mirrored_tables() if table.name in there]):
        if not excused.covers(difference):
            place = f"{difference.table}/{'/'.join(printable(part) for part in difference.key)}"
            if difference.column is not None:
                place += f"/{difference.column}"
            yield Finding("mirror", place, str(difference))


def _tables(session: Session) -> set[str]:
    return set(inspect(session.connection()).get_table_names())


class _Excused:
    """Rows behind content that the vault no longer gives as it was: what could not be rebuilt, and no more.

    All is looked up for one difference at a time; a clean vault has nothing to look up.
    """

    def __init__(self, ours: Session, theirs: Session) -> None:
        self._ours = ours
        self._theirs = theirs
        self._whole = theirs.scalar(select(_CONTENT.cid).where(_CONTENT.state != PRESENT).limit(1)) is None
        self._is_damaged = lru_cache(_REMEMBERED)(self._ask_content)
        self._is_behind = lru_cache(_REMEMBERED)(self._ask_log)
        self._of_event = lru_cache(_REMEMBERED)(self._ask_event)

    def covers(self, one: Difference) -> bool:
        """Whether the damage explains this difference."""
        if self._whole or not all(map(_sound, one.key)):
            return False
        added = one.column is None and one.expected is None
        match one.table:
            case "content":
                if one.column == "state":
                    return one.found in _STATES and self._is_damaged(one.key[0])
                return (added or one.column is not None) and self._led_to(one.key[0])
            case "manifest":
                if one.column == "state":
                    return one.found in _STATES and self._is_behind(*one.key[:2])
                wrong = one.column == "reason" and self._state_of(*one.key[:2]) == CONTRADICTS
                return wrong and self._is_behind(*one.key[:2])
            case "event_proof" | "issued_item" | "merkle_tile":
                return added and self._is_behind(*one.key[:2]) and self._state_of(*one.key[:2]) == PRESENT
            case "sealed_event" | "event_epc":
                behind, unread, read = self._of_event(*one.key[:2])
                if one.column == "state":
                    return unread and one.found in _STATES
                unread = unread and read  # what was never read says nothing
                if one.column is None and one.table == "sealed_event":
                    return behind and added
                if one.column is None:
                    return unread
                places = _PLACE if one.table == "sealed_event" else {"block_number"}
                return behind if one.column in places else unread
        return False

    def _ask_content(self, cid: str) -> bool:
        state = self._theirs.scalar(select(_CONTENT.state).where(_CONTENT.cid == cid))
        return state is not None and state != PRESENT

    def _ask_log(self, block_hash: str, log_index: int) -> bool:
        """Whether the manifest that a log names is damaged."""
        query = select(_MANIFEST.cid).where(
            _MANIFEST.block_hash == block_hash, _MANIFEST.log_index == log_index
        )
        cid = self._theirs.scalar(query)
        return cid is not None and self._is_damaged(cid)

    def _state_of(self, block_hash: str, log_index: int) -> str | None:
        """What the mirror says of a manifest."""
        query = select(_MANIFEST.state).where(
            _MANIFEST.block_hash == block_hash, _MANIFEST.log_index == log_index
        )
        return self._ours.scalar(query)

    def _led_to(self, cid: str) -> bool:
        """Whether the mirror has content from a manifest that is damaged."""
        query = select(_PROOF.block_hash, _PROOF.log_index).where(_PROOF.cid == cid)
        return any(self._is_behind(*place) for place in _all(self._ours, query))

    def _ask_event(self, member: int, seal_id: str) -> tuple[bool, bool, bool]:
        """Whether proofs of an event are behind damage, whether its document could not be read because of it,
        or as which event, and whether the mirror says that it has read it."""
        query = select(_PROOF.block_hash, _PROOF.log_index)
        query = query.where(_PROOF.member == member, _PROOF.seal_id == seal_id)
        behind = any(self._is_behind(*place) for place in _all(self._ours, query))
        named = select(_EVENT.event_hash, _EVENT.cid, _EVENT.state)
        named = named.where(_EVENT.member == member, _EVENT.seal_id == seal_id)
        theirs, ours = _all(self._theirs, named), _all(self._ours, named)
        read = bool(ours) and ours[0][2] in (PRESENT, CONTRADICTS)
        if not theirs:
            return behind, behind, read
        if theirs[0][2] not in (PRESENT, CONTRADICTS):
            return behind, True, read
        return behind, behind and bool(ours) and ours[0][:2] != theirs[0][:2], read


def _all(session: Session, query: Any) -> Sequence[Any]:
    return session.execute(query).all()


def _sound(part: object) -> bool:
    """Whether a part of a key can be looked up: a row with another one is not excused."""
    return isinstance(part, int) or (isinstance(part, str) and part == printable(part))
