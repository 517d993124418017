"""What a thing was in or made of, and what was in it or made of it, through time.

Aggregation, transformation and association of EPCIS 2.0 (sections 7.4.3, 7.4.5, 7.4.6), read from the mirror
in a few statements a level. An event that its own member declared erroneous does not count (section 7.4.1.2).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from indexer.read.events import Event, hydrate
from indexer.read.mirror_source import MirrorSource, events_during, rows_of
from indexer.read.route.facts import named
from indexer.read.route.spells import ALWAYS, FOREVER, KINDS, Interval, Kind, Link, Ref
from indexer.read.route.walk import Limits, Walk, walk
from indexer.read.values import millis


@dataclass(frozen=True, slots=True)
class Spell:
    """From when until when, both included; None where it has no beginning or no end."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Relative:
    """Something that the thing was in or made of, or that was in it or made of it."""

    uri: str
    """canonical Digital Link, or a URN that GS1 has no key for"""
    item_id: str | None
    depth: int
    """on how many links it was first reached"""
    spells: tuple[Spell, ...]
    """when what happened to it counts for the thing"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A link between two things. For a transformation `since` is when `above` went in and `until` when
    `below` came out; else `until` None means that nobody recorded an end."""

    kind: Kind
    above: str
    """uri of the unit, asset or ingredient"""
    below: str
    """uri of what it held, or of the product"""
    since: datetime
    until: datetime | None
    opened: Ref
    closed: Ref | None
    confirmed: datetime
    """time of the last event that says so"""
    quantity: str | None
    """of a class: the most that was in it at once, as a decimal; None where nobody counted"""
    unit: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the things by which it counts; the thing itself before all others."""

    event: Event
    about: tuple[str, ...]
    """uris"""


@dataclass(frozen=True, slots=True)
class History:
    """A thing's history both ways. Where `truncated` is not empty, more is recorded than is told here."""

    uri: str
    item_id: str | None
    ancestors: tuple[Relative, ...]
    descendants: tuple[Relative, ...]
    relations: tuple[Relation, ...]
    cycles: tuple[Relation, ...]
    """links by which the thing would be in itself"""
    events: tuple[Told, ...]
    """in the order of event time; those without a readable time come last"""
    void: tuple[Told, ...]
    """declared erroneous by their own members, and the declarations: they count for nothing above"""
    truncated: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether anything at all is recorded of it."""
        return bool(self.events or self.void or self.relations)


def history(session: Session, identifier: str, limits: Limits | None = None) -> History:
    """History both ways of what an EPC URN, Digital Link or other URN names; DigitalLinkError where none.

    Works on one consistent view: `session` is of `chain.database.reading`.
    """
    limits = limits or Limits()
    uri, item_id = named(identifier)
    root = item_id or uri
    source = MirrorSource(session, limits.rows, {root: uri})
    up = walk(source, root, True, limits, KINDS)
    down = walk(source, root, False, limits, KINDS)
    windows = _windows(root, (up, down))
    refs, truncated = events_during(session, windows, root, limits)
    told = _told(session, source, root, refs)
    relations = dict.fromkeys([*up.links, *down.links])
    return History(
        uri=uri,
        item_id=item_id,
        ancestors=_relatives(up, source),
        descendants=_relatives(down, source),
        relations=tuple(relation(link, source.name) for link in sorted(relations, key=_by_time)),
        cycles=tuple(relation(link, source.name) for link in dict.fromkeys([*up.cycles, *down.cycles])),
        events=tuple(one for one in told if not _void(one.event)),
        void=tuple(one for one in told if _void(one.event)),
        truncated=tuple(dict.fromkeys([*up.truncated, *down.truncated, *source.truncated, *truncated])),
    )


def relation(link: Link, name: Callable[[str], str]) -> Relation:
    """A link by the names of its things."""
    return Relation(
        kind=link.kind,
        above=name(link.above),
        below=name(link.below),
        since=millis(link.since),
        until=None if link.until == FOREVER else millis(link.until),
        opened=link.opened,
        closed=link.closed,
        confirmed=millis(link.last),
        quantity=None if link.quantity is None else format(link.quantity, "f"),
        unit=link.unit,
    )


def _windows(root: str, walks: Iterable[Walk]) -> dict[str, list[Interval]]:
    windows: dict[str, list[Interval]] = {root: [ALWAYS]}
    for one in walks:
        for key, found in one.windows.items():
            windows[key] = [*windows.get(key, []), *found]
    return windows


def _told(session: Session, source: MirrorSource, root: str, refs: dict[Ref, tuple[str, ...]]) -> list[Told]:
    found = hydrate(session, rows_of(session, list(refs)))
    told = []
    for event in found:
        keys = refs[Ref(event.member, event.seal_id)]
        ordered = sorted(keys, key=lambda key: (key != root, source.name(key)))
        told.append(Told(event, tuple(source.name(key) for key in ordered)))
    return told


def _void(event: Event) -> bool:
    return event.declares_error or bool(event.errors)


def _relatives(found: Walk, source: MirrorSource) -> tuple[Relative, ...]:
    keys = sorted(found.depths, key=lambda key: (found.depths[key], source.name(key)))
    return tuple(
        Relative(
            uri=source.name(key),
            item_id=key if source.name(key) != key else None,
            depth=found.depths[key],
            spells=tuple(_spell(one) for one in found.windows[key]),
        )
        for key in keys
    )


def _spell(interval: Interval) -> Spell:
    start, end = interval
    return Spell(
        since=None if start == -FOREVER else millis(start), until=None if end == FOREVER else millis(end)
    )


def _by_time(link: Link) -> tuple[int, int, str, str, str]:
    return link.since, link.until, link.above, link.below, link.opened.seal_id


__all__ = ["History", "Relation", "Relative", "Spell", "Told", "history", "relation"]
