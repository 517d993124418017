"""A route as the API answers it: what follows from the events, and what quorums reported beside it."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field
from sqlmodel import Session

from api.item_record import CustomsAnswer, SensorAnswer
from api.wire import Answer, Named
from indexer.read.members import Member, members
from indexer.read.reports import CustomsDecision, SensorWindow
from indexer.read.route.form import to_json
from indexer.read.route.of_mirror import MirrorRoute, OnLeg

_EVENT: Final = {"member": "9521300000022", "sealId": "0x" + "ab" * 32}
_SHIPMENT: Final = "https://id.gs1.org/00/095213000000000176"
_TRUCK: Final = "https://id.gs1.org/8004/9521300TRUCK7"
EXAMPLE: Final[dict[str, Any]] = {
    "thing": "https://id.gs1.org/01/09521234000174/21/ALP-0001",
    "rules": {"maxSpeedKmh": 1000, "placeToleranceM": 1000, "clockSkewS": 300},
    "nodes": [
        {
            "time": {"utc": "2026-11-05T09:15:00.000Z", "offset": "+01:00", "source": "event"},
            "recordTime": {"utc": "2026-11-05T09:16:00.000Z", "source": "block"},
            "events": [_EVENT],
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "bizStep": "https://ref.gs1.org/cbv/BizStep-departing",
            "disposition": "https://ref.gs1.org/cbv/Disp-in_transit",
            "through": "unit",
            "about": [_SHIPMENT],
            "units": [_SHIPMENT, _TRUCK],
            "vehicle": _TRUCK,
            "carrier": {"party": "9521300000022", "source": "signer"},
            "place": {
                "id": "https://id.gs1.org/414/9521305000027",
                "gln": "9521305000027",
                "source": "readPoint",
            },
            "position": {
                "latitude": 46.948,
                "longitude": 7.447,
                "altitude": None,
                "uncertainty": None,
                "source": "sensor",
            },
            "documents": [
                {
                    "type": "https://ref.gs1.org/cbv/BTT-bol",
                    "id": "urn:epcglobal:cbv:bt:9521300000022:BOL-7",
                    "transport": True,
                }
            ],
            "sources": [{"role": "possessing_party", "party": "9521300000015"}],
            "destinations": [{"role": "possessing_party", "party": "9521300000046"}],
            "measurements": [
                {
                    "type": "https://gs1.org/voc/Temperature",
                    "unit": "CEL",
                    "value": None,
                    "minimum": 3.5,
                    "maximum": 7.25,
                    "mean": 5,
                    "exception": None,
                }
            ],
        }
    ],
    "custody": [
        {
            "from": "9521300000015",
            "to": "9521300000022",
            "time": "2026-11-05T09:15:00.000Z",
            "basis": "transport",
            "dispatched": {"member": "9521300000015", "sealId": "0x" + "cd" * 32},
            "event": _EVENT,
            "node": 0,
        }
    ],
    "units": [
        {
            "kind": "aggregation",
            "unit": _SHIPMENT,
            "held": "https://id.gs1.org/01/09521234000174/21/ALP-0001",
            "since": "2026-11-04T08:00:00.000Z",
            "until": None,
            "confirmed": "2026-11-04T08:00:00.000Z",
            "opened": {"member": "9521300000015", "sealId": "0x" + "ef" * 32},
            "closed": None,
            "quantity": None,
            "unitOfMeasure": None,
        }
    ],
    "findings": [
        {
            "kind": "missing_leg",
            "severity": "unknown",
            "text": "shipped by 9521300000015 at 2026-11-05 08:00:00 UTC; nothing says that it was received, "
            "so far",
            "events": [{"member": "9521300000015", "sealId": "0x" + "cd" * 32}],
            "nodes": [0],
            "values": {},
        }
    ],
    "voided": [],
    "customs": [],
    "sensors": [],
    "unread": [],
    "parties": [{"gln": "9521300000022", "name": "Alpenfracht"}],
    "truncated": [],
}


class EventPlace(Answer):
    """An event's identity on the chain."""

    member: str
    seal_id: str


class EventMoment(Answer):
    """When it happened, as its members signed it."""

    utc: str
    offset: str | None
    source: Literal["event"]


class BlockMoment(Answer):
    """When its first proof was recorded."""

    utc: str
    source: Literal["block"]


class PlaceAnswer(Answer):
    """A place by name."""

    id: str
    gln: str | None
    source: Literal["readPoint", "bizLocation"]


class PositionAnswer(Answer):
    """Degrees on WGS 84; altitude and uncertainty in metres."""

    latitude: float
    longitude: float
    altitude: float | None
    uncertainty: float | None
    source: Literal["sensor", "readPoint", "bizLocation"]


class DocumentAnswer(Answer):
    """A business transaction of the event."""

    type: str | None
    id: str
    transport: bool


class PartyAnswer(Answer):
    """A source or destination of the event."""

    role: str | None
    party: str


class CarrierAnswer(Answer):
    """Who moved the goods."""

    party: str
    source: Literal["signer", "destination"]


class MeasurementAnswer(Answer):
    """A sensor report of the event, in `unit` (UN/ECE Rec 20)."""

    type: str | None
    unit: str | None
    value: float | None
    minimum: float | None
    maximum: float | None
    mean: float | None
    exception: str | None


class NodeAnswer(Answer):
    """One happening."""

    time: EventMoment
    record_time: BlockMoment
    events: list[EventPlace]
    type: str | None
    action: str | None
    biz_step: str | None
    disposition: str | None
    through: Literal["item", "unit", "device"]
    about: list[str]
    units: list[str]
    vehicle: str | None
    carrier: CarrierAnswer | None
    place: PlaceAnswer | None
    position: PositionAnswer | None
    documents: list[DocumentAnswer]
    sources: list[PartyAnswer]
    destinations: list[PartyAnswer]
    measurements: list[MeasurementAnswer]


class HandoverAnswer(Answer):
    """Custody went from one party to another."""

    giver: str | None = Field(alias="from")
    taker: str = Field(alias="to")
    time: str
    basis: Literal["received", "transport", "first seen"]
    dispatched: EventPlace | None
    event: EventPlace
    node: int | None


class UnitAnswer(Answer):
    """A unit that held the thing, or held what did; `until` null: nobody recorded an end."""

    kind: Literal["aggregation", "association"]
    unit: str
    held: str
    since: str
    until: str | None
    confirmed: str
    opened: EventPlace
    closed: EventPlace | None
    quantity: str | None
    unit_of_measure: str | None


class FindingAnswer(Answer):
    """Something that does not fit, with the events concerned; see docs/route.md."""

    kind: str
    severity: Literal["contradiction", "suspicion", "unknown"]
    text: str
    events: list[EventPlace]
    nodes: list[int]
    values: dict[str, int | str]


class VoidedAnswer(EventPlace):
    """An event that its own member declared erroneous."""

    declaration: str
    source: Literal["chain", "document"]


class UnreadAnswer(EventPlace):
    """An event whose document cannot be read, so that it plays no part."""

    state: str
    reason: str | None


class LegCustomsAnswer(CustomsAnswer):
    """A customs decision, with the node that begins the leg it fell on."""

    node: int | None


class LegSensorAnswer(SensorAnswer):
    """A sensor window, with the node that begins the leg it ended on."""

    node: int | None


class RulesAnswer(Answer):
    """Thresholds by which contradictions were found."""

    max_speed_kmh: int
    place_tolerance_m: int
    clock_skew_s: int


class RouteAnswer(Answer):
    """The route of a thing. `thing` to `voided` are what a route bundle holds and follow from events."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    thing: str
    rules: RulesAnswer
    nodes: list[NodeAnswer]
    custody: list[HandoverAnswer]
    units: list[UnitAnswer]
    findings: list[FindingAnswer]
    voided: list[VoidedAnswer]
    customs: list[LegCustomsAnswer]
    sensors: list[LegSensorAnswer]
    unread: list[UnreadAnswer]
    parties: list[Named]
    """members that the route names, with their names"""
    truncated: list[str]


def route_record(session: Session, found: MirrorRoute) -> RouteAnswer:
    """The answer, with the names of the members that occur in it."""
    known = {one.gln: one for one in members(session)}
    stated = to_json(found.route)
    return RouteAnswer.model_validate(
        {
            **stated,
            "customs": [_customs(one, found, known) for one in found.customs],
            "sensors": [_sensor(one, found, known) for one in found.sensors],
            "unread": [
                {
                    "member": one.event.member,
                    "sealId": one.event.seal_id,
                    "state": one.state,
                    "reason": one.reason,
                }
                for one in found.unread
            ],
            "parties": [_named(gln, known) for gln in sorted(_parties(stated)) if gln in known],
            "truncated": list(found.truncated),
        }
    )


def _parties(stated: dict[str, Any]) -> set[str]:
    nodes = stated["nodes"]
    found = {event["member"] for node in nodes for event in node["events"]}
    found |= {one["party"] for node in nodes for one in (*node["sources"], *node["destinations"])}
    return found | {one for step in stated["custody"] for one in (step["from"], step["to"]) if one}


def _named(gln: str, known: Mapping[str, Member]) -> dict[str, Any]:
    return {"gln": gln, "name": known[gln].name if gln in known else None}


def _through(one: OnLeg, found: MirrorRoute) -> str | None:
    return None if one.subject == found.route.uri else one.subject


def _customs(one: OnLeg, found: MirrorRoute, known: Mapping[str, Member]) -> dict[str, Any]:
    report = one.report
    if not isinstance(report, CustomsDecision):
        raise TypeError(f"report {report.report}: is no customs decision")
    return {
        "report": report.report,
        "through": _through(one, found),
        "country": report.country,
        "decision": report.decision,
        "decidedAt": report.decided_at,
        "recordedAt": report.recorded_at,
        "signedBy": [_named(gln, known) for gln in report.members],
        "transaction": report.transaction,
        "node": one.node,
    }


def _sensor(one: OnLeg, found: MirrorRoute, known: Mapping[str, Member]) -> dict[str, Any]:
    report = one.report
    if not isinstance(report, SensorWindow):
        raise TypeError(f"report {report.report}: is no sensor window")
    return {
        "report": report.report,
        "through": _through(one, found),
        "measurement": report.measurement,
        "unit": report.unit,
        "minimum": report.minimum,
        "maximum": report.maximum,
        "mean": report.mean,
        "count": report.count,
        "start": report.start,
        "end": report.end,
        "signedBy": [_named(gln, known) for gln in report.members],
        "transaction": report.transaction,
        "node": one.node,
    }
