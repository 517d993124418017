"""Events as a history counts them, from the mirror or from proven documents; and the links they tell of."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal

from epcis import digital_link
from epcis.digital_link import DigitalLinkError
from indexer.document import Thing
from indexer.read.route.spells import Change, Kind, Link, Making, Ref, made, spells

PARENT: Final = "parentID"
CHILDREN: Final = ("childEPCs", "childQuantityList")
INPUTS: Final = ("inputEPCList", "inputQuantityList")
OUTPUTS: Final = ("outputEPCList", "outputQuantityList")
OBJECTS: Final = ("epcList", "quantityList")
PACKING_TYPES: Final[dict[str, Kind]] = {
    "AggregationEvent": "aggregation",
    "AssociationEvent": "association",
}
TRANSFORMATION: Final = "TransformationEvent"
REMOVED: Final = "DELETE"


@dataclass(frozen=True, slots=True)
class Void:
    """Why an event does not count: its own member declared it erroneous (EPCIS 2.0, section 7.4.1.2)."""

    declaration: str
    """sealId of the declaring event"""
    source: Literal["chain", "document"]
    """declared to the ledger, or by an event with an errorDeclaration and the same CBV hash"""


@dataclass(frozen=True, slots=True)
class Fact:
    """One member's event whose document is at hand; times as in the mirror."""

    ref: Ref
    event_hash: str
    record_time: int
    """block time, Unix seconds"""
    type: str | None
    action: str | None
    event_time: int | None
    """Unix milliseconds"""
    event_time_offset: str | None
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    declares_error: bool
    things: tuple[Thing, ...]
    """its parent, and those of its things that are asked about"""
    body: dict[str, Any]
    void: Void | None = None

    @property
    def counts(self) -> bool:
        """Whether it says that something happened: an error declaration does not, nor what it is about."""
        return self.void is None and not self.declares_error and self.event_time is not None

    @property
    def transformation(self) -> str:
        """What ties the events of one transformation together."""
        given = self.body.get("transformationID")
        return given if isinstance(given, str) else self.event_hash


def key_of(thing: Thing) -> str:
    """The key of a thing: its item id, or its name where it has no GS1 key."""
    return thing.item_id or thing.uri


_OTHER_EPCS: Final = tuple(f"urn:epc:id:{scheme}:" for scheme in ("gid", "usdod", "adi", "bic", "imovn"))
"""schemes without a GS1 key (EPC Tag Data Standard, section 6)"""
_LONGEST_URN: Final = 2048


def named(identifier: str) -> tuple[str, str | None]:
    """Canonical name and item id of an EPC URN, Digital Link or other URN. Raises DigitalLinkError.

    Things that GS1 has no key for, such as freight containers (`urn:epc:id:bic:…`), keep their URN and have
    no item id.
    """
    try:
        uri = digital_link.canonical(identifier)
    except DigitalLinkError:
        other = identifier.startswith(_OTHER_EPCS) or not identifier.startswith("urn:epc:")
        if identifier.startswith("urn:") and other and len(identifier) <= _LONGEST_URN:
            return identifier, None
        raise
    return uri, "0x" + digital_link.item_id(uri).hex()


def voids(facts: Iterable[Fact], declared: dict[Ref, str]) -> dict[Ref, Void]:
    """Which facts their own members declared erroneous; `declared`: by the ledger, with the declaration.

    A declaration of another member changes nothing: it is that member's word against theirs.
    """
    known = list(facts)
    by_document: dict[tuple[str, str], str] = {}
    for fact in known:
        if fact.declares_error:
            place = fact.ref.member, fact.event_hash
            by_document[place] = min(fact.ref.seal_id, by_document.get(place, fact.ref.seal_id))
    found: dict[Ref, Void] = {}
    for fact in known:
        if fact.declares_error:
            continue
        if fact.ref in declared:
            found[fact.ref] = Void(declared[fact.ref], "chain")
        elif (fact.ref.member, fact.event_hash) in by_document:
            found[fact.ref] = Void(by_document[fact.ref.member, fact.event_hash], "document")
    return found


def with_voids(facts: Sequence[Fact], declared: Mapping[Ref, str]) -> list[Fact]:
    """Facts, each with what makes it void; `declared`: by the ledger, with the declaration's sealId."""
    found = voids(facts, dict(declared))
    return [replace(fact, void=found.get(fact.ref)) for fact in facts]


def quantity_of(value: float | None) -> Decimal | None:
    """A quantity as it was written: the shortest decimal of its double."""
    return None if value is None else Decimal(str(value))


class FactSource:
    """Links out of facts at hand; those that do not count are left out."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._holding: defaultdict[str, list[Fact]] = defaultdict(list)
        self._held: defaultdict[str, list[Fact]] = defaultdict(list)
        self._made: defaultdict[str, set[str]] = defaultdict(set)
        self._used: defaultdict[str, set[str]] = defaultdict(set)
        self._transformations: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            if fact.counts:
                self._add(fact)

    def _add(self, fact: Fact) -> None:
        if fact.type in PACKING_TYPES:
            for thing in fact.things:
                if thing.role == PARENT:
                    self._holding[key_of(thing)].append(fact)
                elif thing.role in CHILDREN:
                    self._held[key_of(thing)].append(fact)
        elif fact.type == TRANSFORMATION:
            self._transformations[fact.transformation].append(fact)
            for thing in fact.things:
                if thing.role in INPUTS:
                    self._used[key_of(thing)].add(fact.transformation)
                elif thing.role in OUTPUTS:
                    self._made[key_of(thing)].add(fact.transformation)

    def above(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose lower end is one of these keys."""
        wanted = set(keys)
        pairs: defaultdict[tuple[str, Kind], set[str]] = defaultdict(set)
        changes: list[Change] = []
        for fact in self._facts(self._held, wanted):
            for change in changes_of(fact):
                if change.held in wanted and change.kind in kinds:
                    changes.append(change)
                    pairs[change.holder, change.kind].add(change.held)
        for (holder, kind), held in pairs.items():
            for fact in self._holding[holder]:
                if empties(fact) and PACKING_TYPES[str(fact.type)] == kind:
                    changes += emptied(fact, holder, held)
        return spells(changes) + self._links(self._made, wanted, kinds, output=True)

    def below(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose upper end is one of these keys."""
        wanted = set(keys)
        changes: list[Change] = []
        held: defaultdict[tuple[str, Kind], set[str]] = defaultdict(set)
        about = self._facts(self._holding, wanted)
        for fact in about:
            for change in changes_of(fact):
                if change.holder in wanted and change.kind in kinds:
                    changes.append(change)
                    held[change.holder, change.kind].add(change.held)
        for fact in about:
            if empties(fact):
                kind = PACKING_TYPES[str(fact.type)]
                for holder in {key_of(one) for one in fact.things if one.role == PARENT} & wanted:
                    changes += emptied(fact, holder, held[holder, kind])
        return spells(changes) + self._links(self._used, wanted, kinds, output=False)

    @staticmethod
    def _facts(index: dict[str, list[Fact]], keys: set[str]) -> list[Fact]:
        return list({fact.ref: fact for key in sorted(keys) for fact in index.get(key, ())}.values())

    def _links(
        self, index: dict[str, set[str]], wanted: set[str], kinds: Collection[Kind], output: bool
    ) -> list[Link]:
        if TRANSFORMATION_KIND not in kinds:
            return []
        tied = {one for key in wanted for one in index.get(key, ())}
        makings = [
            making
            for name in sorted(tied)
            for fact in self._transformations[name]
            for making in makings_of(fact)
            if making.output is not output or making.thing in wanted
        ]
        return made(makings)


TRANSFORMATION_KIND: Final[Kind] = "transformation"


def changes_of(fact: Fact) -> list[Change]:
    """What an Aggregation- or AssociationEvent says of each child it names."""
    holders = [key_of(thing) for thing in fact.things if thing.role == PARENT]
    if not holders or fact.event_time is None or fact.action is None:
        return []
    return [
        Change(
            kind=PACKING_TYPES[str(fact.type)],
            holder=holders[0],
            held=key_of(thing),
            time=fact.event_time,
            action=fact.action,
            event_hash=fact.event_hash,
            ref=fact.ref,
            quantity=quantity_of(thing.quantity),
            unit=thing.unit,
        )
        for thing in fact.things
        if thing.role in CHILDREN and key_of(thing) != holders[0]
    ]


def empties(fact: Fact) -> bool:
    """Whether a DELETE names no children, and so takes out all of them."""
    if fact.action != REMOVED:
        return False
    epcs, classes = (fact.body.get(name) for name in CHILDREN)
    named_epcs = isinstance(epcs, list) and any(isinstance(one, str) for one in epcs)
    return not named_epcs and not (
        isinstance(classes, list)
        and any(isinstance(one, dict) and isinstance(one.get("epcClass"), str) for one in classes)
    )


def emptied(fact: Fact, holder: str, held: Iterable[str]) -> list[Change]:
    """What such a DELETE says of things that were in the holder."""
    if fact.event_time is None:
        return []
    return [
        Change(
            kind=PACKING_TYPES[str(fact.type)],
            holder=holder,
            held=one,
            time=fact.event_time,
            action=REMOVED,
            event_hash=fact.event_hash,
            ref=fact.ref,
            everything=True,
        )
        for one in sorted(held)
    ]


def makings_of(fact: Fact) -> list[Making]:
    """What a TransformationEvent says of each thing it names."""
    if fact.event_time is None:
        return []
    return [
        Making(
            transformation=fact.transformation,
            thing=key_of(thing),
            time=fact.event_time,
            event_hash=fact.event_hash,
            ref=fact.ref,
            output=thing.role in OUTPUTS,
            quantity=quantity_of(thing.quantity),
            unit=thing.unit,
        )
        for thing in fact.things
        if thing.role in (*INPUTS, *OUTPUTS)
    ]
