"""The protocol's vectors of messages, captures and issues (tests/vectors/*.md), by the contracts.

A contract says what it hashed when it refuses a signature. Each contract's code stands at the address, on the
chain, that its vectors' domain names.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from epcis.tree import proof
from tests.contracts.evm import RELAYER, Contract, Evm, Reverted, attempt, reverts
from tests.contracts.harness import YEAR, Party, Signer, World, gtin_of, party

FOLDER = Path(__file__).resolve().parent.parent / "vectors"
GIVEN: Any = json.loads((FOLDER / "eip712.json").read_text(encoding="utf-8"))
CAPTURES: Any = json.loads((FOLDER / "batches.json").read_text(encoding="utf-8"))
VECTORS = GIVEN["vectors"]
MEMBER = 9521321000032
KEY = Signer(bytes.fromhex(GIVEN["testKey"]["privateKey"][2:]), GIVEN["testKey"]["address"])

# Where a message is handed in together with `signer` and `signature`.
FUNCTIONS = {
    "CouncilAction": "approve",
    "KeyGrant": "grantKey",
    "KeyRevocation": "revokeKey",
    "AccountChange": "changeAccount",
    "Licence": "grant",
    "LicenceRevocation": "revoke",
    "Attestation": "attest",
    "Anchor": "anchor",
    "ErrorDeclaration": "declareError",
    "Issue": "issue",
    "Recall": "recall",
    "Mint": "mint",
    "Burn": "burn",
    "TransferWithAuthorization": "transferWithAuthorization",
    "ReceiveWithAuthorization": "receiveWithAuthorization",
    "CancelAuthorization": "cancelAuthorization",
    "CustomsDecision": "reportCustoms",
    "SensorWindow": "reportSensor",
}
VIEWS = {"Consent": "consentDigest", "Dispute": "disputeDigest", "Ruling": "rulingDigest"}
LOOSE = {"TransferWithAuthorization", "ReceiveWithAuthorization", "CancelAuthorization"}
STRUCT_HASHES = {"CouncilAction": "actionId", "Licence": "licenceId"}


def name_of(vector: Any) -> str:
    return f"{vector['primaryType']}-{vector['name'].replace(' ', '-')}"


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def members(vector: Any, struct: str) -> list[tuple[str, str]]:
    """(type, name) of each member of a struct in the vector's type string."""
    inner = re.search(rf"{struct}\(([^)]*)\)", vector["type"])
    assert inner
    return [(part.split()[0], part.split()[1]) for part in inner[1].split(",")]


def values_of(vector: Any, struct: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The message as the harness takes it: bytes as bytes, numbers as numbers."""

    def read(kind: str, value: Any) -> Any:
        if kind.endswith("[]"):
            return [read(kind[:-2], one) for one in value]
        if kind.startswith("bytes"):
            return unhex(value)
        if kind.startswith(("uint", "int")):
            return int(value)
        return value if kind == "address" else values_of(vector, kind, value)

    return {name: read(kind, given[name]) for kind, name in members(vector, struct)}


def message_of(vector: Any) -> dict[str, Any]:
    return values_of(vector, vector["primaryType"], vector["message"])


@pytest.fixture(scope="module")
def signing_member() -> Party:
    """A member with the vectors' key and every role."""
    return Party("vectors", MEMBER, b"DE", (1 << 10) - 1, KEY, party("vectors", 1, b"DE", 1).account)


@pytest.fixture(scope="module")
def originals(evm: Evm, world: World) -> dict[str, Contract]:
    """One of each contract, whose immutables the placed ones share."""
    registry, rights = world.registry, world.rights
    ledger = evm.deploy("EventLedger", registry, label="vectors")
    token = ("Example Euro", "EEUR", "EUR", 2, MEMBER, registry)
    return {
        "Council": world.council,
        "MemberRegistry": registry,
        "RightsRegistry": rights,
        "EventLedger": ledger,
        "ProductPassport": evm.deploy("ProductPassport", registry, rights, label="vectors"),
        "Escrow": evm.deploy("Escrow", registry, rights, ledger, label="vectors"),
        "FiatToken": evm.deploy("FiatToken", *token, label="vectors"),
        "QuorumReports": evm.deploy("QuorumReports", registry, 2, 2, label="vectors"),
        "OrderDigests": evm.deploy("OrderDigests", label="vectors"),
    }


def placed(evm: Evm, originals: Mapping[str, Contract], vector: Any) -> Contract:
    """The contract that takes the vector's message, at its domain's address."""
    name = "OrderDigests" if vector["primaryType"] in VIEWS else vector["contract"]
    assert vector["domain"]["chainId"] == evm.chain_id
    return evm.place(originals[name], vector["domain"]["verifyingContract"])


def submit(contract: Contract, vector: Any, signature: bytes) -> None:
    """Hand the message in, signed by the vectors' key."""
    kind, message = vector["primaryType"], message_of(vector)
    if kind in LOOSE:
        contract.transact(
            FUNCTIONS[kind],
            *message.values(),
            signature,
            sender=message["to"] if kind == "ReceiveWithAuthorization" else RELAYER,
        )
    elif kind in ("CustomsDecision", "SensorWindow"):
        endorsement = {"signer": KEY.address, "signature": signature}
        contract.transact(FUNCTIONS[kind], message, [endorsement, endorsement])
    else:
        more = {"KeyGrant": [signature], "AccountChange": [signature], "Attestation": [b""]}.get(kind, [])
        contract.transact(FUNCTIONS[kind], message, KEY.address, signature, *more)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["primaryType"] in FUNCTIONS], ids=name_of)
def test_the_contract_hashes_what_the_vector_says(
    world: World, evm: Evm, originals: dict[str, Contract], signing_member: Party, vector: Any
) -> None:
    world.admit(signing_member)
    contract = placed(evm, originals, vector)
    signature = unhex(vector["signature"])
    others = signature[:40] + bytes([signature[40] ^ 1]) + signature[41:]
    with reverts("SignatureInvalid", signer=KEY.address, digest=unhex(vector["digest"])):
        submit(contract, vector, others)
    with attempt() as tried:
        submit(contract, vector, signature)
    # The placed contracts know nobody and hold nothing, so that they may refuse it, but not the signature.
    assert "Signature" not in str(tried.error)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["primaryType"] in VIEWS], ids=name_of)
def test_the_order_library_hashes_what_the_vector_says(
    evm: Evm, originals: dict[str, Contract], vector: Any
) -> None:
    contract = placed(evm, originals, vector)
    assert contract.call(VIEWS[vector["primaryType"]], message_of(vector)) == unhex(vector["digest"])


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["primaryType"] == "Order"], ids=name_of)
def test_an_orders_hash_is_its_digest(evm: Evm, originals: dict[str, Contract], vector: Any) -> None:
    escrow = placed(evm, originals, vector)
    assert escrow.call("hashOrder", message_of(vector)) == unhex(vector["digest"])


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if one["primaryType"] in STRUCT_HASHES], ids=name_of
)
def test_ids_of_actions_and_licences_are_struct_hashes(originals: dict[str, Contract], vector: Any) -> None:
    contract, function = originals[vector["contract"]], STRUCT_HASHES[vector["primaryType"]]
    assert contract.call(function, message_of(vector)) == unhex(vector["structHash"])


def test_a_permit_by_the_vectors_signature_allows(evm: Evm, originals: dict[str, Contract]) -> None:
    (vector,) = [one for one in VECTORS if one["primaryType"] == "Permit"]
    token = placed(evm, originals, vector)
    message, signature = message_of(vector), unhex(vector["signature"])
    assert message.pop("nonce") == token.call("nonces", message["owner"]) == 0
    parts = signature[64], signature[:32], signature[32:64]
    token.transact("permit", *message.values(), *parts)
    assert token.call("allowance", message["owner"], message["spender"]) == message["value"]
    with pytest.raises(Reverted, match="ERC2612InvalidSigner"):
        token.transact("permit", *message.values(), *parts)


@pytest.mark.parametrize("contract", sorted({one["contract"] for one in VECTORS}))
def test_domains_are_those_of_the_contracts(evm: Evm, originals: dict[str, Contract], contract: str) -> None:
    domains = [one["domain"] for one in VECTORS if one["contract"] == contract]
    assert all(domain == domains[0] for domain in domains)
    here = evm.place(originals[contract], domains[0]["verifyingContract"])
    _, name, version, chain_id, verifying_contract, salt, extensions = here.call("eip712Domain")
    assert domains[0] == {
        "name": name,
        "version": version,
        "chainId": chain_id,
        "verifyingContract": verifying_contract,
    }
    assert (salt, list(extensions)) == (bytes(32), [])


def test_every_type_hash_is_in_its_contracts_code(originals: dict[str, Contract]) -> None:
    from tests.contracts.abi import artifact

    for vector in VECTORS:
        code = artifact(vector["contract"]).deployed_bytecode
        assert unhex(vector["typeHash"]) in code, vector["type"]


@pytest.mark.parametrize("record", GIVEN["records"], ids=lambda one: one["attestation"].replace(" ", "-"))
def test_the_ledger_keeps_the_record_of_the_vector(
    world: World, evm: Evm, originals: dict[str, Contract], signing_member: Party, record: Any
) -> None:
    (vector,) = [
        one for one in VECTORS if (one["primaryType"], one["name"]) == ("Attestation", record["attestation"])
    ]
    member, message = int(record["member"]), message_of(vector)
    world.admit(signing_member, valid=3 * YEAR)
    assert signing_member.gln == member
    evm.warp_to(int(record["recordedAt"]))
    ledger = placed(evm, originals, vector)
    submit(ledger, vector, unhex(vector["signature"]))
    # No contract stands where this one names a consumer, so that its effect fails.
    state = "applied" if int(message["consumer"], 16) == 0 else "pending"
    assert ledger.call("attested", member, message["sealId"]) == unhex(record[state])


def test_records_are_there_for_both_states() -> None:
    consumers = {
        int(one["message"]["consumer"], 16) == 0
        for one in VECTORS
        for record in GIVEN["records"]
        if (one["primaryType"], one["name"]) == ("Attestation", record["attestation"])
    }
    assert consumers == {True, False}


def test_the_anchor_of_a_signed_capture(world: World, evm: Evm, originals: dict[str, Contract]) -> None:
    given = CAPTURES["batch"]
    assert given["domain"]["chainId"] == evm.chain_id
    ledger = evm.place(originals["EventLedger"], given["domain"]["verifyingContract"])
    text = given["cid"][1:].upper()
    cid = base64.b32decode(text + "=" * (-len(text) % 8))
    anchor = {
        "root": unhex(given["root"]),
        "size": len(given["leafData"]),
        "cid": cid,
        "deadline": given["deadline"],
    }
    with evm.sandbox():
        evm.now = given["deadline"]
        with reverts("SignatureInvalid", signer=RELAYER, digest=unhex(given["digest"])):
            ledger.transact("anchor", anchor, RELAYER, unhex(given["signature"]))
        with pytest.raises(Reverted, match="KeyNotLive"):
            ledger.transact("anchor", anchor, given["signer"], unhex(given["signature"]))
        evm.now += 1
        with reverts("DeadlineExpired", deadline=given["deadline"], timestamp=given["deadline"] + 1):
            ledger.transact("anchor", anchor, given["signer"], unhex(given["signature"]))


def test_the_id_of_an_issue(originals: dict[str, Contract]) -> None:
    given = CAPTURES["issue"]
    found = originals["ProductPassport"].call("issueIdOf", int(given["member"]), unhex(given["root"]))
    assert found == unhex(given["issueId"])


def test_the_items_of_an_issue_are_under_its_root(
    world: World, evm: Evm, originals: dict[str, Contract]
) -> None:
    given = CAPTURES["issue"]
    passport = originals["ProductPassport"]
    world.allow_consume(passport)
    issue = {
        "root": unhex(given["root"]),
        "size": len(given["serials"]),
        "gtin": gtin_of(1),
        "licence": world.grant_licence(),
        "cid": b"\x01",
        "deadline": world.deadline,
    }
    issued = world.send(passport, "issue", "Issue", issue, world.maker.key).result
    data = [unhex(leaf) for leaf in given["leafData"]]
    for index, serial in enumerate(given["serials"]):
        passport.transact("materialise", issued, index, serial, proof(data, index))
        assert passport.call("issueOf", passport.call("itemOf", gtin_of(1), serial)[1]) == issued
