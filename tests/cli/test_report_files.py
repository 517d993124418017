"""Report files: the same facts make the same report, whoever reads them."""

from typing import Any

import pytest

from cli.failure import Failure
from cli.report_files import customs_decision, sensor_window

SSCC = "095060001343522226"


def customs(**changes: Any) -> dict[str, Any]:
    """A decision's facts."""
    return {
        "subject": SSCC,
        "country": "CH",
        "decision": "released",
        "declaration": "26CH0000115577A1B2",
        "decidedAt": "2026-11-04T13:20:00+01:00",
    } | changes


def sensor(**changes: Any) -> dict[str, Any]:
    """A window's facts; values as `cli.files` reads them."""
    return {
        "subject": SSCC,
        "device": "https://id.gs1.org/8004/9506000SENSOR42",
        "measurement": "Temperature",
        "unit": "CEL",
        "readings": [
            {"time": "2026-11-04T13:30:00+01:00", "value": "3.1"},
            {"time": "2026-11-04T13:00:00Z", "value": -4},
        ],
    } | changes


def test_a_decision_says_what_the_file_says() -> None:
    made = customs_decision(customs(), 1_800_000_000)
    assert (made.country, made.decision, made.deadline) == (b"CH", 1, 1_800_000_000)
    assert made.decided_at == 1793794800000
    same = customs_decision(customs(subject=f"https://id.gs1.org/00/{SSCC}"), 1_800_000_000)
    assert same.struct_hash() == made.struct_hash()


def test_a_window_is_the_readings_in_millionths() -> None:
    made = sensor_window(sensor(), 1_800_000_000)
    assert (made.minimum, made.maximum, made.mean, made.count) == (-4_000_000, 3_100_000, -450_000, 2)
    assert made.unit == b"CEL"
    iri = sensor_window(sensor(measurement="https://gs1.org/voc/Temperature"), 1_800_000_000)
    assert iri.struct_hash() == made.struct_hash()


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (customs(decision="lost"), "/decision"),
        (customs(country="Swiss"), "country"),
        (customs(decidedAt="yesterday"), "decidedAt"),
        (customs(decidedAt="2026-11-04T13:20:00"), "decidedAt"),
        (customs(declaration=""), "/declaration"),
        (customs(officer="me"), "/officer"),
        (customs(subject="095060001343522227"), "subject"),
    ],
)
def test_a_wrong_decision_is_named(facts: dict[str, Any], named: str) -> None:
    with pytest.raises(Failure, match=named):
        customs_decision(facts, 1_800_000_000)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"readings": []}, "/readings"),
        ({"readings": [{"time": "2026-11-04T13:30:00Z"}]}, "readings/0"),
        ({"readings": [{"time": "2026-11-04T13:30:00Z", "value": "warm"}]}, "readings/0/value"),
        ({"readings": [{"time": "2026-11-04T13:30:00Z", "value": "0.0000001"}]}, "readings/0/value"),
        ({"unit": "celsius"}, "unit"),
    ],
)
def test_a_wrong_window_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(Failure, match=named):
        sensor_window(sensor(**changes), 1_800_000_000)
