"""What a route is made of."""

from dataclasses import dataclass, field
from typing import Final, Literal

from indexer.read.route.places import Place, Position
from indexer.read.route.spells import Link, Ref

TRANSPORT_DOCUMENTS: Final = frozenset(("bol", "desadv"))
"""CBV 2.0, section 7.3: bill of lading, despatch advice"""

Severity = Literal["contradiction", "suspicion", "unknown"]
"""contradiction: both records cannot be true; suspicion: they can, yet whoever decides must look; unknown:
something is not recorded, which says nothing against anybody"""
Through = Literal["item", "unit", "device"]
"""whether an event names the thing itself, a unit it was in, or a device joined to either"""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds by which contradictions are found."""

    max_speed_kmh: int = 1_000
    """faster than airliners"""
    place_tolerance_m: int = 1_000
    """positions that are no farther apart than this are one place"""
    clock_skew_s: int = 300
    """how far a clock may be ahead of the chain's"""


@dataclass(frozen=True, slots=True)
class TradeDocument:
    """A business transaction of the event; `transport`: a bill of lading, despatch advice, consignment or
    shipment number (GINC, GSIN)."""

    type: str | None
    """CBV IRI"""
    id: str
    transport: bool


@dataclass(frozen=True, slots=True)
class Party:
    """A source or destination of the event (CBV 2.0, section 7.4)."""

    role: str | None
    """possessing_party, owning_party or location; else as written"""
    id: str
    """GLN of 13 digits, or the identifier as written"""


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who moved the goods, by GLN: whoever signed a transport step while they were under way."""

    party: str
    source: Literal["signer", "destination"]
    """destination: the dispatch named it as the next possessing party as well"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sensor report: numbers as written, in `unit` (UN/ECE Rec 20)."""

    type: str | None
    unit: str | None
    value: float | None
    minimum: float | None
    maximum: float | None
    mean: float | None
    exception: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """One happening. Several members may have signed the same document: all are in `events`."""

    events: tuple[Ref, ...]
    time: int
    """event time, Unix milliseconds"""
    offset: str | None
    """eventTimeZoneOffset"""
    record_time: int
    """block time of its first proof, Unix seconds"""
    type: str | None
    action: str | None
    biz_step: str | None
    disposition: str | None
    through: Through
    about: tuple[str, ...]
    """uris of those of the route that the event names"""
    units: tuple[str, ...]
    """uris of what held the thing then, innermost first"""
    vehicle: str | None
    carrier: Carrier | None
    place: Place | None
    position: Position | None
    documents: tuple[TradeDocument, ...]
    sources: tuple[Party, ...]
    destinations: tuple[Party, ...]
    measurements: tuple[Measurement, ...]

    @property
    def signers(self) -> tuple[str, ...]:
        """GLNs of those who signed it."""
        return tuple(dict.fromkeys(ref.member for ref in self.events))


@dataclass(frozen=True, slots=True)
class Handover:
    """Custody went from one party to another, by GLN. None is a party that nobody named."""

    giver: str | None
    taker: str
    time: int
    """Unix milliseconds"""
    basis: Literal["received", "transport", "first seen"]
    """a receipt; a transport step after a dispatch; the first that anybody did with the goods"""
    dispatched: Ref | None
    event: Ref


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit, with the one or two events concerned."""

    kind: str
    severity: Severity
    text: str
    events: tuple[Ref, ...]
    values: dict[str, int | str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Voided:
    """An event that its own member declared erroneous, and by which event."""

    event: Ref
    declaration: str
    source: Literal["chain", "document"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a thing went, by what, with whom; and what of it does not fit."""

    uri: str
    item_id: str | None
    rules: Rules
    nodes: tuple[Node, ...]
    """in the order of event time"""
    handovers: tuple[Handover, ...]
    findings: tuple[Finding, ...]
    links: tuple[Link, ...]
    """units the thing was in, by the keys in `names`"""
    names: dict[str, str]
    voided: tuple[Voided, ...]
    truncated: tuple[str, ...] = ()
