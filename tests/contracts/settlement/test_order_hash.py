"""The order's hash: what both sides sign, what the attestation names, what funding is bound to."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.toolchain import ROOT
from tests.contracts.evm import address_of
from tests.contracts.settlement.scene import Scene

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def documented_type(name: str) -> str:
    """The type string of a message as docs/protocol.md, section 7, prints it."""
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    found = re.search(rf"`({name}\([^`]*\))`", text)
    assert found, f"docs/protocol.md does not name {name}"
    return found[1]


def members(type_string: str) -> list[tuple[str, str]]:
    """(type, name) of each member of the first struct of a type string."""
    inner = type_string[type_string.index("(") + 1 : type_string.index(")")]
    return [(member.split()[0], member.split()[1]) for member in inner.split(",")]


def struct_hash(type_string: str, values: Mapping[str, Any]) -> bytes:
    """EIP-712 hashStruct written out for structs of static members and `OrderLine[]`."""
    line_type = type_string[type_string.index(")") + 1 :]
    types, encoded = ["bytes32"], [keccak(text=type_string)]
    for kind, name in members(type_string):
        if kind == "OrderLine[]":
            hashes = [struct_hash(line_type, line) for line in values[name]]
            types, encoded = [*types, "bytes32"], [*encoded, keccak(b"".join(hashes))]
        else:
            types, encoded = [*types, kind], [*encoded, values[name]]
    return keccak(encode(types, encoded))


def digest(scene: Scene, type_string: str, values: Mapping[str, Any]) -> bytes:
    """EIP-712 digest under the escrow's domain, by eth_abi and keccak alone."""
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN),
                keccak(text="TradeSeal"),
                keccak(text="1"),
                scene.evm.chain_id,
                scene.escrow.address,
            ],
        )
    )
    return keccak(b"\x19\x01" + domain + struct_hash(type_string, values))


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


_bytes32 = st.binary(min_size=32, max_size=32)
_address = st.binary(min_size=1, max_size=4).map(lambda seed: address_of(seed.hex()))
_LINES = st.lists(
    st.fixed_dictionaries(
        {
            "gtin": unsigned(64),
            "licence": _bytes32,
            "quantity": unsigned(64),
            "destination": st.binary(min_size=2, max_size=2),
        }
    ),
    max_size=5,
)
_ORDERS = st.fixed_dictionaries(
    {
        "buyer": unsigned(64),
        "seller": unsigned(64),
        "buyerAccount": _address,
        "payee": _address,
        "token": _address,
        "amount": unsigned(256),
        "shipment": _bytes32,
        "prover": unsigned(64),
        "arbiter": unsigned(64),
        "deliverBy": unsigned(48),
        "grace": unsigned(32),
        "inspectionWindow": unsigned(32),
        "rulingPeriod": unsigned(32),
        "unruledSellerBps": unsigned(16),
        "onRevocation": unsigned(8),
        "lines": _LINES,
        "terms": _bytes32,
        "salt": _bytes32,
    }
)


@given(order=_ORDERS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_hash_is_the_documented_digest_of_any_order(scene: Scene, order: dict[str, Any]) -> None:
    by_contract = scene.escrow.call("hashOrder", order)
    assert by_contract == scene.order_hash(order)
    assert by_contract == digest(scene, documented_type("Order"), order)


def test_hash_changes_with_every_field(scene: Scene) -> None:
    order = scene.order()
    seen = {scene.escrow.call("hashOrder", order)}
    changed: Sequence[dict[str, Any]] = [
        *({name: order[name] + 1} for name, value in order.items() if isinstance(value, int)),
        *({name: address_of("other")} for name in ("buyerAccount", "payee", "token")),
        *({name: keccak(text="other")} for name in ("shipment", "terms", "salt")),
        {"lines": []},
        {"lines": order["lines"] * 2},
        {"lines": [scene.line(gtin=1)]},
        {"lines": [scene.line(licence=b"\x01" * 32)]},
        {"lines": [scene.line(quantity=11)]},
        {"lines": [scene.line(destination=b"US")]},
    ]
    for change in changed:
        seen.add(scene.escrow.call("hashOrder", order | change))
    assert len(changed) == 11 + 3 + 3 + 6
    assert len(seen) == 1 + len(changed)


def test_hash_is_bound_to_escrow(scene: Scene) -> None:
    order = scene.order()
    twin = scene.evm.deploy("Escrow", scene.world.registry, scene.world.rights, scene.ledger, label="twin")
    assert twin.call("hashOrder", order) != scene.escrow.call("hashOrder", order)


@pytest.mark.parametrize("struct", ["Consent", "Dispute", "Ruling"])
def test_other_messages_are_as_documented(scene: Scene, struct: str) -> None:
    from tests.contracts.harness import typed_fields

    declared = [(field["type"], field["name"]) for field in typed_fields(scene.escrow.struct(struct))[struct]]
    assert declared == members(documented_type(struct))
