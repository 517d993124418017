"""What the provenance tests sign: attestations, batches, issues, and the trees below their roots."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from epcis.digital_link import item_id, item_uri
from epcis.tree import Tree, item_leaf, leaf_hash, node_hash
from tests.contracts.evm import ZERO_ADDRESS, Contract, Receipt, type_of
from tests.contracts.harness import Signer, World, gln_of, gtin_of, typed_fields

SHIPPING = sha256(b"https://ref.gs1.org/cbv/BizStep-shipping").digest()
IN_TRANSIT = sha256(b"https://ref.gs1.org/cbv/Disp-in_transit").digest()
SHIPMENT = sha256(b"https://id.gs1.org/00/095213210000000019").digest()
EMPTY = bytes(32)
VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def cid_of(content: str) -> bytes:
    """Binary CIDv1 of a raw block, 36 bytes."""
    return bytes.fromhex("01551220") + sha256(content.encode()).digest()


def attestation(world: World, document: str = "document", **changes: Any) -> dict[str, Any]:
    """A shipping event as a member attests it; `document` makes it another event."""
    return {
        "sealId": sha256(f"seal {document}".encode()).digest(),
        "eventHash": sha256(f"hash {document}".encode()).digest(),
        "subject": SHIPMENT,
        "bizStep": SHIPPING,
        "disposition": IN_TRANSIT,
        "place": gln_of(952_000_000_101),
        "eventTime": (world.now - 60) * 1000,
        "quantity": 0,
        "unit": bytes(3),
        "order": EMPTY,
        "milestone": 0,
        "cid": cid_of(document),
        "consumer": ZERO_ADDRESS,
        "extension": EMPTY,
        "deadline": world.deadline,
    } | changes


def delivery(
    world: World, consumer: Contract | str, document: str = "delivery", **changes: Any
) -> dict[str, Any]:
    """An attestation that `consumer` shall act on."""
    where = consumer if isinstance(consumer, str) else consumer.address
    order = {"consumer": where, "order": keccak(text="order"), "milestone": 1}
    return attestation(world, document, **(order | changes))


def attest(
    world: World,
    ledger: Contract,
    fields: Mapping[str, Any],
    by: Signer | None = None,
    consumer_data: bytes = b"",
) -> Receipt:
    """Attest by the carrier's key, or another one."""
    return world.send(ledger, "attest", "Attestation", fields, by or world.carrier.key, consumer_data)


def struct_hash(contract: Contract, struct: str, values: Mapping[str, Any]) -> bytes:
    """EIP-712 struct hash, by eth_account."""
    full = {
        "domain": {"name": "TradeSeal"},
        "primaryType": struct,
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}],
            **typed_fields(contract.struct(struct)),
        },
        "message": dict(values),
    }
    return bytes(encode_typed_data(full_message=full).body)


def record_of(
    ledger: Contract, fields: Mapping[str, Any], member: int, recorded_at: int, applied: bool
) -> bytes:
    """What `EventLedger.attested` must give (docs/protocol.md, section 8)."""
    hashed = struct_hash(ledger, "Attestation", fields)
    record = int.from_bytes(
        keccak(encode(["bytes32", "uint64", "uint64"], [hashed, member, recorded_at])), "big"
    )
    return (record | 1 if applied else record & ~1).to_bytes(32, "big")


def abi_hash(contract: Contract, struct: str, values: Mapping[str, Any]) -> bytes:
    """keccak256(abi.encode(struct)), which a test consumer keeps of what it was given."""
    parameter = contract.struct(struct)
    ordered = tuple(values[component["name"]] for component in parameter["components"])
    return keccak(encode([type_of(parameter)], [ordered]))


class IssuedItems:
    """Serials below one root, with the proofs that materialise them."""

    def __init__(self, serials: Sequence[str], gtin: int | None = None) -> None:
        self.serials = list(serials)
        self.gtin = gtin_of(1) if gtin is None else gtin
        self.tree = Tree([item_leaf(serial) for serial in serials])

    def uri(self, index: int) -> str:
        """Canonical Digital Link."""
        return item_uri(f"{self.gtin:014d}", self.serials[index])

    def token(self, index: int) -> int:
        """Token id."""
        return int.from_bytes(item_id(self.uri(index)), "big")

    def terms(self, world: World, licence: bytes, **changes: Any) -> dict[str, Any]:
        """The issue that the maker signs."""
        return {
            "root": self.tree.root,
            "size": self.tree.size,
            "gtin": self.gtin,
            "licence": licence,
            "cid": cid_of("issue manifest"),
            "deadline": world.deadline,
        } | changes


def issue(
    world: World,
    passport: Contract,
    items: IssuedItems,
    licence: bytes,
    by: Signer | None = None,
    **changes: Any,
) -> bytes:
    """Issue the items by the maker's key, or another one; returns the issue's id."""
    terms = items.terms(world, licence, **changes)
    issued: bytes = world.send(passport, "issue", "Issue", terms, by or world.maker.key).result
    return issued


def materialise(passport: Contract, issue_id: bytes, items: IssuedItems, index: int = 0) -> Receipt:
    """Materialise one issued item."""
    return passport.transact("materialise", issue_id, index, items.serials[index], items.tree.proof(index))


def deep_items(world: World, passport: Contract) -> list[tuple[bytes, int, str, list[bytes]]]:
    """Two issues whose trees are 20 deep, without building a million leaves: siblings are made up. Gives the
    arguments that materialise one item of each."""
    licence = world.grant_licence(quantity=2**21, salt=keccak(text="deep"))
    found = []
    for serial in ("FIRST0000001", "SECOND000002"):
        current = leaf_hash(item_leaf(serial))
        proof = []
        index = 0b01010101010101010101
        for level in range(20):
            sibling = keccak(text=f"{serial} {level}")
            proof.append(sibling)
            at_right = index >> level & 1
            current = node_hash(sibling, current) if at_right else node_hash(current, sibling)
        terms = IssuedItems(["x"]).terms(world, licence, root=current, size=2**20)
        issued = world.send(passport, "issue", "Issue", terms, world.maker.key).result
        found.append((issued, index, serial, proof))
    return found


def recall(
    world: World, passport: Contract, issue_id: bytes, item: int, by: Signer, evidence: str = "decision"
) -> Receipt:
    """Stop an item, or with item 0 a whole issue."""
    stop = {
        "issueId": issue_id,
        "item": item.to_bytes(32, "big"),
        "evidence": sha256(evidence.encode()).digest(),
        "deadline": world.deadline,
    }
    return world.send(passport, "recall", "Recall", stop, by)


def declare_error(
    world: World, ledger: Contract, seal_id: bytes, by: Signer | None = None, **changes: Any
) -> Receipt:
    """Declare an attestation of the carrier erroneous, by its key or another one."""
    values = {
        "sealId": seal_id,
        "declaration": keccak(text="declaration"),
        "reason": keccak(text="reason"),
        "deadline": world.deadline,
    } | changes
    return world.send(ledger, "declareError", "ErrorDeclaration", values, by or world.carrier.key)
