"""Contracts' reasons in words: each sentence is of an error that the contracts have."""

import dataclasses
from typing import Any, cast

import pytest

from api.problems import _camel, contract_reason
from chain.bindings import ERRORS
from cli.json_http import problem_text
from cli.reasons import _REASONS, reason_text

_ORDER = "0x" + "0d" * 32
_KEY = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("error", "arguments", "said"),
    [
        ("OrderInvalid", {"field": "arbiter", "value": 0}, "an inspection window needs an arbiter"),
        ("OrderInvalid", {"field": "deliverBy", "value": 1_700_000_000}, "2023-11-14T22:13:20Z is over"),
        ("OrderInvalid", {"field": "grace", "value": 366 * 86_400}, "at most 365 days"),
        ("OrderInvalid", {"field": "prover", "value": 9506000000022}, "9506000000022 is the seller"),
        (
            "StatusInvalid",
            {"order": _ORDER, "actual": 1, "expected": 2},
            "is open, and this needs one that is funded",
        ),
        (
            "RoleMissing",
            {"gln": 9506000000022, "required": 0x28, "roles": 2},
            "CARRIER or TRADER here; it, or its key, has MAKER",
        ),
        ("KeyNotLive", {"key": _KEY, "gln": 0, "validFrom": 0, "validUntil": 0}, "belongs to no member"),
        (
            "WrongMember",
            {"signer": _KEY, "actual": 22, "expected": 39},
            "0000000000022, not for 0000000000039",
        ),
        ("ApprovalsMissing", {"action": _ORDER, "approvals": 1, "threshold": 2}, "1 of 2 approvals"),
        ("DeadlineExpired", {"deadline": 0, "timestamp": 60}, "until 1970-01-01T00:00:00Z"),
        ("TerritoryNotLicensed", {"licence": _ORDER, "territory": "0x4652"}, "is not for FR"),
    ],
)
def test_numbers_become_words(error: str, arguments: dict[str, Any], said: str) -> None:
    contract = {"error": error, "arguments": arguments, "text": f"{error}(…)"}
    text = reason_text(contract)
    assert text is not None
    assert said in text
    assert text.endswith(f"({error})")
    assert problem_text({"detail": f"{error}(…)", "contract": contract}, 422) == text


def test_every_sentence_fits_an_error_of_the_contracts() -> None:
    samples: dict[type, Any] = {str: "arbiter", bytes: "0x4445"}
    told = set()
    for kind in ERRORS.values():
        if kind.NAME not in _REASONS:
            continue
        named = dataclasses.fields(kind)  # type: ignore[arg-type]  # generated errors are dataclasses
        arguments = {_camel(one.name): samples.get(cast(type, one.type), 1) for one in named}
        assert reason_text({"error": kind.NAME, "arguments": arguments, "text": ""}) is not None, kind.NAME
        told.add(kind.NAME)
    assert told == _REASONS.keys()


def test_what_is_not_known_stays_as_it_is() -> None:
    assert reason_text({"error": "Other", "arguments": {}, "text": "Other()"}) is None
    assert reason_text({"error": "RoleMissing", "arguments": {"gln": "x"}, "text": ""}) is None
    assert reason_text(contract_reason(None)) is None
    assert reason_text(None) is None
