"""Proof bundles: everything known about one item, taken from mirror and vault (protocol, section 10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session, select

from chain.database import reading
from chain.deployment import Deployment
from chain.fields import raw_bytes
from epcis import canonical
from epcis.tree import Tree, event_leaf, item_leaf
from evidence.bundle import (
    AttestationProof,
    BatchProof,
    Bundle,
    ChainName,
    ContractNames,
    EventProof,
    PassportProof,
)
from evidence.report import Link
from indexer.document import ContradictionError, read_batch, read_issue
from indexer.read.events import Event, Proof, attestation
from indexer.read.items import Issuance, ItemHistory, item_history
from indexer.tables.content import Manifest
from vault.cid import Cid, InvalidCid
from vault.store import ContentStore, CorruptContent, VaultError

P = TypeVar("P")


class ProofUnavailable(Exception):
    """No bundle can be made; `gaps` say what of it cannot be had."""

    def __init__(self, item: str, gaps: Sequence["Gap"]) -> None:
        super().__init__(
            f"{item}: " + ("; ".join(str(gap) for gap in gaps) or "nothing is known of this item")
        )
        self.item = item
        self.gaps = list(gaps)


@dataclass(frozen=True, slots=True)
class Gap:
    """Content that a bundle needs and the vault does not give. `place`: sealId, root or issue id it is of."""

    place: str
    cid: str
    reason: str
    missing: bool = False
    """there is no such content, rather than wrong content"""
    link: Link = Link.VAULT
    """MIRROR where its rows are at fault"""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(slots=True)
class Collected:
    """A bundle, and what is missing from it."""

    bundle: Bundle
    history: ItemHistory
    """as the mirror tells it"""
    gaps: list[Gap] = field(default_factory=list)


def export(item: str, deployment: Deployment, mirror: Engine, store: ContentStore) -> dict[str, Any]:
    """The proof bundle of an item (EPC URN or Digital Link on any host) as JSON.

    It holds the item's events and those of the units it travelled in, each with one proof: its attestation,
    else the first batch. Raises DigitalLinkError for what names nothing, ProofUnavailable where the item is
    unknown or content is missing: a bundle is whole or there is none.
    """
    collected = collect(item, deployment, mirror, store)
    if collected.gaps or not (collected.bundle.events or collected.bundle.passport):
        raise ProofUnavailable(collected.bundle.item, collected.gaps)
    return collected.bundle.to_json()


def collect(item: str, deployment: Deployment, mirror: Engine, store: ContentStore) -> Collected:
    """As `export`, giving what can be had together with what cannot."""
    with reading(mirror) as session:
        return _Collector(session, store).collect(item, deployment)


class _Collector:
    """Reads one item out of one consistent view of the mirror."""

    def __init__(self, session: Session, store: ContentStore) -> None:
        self._session = session
        self._store = store
        self._gaps: list[Gap] = []
        self._trees: dict[tuple[str, int], Tree | None] = {}

    def collect(self, item: str, deployment: Deployment) -> Collected:
        history = item_history(self._session, item)
        found = [
            self._usable(event.seal_id, event.cid, partial(self._event, event)) for event in history.events
        ]
        issue = history.issues[0] if history.issues else None
        bundle = Bundle(
            type="TradeSealProof",
            version=1,
            item=history.uri,
            chain=ChainName(chain_id=deployment.chain_id, first_block=deployment.identity.first_block_hash),
            contracts=ContractNames(
                registry=deployment.address("MemberRegistry"),
                ledger=deployment.address("EventLedger"),
                passport=deployment.address("ProductPassport"),
            ),
            passport=None
            if issue is None
            else self._usable(issue.issue_id, "", partial(self._passport, issue)),
            events=[event for event in found if event is not None],
        )
        return Collected(bundle, history, self._gaps)

    def _usable(self, place: str, cid: str, make: Callable[[], P]) -> P | None:
        """What `make` gives; rows that no indexer wrote are a gap, not an error of whoever asks."""
        try:
            return make()
        except (ValueError, NoResultFound) as error:
            reason = f"its rows cannot be used: {str(error)[:300]}"
            self._gaps.append(Gap(place, cid, reason, link=Link.MIRROR))
            return None

    def _event(self, event: Event) -> EventProof | None:
        document = self._document(event)
        gaps = len(self._gaps)
        # an attestation before a batch: it says more
        for proof in sorted(event.proofs, key=lambda one: one.kind) if document is not None else ():
            made = self._attestation(event, proof) if proof.kind == "attestation" else self._batch(proof)
            if made is not None and document is not None:
                return EventProof(
                    document=document,
                    disclosure=None,
                    seal_id=raw_bytes(event.seal_id),
                    event_hash=raw_bytes(proof.event_hash),
                    member=int(event.member),
                    proof=made,
                )
        if document is not None and gaps == len(self._gaps) and not self._lost(event):
            self._gaps.append(Gap(event.seal_id, event.cid, "has no proof", link=Link.MIRROR))
        return None

    def _lost(self, event: Event) -> bool:
        """Whether a manifest of it is known to be missing already: one gap says that for all its events."""
        return any(self._trees.get((one.block_hash, one.log_index), self) is None for one in event.proofs)

    def _document(self, event: Event) -> dict[str, Any] | None:
        data = self._content(event.seal_id, event.cid)
        if data is None:
            return None
        try:
            document = canonical.loads(data)
        except canonical.JsonError as error:
            document, reason = None, str(error)
        else:
            reason = "is no JSON object"
        if not isinstance(document, dict):
            self._gaps.append(Gap(event.seal_id, event.cid, reason))
            return None
        return document

    def _attestation(self, event: Event, proof: Proof) -> AttestationProof | None:
        signed = attestation(self._session, event.member, event.seal_id)
        if signed is None:
            return None
        return AttestationProof(
            kind="attestation",
            attestation=signed,
            recorded_at=int(proof.recorded_at.timestamp()),
            transaction=raw_bytes(proof.transaction),
        )

    def _batch(self, proof: Proof) -> BatchProof | None:
        tree = self._batch_tree(proof)
        if tree is None or proof.salt is None or proof.root is None:
            return None
        return BatchProof(
            kind="batch",
            root=raw_bytes(proof.root),
            size=tree.size,
            index=proof.index,
            salt=raw_bytes(proof.salt),
            path=tree.proof(proof.index),
            transaction=raw_bytes(proof.transaction),
        )

    def _batch_tree(self, proof: Proof) -> Tree | None:
        """The batch's tree out of its manifest in the vault: the mirror's leaves are not asked."""
        key = (proof.block_hash, proof.log_index)
        if key not in self._trees:
            manifest = self._session.get_one(Manifest, key)
            leaves = self._read(
                manifest.root,
                manifest.cid,
                lambda data: [
                    event_leaf(raw_bytes(one.seal_id), raw_bytes(one.event_hash), raw_bytes(one.salt))
                    for one in read_batch(data, manifest.member, manifest.root, manifest.size)
                ],
            )
            self._trees[key] = Tree(leaves) if leaves else None
        return self._trees[key]

    def _passport(self, issue: Issuance) -> PassportProof | None:
        """The item's place in the issue that counts: of several the first."""
        manifest = self._session.exec(
            select(Manifest).where(
                Manifest.kind == "issue", Manifest.root == issue.root, Manifest.member == int(issue.maker)
            )
        ).first()
        if manifest is None:
            self._gaps.append(Gap(issue.issue_id, "", "has no manifest", link=Link.MIRROR))
            return None
        leaves = self._read(
            issue.issue_id,
            manifest.cid,
            lambda data: [
                item_leaf(serial)
                for serial in read_issue(data, int(issue.maker), issue.root, issue.size, int(issue.gtin))
            ],
        )
        if not leaves:
            return None
        return PassportProof(
            issue_id=raw_bytes(issue.issue_id),
            maker=int(issue.maker),
            gtin=issue.gtin,
            root=raw_bytes(issue.root),
            size=issue.size,
            index=issue.index,
            serial=issue.serial,
            path=Tree(leaves).proof(issue.index),
            transaction=raw_bytes(issue.transaction),
        )

    def _read(self, place: str, cid: str, read: Callable[[bytes], list[bytes]]) -> list[bytes]:
        data = self._content(place, cid)
        if data is None:
            return []
        try:
            return read(data)
        except ContradictionError as error:
            self._gaps.append(Gap(place, cid, str(error)))
            return []

    def _content(self, place: str, cid: str) -> bytes | None:
        try:
            return self._store.get(Cid.parse(cid))
        except (VaultError, InvalidCid, OSError) as error:
            unreadable = not isinstance(error, CorruptContent | InvalidCid)
            self._gaps.append(Gap(place, cid, str(error), missing=unreadable))
            return None
