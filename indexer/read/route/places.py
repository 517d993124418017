"""Where an event was: place by its GLN, position by geo URI (RFC 5870) or sensor (CBV 2.0, section 7.6)."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from epcis import digital_link
from epcis.digital_link import DigitalLinkError
from indexer.document import event_millis, vocabulary_iri

EARTH_RADIUS_M: Final = 6_371_008.8
"""mean radius of WGS 84"""
_NUMBER: Final = r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?"
_GEO: Final = re.compile(
    rf"geo:({_NUMBER}),({_NUMBER})(?:,({_NUMBER}))?((?:;[a-z0-9-]+(?:=[^;]*)?)*)", re.ASCII | re.IGNORECASE
)
_DEGREES: Final = {None, "DD"}
_RADIANS: Final = "C81"
_WGS84: Final = ("4326", "wgs84", "wgs-84", "4979")
_COMPONENTS: Final = ("latitude", "longitude", "altitude")


@dataclass(frozen=True, slots=True)
class Place:
    """A place by name. `source`: readPoint (where it was seen) or bizLocation (where it is from then on)."""

    id: str
    gln: str | None
    """13 digits, where the id has one"""
    source: Literal["readPoint", "bizLocation"]


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees on WGS 84; altitude and uncertainty in metres."""

    latitude: float
    longitude: float
    altitude: float | None
    uncertainty: float | None
    source: Literal["sensor", "readPoint", "bizLocation"]


def gln_of(identifier: str) -> str | None:
    """The 13 digits of a location's or party's GLN, whatever extension it has; None where it has none."""
    try:
        link = digital_link.parse(identifier)
    except DigitalLinkError:
        return None
    return link.value if link.ai in ("414", "417") else None


def place_of(read_point: str | None, biz_location: str | None) -> Place | None:
    """Where an event took place; a position alone (geo URI) is no name."""
    if read_point is not None and _GEO.fullmatch(read_point) is None:
        return Place(read_point, gln_of(read_point), "readPoint")
    if biz_location is not None and _GEO.fullmatch(biz_location) is None:
        return Place(biz_location, gln_of(biz_location), "bizLocation")
    return None


def position_of(body: dict[str, Any], read_point: str | None, biz_location: str | None) -> Position | None:
    """Where an event was on earth: by its sensors, else its read point, else its location; else None."""
    measured = _measured(body)
    if measured is not None:
        return measured
    for source, text in (("readPoint", read_point), ("bizLocation", biz_location)):
        found = None if text is None else geo_uri(text)
        if found is not None:
            latitude, longitude, altitude, uncertainty = found
            kind: Literal["readPoint", "bizLocation"] = (
                "readPoint" if source == "readPoint" else "bizLocation"
            )
            return Position(latitude, longitude, altitude, uncertainty, kind)
    return None


def geo_uri(text: str) -> tuple[float, float, float | None, float | None] | None:
    """Latitude, longitude, altitude, uncertainty of a geo URI on WGS 84; None for anything else."""
    match = _GEO.fullmatch(text)
    if match is None:
        return None
    pairs = [part.partition("=") for part in match[4].split(";")[1:]]
    parameters = {name.lower(): value for name, _, value in pairs}
    if parameters.get("crs", "wgs84").lower() != "wgs84":
        return None
    given = parameters.get("u")
    uncertainty = float(given) if given is not None and re.fullmatch(_NUMBER, given) else None
    latitude, longitude = float(match[1]), float(match[2])
    if not _on_earth(latitude, longitude):
        return None
    altitude = None if match[3] is None else float(match[3])
    return latitude, longitude, altitude, None if uncertainty is None else max(0.0, uncertainty)


def _on_earth(latitude: float, longitude: float) -> bool:
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


def _measured(body: dict[str, Any]) -> Position | None:
    """The newest position among the event's sensor elements."""
    found: list[tuple[int, int, Position]] = []
    for order, (time, values) in enumerate(_coordinates(body)):
        latitude, longitude = values.get("latitude"), values.get("longitude")
        if latitude is None or longitude is None or not _on_earth(latitude, longitude):
            continue
        position = Position(latitude, longitude, values.get("altitude"), None, "sensor")
        found.append((time, order, position))
    return max(found, key=lambda one: one[:2])[2] if found else None


def _coordinates(body: dict[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
    for element in objects(body.get("sensorElementList")):
        metadata = element.get("sensorMetadata")
        of_all = event_millis(metadata.get("time")) if isinstance(metadata, dict) else None
        values: dict[str, float] = {}
        newest = of_all or 0
        for report in objects(element.get("sensorReport")):
            component = bare(vocabulary_iri("component", report.get("component"), "sensorReport"))
            value = _degrees(component, report)
            if component in _COMPONENTS and value is not None:
                values[component] = value
                newest = max(newest, event_millis(report.get("time")) or 0)
        yield newest, values


def _degrees(component: str | None, report: dict[str, Any]) -> float | None:
    value, unit = report.get("value"), report.get("uom")
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    system = report.get("coordinateReferenceSystem")
    if isinstance(system, str) and not any(name in system.lower() for name in _WGS84):
        return None
    if component == "altitude":
        return float(value) if unit in (None, "MTR") else None
    if unit in _DEGREES:
        return float(value)
    return math.degrees(value) if unit == _RADIANS else None


def distance_m(one: Position, other: Position) -> float:
    """Great-circle distance in metres, what both are unsure of left out."""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    half_lat, half_lon = (b - a) / 2, math.radians(other.longitude - one.longitude) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(a) * math.cos(b) * math.sin(half_lon) ** 2
    metres = 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))
    return max(0.0, metres - (one.uncertainty or 0.0) - (other.uncertainty or 0.0))


def bare(iri: str | None) -> str | None:
    """The short name of a CBV value, however it was written: `shipping` of `…/cbv/BizStep-shipping`."""
    if iri is None:
        return None
    if iri.startswith("urn:epcglobal:cbv:"):
        return iri.rpartition(":")[2]
    return iri.rpartition("-")[2] if "/cbv/" in iri else iri


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; whatever else is there is left out."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())
