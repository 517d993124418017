"""A route as JSON values, the one form in which it is shown, exported and compared.

Times are objects of UTC text, offset and source; quantities are decimal text; names are the standards'.
"""

from datetime import UTC, datetime
from typing import Any

from indexer.read.route.parts import Finding, Handover, Node, Route
from indexer.read.route.spells import FOREVER, Link, Ref


def to_json(route: Route) -> dict[str, Any]:
    """The whole route."""
    place = {ref: number for number, node in enumerate(route.nodes) for ref in node.events}
    return {
        "thing": route.uri,
        "rules": {
            "maxSpeedKmh": route.rules.max_speed_kmh,
            "placeToleranceM": route.rules.place_tolerance_m,
            "clockSkewS": route.rules.clock_skew_s,
        },
        "nodes": [node_json(node) for node in route.nodes],
        "custody": [_handover(one, place) for one in route.handovers],
        "units": [_link(link, route.names) for link in route.links],
        "findings": [_finding(one, place) for one in route.findings],
        "voided": [
            {**_ref(one.event), "declaration": one.declaration, "source": one.source} for one in route.voided
        ],
    }


def node_json(node: Node) -> dict[str, Any]:
    """One node."""
    place, position, carrier = node.place, node.position, node.carrier
    return {
        "time": {"utc": utc(node.time), "offset": node.offset, "source": "event"},
        "recordTime": {"utc": utc(node.record_time * 1000), "source": "block"},
        "events": [_ref(ref) for ref in node.events],
        "type": node.type,
        "action": node.action,
        "bizStep": node.biz_step,
        "disposition": node.disposition,
        "through": node.through,
        "about": list(node.about),
        "units": list(node.units),
        "vehicle": node.vehicle,
        "carrier": None if carrier is None else {"party": carrier.party, "source": carrier.source},
        "place": None if place is None else {"id": place.id, "gln": place.gln, "source": place.source},
        "position": None
        if position is None
        else {
            "latitude": position.latitude,
            "longitude": position.longitude,
            "altitude": position.altitude,
            "uncertainty": position.uncertainty,
            "source": position.source,
        },
        "documents": [{"type": one.type, "id": one.id, "transport": one.transport} for one in node.documents],
        "sources": [{"role": one.role, "party": one.id} for one in node.sources],
        "destinations": [{"role": one.role, "party": one.id} for one in node.destinations],
        "measurements": [
            {
                "type": one.type,
                "unit": one.unit,
                "value": one.value,
                "minimum": one.minimum,
                "maximum": one.maximum,
                "mean": one.mean,
                "exception": one.exception,
            }
            for one in node.measurements
        ],
    }


def utc(millis: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC; what no calendar holds is its first or last moment."""
    try:
        moment = datetime.fromtimestamp(millis // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return "0001-01-01T00:00:00.000Z" if millis < 0 else "9999-12-31T23:59:59.999Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{millis % 1000:03d}Z"


def _ref(ref: Ref) -> dict[str, str]:
    return {"member": ref.member, "sealId": ref.seal_id}


def _handover(one: Handover, place: dict[Ref, int]) -> dict[str, Any]:
    return {
        "from": one.giver,
        "to": one.taker,
        "time": utc(one.time),
        "basis": one.basis,
        "dispatched": None if one.dispatched is None else _ref(one.dispatched),
        "event": _ref(one.event),
        "node": place.get(one.event),
    }


def _link(link: Link, names: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": link.kind,
        "unit": names[link.above],
        "held": names[link.below],
        "since": utc(link.since),
        "until": None if link.until == FOREVER else utc(link.until),
        "confirmed": utc(link.last),
        "opened": _ref(link.opened),
        "closed": None if link.closed is None else _ref(link.closed),
        "quantity": None if link.quantity is None else format(link.quantity, "f"),
        "unitOfMeasure": link.unit,
    }


def _finding(one: Finding, place: dict[Ref, int]) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "severity": one.severity,
        "text": one.text,
        "events": [_ref(ref) for ref in one.events],
        "nodes": [place[ref] for ref in one.events if ref in place],
        "values": dict(sorted(one.values.items())),
    }
