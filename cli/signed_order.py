"""The order document: an order with the signatures it has so far, passed between buyer and seller."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

from cli.failure import Exit, Failure

if TYPE_CHECKING:
    from chain.bindings.types import Order

TYPE: Final = "TradeSealOrder"
SIDES: Final = ("buyer", "seller")
_MEMBERS: Final = {"type", "version", "network", "hash", "currency", "order", "signatures"}


@dataclass(frozen=True, slots=True)
class SideSignature:
    """One side's EIP-712 signature by a key of the member registry."""

    signer: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order of one network. `network` is chain id and escrow's address, `hash` what both sides sign."""

    chain_id: int
    escrow: str
    hash: bytes
    currency: str
    order: "Order"
    signatures: Mapping[str, SideSignature] = field(default_factory=dict)

    def with_signature(self, side: str, signature: SideSignature) -> Self:
        """With one more signature, which replaces an earlier one of that side."""
        return replace(self, signatures={**self.signatures, side: signature})

    @property
    def missing(self) -> list[str]:
        """Sides that have not signed."""
        return [side for side in SIDES if side not in self.signatures]

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "type": TYPE,
            "version": 1,
            "network": {"chainId": self.chain_id, "escrow": self.escrow},
            "hash": "0x" + self.hash.hex(),
            "currency": self.currency,
            "order": self.order.message(),
            "signatures": {
                side: {"signer": one.signer, "signature": "0x" + one.signature.hex()}
                for side, one in self.signatures.items()
            },
        }


def is_signed_order(record: Mapping[str, Any]) -> bool:
    """Whether a file's object is an order document rather than an order file."""
    return record.get("type") == TYPE


def read_signed_order(record: Mapping[str, Any]) -> SignedOrder:
    """Read an order document, which came from somebody else.

    Signatures are compared by nobody here: the escrow does that. Raises Failure naming the field.
    """
    from chain.bindings.types import Order
    from chain.codec import Domain, FieldError, address
    from chain.messages import read_message

    try:
        unknown = sorted(set(record) - _MEMBERS)
        if unknown:
            raise Failure(f"order document: field {unknown[0]!r} is unknown", Exit.UNCHECKED)
        if record.get("type") != TYPE or record.get("version") != 1:
            raise Failure(f"order document: is no version 1 {TYPE}", Exit.UNCHECKED)
        network = record["network"]
        order = read_message(Order, record["order"], "/order")
        escrow = address("network/escrow", network["escrow"])
        chain_id = network["chainId"]
        if not isinstance(chain_id, int) or isinstance(chain_id, bool):
            raise Failure("order document: network/chainId must be an integer", Exit.UNCHECKED)
        computed = order.signing_hash(Domain("TradeSeal", "1", chain_id, escrow))
        if record["hash"] != "0x" + computed.hex():
            raise Failure(
                f"order document: hash is {str(record['hash'])[:70]}, the order's is 0x{computed.hex()}: "
                "it was changed after it was signed"
            )
        signatures = {
            side: SideSignature(
                address(f"signatures/{side}/signer", one["signer"]), bytes.fromhex(one["signature"][2:])
            )
            for side, one in record["signatures"].items()
        }
        stray = sorted(set(signatures) - set(SIDES))
        if stray:
            raise Failure(f"order document: {stray[0]!r} is no side of an order", Exit.UNCHECKED)
        return SignedOrder(chain_id, escrow, computed, str(record["currency"]), order, signatures)
    except FieldError as error:
        raise Failure(f"order document: {error}", Exit.UNCHECKED) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failure(f"order document: cannot be read: {error!r}", Exit.UNCHECKED) from None
