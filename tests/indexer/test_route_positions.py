"""Positions, distances and times of a route."""

from dataclasses import replace
from typing import Any

import pytest

from indexer.read.route.form import utc
from indexer.read.route.places import distance_m, geo_uri, position_of
from tests.indexer.journeys import (
    BASEL,
    BERN,
    DAIRY,
)
from tests.indexer.recorded import BASE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("geo:48.2010,16.3695,183", (48.201, 16.3695, 183.0, None)),
        ("geo:48.198634,16.371648;crs=wgs84;u=40", (48.198634, 16.371648, None, 40.0)),
        ("GEO:-90,0", (-90.0, 0.0, None, None)),
        ("geo:90.1,0", None),
        ("geo:0,180.5", None),
        ("geo:1,2;crs=nad27", None),
        ("geo:1e3,2", None),
        ("geo:1", None),
        ("geo:nan,nan", None),
        (DAIRY, None),
    ],
)
def test_geo_uris_as_rfc_5870_has_them(text: str, expected: Any) -> None:
    assert geo_uri(text) == expected


def test_a_position_comes_from_sensors_before_places() -> None:
    def element(latitude: Any, longitude: Any, time: str | None = None, **more: Any) -> dict[str, Any]:
        reports = [
            {"type": "Angle", "component": name, "value": value, **more}
            for name, value in (("latitude", latitude), ("longitude", longitude))
        ]
        return {"sensorMetadata": {"time": time} if time else {}, "sensorReport": reports}

    late, early = element(1.5, 2.5, "2026-03-01T10:00:00Z"), element(3.5, 4.5, "2026-03-01T09:00:00Z")
    found = position_of({"sensorElementList": [late, early]}, BERN, None)
    assert found is not None
    assert (found.latitude, found.longitude, found.source) == (1.5, 2.5, "sensor")
    radians = position_of({"sensorElementList": [element(0.5, 1, uom="C81")]}, None, None)
    assert radians is not None
    assert round(radians.latitude, 3) == 28.648
    for bad in ({"sensorElementList": [element(95, 1)]}, {"sensorElementList": [element(True, 1)]},
                {"sensorElementList": [element(1, 1, uom="MTR")]}, {"sensorElementList": "x"},
                {"sensorElementList": [element(1, 1, coordinateReferenceSystem="https://epsg.io/21781")]},
                {"sensorElementList": [{"sensorReport": [7, None]}]}):  # fmt: skip
        fallen = position_of(bad, None, BERN)
        assert fallen is not None
        assert fallen.source == "bizLocation"
    assert position_of({}, DAIRY, None) is None


def test_distances() -> None:
    bern, basel = position_of({}, BERN, None), position_of({}, BASEL, None)
    assert bern is not None
    assert basel is not None
    assert distance_m(bern, basel) == pytest.approx(68_750, rel=0.01)
    assert distance_m(bern, bern) == 0
    pole = replace(bern, latitude=90.0, longitude=0.0)
    assert distance_m(pole, replace(pole, latitude=-90.0)) == pytest.approx(20_015_000, rel=0.001)


def test_times_that_no_calendar_has() -> None:
    assert utc(BASE + 5) == "2026-03-01T07:00:00.005Z"
    assert utc(1 << 60).startswith("9999")
    assert utc(-(1 << 60)).startswith("0001")
