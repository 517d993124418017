"""Links and facts out of the mirror: a few statements for all things of a level, none for each thing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from indexer.document import Thing
from indexer.read.namings import Key, namings
from indexer.read.pairs import among
from indexer.read.route.facts import (
    CHILDREN,
    INPUTS,
    OUTPUTS,
    PACKING_TYPES,
    PARENT,
    REMOVED,
    TRANSFORMATION,
    TRANSFORMATION_KIND,
    Fact,
    quantity_of,
    with_voids,
)
from indexer.read.route.spells import Change, Interval, Kind, Link, Making, Ref, made, spells
from indexer.read.route.walk import Limits
from indexer.read.values import chunks, gln
from indexer.tables.content import PRESENT, EventEpc, SealedEvent
from indexer.tables.provenance import ErrorDeclared

_NEAR: Final = aliased(EventEpc)
_FAR: Final = aliased(EventEpc)
_DECLARING: Final = aliased(SealedEvent)


def _ref(member: int, seal_id: str) -> Ref:
    return Ref(gln(member), seal_id)


def _same_event(one: Any, other: Any) -> Any:
    return (col(one.member) == col(other.member)) & (col(one.seal_id) == col(other.seal_id))


def _is(table: Any, keys: Sequence[str]) -> Any:
    """That a row names one of these things; both halves are looked up by the index on item ids."""
    ids = [key for key in keys if key.startswith("0x")]
    names = [key for key in keys if not key.startswith("0x")]
    parts: list[Any] = []
    if ids:
        parts.append(col(table.item_id).in_(ids))
    if names:
        parts.append(and_(col(table.item_id).is_(None), col(table.uri).in_(names)))
    return or_(*parts)


_VOID: Final = or_(
    exists().where(_same_event(ErrorDeclared, SealedEvent)),
    exists().where(
        col(_DECLARING.event_hash) == col(SealedEvent.event_hash),
        col(_DECLARING.member) == col(SealedEvent.member),
        col(_DECLARING.declares_error).is_(True),
    ),
).label("void")
"""that an event's own member declared it erroneous, to the ledger or in a document, or that it declares so"""


class MirrorSource:
    """Links of the mirror's events, those left out that their own members declared erroneous."""

    def __init__(self, session: Session, rows: int, names: Mapping[str, str] | None = None) -> None:
        self._session = session
        self._rows = rows
        self._names = dict(names or {})
        self.seen: set[Ref] = set()
        """every event that had a say in a link, those that do not count included"""
        self.truncated: list[str] = []

    def name(self, key: str) -> str:
        """The uri of a thing that a link was found of."""
        return self._names.get(key, key)

    def above(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose lower end is one of these keys."""
        changes = self._changes(keys, kinds, near=CHILDREN, far=(PARENT,))
        holders: defaultdict[tuple[str, Kind], set[str]] = defaultdict(set)
        for change in changes:
            holders[change.holder, change.kind].add(change.held)
        return spells(changes + self._emptied(holders)) + self._made(keys, kinds, up=True)

    def below(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose upper end is one of these keys."""
        changes = self._changes(keys, kinds, near=(PARENT,), far=CHILDREN)
        holders: defaultdict[tuple[str, Kind], set[str]] = defaultdict(set)
        for change in changes:
            holders[change.holder, change.kind].add(change.held)
        return spells(changes + self._emptied(holders)) + self._made(keys, kinds, up=False)

    # -- packing ---------------------------------------------------------------------------------------------

    def _changes(
        self, keys: Collection[str], kinds: Collection[Kind], near: Sequence[str], far: Sequence[str]
    ) -> list[Change]:
        types = [name for name, kind in PACKING_TYPES.items() if kind in kinds]
        found: list[tuple[Any, Change]] = []
        for part in chunks(sorted(keys)) if types else ():
            query = (
                self._events(_NEAR, col(_NEAR.role).in_(near), part, types)
                .join(_FAR, _same_event(_FAR, SealedEvent) & col(_FAR.role).in_(far))
                .add_columns(*_thing(_NEAR), *_thing(_FAR))
            )
            for row in self._read(query):
                one, other = _named(row[7:11]), _named(row[11:15])
                holder, child = (other, one) if far == (PARENT,) else (one, other)
                self._names[holder.key], self._names[child.key] = holder.uri, child.uri
                if holder.key != child.key and row[4] is not None:
                    found.append((row, _change(row, holder.key, child)))
        return self._counting(found)

    def _emptied(self, holders: Mapping[tuple[str, Kind], set[str]]) -> list[Change]:
        """DELETE events without children, for the pairs that are known already."""
        inside = col(_FAR.role).in_(CHILDREN)
        names_children = select(col(_FAR.seal_id)).where(_same_event(_FAR, SealedEvent), inside).exists()
        found: list[tuple[Any, Change]] = []
        for part in chunks(sorted({holder for holder, _ in holders})):
            query = self._events(_NEAR, col(_NEAR.role) == PARENT, part, list(PACKING_TYPES)).where(
                col(SealedEvent.action) == REMOVED, ~names_children
            )
            for row in self._read(query.add_columns(*_thing(_NEAR))):
                holder = _named(row[7:11])
                for held in sorted(holders.get((holder.key, PACKING_TYPES[row[3]]), ())):
                    change = _change(row, holder.key, _Named(held, held, None, None), everything=True)
                    found.append((row, change))
        return self._counting(found)

    # -- making ----------------------------------------------------------------------------------------------

    def _made(self, keys: Collection[str], kinds: Collection[Kind], up: bool) -> list[Link]:
        if TRANSFORMATION_KIND not in kinds:
            return []
        near, far = (OUTPUTS, INPUTS) if up else (INPUTS, OUTPUTS)
        told: dict[Key, Any] = {}
        for part in chunks(sorted(keys)):
            query = self._events(_NEAR, col(_NEAR.role).in_(near), part, [TRANSFORMATION])
            told.update(self._transformations(query))
        ids = sorted({row[7] for row in told.values() if row[7] is not None})
        for names in chunks(ids):
            query = self._selected([TRANSFORMATION]).where(col(SealedEvent.transformation_id).in_(names))
            told.update(self._transformations(query))
        wanted = set(keys)
        found: list[tuple[Any, Making]] = []
        for some in chunks(sorted(told)):
            things = select(*_columns(EventEpc, "member", "seal_id", "role"), *_thing(EventEpc)).where(
                among(EventEpc, "member", "seal_id", some),
                col(EventEpc.role).in_((*near, *far)),
            )
            for member, seal_id, role, *rest in self._read(things):
                thing, row = _named(rest), told[member, seal_id]
                if role in near and thing.key not in wanted:
                    continue
                self._names[thing.key] = thing.uri
                making = Making(
                    transformation=row[2] if row[7] is None else row[7],
                    thing=thing.key,
                    time=row[5],
                    event_hash=row[2],
                    ref=_ref(member, seal_id),
                    output=role in OUTPUTS,
                    quantity=quantity_of(thing.quantity),
                    unit=thing.unit,
                )
                found.append((row, making))
        return made(self._counting(found))

    def _transformations(self, query: Select[Any]) -> dict[Key, Any]:
        return {
            (row[0], row[1]): row for row in self._read(query.add_columns(col(SealedEvent.transformation_id)))
        }

    # -- reading ---------------------------------------------------------------------------------------------

    def _selected(self, types: Sequence[str]) -> Select[Any]:
        names = "member", "seal_id", "event_hash", "type", "action", "event_time"
        return select(*_columns(SealedEvent, *names), _VOID).where(
            col(SealedEvent.type).in_(types),
            col(SealedEvent.state) == PRESENT,
            col(SealedEvent.event_time).is_not(None),
        )

    def _events(self, table: Any, role: Any, keys: Sequence[str], types: Sequence[str]) -> Select[Any]:
        """Events of these types that name one of these things in a role."""
        return (
            self._selected(types)
            .select_from(table)
            .join(SealedEvent, _same_event(SealedEvent, table))
            .where(_is(table, keys), role)
        )

    def _read(self, query: Select[Any]) -> Iterator[Any]:
        for position, row in enumerate(self._session.execute(query.limit(self._rows + 1))):
            if position == self._rows:
                text = f"rows: only {self._rows} rows of a level were read, so that spells may be wrong"
                if text not in self.truncated:
                    self.truncated.append(text)
                return
            yield row

    def _counting(self, found: list[tuple[Any, Any]]) -> list[Any]:
        """What counts of it."""
        self.seen |= {_ref(row[0], row[1]) for row, _ in found}
        return [one for row, one in found if not row[6]]


@dataclass(frozen=True, slots=True)
class _Named:
    """A thing in a row."""

    key: str
    uri: str
    quantity: float | None
    unit: str | None


def _columns(table: Any, *names: str) -> list[Any]:
    return [getattr(table, name) for name in names]


def _thing(table: Any) -> list[Any]:
    return _columns(table, "uri", "item_id", "quantity", "unit")


def _named(row: Sequence[Any]) -> _Named:
    uri, item_id, quantity, unit = row
    return _Named(item_id or uri, uri, quantity, unit)


def _change(row: Any, holder: str, child: _Named, everything: bool = False) -> Change:
    return Change(
        kind=PACKING_TYPES[row[3]],
        holder=holder,
        held=child.key,
        time=row[5],
        action=row[4],
        event_hash=row[2],
        ref=_ref(row[0], row[1]),
        quantity=quantity_of(child.quantity),
        unit=child.unit,
        everything=everything,
    )


def events_during(
    session: Session, windows: Mapping[str, Sequence[Interval]], root: str, limits: Limits
) -> tuple[dict[Ref, tuple[str, ...]], list[str]]:
    """Events that name one of these things while it counts, each with the keys it names, in order of time.

    Events without a readable time are known by what they name, or by their signed subject alone: those of
    the root come last. The second part says what was left out.
    """
    found = namings(session, windows, root, limits)
    return {_ref(*key): tuple(sorted(things)) for key, things in found.about.items()}, found.truncated


def rows_of(session: Session, refs: Sequence[Ref]) -> list[SealedEvent]:
    """The mirror's rows of these events, in the same order; those that are gone are left out."""
    found: dict[Key, SealedEvent] = {}
    for part in chunks([(int(ref.member), ref.seal_id) for ref in refs]):
        for row in session.scalars(select(SealedEvent).where(among(SealedEvent, "member", "seal_id", part))):
            found[row.member, row.seal_id] = row
    keys = ((int(ref.member), ref.seal_id) for ref in refs)
    return [found[key] for key in keys if key in found]


def facts_of(session: Session, refs: Sequence[Ref], keys: Collection[str]) -> list[Fact]:
    """Those events whose documents are present, as facts, with what makes them void.

    Of the things they name only parents and those with one of these keys: a pallet may hold a hundred
    thousand others.
    """
    rows = [row for row in rows_of(session, refs) if row.state == PRESENT and isinstance(row.body, dict)]
    named_there: defaultdict[Key, dict[int, EventEpc]] = defaultdict(dict)
    declared: dict[Ref, str] = {}
    for part in chunks([(row.member, row.seal_id) for row in rows]):
        for wanted in (col(EventEpc.role) == PARENT, *(_is(EventEpc, some) for some in chunks(sorted(keys)))):
            query = select(EventEpc).where(among(EventEpc, "member", "seal_id", part), wanted)
            for one in session.scalars(query):
                named_there[one.member, one.seal_id][one.position] = one
        for error in session.scalars(
            select(ErrorDeclared).where(among(ErrorDeclared, "member", "seal_id", part))
        ):
            declared[_ref(error.member, error.seal_id)] = error.declaration
    facts = []
    for row in rows:
        found = sorted(named_there[row.member, row.seal_id].items())
        things = [Thing(one.role, one.uri, one.item_id, one.quantity, one.unit) for _, one in found]
        facts.append(fact_of(row, things))
    return with_voids(facts, declared)


def fact_of(row: SealedEvent, things: Sequence[Thing]) -> Fact:
    """A present event of the mirror as a fact."""
    return Fact(
        ref=_ref(row.member, row.seal_id),
        event_hash=row.event_hash,
        record_time=row.record_time,
        type=row.type,
        action=row.action,
        event_time=row.event_time,
        event_time_offset=row.event_time_offset,
        biz_step=row.biz_step,
        disposition=row.disposition,
        read_point=row.read_point,
        biz_location=row.biz_location,
        declares_error=row.declares_error,
        things=tuple(things),
        body=row.body,
    )
