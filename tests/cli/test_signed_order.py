"""The order document comes from the other side: what it says must be what was signed."""

import json
from typing import Any

import pytest

from chain.codec import Domain
from cli.failure import Failure
from cli.signed_order import SideSignature, SignedOrder, is_signed_order, read_signed_order
from tests.cli.test_order_file import built

ESCROW = "0xE595391aD87b4B857cdeC77f55854De0c69b023D"
SIGNER = "0xA5BbDd1e27fAF4DBE0785A83d8f3190e2C15bc99"


def document() -> SignedOrder:
    """An order of chain 7 that the buyer signed."""
    order = built()
    found = SignedOrder(7, ESCROW, order.signing_hash(Domain("TradeSeal", "1", 7, ESCROW)), "EUR", order)
    return found.with_signature("buyer", SideSignature(SIGNER, b"\x01" * 65))


def test_what_is_written_is_read_again() -> None:
    written = json.loads(json.dumps(document().to_json()))
    assert is_signed_order(written)
    assert read_signed_order(written) == document()
    assert document().missing == ["seller"]


def test_signing_again_replaces_only_that_sides_signature() -> None:
    both = document().with_signature("seller", SideSignature(SIGNER, b"\x02" * 65))
    again = both.with_signature("buyer", SideSignature(SIGNER, b"\x03" * 65))
    assert again.missing == []
    assert again.signatures["seller"].signature == b"\x02" * 65
    assert again.signatures["buyer"].signature == b"\x03" * 65
    assert again.hash == both.hash


def test_an_order_changed_after_it_was_signed_is_refused() -> None:
    record = document().to_json()
    record["order"]["amount"] = "999999999999"
    with pytest.raises(Failure, match="changed after it was signed"):
        read_signed_order(record)


def test_an_order_moved_to_another_network_is_refused() -> None:
    record = document().to_json()
    record["network"]["chainId"] = 8
    with pytest.raises(Failure, match="changed after it was signed"):
        read_signed_order(record)


def _set(path: str, value: object) -> Any:
    def change(record: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        inner: Any = record
        for name in parents:
            inner = inner[name]
        inner[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("version", 2),
        _set("colour", "red"),
        _set("network", {}),
        _set("network/chainId", "7"),
        _set("network/escrow", "0x12"),
        _set("order/amount", -1),
        _set("order/lines", "none"),
        _set("order/stray", 1),
        _set("signatures", []),
        _set("signatures", {"thief": {"signer": SIGNER, "signature": "0x01"}}),
        _set("signatures/buyer", {"signer": SIGNER}),
        _set("signatures/buyer", {"signer": SIGNER, "signature": "0xzz"}),
        _set("signatures/buyer", {"signer": SIGNER, "signature": 5}),
    ],
)
def test_whatever_is_no_order_document_is_refused(change: Any) -> None:
    record = document().to_json()
    change(record)
    with pytest.raises(Failure, match=r"^order document"):
        read_signed_order(record)
