"""Requests: each becomes the one call that was asked for, and JSON carries it unchanged."""

import json
from typing import Any

import pytest
from eth_abi.abi import decode
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chain import requests
from chain.artifact import load
from chain.bindings import types
from chain.codec import checksum, keccak256
from chain.deployment import CONTRACTS, Deployment, DeploymentError
from chain.operation import ChainIdentity
from chain.requests import Request
from tests.chain.messages_strategies import integers, messages
from tests.contracts.abi import signature_of, types_of

NETWORK = Deployment(
    ChainIdentity(520_731, bytes(32)),
    {name: checksum(f"{place:040x}") for place, name in enumerate(CONTRACTS, 1)},
    {"EUR": checksum("e" * 40), "USD": checksum("d" * 40)},
)
quick = settings(derandomize=True, deadline=None, max_examples=15)

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: checksum(raw.hex()))
signatures = st.binary(max_size=200)
bytes32 = st.binary(min_size=32, max_size=32)
uint64 = integers(64, signed=False)
serials = st.text("ABCxyz0189-._%/", min_size=1, max_size=20)
currencies = st.sampled_from(["EUR", "USD"])
endorsed = st.lists(
    st.builds(requests.Endorsed, signer=addresses, signature=signatures), min_size=1, max_size=4
)
SIGNED = {"signer": addresses, "signature": signatures}
ORDER = {"order": messages(types.Order)}


def message(kind: Any) -> dict[str, Any]:
    return {"message": messages(kind)}


# Request -> contract, function, fields; the call's arguments are the fields named last, in order.
CALLS: dict[type[Request], tuple[str, str, dict[str, Any], str]] = {
    requests.ApproveAction: ("Council", "approve", message(types.CouncilAction) | SIGNED, ""),
    requests.ExecuteAction: ("Council", "execute", message(types.CouncilAction), ""),
    requests.GrantKey: (
        "MemberRegistry", "grantKey", message(types.KeyGrant) | SIGNED | {"key_signature": signatures}, "",
    ),
    requests.RevokeKey: ("MemberRegistry", "revokeKey", message(types.KeyRevocation) | SIGNED, ""),
    requests.ChangeAccount: (
        "MemberRegistry", "changeAccount",
        message(types.AccountChange) | SIGNED | {"account_signature": signatures}, "",
    ),
    requests.GrantLicence: ("RightsRegistry", "grant", message(types.Licence) | SIGNED, ""),
    requests.RevokeLicence: ("RightsRegistry", "revoke", message(types.LicenceRevocation) | SIGNED, ""),
    requests.DeclareError: ("EventLedger", "declareError", message(types.ErrorDeclaration) | SIGNED, ""),
    requests.ApplyEffect: (
        "EventLedger",
        "applyEffect",
        {
            "attestation": messages(types.Attestation),
            "member": uint64,
            "recorded_at": uint64,
            "consumer_data": signatures,
        },
        "",
    ),
    requests.IssueItems: (
        "ProductPassport",
        "issue",
        message(types.Issue) | SIGNED | {"serials": st.lists(serials, min_size=1, max_size=3)},
        "message signer signature",
    ),
    requests.Materialise: (
        "ProductPassport",
        "materialise",
        {"issue_id": bytes32, "index": uint64, "serial": serials, "proof": st.lists(bytes32, max_size=5)},
        "",
    ),
    requests.RecallItems: ("ProductPassport", "recall", message(types.Recall) | SIGNED, ""),
    requests.MintTokens: (
        "FiatToken", "mint", message(types.Mint) | SIGNED | {"currency": currencies},
        "message signer signature",
    ),
    requests.BurnTokens: (
        "FiatToken", "burn", message(types.Burn) | SIGNED | {"currency": currencies},
        "message signer signature",
    ),
    requests.OpenOrder: (
        "Escrow",
        "open",
        ORDER
        | {
            "buyer_signer": addresses,
            "buyer_signature": signatures,
            "seller_signer": addresses,
            "seller_signature": signatures,
        },
        "",
    ),
    requests.FundOrder: (
        "Escrow",
        "fund",
        ORDER | {"valid_after": uint64, "valid_before": uint64, "signature": signatures},
        "",
    ),
    requests.ConfirmOrder: (
        "Escrow", "confirm", ORDER | message(types.Consent) | {"signature": signatures}, "",
    ),
    requests.DisputeOrder: (
        "Escrow", "dispute", ORDER | message(types.Dispute) | {"signature": signatures}, "",
    ),
    requests.RuleOrder: ("Escrow", "rule", ORDER | message(types.Ruling) | SIGNED, ""),
    requests.SettleOrder: ("Escrow", "settle", ORDER, ""),
    requests.RefundOrder: ("Escrow", "refund", ORDER, ""),
    requests.Withdraw: ("Escrow", "withdraw", {"token": addresses, "account": addresses}, ""),
    requests.ReportCustoms: (
        "QuorumReports", "reportCustoms", message(types.CustomsDecision) | {"endorsements": endorsed}, "",
    ),
    requests.ReportSensor: (
        "QuorumReports", "reportSensor", message(types.SensorWindow) | {"endorsements": endorsed}, "",
    ),
}  # fmt: skip
each = pytest.mark.parametrize("kind", CALLS, ids=lambda kind: kind.__name__)


def plain(value: Any) -> Any:
    """As eth_abi decodes: structs as tuples, addresses in lower case."""
    if hasattr(value, "endorsement"):
        value = value.endorsement()
    if hasattr(value, "abi_tuple"):
        value = value.abi_tuple()
    if isinstance(value, tuple | list):
        return tuple(plain(one) for one in value)
    is_address = isinstance(value, str) and len(value) == 42 and value.startswith("0x")
    return value.lower() if is_address else value


def decoded(contract: str, function: str, data: bytes) -> tuple[Any, ...]:
    """The arguments of a call, by the contract's ABI and eth_abi alone."""
    (entry,) = [
        item
        for item in load(contract).abi
        if item["type"] == "function" and keccak256(signature_of(item).encode())[:4] == data[:4]
    ]
    assert entry["name"] == function
    arguments: tuple[Any, ...] = decode(types_of(entry["inputs"]), data[4:])
    return arguments


@each
def test_the_call_says_what_the_request_says(kind: type[Request]) -> None:
    contract, function, fields, order = CALLS[kind]

    @quick
    @given(values=st.fixed_dictionaries(fields))
    def says(values: dict[str, Any]) -> None:
        made = kind(**values)
        to, data = made.call(NETWORK)
        assert to == NETWORK.address(values.get("currency", contract))
        expected = [values[name] for name in (order.split() or fields)]
        assert plain(decoded(contract, function, data)) == plain(expected)
        # A client's JSON becomes the very same call.
        text = json.dumps(made.to_json())
        again = kind.model_validate(json.loads(text))
        assert again == made
        assert again.call(NETWORK) == (to, data)
        assert json.loads(text, parse_int=lambda digits: int(float(digits))) == made.to_json()

    says()


@each
def test_members_are_those_of_the_schema_and_no_others(kind: type[Request]) -> None:
    fields = CALLS[kind][2]

    @settings(quick, max_examples=1)
    @given(values=st.fixed_dictionaries(fields))
    def strict(values: dict[str, Any]) -> None:
        given_ = kind(**values).to_json()
        assert set(given_) == set(kind.model_json_schema(by_alias=True)["properties"])
        assert all(name[0].islower() and "_" not in name for name in given_)
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            kind.model_validate(given_ | {"more": 1})
        for name in given_:
            with pytest.raises(ValidationError, match=name):
                kind.model_validate({key: value for key, value in given_.items() if key != name})
            with pytest.raises(ValidationError):
                kind.model_validate(given_ | {name: None})

    strict()


def test_no_request_is_left_out() -> None:
    made = {
        one
        for one in vars(requests).values()
        if isinstance(one, type) and issubclass(one, Request) and "call" in vars(one) and one is not Request
    }
    assert made == set(CALLS)


WITHDRAW: dict[str, Any] = {"token": "0x" + "00" * 20, "account": "0x" + "00" * 20}
EFFECT: dict[str, Any] = {
    "attestation": types.Attestation(
        b"\1" * 32, b"\1" * 32, bytes(32), bytes(32), bytes(32), 0, 0, 0, bytes(3), bytes(32), 0, b"",
        "0x" + "00" * 20, bytes(32), 0,
    ),
    "member": 1, "recorded_at": 1, "consumer_data": "0x",
}  # fmt: skip


@pytest.mark.parametrize(
    "value", ["0x0", "0xzz", "00", "", "0x ab", "0xab\n", 5, None, [], "0x" + "ab" * 4097]
)
def test_bytes_that_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        requests.ApplyEffect.model_validate(EFFECT | {"consumer_data": value})


@pytest.mark.parametrize(
    "value",
    [True, 1.0, 1.5, -1, "-1", 1 << 64, str(1 << 64), "01", " 1", "1e3", "", None, "9" * 5000],
)
def test_numbers_that_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        requests.ApplyEffect.model_validate(EFFECT | {"member": value})
    assert [fault["loc"] for fault in caught.value.errors()] == [("member",)]


@pytest.mark.parametrize("value", [0, (1 << 53) - 1, 1 << 53, str(1 << 53), str((1 << 64) - 1), "7"])
def test_numbers_that_are_taken(value: Any) -> None:
    assert requests.ApplyEffect.model_validate(EFFECT | {"member": value}).member == int(value)


def test_a_wrong_checksum_is_refused_with_its_field() -> None:
    wrong = "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    with pytest.raises(ValidationError, match="account"):
        requests.Withdraw.model_validate(WITHDRAW | {"account": wrong})
    made = requests.Withdraw.model_validate(WITHDRAW | {"account": wrong.lower()})
    assert made.account == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def test_a_currency_without_a_token_is_named() -> None:
    mint = types.Mint("0x" + "00" * 20, 1, bytes(32), 1)
    made = requests.MintTokens(currency="CHF", message=mint, signer="0x" + "00" * 20, signature=b"")
    with pytest.raises(DeploymentError, match=r"'CHF'.*EUR, USD"):
        made.call(NETWORK)
    # Nor is any other contract minted on, though it has a name.
    with pytest.raises(ValidationError):
        requests.MintTokens(currency="Escrow", message=mint, signer="0x" + "00" * 20, signature=b"")
