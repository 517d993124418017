"""Documents meant to hang, to exhaust memory or to mean two things: a clear error, or an ordinary answer."""

import json
import tracemalloc
from typing import Any

import pytest

from epcis import canonical, cbv_hash, sealed
from epcis.canonical import JsonError
from epcis.contexts import ActiveContext
from epcis.model import EpcisError, TooManyEvents, parse_document
from evidence.documents import Refused, read_document

GS1 = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-07-22T06:45:00Z",
    "eventTimeZoneOffset": "+00:00",
    "action": "OBSERVE",
    "epcList": ["urn:epc:id:sscc:4012345.0000001111"],
}


def document(events: list[dict[str, Any]], *context: Any) -> bytes:
    whole = {
        "@context": [GS1, *context],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-07-22T06:45:00Z",
        "epcisBody": {"eventList": events},
    }
    return json.dumps(whole).encode()


def problems(data: bytes) -> list[str]:
    with pytest.raises(Refused) as caught:
        read_document(data)
    return [str(error) for error in caught.value.errors]


def hundred_thousand() -> bytes:
    return document([{**EVENT, "eventID": f"urn:example:{number}"} for number in range(100_000)])


@pytest.mark.slow
def test_a_hundred_thousand_events_are_counted_before_they_are_read() -> None:
    with pytest.raises(TooManyEvents, match="100000 given, 1000 are allowed"):
        read_document(hundred_thousand(), 1000)


@pytest.mark.deep
def test_a_hundred_thousand_events_can_be_read() -> None:
    data = hundred_thousand()
    assert len({one.seal_id for one in read_document(data)}) == 100_000


@pytest.mark.slow
def test_a_hundred_thousand_wrong_events_are_told_by_the_first_ones() -> None:
    data = document([{**EVENT, "action": "CREATE"}] * 100_000)
    with pytest.raises(EpcisError) as caught:
        parse_document(data)
    assert 1000 <= len(caught.value.problems) <= 2000
    assert caught.value.problems[0].path == "/epcisBody/eventList/0/action"


@pytest.mark.parametrize("depth", [65, 200, 300, 1100, 10_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_deep_nesting_is_named(depth: int, opening: str, closing: str) -> None:
    text = opening * depth + "1" + closing * depth
    with pytest.raises(JsonError, match="nested deeper than 64"):
        canonical.loads(text)
    whole = document([EVENT]).decode().replace('"OBSERVE"', f'"OBSERVE", "ex:a": {text}')
    assert any("nested deeper than 64" in one for one in problems(whole.encode()))


def test_brackets_in_texts_do_not_hide_nesting() -> None:
    text = '{"a":["}}}}]]]]' + "]" * 100 + '",' + "[" * 70 + "]" * 70 + ',"' + "[" * 100 + '"]}'
    with pytest.raises(JsonError, match="nested deeper than 64"):
        canonical.loads(text)


@pytest.mark.parametrize(
    ("member", "path"),
    [
        ('"action":"ADD","action":"OBSERVE"', "/epcisBody/eventList/0/action"),
        ('"action":"ADD", "a\\u0063tion":"ADD"', "/epcisBody/eventList/0/action"),
        ('"ex:a":{"b":[{"c":1,"c":1}]}', "/epcisBody/eventList/0/ex:a/b/0/c"),
    ],
)
def test_a_member_that_repeats_is_named(member: str, path: str) -> None:
    data = document([{"type": "ObjectEvent"}]).replace(b'"type": "ObjectEvent"', member.encode())
    assert problems(data) == [f'{path}: member name repeats: "{path.rpartition("/")[2]}"']


@pytest.mark.parametrize(
    "number",
    ["1e400", "-1e400", "1" + "0" * 400, "9" * 5000, "9007199254740992", "1e16", "0." + "1" * 400, "1e-400"],
)
def test_numbers_that_no_double_holds_are_named(number: str) -> None:
    data = document([{**EVENT, "ex:a": "N"}], {"ex": "https://example.com/"}).replace(b'"N"', number.encode())
    (told,) = problems(data)
    assert told.startswith("/epcisBody/eventList/0/ex:a: ")
    assert len(told) < 400


def test_contexts_that_go_round_in_circles_end() -> None:
    circle = {f"p{number}": f"p{(number + 1) % 50}:x" for number in range(50)}
    itself = {"a": "a:", "b": {"@id": "b:b"}, "c": {"@id": "d:"}, "d": {"@id": "c:"}}
    context = [GS1, circle, itself]
    event = {**EVENT, "p0:x": "p7:y", "a:x": "a:y", "b:x": 1, "c:x": {"d:x": "c:y"}}
    assert cbv_hash.prehash(event, context) == cbv_hash.prehash(event, context)
    assert sealed.personal_paths(event, context) == []
    assert ActiveContext.of(context).expand("c:x") == "c:x"


def test_thousands_of_prefixes_and_aliases_are_read() -> None:
    prefixes = {f"p{number}": f"https://example.com/{number}/" for number in range(5000)}
    extensions = {f"p{number}:a": number for number in range(5000)}
    (one,) = read_document(document([{**EVENT, **extensions}], prefixes))
    joined = sealed.join(one.document, None)
    assert joined["p4999:a"] == 4999
    assert cbv_hash.event_hash(joined, joined["@context"]) == one.event_hash


def test_a_context_is_not_allowed_to_weigh_more_than_its_events() -> None:
    prefixes = {f"p{number}": f"https://example.com/{number}/" for number in range(5000)}
    assert problems(document([EVENT] * 1000, prefixes)) == [
        "/@context: is too large to stand in each of 1000 events: 33554432 bytes are allowed"
    ]
    assert problems(document([EVENT], {"ex": "https://example.com/" + "a" * 3000}))[0].startswith(
        "/@context: "
    )


@pytest.mark.slow
def test_what_is_remembered_of_contexts_is_bounded() -> None:
    """Terms are kept for contexts that come again: strangers' contexts must not pile up."""
    tracemalloc.start()
    try:
        for number in range(150):
            large = [GS1, {f"p{number}x{inner}": "https://example.com/" for inner in range(100)}]
            cbv_hash.prehash({**EVENT, f"p{number}x1:{'n' * 400}": 1}, large)
        for number in range(800):
            names = {f"p:{number}x{inner}{'n' * 300}": 1 for inner in range(10)}
            cbv_hash.prehash({**EVENT, **names}, [GS1, {"p": "https://example.com/"}])
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 24 * 1024 * 1024


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"1",
        b'"a"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{",
        b'{"a":}',
        b"{'a':1}",
        b"NaN",
    ],
)
def test_what_is_no_document_is_said_so(data: bytes) -> None:
    with pytest.raises(EpcisError) as caught:
        parse_document(data)
    assert len(caught.value.problems) == 1
