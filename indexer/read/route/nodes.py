"""The nodes of a route, one for each happening."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from epcis import digital_link
from epcis.digital_link import DigitalLinkError
from indexer.document import vocabulary_iri
from indexer.read.route.facts import Fact, key_of
from indexer.read.route.parts import (
    TRANSPORT_DOCUMENTS,
    Measurement,
    Node,
    Party,
    Through,
    TradeDocument,
)
from indexer.read.route.places import bare, gln_of, objects, place_of, position_of
from indexer.read.route.spells import Interval, Link, holds

_VEHICLE_AI: Final = "8004"
_VESSEL: Final = "urn:epc:id:imovn:"
_SHIPMENT_AIS: Final = ("401", "402")


def nodes_of(
    facts: Iterable[Fact],
    windows: Mapping[str, Sequence[Interval]],
    devices: Mapping[str, Sequence[Interval]],
    root: str,
    links: Sequence[Link],
    names: Mapping[str, str],
) -> list[Node]:
    """Nodes in the order of event time, then of recording.

    `windows` are the root's own and its units', `devices` those of what was joined to either; a device's
    event is a node only where it measured something or says a position.
    """
    told: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.counts:
            told[fact.ref.seal_id].append(fact)
    found = []
    for copies in told.values():
        node = _node(copies, windows, devices, root, links, names)
        if node is not None:
            found.append(node)
    return sorted(found, key=lambda node: (node.time, node.record_time, node.events))


def _node(
    copies: Sequence[Fact],
    windows: Mapping[str, Sequence[Interval]],
    devices: Mapping[str, Sequence[Interval]],
    root: str,
    links: Sequence[Link],
    names: Mapping[str, str],
) -> Node | None:
    fact = copies[0]
    time = fact.event_time
    if time is None:
        return None
    things = dict.fromkeys(key_of(thing) for thing in fact.things)
    about = [key for key in things if key in windows and holds(windows[key], time)]
    position = position_of(fact.body, fact.read_point, fact.biz_location)
    measurements = tuple(_measurements(fact.body))
    through: Through = "item" if root in about else "unit"
    if not about:
        about = [key for key in things if key in devices and holds(devices[key], time)]
        through = "device"
        if position is None and not measurements:
            about = []
    if not about:
        return None
    units = units_at(root, time, links, names)
    place = place_of(fact.read_point, fact.biz_location)
    return Node(
        events=tuple(sorted(one.ref for one in copies)),
        time=time,
        offset=fact.event_time_offset,
        record_time=min(one.record_time for one in copies),
        type=fact.type,
        action=fact.action,
        biz_step=fact.biz_step,
        disposition=fact.disposition,
        through=through,
        about=tuple(sorted((names[key] for key in about), key=lambda uri: (uri != names[root], uri))),
        units=tuple(names[key] for key in units),
        vehicle=_vehicle([names[key] for key in units], None if place is None else place.id),
        carrier=None,
        place=place,
        position=position,
        documents=tuple(_documents(fact.body)),
        sources=tuple(_parties(fact.body, "source")),
        destinations=tuple(_parties(fact.body, "destination")),
        measurements=measurements,
    )


def units_at(root: str, moment: int, links: Iterable[Link], names: Mapping[str, str]) -> list[str]:
    """Keys of what held a thing at a moment, innermost first, then by name."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        if link.since <= moment <= link.until:
            holders[link.below].append(link.above)
    found: dict[str, None] = {}
    level = [root]
    while level:
        above = {unit for key in level for unit in holders[key]} - found.keys() - {root}
        level = sorted(above, key=lambda unit: names[unit])
        found.update(dict.fromkeys(level))
    return list(found)


def _vehicle(units: Sequence[str], place: str | None) -> str | None:
    """The outermost individual asset or vessel that held the thing, or in which it was read."""
    for uri in (*reversed(units), *([] if place is None else [place])):
        if uri.startswith(_VESSEL) or _ai(uri) == _VEHICLE_AI:
            return uri
    return None


def _ai(uri: str) -> str | None:
    try:
        return digital_link.parse(uri).ai
    except DigitalLinkError:
        return None


def _documents(body: dict[str, Any]) -> Iterable[TradeDocument]:
    for entry in objects(body.get("bizTransactionList")):
        given = entry.get("bizTransaction")
        if isinstance(given, str):
            kind = vocabulary_iri("type", entry.get("type"), "bizTransactionList")
            name = digital_link.normalise(given)
            transport = bare(kind) in TRANSPORT_DOCUMENTS or _ai(name) in _SHIPMENT_AIS
            yield TradeDocument(kind, name, transport)


def _parties(body: dict[str, Any], side: Literal["source", "destination"]) -> Iterable[Party]:
    for entry in objects(body.get(f"{side}List")):
        given = entry.get(side)
        if isinstance(given, str):
            role = bare(vocabulary_iri("type", entry.get("type"), f"{side}List"))
            name = digital_link.normalise(given)
            yield Party(role, gln_of(name) or name)


def _measurements(body: dict[str, Any]) -> Iterable[Measurement]:
    for element in objects(body.get("sensorElementList")):
        for report in objects(element.get("sensorReport")):
            if report.get("component") is not None:
                continue  # a coordinate: part of the position
            kind = vocabulary_iri("type", report.get("type"), "sensorReport")
            unit = report.get("uom")
            alert = vocabulary_iri("exception", report.get("exception"), "sensorReport")
            yield Measurement(
                type=kind,
                unit=unit if isinstance(unit, str) else None,
                value=_number(report.get("value")),
                minimum=_number(report.get("minValue")),
                maximum=_number(report.get("maxValue")),
                mean=_number(report.get("meanValue")),
                exception=alert,
            )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def party(node: Node, side: Literal["source", "destination"], role: str = "possessing_party") -> str | None:
    """The party that an event names on a side in a role; None where it names none."""
    given = node.sources if side == "source" else node.destinations
    return next((one.id for one in given if one.role == role), None)


def documents_shared(one: Node, other: Node) -> bool:
    """Whether two events name the same business transaction."""
    return not {found.id for found in one.documents}.isdisjoint(found.id for found in other.documents)


__all__ = ["documents_shared", "nodes_of", "party", "units_at"]
