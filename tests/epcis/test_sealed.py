import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import canonical, cbv_hash, sealed
from epcis.contexts import ContextError
from epcis.sealed import PersonalDataError, SealError
from tests.epcis.vectors import load, unhex

VECTORS = load("sealed.json")
COMMITTED = VECTORS["cases"][1]


def given_salts(case: dict[str, Any]) -> Callable[[], bytes]:
    left = [unhex(text) for text in case["salts"]]
    return lambda: left.pop(0)


def context_of(case: dict[str, Any]) -> list[Any]:
    return sealed.effective_context(case["documentContext"], case["eventContext"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_sealed_form(case: dict[str, Any]) -> None:
    before = copy.deepcopy(case["event"])
    result = sealed.seal(case["event"], context_of(case), given_salts(case))
    assert result.document == case["sealedDocument"].encode()
    assert result.seal_id == sealed.seal_id(result.document) == unhex(case["sealId"])
    assert cbv_hash.prehash(canonical.loads(result.document), context_of(case)) == case["prehash"]
    assert result.event_hash == unhex(case["eventHash"])
    assert result.disclosure == case["disclosure"]
    assert case["event"] == before


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_document_and_disclosure_give_the_event_back(case: dict[str, Any]) -> None:
    joined = sealed.join(case["sealedDocument"].encode(), case["disclosure"])
    expected = {k: v for k, v in case["event"].items() if k != "recordTime"}
    assert joined == {**expected, "@context": context_of(case)}


@pytest.mark.parametrize("row", VECTORS["commitments"], ids=lambda row: str(row["jcs"]))
def test_commitments(row: dict[str, Any]) -> None:
    assert canonical.dumps(row["value"]).decode() == row["jcs"]
    assert sealed.commitment(unhex(row["salt"]), row["value"]) == row["commitment"]


def test_an_erased_value_stays_a_commitment() -> None:
    joined = sealed.join(COMMITTED["sealedDocument"].encode(), {**COMMITTED["disclosure"], "values": []})
    assert set(joined["ex:signer"]["s:givenName"]) == {sealed.COMMITMENT}
    assert sealed.join(COMMITTED["sealedDocument"].encode(), None) == joined


def changed(**values: Any) -> dict[str, Any]:
    disclosure = copy.deepcopy(COMMITTED["disclosure"])
    disclosure["values"][0].update(values)
    return dict(disclosure)


@pytest.mark.parametrize(
    ("disclosure", "reason"),
    [
        (changed(value="Zoe"), "not the one committed to"),
        (changed(salt="A" * 43), "not the one committed to"),
        (changed(salt="A" * 42), "salt"),
        (changed(salt="é"), "salt"),
        (changed(salt=7), "salt"),
        (changed(path="/ex:signer/ex:shift"), "no commitment here"),
        (changed(path="/ex:signer/nobody"), "nothing here"),
        (changed(path="/epcList/1"), "nothing here"),
        (changed(path="/epcList/-1"), "nothing here"),
        (changed(path="/epcList/00"), "nothing here"),
        (changed(path="/epcList/" + "1" * 5000), "nothing here"),
        (changed(path="ex:signer"), "JSON Pointer"),
        (changed(extra=1), "path, salt and value"),
        ({**COMMITTED["disclosure"], "values": COMMITTED["disclosure"]["values"] * 2}, "twice"),
        ({**COMMITTED["disclosure"], "values": None}, "list of values"),
        ({**COMMITTED["disclosure"], "sealId": "0x00"}, "another document"),
        ({**COMMITTED["disclosure"], "version": 2}, "version"),
        ({}, "must be TradeSealDisclosure"),
    ],
)
def test_disclosures_that_do_not_fit_are_refused(disclosure: dict[str, Any], reason: str) -> None:
    with pytest.raises(SealError, match=reason):
        sealed.join(COMMITTED["sealedDocument"].encode(), disclosure)


@pytest.mark.parametrize("document", [b'{"b":1,"a":2}', b'{"a": 1}', b"[]", b'{"a":1.0}'])
def test_only_canonical_bytes_are_joined(document: bytes) -> None:
    with pytest.raises(SealError, match="canonical form"):
        sealed.join(document, None)


def test_effective_context() -> None:
    assert sealed.effective_context("https://a.example/", {"x": "y"}) == ["https://a.example/", {"x": "y"}]
    assert sealed.effective_context(None, ["https://a.example/"]) == ["https://a.example/"]
    with pytest.raises(ContextError):
        sealed.effective_context(["https://a.example/", 7], None)


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"tradeseal:x": 1}, "/tradeseal:x"),
        ({"ex:a": [{"tradeseal:commitment": "x"}]}, "/ex:a/0/tradeseal:commitment"),
    ],
)
def test_reserved_names_are_refused_at_any_depth(extra: dict[str, Any], path: str) -> None:
    with pytest.raises(SealError) as caught:
        sealed.seal({"type": "ObjectEvent", **extra}, ["https://a.example/"])
    assert caught.value.path == path


def test_an_event_without_context_is_refused() -> None:
    with pytest.raises(SealError, match="context"):
        sealed.seal({"type": "ObjectEvent"}, [])


def test_without_salts_personal_data_is_refused_and_never_shown() -> None:
    with pytest.raises(PersonalDataError) as caught:
        sealed.seal(COMMITTED["event"], context_of(COMMITTED))
    assert caught.value.path == "/ex:signer/s:givenName"
    assert caught.value.term == "https://schema.org/givenName"
    assert "Zoë" not in str(caught.value)
    result = sealed.seal(COMMITTED["event"], context_of(COMMITTED), given_salts(COMMITTED))
    assert "Zoë" not in repr(result)


def test_a_salt_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(SealError, match="32 bytes, has 3"):
        sealed.seal(COMMITTED["event"], context_of(COMMITTED), lambda: b"abc")


def test_record_time_and_member_order_do_not_change_the_seal() -> None:
    event, context = VECTORS["cases"][0]["event"], context_of(VECTORS["cases"][0])
    other = dict(reversed(list({**event, "recordTime": "2030-01-01T00:00:00Z"}.items())))
    assert sealed.seal(other, context) == sealed.seal(event, context)
    assert sealed.seal({**event, "ex:weight": 12.6}, context).seal_id != sealed.seal(event, context).seal_id


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text('aé"/~1', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["p:email", "p:a/b", "p:~x", "q:email", "p:list"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(derandomize=True, max_examples=60)
@given(st.dictionaries(st.sampled_from(["p:email", "p:one", "p:a/b", "q:email"]), VALUES, max_size=4))
def test_any_event_comes_back_from_its_two_parts(members: dict[str, Any]) -> None:
    context = [{"p": "https://schema.org/", "q": "https://example.com/"}]
    event = {"type": "ObjectEvent", "eventTime": "2026-01-01T00:00:00Z", **members}
    counter = iter(range(1, 1000))
    result = sealed.seal(event, context, lambda: next(counter).to_bytes(32, "big"))
    assert sealed.join(result.document, result.disclosure) == {**event, "@context": context}
    for value in sealed.personal_paths(event, context):
        assert value.term == "https://schema.org/email"
    left = sealed.personal_paths(canonical.loads(result.document), context)
    assert all(set(value.value) == {sealed.COMMITMENT} for value in left)
