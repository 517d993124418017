"""Reports follow from their facts alone, exactly, and facts that make none are refused by name."""

import json
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis.tree import root
from oracle.reports import (
    Decision,
    Reading,
    ReportError,
    customs_decision,
    millionths,
    millis,
    read_readings,
    sensor_window,
    subject_id,
    text_id,
)

LEAVES: Any = json.loads(
    (Path(__file__).resolve().parent.parent / "vectors" / "leaves.json").read_text(encoding="utf-8")
)
LINK = "https://id.gs1.org/00/095060001343522226"
EPC = "urn:epc:id:sscc:9506000.0134352222"
TOP = (1 << 127) - 1
FACTS: dict[str, Any] = {
    "subject": LINK,
    "device": "https://id.gs1.org/8004/9506000134352",
    "measurement": "https://gs1.org/voc/Temperature",
    "unit": "CEL",
    "deadline": 1_900_000_000,
}
CUSTOMS: dict[str, Any] = {
    "subject": LINK,
    "country": "DE",
    "decision": Decision.RELEASED,
    "declaration": "24DE123456789012J1",
    "decided_at": "2026-03-01T08:00:00.123+01:00",
    "deadline": 1_900_000_000,
}
quick = settings(derandomize=True, deadline=None, max_examples=150)


@pytest.mark.parametrize("row", LEAVES["readingLeaves"], ids=lambda row: row["millionths"])
def test_reading_leaves_are_those_of_the_vectors(row: Any) -> None:
    assert "0x" + Reading(int(row["timeMs"]), int(row["millionths"])).leaf.hex() == row["data"]


def test_a_window_is_that_of_the_vector() -> None:
    given_ = LEAVES["readingWindow"]
    window = sensor_window(read_readings(given_["readings"]), **FACTS)
    assert "0x" + window.readings_root.hex() == given_["root"]
    assert [str(window.minimum), str(window.maximum), str(window.mean)] == [
        given_["minimum"],
        given_["maximum"],
        given_["mean"],
    ]
    rows = LEAVES["readingLeaves"][1:4]
    assert window.readings_root == root([bytes.fromhex(row["data"][2:]) for row in rows])
    assert (window.start_time, window.end_time) == (int(rows[0]["timeMs"]), int(rows[2]["timeMs"]))
    assert (window.count, window.unit, window.subject) == (3, b"CEL", sha256(LINK.encode()).digest())
    assert window.measurement == sha256(b"https://gs1.org/voc/Temperature").digest()


@quick
@given(st.integers(-(1 << 127), TOP), st.integers(-40, 40))
def test_millionths_are_exact_however_the_number_is_written(value: int, power: int) -> None:
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rjust(7, "0")
    plain = f"{sign}{digits[:-6]}.{digits[-6:]}"
    assert millionths(plain, "v") == value
    assert millionths(f"{plain}000", "v") == value
    assert millionths(f"{value}e-6", "v") == value
    # The same number with its point moved and moved back.
    shifted = f"{value}{'0' * power}" if power >= 0 else f"{sign}{'0' * -power}{abs(value)}"
    assert millionths(f"{shifted}E{-6 - max(power, 0)}", "v") == value


@quick
@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_a_double_counts_as_its_shortest_decimal(value: float) -> None:
    exact = Fraction(repr(value)) * 1_000_000
    if exact.denominator == 1 and -(1 << 127) <= exact <= TOP:
        assert millionths(value, "v") == exact
    else:
        with pytest.raises(ReportError, match="finer than a millionth or too large"):
            millionths(value, "v")


@pytest.mark.parametrize(
    "value",
    [
        "0.0000001",
        1e-7,
        "170141183460469231731687303715884.105728",
        "-170141183460469231731687303715884.105729",
        # Fits only if it is rounded to 28 digits, as Python's decimals do by default.
        "12345678901234567890123456789012.3456789",
        "1e999999999",
        "-1e999999999",
        "1e-999999999",
        "9" * 5000,
    ],
)
def test_what_millionths_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ReportError, match=r"^readings/0/value: .* is finer than a millionth or too large"):
        millionths(value, "readings/0/value")


@pytest.mark.parametrize(
    "value",
    ["", " 1", "1 ", "1_0", "+1", ".5", "5.", "0x10", "NaN", "inf", "١", "1,5", "1\n", None, True, [1], {},
     float("nan"), float("inf")],
)  # fmt: skip
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ReportError, match=r"^v: .* is not a number$"):
        millionths(value, "v")


def test_an_integer_too_long_for_text_is_refused() -> None:
    with pytest.raises(ReportError, match=r"^v: an integer of .* bits is too large$"):
        millionths(10**5000, "v")


@quick
@given(
    st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001 - Hypothesis wants them naive
    st.integers(-1439, 1439),
)
def test_times_are_milliseconds_exactly_in_any_zone(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert millis(aware.astimezone(timezone(timedelta(minutes=offset))).isoformat(), "t") == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-01T08:00:00", "has no offset"),
        ("2026-03-01", "has no offset"),
        ("yesterday", "is not an ISO 8601 time"),
        ("2026-02-30T08:00:00Z", "is not an ISO 8601 time"),
        ("1969-12-31T23:59:59.9999Z", "is before 1970"),
        ("1970-01-01T00:00:00+00:01", "is before 1970"),
        (1772352000, "is not an ISO 8601 time"),
        (None, "is not an ISO 8601 time"),
    ],
)
def test_other_times_are_refused(text: Any, why: str) -> None:
    with pytest.raises(ReportError, match=f"^decidedAt: .*{why}"):
        millis(text, "decidedAt")


@quick
@given(st.lists(st.integers(-(1 << 127), TOP), min_size=1, max_size=20))
def test_the_aggregate_is_of_all_readings_and_may_be_recorded(values: list[int]) -> None:
    window = sensor_window([Reading(n, value) for n, value in enumerate(values)], **FACTS)
    assert (window.minimum, window.maximum) == (min(values), max(values))
    assert window.mean == int(Fraction(sum(values), len(values)))  # int() cuts towards zero
    # The contract refuses anything else.
    assert window.minimum <= window.mean <= window.maximum
    assert (window.count, window.start_time, window.end_time) == (len(values), 0, len(values) - 1)


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ([], "readings: there are none"),
        ([Reading(2, 0), Reading(2, 0)], "readings: their times do not grow"),
        ([Reading(2, 0), Reading(1, 0)], "readings: their times do not grow"),
        ([Reading(0, 0), Reading(1, TOP + 1)], "readings/1/value: .* is outside int128"),
        ([Reading(-1, 0)], "readings/0/time: -1 is not Unix milliseconds"),
        ([Reading(1 << 64, 0)], "readings/0/time: .* is not Unix milliseconds"),
    ],
)
def test_readings_that_make_no_window(readings: list[Reading], why: str) -> None:
    with pytest.raises(ReportError, match=f"^{why}"):
        sensor_window(readings, **FACTS)


@pytest.mark.parametrize("unit", ["", "C", "cel", "CELL", "CEL\n", "C L", "°C"])
def test_units_that_are_no_rec_20_code(unit: str) -> None:
    with pytest.raises(ReportError, match=r"^unit: "):
        sensor_window([Reading(1, 1)], **(FACTS | {"unit": unit}))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({}, "readings: must be a list"),
        (None, "readings: must be a list"),
        ([5], "readings/0: must have"),
        ([{"time": "2026-03-01T08:00:00Z"}], "readings/0: must have"),
        ([{"time": "2026-03-01T08:00:00Z", "value": 1, "unit": "CEL"}], "readings/0: must have"),
        ([{"time": "2026-03-01T08:00:00Z", "value": 1}, {"time": "x", "value": 1}], "readings/1/time: 'x'"),
        ([{"time": "2026-03-01T08:00:00Z", "value": "warm"}], "readings/0/value: 'warm'"),
    ],
)
def test_records_that_hold_no_readings(record: Any, why: str) -> None:
    with pytest.raises(ReportError, match=f"^{why}"):
        read_readings(record)


def test_a_decision_is_its_facts() -> None:
    decision = customs_decision(**CUSTOMS)
    assert decision.subject == sha256(LINK.encode()).digest()
    assert (decision.country, decision.decision) == (b"DE", 1)
    assert decision.declaration == sha256(b"24DE123456789012J1").digest()
    assert decision.decided_at == 1_772_348_400_123
    assert (decision.cid, decision.deadline) == (b"", 1_900_000_000)
    # Two offices write the same instant and the same shipment in their own way.
    other = customs_decision(**(CUSTOMS | {"decided_at": "2026-03-01T07:00:00.123Z"} | {"subject": EPC}))
    assert other == decision


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"country": "de"}, "country"),
        ({"country": "DEU"}, "country"),
        ({"country": "DE\n"}, "country"),
        ({"declaration": ""}, "declaration"),
        ({"decision": 0}, "decision"),
        ({"decision": 5}, "decision"),
        ({"decided_at": "2026-03-01"}, "decidedAt"),
        ({"subject": "a crate"}, "subject"),
        ({"subject": "https://id.gs1.org/00/095060001343522227"}, "subject"),
    ],
)
def test_facts_that_make_no_decision_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ReportError, match=f"^{field}: "):
        customs_decision(**(CUSTOMS | change))


def test_ids_of_links_and_of_other_texts() -> None:
    assert subject_id(LINK) == text_id(LINK) == sha256(LINK.encode()).digest()
    assert text_id("urn:example:sensor:7") == sha256(b"urn:example:sensor:7").digest()


def test_text_that_is_no_unicode_is_a_fault_of_the_report() -> None:
    with pytest.raises(ReportError, match="Unicode"):
        text_id("device \ud800")
