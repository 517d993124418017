"""Who was in whom, and from when until when (EPCIS 2.0, sections 7.4.3, 7.4.5 and 7.4.6).

Time is event time in Unix milliseconds; intervals hold both their ends, so that the event that takes a thing
out still counts for it. The order in which events arrived or were recorded plays no part.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

FOREVER: Final = 1 << 62
"""later than any event time; minus it is earlier than any"""

Kind = Literal["aggregation", "association", "transformation"]
KINDS: Final[frozenset[Kind]] = frozenset(("aggregation", "association", "transformation"))
PACKING: Final[frozenset[Kind]] = frozenset(("aggregation", "association"))
"""kinds by which one thing is in or on another"""
JOINING: Final[frozenset[Kind]] = frozenset(("association",))
Interval = tuple[int, int]
"""from when until when, both included"""
ALWAYS: Final[Interval] = (-FOREVER, FOREVER)

_RANKS: Final = {"ADD": 0, "OBSERVE": 1}
_PART_OUT, _ALL_OUT = 2, 3


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One member's event: its identity on the chain."""

    member: str
    """GLN, 13 digits"""
    seal_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one event says of one thing in or on another, both by their keys (see `facts.key_of`)."""

    kind: Kind
    holder: str
    held: str
    time: int
    action: str
    """ADD, OBSERVE or DELETE"""
    event_hash: str
    """CBV hash: the same event, told by several members, counts once"""
    ref: Ref
    quantity: Decimal | None = None
    """of a class (lot); None for one thing, for an unknown quantity, and where a DELETE takes all of it"""
    unit: str | None = None
    """UN/ECE Rec 20; None for pieces"""
    everything: bool = False
    """a DELETE that names no children: all of them are out (EPCIS 2.0, section 7.4.3)"""


@dataclass(frozen=True, slots=True)
class Link:
    """`above` held `below` from `since` until `until` (FOREVER: never taken out), or `below` was made of it.

    Of a transformation `since` is when `above` was put in and `until` when `below` came out, each by its own
    event. `last` is the time of the last event that says the link holds; after it nothing is known but that
    nobody recorded its end.
    """

    kind: Kind
    above: str
    below: str
    since: int
    until: int
    opened: Ref
    closed: Ref | None
    last: int
    confirmed: Ref
    quantity: Decimal | None = None
    """the most of a class that was in it at once, where every event says how much"""
    unit: str | None = None


@dataclass(slots=True)
class _Spell:
    """A spell that nobody has ended yet."""

    first: Change
    last: Change
    counted: bool = True
    held: dict[str | None, Decimal] = field(default_factory=dict)
    most: dict[str | None, Decimal] = field(default_factory=dict)

    def confirm(self, change: Change) -> None:
        self.last = change
        if change.quantity is None:
            self.counted = False
            return
        before = self.held.get(change.unit, Decimal(0))
        # an observation adds nothing: it says that at least so much is in it
        now = before + change.quantity if change.action == "ADD" else max(before, change.quantity)
        self.held[change.unit] = now
        self.most[change.unit] = max(now, self.most.get(change.unit, now))

    def take(self, change: Change) -> bool:
        """Whether nothing is left after a DELETE."""
        self.last = change
        if change.quantity is None or change.everything:
            return True
        if change.unit in self.held:
            self.held[change.unit] = max(Decimal(0), self.held[change.unit] - change.quantity)
        return self.counted and not any(self.held.values())

    def link(self, closed: Change | None) -> Link:
        unit, quantity = next(iter(self.most.items())) if len(self.most) == 1 else (None, None)
        return Link(
            kind=self.first.kind,
            above=self.first.holder,
            below=self.first.held,
            since=self.first.time,
            until=FOREVER if closed is None else closed.time,
            opened=self.first.ref,
            closed=None if closed is None else closed.ref,
            last=self.last.time,
            confirmed=self.last.ref,
            quantity=quantity if self.counted else None,
            unit=unit if self.counted else None,
        )


def spells(changes: Iterable[Change]) -> list[Link]:
    """Spells out of all changes of the pairs that occur in them, in any order.

    ADD and OBSERVE begin a spell or confirm it: an observation is proof that the thing is in it, and says
    nothing of what it does not name. DELETE ends it, for a class once no quantity is left. A DELETE of what
    was never put in ends nothing: since when it had been there is unknown.
    """
    by_pair: defaultdict[tuple[str, str, Kind], dict[tuple[Any, ...], Change]] = defaultdict(dict)
    for change in changes:
        told = by_pair[change.holder, change.held, change.kind]
        identity = change.event_hash, change.everything, change.quantity, change.unit
        if identity not in told or change.ref < told[identity].ref:
            told[identity] = change
    return [link for pair in sorted(by_pair) for link in _spells_of(list(by_pair[pair].values()))]


def _spells_of(changes: Sequence[Change]) -> Iterator[Link]:
    current: _Spell | None = None
    for change in sorted(changes, key=_order):
        if change.action in _RANKS:
            current = current or _Spell(change, change)
            current.confirm(change)
        elif current is not None and current.take(change):
            yield current.link(change)
            current = None
    if current is not None:
        yield current.link(None)


def _order(change: Change) -> tuple[int, int, str, str, Decimal]:
    # of one moment: in before out, so that a thing that is moved through is seen in it
    out = _ALL_OUT if change.quantity is None else _PART_OUT
    rank = _RANKS.get(change.action, out)
    return change.time, rank, change.event_hash, change.unit or "", change.quantity or Decimal(0)


@dataclass(frozen=True, slots=True)
class Making:
    """What one TransformationEvent names on one side: a thing that went in, or one that came out."""

    transformation: str
    """transformationID; the event's own identity where it has none"""
    thing: str
    time: int
    event_hash: str
    ref: Ref
    output: bool
    quantity: Decimal | None = None
    unit: str | None = None


def made(makings: Iterable[Making]) -> list[Link]:
    """Links from every ingredient to every product of each transformation, however many events tell of it.

    All inputs of a transformation went into all its outputs (EPCIS 2.0, section 7.4.5, transformationID).
    """
    sides: defaultdict[str, tuple[dict[tuple[str, str], Making], dict[tuple[str, str], Making]]] = (
        defaultdict(lambda: ({}, {}))
    )
    for making in makings:
        told = sides[making.transformation][making.output]
        identity = making.thing, making.event_hash
        if identity not in told or making.ref < told[identity].ref:
            told[identity] = making
    links = [
        Link(
            kind="transformation",
            above=put_in.thing,
            below=came_out.thing,
            since=put_in.time,
            until=came_out.time,
            opened=put_in.ref,
            closed=came_out.ref,
            last=max(put_in.time, came_out.time),
            confirmed=came_out.ref,
            quantity=put_in.quantity,
            unit=put_in.unit,
        )
        for inputs, outputs in sides.values()
        for put_in in inputs.values()
        for came_out in outputs.values()
        if put_in.thing != came_out.thing
    ]
    return sorted(links, key=lambda link: (link.above, link.below, link.since, link.until, link.opened))


# -- intervals ---------------------------------------------------------------------------------------------


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same moments as few intervals in order; milliseconds that follow one another are one interval."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def without(intervals: Iterable[Interval], gone: Sequence[Interval]) -> list[Interval]:
    """The moments of `intervals` that are not in `gone`, which must be merged."""
    left: list[Interval] = []
    for start, end in merged(intervals):
        for since, until in gone:
            if until < start:
                continue
            if since > end:
                break
            if since > start:
                left.append((start, since - 1))
            start = until + 1
        if start <= end:
            left.append((start, end))
    return left


def holds(intervals: Iterable[Interval], moment: int) -> bool:
    """Whether a moment is in one of the intervals."""
    return any(start <= moment <= end for start, end in intervals)
