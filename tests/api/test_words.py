"""Small decisions: which form a client wants, how long it waits, how times and keys are written."""

from datetime import UTC, datetime

import pytest

from api.item_view import key_text, local, utc
from api.operations import wait_seconds
from api.page import acceptable, wants_html
from api.paths import item_path
from api.wire import time_text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0.5, application/ld+json", False),
        ("text/*", True),
    ],
)
def test_the_form_that_a_client_prefers(accept: str | None, html: bool) -> None:
    assert wants_html(accept) is html
    assert acceptable(accept)


def test_forms_that_do_not_exist() -> None:
    assert not acceptable("image/png")
    assert not acceptable("application/json;q=0, text/html;q=0")


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        (["wait=5"], 5),
        (["respond-async, wait=7"], 7),
        (["respond-async", "Wait = 3"], 3),
        (["wait=600"], 30),
        (["wait=-1"], 0),
        (["wait=soon"], 0),
        (["wait=99999999999999999999999"], 30),
    ],
)
def test_how_long_a_client_waits(prefer: list[str] | None, seconds: int) -> None:
    assert wait_seconds(prefer) == seconds


def test_times_are_utc_with_the_events_own_offset_beside() -> None:
    moment = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    assert time_text(moment) == "2026-11-02T23:30:00Z"
    assert utc(moment) == "2 November 2026, 23:30 UTC"
    assert local(moment, "+01:00") == "3 November, 00:30 local time (+01:00)"
    assert local(moment, "-05:30") == "18:00 local time (-05:30)"
    for offset in (None, "+00:00", "Z", "+99:99x", "+aa:bb"):
        assert local(moment, offset) is None


def test_keys_are_named() -> None:
    assert key_text("https://id.gs1.org/00/095213000000000176") == "shipping unit SSCC 095213000000000176"
    assert key_text("https://id.gs1.org/414/9521300000022") == "place GLN 9521300000022"
    assert key_text("geo:1,2") == "geo:1,2"


def test_paths_hold_any_serial_number() -> None:
    assert item_path("09506000134352", "A/B %\"'") == "/items/09506000134352/A%2FB%20%25%22%27"
