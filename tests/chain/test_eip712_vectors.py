"""The protocol's vectors of signed messages (tests/vectors/eip712.md) against bindings and eth_account."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain.bindings import types
from chain.codec import Domain, TypedMessage, checksum, keccak256
from chain.messages import read_message
from chain.toolchain import ROOT

FILE = Path(__file__).resolve().parent.parent / "vectors" / "eip712.json"
GIVEN: Any = json.loads(FILE.read_text(encoding="utf-8"))
VECTORS = GIVEN["vectors"]
BY_NAME = {(one["primaryType"], one["name"]): one for one in VECTORS}
ERC_TYPES = {"Permit", "TransferWithAuthorization", "ReceiveWithAuthorization", "CancelAuthorization"}
each = pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda one: f"{one['primaryType']}-{one['name'].replace(' ', '-')}"
)


def unhex(text: str) -> bytes:
    assert re.fullmatch("0x([0-9a-f]{2})*", text)
    return bytes.fromhex(text[2:])


def message_of(vector: Any) -> TypedMessage:
    kind: type[TypedMessage] = getattr(types, vector["primaryType"])
    return read_message(kind, vector["message"])


def domain_of(vector: Any) -> Domain:
    given = vector["domain"]
    return Domain(given["name"], given["version"], given["chainId"], given["verifyingContract"])


@each
def test_bindings_hash_what_the_vector_says(vector: Any) -> None:
    message, domain = message_of(vector), domain_of(vector)
    assert vector["type"] == message.TYPE
    assert unhex(vector["typeHash"]) == message.TYPE_HASH == keccak256(vector["type"].encode())
    assert domain.separator == unhex(vector["domainSeparator"])
    assert message.message() == vector["message"]
    assert message.struct_hash() == unhex(vector["structHash"])
    assert message.signing_hash(domain) == unhex(vector["digest"])


@each
def test_wallets_are_shown_what_the_vector_says(vector: Any) -> None:
    signable = encode_typed_data(full_message=message_of(vector).typed_data(domain_of(vector)))
    assert signable.header == unhex(vector["domainSeparator"])
    assert signable.body == unhex(vector["structHash"])
    assert Account.recover_message(signable, signature=vector["signature"]) == GIVEN["testKey"]["address"]


@each
def test_the_signature_is_the_test_keys_by_rfc_6979(vector: Any) -> None:
    made = PrivateKey(unhex(GIVEN["testKey"]["privateKey"])).sign_recoverable(
        unhex(vector["digest"]), hasher=None
    )
    signature = unhex(vector["signature"])
    assert signature == made[:64] + bytes([made[64] + 27])
    half_order = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    assert int.from_bytes(signature[32:64], "big") <= half_order


def test_the_test_key_is_the_digest_of_its_label() -> None:
    key = GIVEN["testKey"]
    secret = unhex(key["privateKey"])
    assert secret == sha256(key["label"].encode()).digest()
    public = PrivateKey(secret).public_key.format(compressed=False)[1:]
    assert checksum(keccak256(public)[12:].hex()) == key["address"]


def test_no_type_of_the_protocol_lacks_a_vector() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    section = text[text.index("## 7. Signatures") : text.index("### Signed fields")]
    documented = set(re.findall(r"`(\w+\([^`]*\))`", section))
    documented = {one for one in documented if not one.startswith("EIP712Domain(")}
    assert len(documented) == 19
    found = {one["type"] for one in VECTORS if one["primaryType"] not in ERC_TYPES}
    assert found == documented
    assert {one["primaryType"] for one in VECTORS} - ERC_TYPES == {one.split("(")[0] for one in documented}
    bound = {
        name
        for name, kind in vars(types).items()
        if isinstance(kind, type) and issubclass(kind, TypedMessage)
    }
    assert bound == {one["primaryType"] for one in VECTORS} | {"OrderLine"}


def test_records_are_of_attestations_as_the_ledger_keeps_them() -> None:
    assert GIVEN["records"]
    for record in GIVEN["records"]:
        fields = message_of(BY_NAME["Attestation", record["attestation"]])
        words = [int(record[name]).to_bytes(32, "big") for name in ("member", "recordedAt")]
        kept = int.from_bytes(keccak256(fields.struct_hash() + b"".join(words)), "big")
        assert record["applied"] == f"0x{kept | 1:064x}"
        assert record["pending"] == f"0x{kept & ~1:064x}"


def test_funding_and_consent_are_bound_to_the_orders_hash() -> None:
    order = BY_NAME["Order", "two lines"]["digest"]
    assert BY_NAME["ReceiveWithAuthorization", "funding of the order with two lines"]["message"]["nonce"] == (
        order
    )
    for kind, name in (("Consent", "pay now"), ("Dispute", "damaged"), ("Ruling", "a split")):
        assert BY_NAME[kind, name]["message"]["order"] == order
    licence = BY_NAME["Licence", "two articles, three territories"]["structHash"]
    assert {line["licence"] for line in BY_NAME["Order", "two lines"]["message"]["lines"]} == {licence}
