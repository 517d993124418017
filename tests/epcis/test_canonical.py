import contextlib
import json
import math
import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import canonical
from epcis.canonical import JsonError
from tests.epcis.vectors import load

VECTORS = load("canonical.json")
NUMBERS = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER) | st.floats(
    allow_nan=False, allow_infinity=False
).filter(lambda x: not (x.is_integer() and abs(x) > canonical.MAX_INTEGER))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("row", VECTORS["written"], ids=lambda row: str(row["text"]))
def test_canonical_bytes(row: dict[str, str]) -> None:
    assert canonical.dumps(canonical.loads(row["text"])) == row["canonical"].encode()


@pytest.mark.parametrize("row", VECTORS["refused"], ids=lambda row: ascii(row["text"])[:30])
def test_what_cannot_be_taken_is_refused_with_its_place(row: dict[str, str]) -> None:
    with pytest.raises(JsonError) as caught:
        canonical.loads(row["text"])
    assert caught.value.path == row["path"]


@settings(derandomize=True)
@given(VALUES)
def test_what_is_read_can_be_written_and_read_again(value: Any) -> None:
    text = json.dumps(value)
    read = canonical.loads(text)
    assert read == value
    written = canonical.dumps(read)
    assert canonical.loads(written) == read
    assert canonical.dumps(canonical.loads(written)) == written


def test_bytes_must_be_utf_8() -> None:
    assert canonical.loads('["é"]'.encode()) == ["é"]
    with pytest.raises(JsonError, match="UTF-8 at byte 2"):
        canonical.loads(b'["\xe9"]')
    with pytest.raises(JsonError):
        canonical.loads('["a"]'.encode("utf-16"))


def test_hostile_sizes_end_quickly_and_cleanly() -> None:
    for text in ("[" * 200_000, '{"a":' * 200_000, "[" + "9" * 200_000 + "]", "[1." + "0" * 200_000 + "1]"):
        with pytest.raises(JsonError) as caught:
            canonical.loads(text)
        assert len(str(caught.value)) < 1000
    assert canonical.loads("[0e-99999999999999999999]") == [0]
    with pytest.raises(JsonError, match="too large"):
        canonical.loads("[1e99999999999999999999]")


def test_trailing_zeros_are_no_loss() -> None:
    assert canonical.dumps(canonical.loads("[12.50, 1.0e-2]")) == b"[12.5,0.01]"


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {1: 2}, object()])
def test_values_that_json_lacks_are_not_written(value: Any) -> None:
    with pytest.raises(JsonError):
        canonical.dumps([value])


def test_deep_input_is_refused_where_a_package_raised_the_recursion_limit() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(JsonError, match="nested deeper"):
            canonical.loads(b"[" * 200_000)
    finally:
        sys.setrecursionlimit(before)


def test_deep_input_is_refused_whatever_else_is_wrong_before_it() -> None:
    """A lone surrogate is an error to the reader that bounds depth, and none to the standard library's."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        for start in (r'["\ud800",', r'["\"[{",', '["[[[[",NaN,', r'{"a\\":"\udc00","b":'):
            with pytest.raises(JsonError, match="nested deeper"):
                canonical.loads(start + "[" * 99_000)
    finally:
        sys.setrecursionlimit(before)
    assert canonical.loads('["' + "[{" * 5000 + '"]') == ["[{" * 5000]


def test_unterminated_text_before_brackets_ends_quickly() -> None:
    with pytest.raises(JsonError):
        canonical.loads("[" * 65 + '"' + r"\"" * 500_000)


def test_long_names_cost_no_more_than_they_are_long() -> None:
    """A pointer for every value would copy the name 100,000 times: 100 GB."""
    name = "n" * 1_000_000
    assert len(canonical.loads('{"' + name + '":[' + "0," * 99_999 + "0]}")[name]) == 100_000
    with pytest.raises(JsonError) as caught:
        canonical.loads('{"a/b":[{"~":[1,NaN]}]}')
    assert caught.value.path == "/a~1b/0/~0/1"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1000, 1000).map(lambda value: round(value, 4))
    | st.sampled_from([1e-4, 1e-5, 1e-7, 1e15, 1e16, 2.0**53, 1e21, 1e22, -0.0, 5e-324])
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_values_are_written_as_rfc_8785_has_it(value: Any) -> None:
    written = canonical.dumps(value)
    assert written == rfc8785.dumps(value)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(JSON_VALUES, st.sampled_from([None, 1]), st.booleans())
def test_the_quick_way_reads_as_the_close_one(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    quick = close = None
    with contextlib.suppress(JsonError):
        quick = canonical.loads(text)
    with contextlib.suppress(JsonError):
        close = canonical._read_closely(text)
    assert repr(quick) == repr(close)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a": {"b":1, "b":2}}',
        b'{"a":9007199254740992.0}',
        b'{"a":1e16}',
        b'{"a":9007199254740993}',
        b'{"a":18446744073709551616}',
        b'{"a":0.10000000000000000001}',
        b'{"a":"\\ud800"}',
        b'{"a":-9007199254740992}',
        b"[" * 65 + b"]" * 65,
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * 1_000_000,
    ],
)
def test_the_quick_way_lets_nothing_through(text: bytes) -> None:
    with pytest.raises(JsonError):
        canonical.loads(text)
