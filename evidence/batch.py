"""Batches: from a document to the root that its member signs (protocol, sections 2-6).

Nothing here asks a chain or a clock: the member's side computes what it signs, and the server computes the
same again from the document, the seed and the member.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from chain.bindings.types import Anchor, Attestation, Issue
from chain.fields import hex_text
from chain.requests import MAX_SERIALS
from epcis import canonical
from epcis.gs1 import Gs1KeyError, parse_gln, parse_gtin
from epcis.model import signed_fields
from epcis.sealed import Sealed
from epcis.tree import Tree, event_leaf, item_leaf, leaf_salt
from evidence.documents import read_document, read_event
from evidence.signed_fields import ZERO32, ZERO_ADDRESS, fields_of
from vault.cid import Cid
from vault.unixfs import cid_of

BATCH_TYPE: Final = "TradeSealBatch"
ISSUE_TYPE: Final = "TradeSealIssue"
VERSION: Final = 1


class BatchError(ValueError):
    """A batch or issue that cannot be; the message names the field and the value, `path` the field as a
    JSON Pointer within what was given."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class SealedLeaf:
    """One event of a batch: what goes to the vault, and its place in the tree."""

    index: int
    sealed: Sealed
    cid: Cid
    salt: bytes

    @property
    def document(self) -> bytes:
        """RFC 8785 bytes of the sealed form."""
        return self.sealed.document

    @property
    def seal_id(self) -> bytes:
        """32 bytes."""
        return self.sealed.seal_id

    @property
    def event_hash(self) -> bytes:
        """CBV event hash of the sealed form, 32 bytes."""
        return self.sealed.event_hash


@dataclass(frozen=True, slots=True)
class Batch:
    """Sealed events of one member under one root."""

    member_gln: str
    leaves: tuple[SealedLeaf, ...]
    tree: Tree = field(repr=False)
    manifest: bytes = field(repr=False)
    manifest_cid: Cid

    @property
    def root(self) -> bytes:
        """RFC 9162 root, 32 bytes."""
        return self.tree.root

    @property
    def size(self) -> int:
        """Number of events."""
        return self.tree.size

    def anchor(self, deadline: int) -> Anchor:
        """What the member signs; `deadline` in Unix seconds."""
        return Anchor(self.root, self.size, bytes(self.manifest_cid), deadline)


@dataclass(frozen=True, slots=True)
class IssueBatch:
    """Items of one GTIN under one root; `serials` in leaf order."""

    member_gln: str
    gtin: str
    serials: tuple[str, ...]
    tree: Tree = field(repr=False)
    manifest: bytes = field(repr=False)
    manifest_cid: Cid

    @property
    def root(self) -> bytes:
        """RFC 9162 root, 32 bytes."""
        return self.tree.root

    @property
    def size(self) -> int:
        """Number of items."""
        return self.tree.size

    def issue(self, licence: bytes, deadline: int) -> Issue:
        """What the maker signs: `licence` is the licence's id (32 bytes), `deadline` in Unix seconds."""
        return Issue(self.root, self.size, int(self.gtin), licence, bytes(self.manifest_cid), deadline)


@dataclass(frozen=True, slots=True)
class SealedAttestation:
    """A single event with the fields that its member signs; `cid` is the sealed document's."""

    sealed: Sealed
    cid: Cid
    message: Attestation
    """to be signed under the ledger's domain"""


def build_batch(document: bytes, member_gln: str, seed: bytes) -> Batch:
    """Seal all events of an EPCIS document (or a bare event) into a batch.

    `member_gln`: 13 digits; `seed`: 32 random bytes, new for each batch. Raises evidence.documents.Refused
    with an error for each event that cannot be taken, Gs1KeyError for a wrong GLN, TreeError for a wrong
    seed.
    """
    return batch_of(read_document(document), member_gln, seed)


def batch_of(events: Sequence[Sealed], member_gln: str, seed: bytes) -> Batch:
    """A batch of events that are sealed already, in their order; as `build_batch` otherwise."""
    gln = parse_gln(member_gln)
    if not events:
        raise BatchError("events: a batch needs at least one event")
    seen: dict[bytes, int] = {}
    leaves = []
    for index, sealed in enumerate(events):
        first = seen.setdefault(sealed.seal_id, index)
        if first != index:
            raise BatchError(f"events: event {index} is the same as event {first}")
        salt = leaf_salt(seed, index, sealed.seal_id)
        leaves.append(SealedLeaf(index, sealed, cid_of(sealed.document), salt))
    tree = Tree([event_leaf(leaf.seal_id, leaf.event_hash, leaf.salt) for leaf in leaves])
    manifest = batch_manifest(
        gln, tree.root, [(leaf.seal_id, leaf.event_hash, leaf.salt, str(leaf.cid)) for leaf in leaves]
    )
    return Batch(gln, tuple(leaves), tree, manifest, cid_of(manifest))


def batch_manifest(gln: str, root: bytes, leaves: Sequence[tuple[bytes, bytes, bytes, str]]) -> bytes:
    """The manifest of a batch (protocol, section 5) of (sealId, eventHash, salt, CID text), in leaf order.

    Written member by member in the order of RFC 8785: no value in it ever needs escaping.
    """
    listed = ",".join(
        f'{{"cid":"{cid}","eventHash":"0x{event_hash.hex()}","salt":"0x{salt.hex()}",'
        f'"sealId":"0x{seal_id.hex()}"}}'
        for seal_id, event_hash, salt, cid in leaves
    )
    return (
        f'{{"leaves":[{listed}],"member":"{gln}","root":"{hex_text(root)}","size":{len(leaves)},'
        f'"type":"{BATCH_TYPE}","version":{VERSION}}}'
    ).encode("ascii")


def build_issue(gtin: str, serials: Sequence[str], member_gln: str) -> IssueBatch:
    """Items of one GTIN, to be issued together: at most MAX_SERIALS; `gtin` of 8, 12, 13 or 14 digits.

    Raises Gs1KeyError for a wrong GTIN or GLN; BatchError for no serials or too many, one that AI (21) cannot
    hold, or one given twice.
    """
    gln, gtin14 = parse_gln(member_gln), parse_gtin(gtin)
    if not serials:
        raise BatchError("serials: an issue needs at least one", "/serials")
    if len(serials) > MAX_SERIALS:
        text = f"serials: {len(serials)} are given, {MAX_SERIALS} are allowed in one issue"
        raise BatchError(text, "/serials")
    seen: dict[str, int] = {}
    leaves = []
    for index, serial in enumerate(serials):
        try:
            leaves.append(item_leaf(serial))
        except Gs1KeyError as error:
            raise BatchError(f"serials/{index}: {error}", f"/serials/{index}") from None
        first = seen.setdefault(serial, index)
        if first != index:
            text = f"serials/{index}: {serial!r} is given twice, first as serials/{first}"
            raise BatchError(text, f"/serials/{index}")
    checked = tuple(serials)
    tree = Tree(leaves)
    manifest = canonical.dumps(
        {
            "type": ISSUE_TYPE,
            "version": VERSION,
            "member": gln,
            "gtin": gtin14,
            "size": tree.size,
            "root": hex_text(tree.root),
            "serials": list(checked),
        }
    )
    return IssueBatch(gln, gtin14, checked, tree, manifest, cid_of(manifest))


def attestation(
    event_document: bytes,
    *,
    subject: str | None = None,
    deadline: int,
    order: bytes = ZERO32,
    milestone: int = 0,
    consumer: str = ZERO_ADDRESS,
) -> SealedAttestation:
    """Seal a bare event (or a document of exactly one) and fill in what its member signs.

    `subject`: EPC URN or Digital Link that occurs in the event, by default its parent or only thing;
    `order`: an order's hash (32 bytes) and `milestone` 1 where this event proves its delivery to `consumer`,
    the escrow; `deadline`: Unix seconds.
    Raises evidence.documents.Refused, SignedFieldsError where a field cannot be taken from the event.
    """
    captured, sealed = read_event(event_document)
    said = signed_fields(captured.event, captured.context, subject)
    message = fields_of(sealed, said, order=order, milestone=milestone, consumer=consumer, deadline=deadline)
    return SealedAttestation(sealed, Cid.from_bytes(message.cid), message)
