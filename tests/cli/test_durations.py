"""Durations and times: one reading each, or none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.durations import format_duration, format_time, parse_duration, unix_millis, unix_seconds
from cli.failure import Failure


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", 604800),
        ("48h", 172800),
        ("1d12h", 129600),
        ("90m", 5400),
        ("0s", 0),
        ("0", 0),
        ("2w1s", 1209601),
    ],
)
def test_a_duration_is_its_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "7", "d", "7 d", "-1d", "1.5h", "1h1d", "1d1d", "7D", "7days", "P7D", "1d\n"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Failure, match=r"^grace "):
        parse_duration(text, "grace")


@given(seconds=st.integers(0, 10**10))
@settings(derandomize=True, max_examples=200)
def test_formatting_and_parsing_are_inverse(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_time_is_a_point_whatever_its_offset() -> None:
    assert unix_seconds("2027-03-31T18:00:00+02:00") == unix_seconds("2027-03-31T16:00:00Z") == 1806508800
    assert format_time(1806508800) == "2027-03-31T16:00:00Z"


def test_milliseconds_are_kept_and_finer_fractions_cut() -> None:
    assert unix_millis("2026-03-09T17:30:15.123999+02:00") == 1773070215123


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-03-31T18:00:00", "needs an offset"),
        ("2027-03-31", "must be an ISO 8601 time"),
        ("tomorrow", "must be an ISO 8601 time"),
        ("2027-02-30T00:00:00Z", "must be an ISO 8601 time"),
        ("2027-03-31T18:00:00.5Z", "whole seconds"),
        ("0001-01-01T00:00:00+14:00", "outside the calendar"),
    ],
)
def test_what_is_no_block_time_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Failure, match=f"^deliverBy .*{reason}"):
        unix_seconds(text, "deliverBy")
