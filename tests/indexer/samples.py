"""Logs and content that the indexer's tests put on the chain and into the vault."""

import random
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from chain.bindings import types
from chain.bindings.events import Anchored, Attested, Issued, RolesChanged
from chain.codec import Event
from epcis import canonical, digital_link, sealed, tree
from vault.cid import Cid
from vault.store import LocalStore
from vault.unixfs import cid_of

MEMBER = 9506000134376
GTIN = 9506000134352
CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"]
SIGNER = "0x00000000000000000000000000000000000000A1"
EMPTY = b"\0" * 32


def log_of(event: type[Event], indexed: list[tuple[str, Any]], data: list[tuple[str, Any]]) -> Any:
    """Topics and data of a log."""
    topics = [event.TOPIC0, *(encode([kind], [value]) for kind, value in indexed)]
    return topics, encode([kind for kind, _ in data], [value for _, value in data])


def roles_changed(gln: int, roles: int) -> Any:
    """A short event."""
    return log_of(RolesChanged, [("uint64", gln)], [("uint32", roles)])


@dataclass(frozen=True)
class Batch:
    """Events with their manifest, kept in a vault."""

    root: bytes
    size: int
    cid: bytes
    manifest: bytes
    seals: list[sealed.Sealed]
    cids: list[str]

    def log(self, member: int = MEMBER, **changed: Any) -> Any:
        """The log of its anchor."""
        root, size = changed.get("root", self.root), changed.get("size", self.size)
        return log_of(
            Anchored,
            [("uint64", member), ("bytes32", root)],
            [("uint64", size), ("bytes", self.cid), ("address", SIGNER)],
        )


def event(serial: str, **changed: Any) -> dict[str, Any]:
    """An object event about one item."""
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-03-01T08:00:00.5+01:00",
        "eventTimeZoneOffset": "+01:00",
        "epcList": [digital_link.item_uri(f"{GTIN:014d}", serial)],
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "disposition": "conformant",
        "readPoint": {"id": "https://id.gs1.org/414/9506000134369"},
        **changed,
    }


def seal(document: dict[str, Any]) -> sealed.Sealed:
    """A sealed event."""
    return sealed.seal(document, CONTEXT)


def batch(store: LocalStore, events: list[dict[str, Any]], keep: bool = True, member: int = MEMBER) -> Batch:
    """A batch whose content lies in the vault, or only its CIDs are known."""
    seals = [seal(one) for one in events]
    cids = [store.put(s.document) if keep else cid_of(s.document) for s in seals]
    return batch_of(store, seals, cids, keep, member)


def batch_of(
    store: LocalStore, seals: list[sealed.Sealed], cids: list[Cid], keep: bool = True, member: int = MEMBER
) -> Batch:
    """A batch of events that were put into the vault already."""
    salts = [tree.leaf_salt(b"\5" * 32, i, one.seal_id) for i, one in enumerate(seals)]
    leaves = [tree.event_leaf(s.seal_id, s.event_hash, salt) for s, salt in zip(seals, salts, strict=True)]
    root = tree.root(leaves)
    manifest = canonical.dumps(
        {
            "type": "TradeSealBatch",
            "version": 1,
            "member": f"{member:013d}",
            "size": len(seals),
            "root": "0x" + root.hex(),
            "leaves": [
                {
                    "sealId": "0x" + s.seal_id.hex(),
                    "eventHash": "0x" + s.event_hash.hex(),
                    "salt": "0x" + salt.hex(),
                    "cid": str(cid),
                }
                for s, salt, cid in zip(seals, salts, cids, strict=True)
            ],
        }
    )
    cid = store.put(manifest) if keep else cid_of(manifest)
    return Batch(root, len(seals), bytes(cid), manifest, seals, [str(one) for one in cids])


def attested(one: sealed.Sealed, cid: bytes, member: int = MEMBER, **changed: Any) -> Any:
    """The log of a single attestation."""
    fields: dict[str, Any] = {
        "seal_id": one.seal_id,
        "event_hash": one.event_hash,
        "subject": EMPTY,
        "biz_step": EMPTY,
        "disposition": EMPTY,
        "place": 0,
        "event_time": 1,
        "quantity": 0,
        "unit": b"\0" * 3,
        "order": EMPTY,
        "milestone": 0,
        "cid": cid,
        "consumer": "0x" + "00" * 20,
        "extension": EMPTY,
        "deadline": 2**64 - 1,
        **changed,
    }
    attestation = types.Attestation(**fields)
    kinds = Attested.SIGNATURE[Attested.SIGNATURE.index(",(") + 1 : -1]
    return log_of(
        Attested,
        [("uint64", member), ("bytes32", one.seal_id), ("bytes32", fields["subject"])],
        [("address", SIGNER), (kinds, attestation.abi_tuple())],
    )


def issue(store: LocalStore, serials: list[str], member: int = MEMBER, gtin: int = GTIN) -> tuple[bytes, Any]:
    """Issue id and log of an issue whose manifest lies in the vault."""
    root = tree.root([tree.item_leaf(serial) for serial in serials])
    manifest = canonical.dumps(
        {
            "type": "TradeSealIssue",
            "version": 1,
            "member": f"{member:013d}",
            "gtin": f"{gtin:014d}",
            "size": len(serials),
            "root": "0x" + root.hex(),
            "serials": serials,
        }
    )
    from chain.codec import keccak256

    issue_id = keccak256(encode(["uint64", "bytes32"], [member, root]))
    log = log_of(
        Issued,
        [("bytes32", issue_id), ("uint64", member), ("uint64", gtin)],
        [
            ("bytes32", root),
            ("uint64", len(serials)),
            ("bytes32", b"\7" * 32),
            ("bytes", bytes(store.put(manifest))),
            ("address", SIGNER),
        ],
    )
    return issue_id, log


def garbage(draw: random.Random) -> Any:
    """A log that no contract of ours would write: right topic, wrong data."""
    return [RolesChanged.TOPIC0, draw.randbytes(32)], draw.randbytes(draw.randrange(31))
