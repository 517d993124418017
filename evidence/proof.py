"""Proof bundles: everything known about one item, taken from mirror and vault (protocol, section 10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Engine, select
from sqlmodel import Session, col

from chain.bindings.types import Attestation
from chain.codec import checksum
from chain.database import reading
from chain.deployment import Deployment
from epcis import canonical
from epcis.digital_link import canonical as canonical_link
from epcis.digital_link import item_id
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
from evidence.fields import hex_text
from indexer.document import ContradictionError, read_batch, read_issue
from indexer.tables import content as mirror
from indexer.tables.chainlog import RawLog
from indexer.tables.provenance import Attested, Issued
from vault.cid import Cid, InvalidCid
from vault.store import ContentStore, VaultError

CHILD_ROLES: Final = ("childEPCs", "childQuantityList")
_ALWAYS: Final = (-(1 << 63), 1 << 63)


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

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(slots=True)
class Collected:
    """A bundle, and what is missing from it."""

    bundle: Bundle
    gaps: list[Gap] = field(default_factory=list)
    rows: list[mirror.SealedEvent] = field(default_factory=list)
    """the mirror's rows of the bundle's events, in its order"""


def export(item: str, deployment: Deployment, mirrored: Engine, store: ContentStore) -> dict[str, Any]:
    """The proof bundle of an item (EPC URN or Digital Link on any host) as JSON.

    Raises DigitalLinkError for what names nothing, ProofUnavailable where the item is unknown or content is
    missing: a bundle is whole or there is none.
    """
    collected = collect(item, deployment, mirrored, store)
    if collected.gaps or not (collected.bundle.events or collected.bundle.passport):
        raise ProofUnavailable(collected.bundle.item, collected.gaps)
    return collected.bundle.to_json()


def collect(item: str, deployment: Deployment, mirrored: Engine, store: ContentStore) -> Collected:
    """As `export`, giving what can be had together with what cannot."""
    with reading(mirrored) as session:
        return _Collector(session, store).collect(canonical_link(item), deployment)


class _Collector:
    """Reads one item out of one consistent view of the mirror."""

    def __init__(self, session: Session, store: ContentStore) -> None:
        self._session = session
        self._store = store
        self._gaps: list[Gap] = []
        self._trees: dict[tuple[str, int], Tree | None] = {}

    def collect(self, uri: str, deployment: Deployment) -> Collected:
        identity = hex_text(item_id(uri))
        events: list[EventProof] = []
        kept: list[mirror.SealedEvent] = []
        for row in self._events(identity):
            proof = self._event(row)
            if proof is not None:
                events.append(proof)
                kept.append(row)
        bundle = Bundle(
            type="TradeSealProof",
            version=1,
            item=uri,
            chain=ChainName(chain_id=deployment.chain_id, first_block=deployment.identity.first_block_hash),
            contracts=ContractNames(
                registry=deployment.address("MemberRegistry"),
                ledger=deployment.address("EventLedger"),
                passport=deployment.address("ProductPassport"),
            ),
            passport=self._passport(identity),
            events=events,
        )
        return Collected(bundle, self._gaps, kept)

    # -- events ------------------------------------------------------------------------------------------

    def _events(self, identity: str) -> list[mirror.SealedEvent]:
        """Events that name the item, or a unit while the item was in it; in the order of their time."""
        found: dict[tuple[int, str], mirror.SealedEvent] = {}
        seen = {identity}
        wanted = [(identity, _ALWAYS)]
        while wanted:
            one, (start, end) = wanted.pop()
            named = [row for row in self._naming(one) if start <= (row.event_time or 0) <= end]
            found.update({(row.member, row.seal_id): row for row in named})
            for parent, span in self._units(one, named):
                if parent not in seen:
                    seen.add(parent)
                    wanted.append((parent, (max(start, span[0]), min(end, span[1]))))
        return sorted(found.values(), key=lambda row: (row.event_time or 0, row.record_time, row.seal_id))

    def _naming(self, identity: str) -> list[mirror.SealedEvent]:
        named = (
            select(mirror.EventEpc.member, mirror.EventEpc.seal_id)  # type: ignore[call-overload]  # sqlalchemy types no columns of SQLModel classes
            .where(col(mirror.EventEpc.item_id) == identity)
            .distinct()
            .subquery()
        )
        query = select(mirror.SealedEvent).join(
            named,
            (named.c.member == col(mirror.SealedEvent.member))
            & (named.c.seal_id == col(mirror.SealedEvent.seal_id)),
        )
        return list(self._session.scalars(query))

    def _units(self, identity: str, named: Sequence[mirror.SealedEvent]) -> list[tuple[str, tuple[int, int]]]:
        """Units that a thing was packed into, with the span of event times (milliseconds) it was in each."""
        packed: dict[str, list[tuple[int, str | None]]] = {}
        for row in named:
            if row.type != "AggregationEvent" or row.action not in ("ADD", "DELETE"):
                continue
            things = self._session.scalars(
                select(mirror.EventEpc).where(
                    col(mirror.EventEpc.member) == row.member, col(mirror.EventEpc.seal_id) == row.seal_id
                )
            ).all()
            is_child = any(one.item_id == identity and one.role in CHILD_ROLES for one in things)
            parent = next((one.item_id for one in things if one.role == "parentID"), None)
            if is_child and parent is not None:
                packed.setdefault(parent, []).append((row.event_time or 0, row.action))
        spans = []
        for parent, moves in packed.items():
            start = min((time for time, action in moves if action == "ADD"), default=None)
            if start is not None:
                ends = [time for time, action in moves if action == "DELETE" and time >= start]
                spans.append((parent, (start, min(ends, default=_ALWAYS[1]))))
        return spans

    def _event(self, row: mirror.SealedEvent) -> EventProof | None:
        document = self._document(row)
        if document is None:
            return None
        proofs = self._session.scalars(
            select(mirror.EventProof)
            .where(col(mirror.EventProof.member) == row.member, col(mirror.EventProof.seal_id) == row.seal_id)
            # an attestation before a batch: it says more
            .order_by(
                col(mirror.EventProof.kind),
                col(mirror.EventProof.block_number),
                col(mirror.EventProof.log_index),
                col(mirror.EventProof.position),
            )
        )
        for proof in proofs:
            made = self._attestation(proof) if proof.kind == "attestation" else self._batch(proof)
            if made is not None:
                return EventProof(
                    document=document,
                    disclosure=None,
                    seal_id=_raw(row.seal_id),
                    event_hash=_raw(proof.event_hash),
                    member=row.member,
                    proof=made,
                )
        return None

    def _document(self, row: mirror.SealedEvent) -> dict[str, Any] | None:
        data = self._content(row.seal_id, row.cid)
        if data is None:
            return None
        try:
            document = canonical.loads(data)
        except canonical.JsonError as error:
            self._gaps.append(Gap(row.seal_id, row.cid, str(error)))
            return None
        if not isinstance(document, dict):
            self._gaps.append(Gap(row.seal_id, row.cid, "is no JSON object"))
            return None
        return document

    def _attestation(self, proof: mirror.EventProof) -> AttestationProof:
        log = self._session.get_one(Attested, (proof.block_hash, proof.log_index))
        return AttestationProof(
            kind="attestation",
            attestation=attestation_of(log),
            recorded_at=log.block_time,
            transaction=self._transaction(proof.block_hash, proof.log_index),
        )

    def _batch(self, proof: mirror.EventProof) -> BatchProof | None:
        manifest = self._session.get_one(mirror.Manifest, (proof.block_hash, proof.log_index))
        tree = self._batch_tree(manifest)
        if tree is None or proof.salt is None:
            return None
        return BatchProof(
            kind="batch",
            root=_raw(manifest.root),
            size=manifest.size,
            index=proof.position,
            salt=_raw(proof.salt),
            path=tree.proof(proof.position),
            transaction=self._transaction(proof.block_hash, proof.log_index),
        )

    def _batch_tree(self, manifest: mirror.Manifest) -> Tree | None:
        key = (manifest.block_hash, manifest.log_index)
        if key not in self._trees:
            self._trees[key] = None
            data = self._content(manifest.root, manifest.cid)
            if data is not None:
                try:
                    leaves = read_batch(data, manifest.member, manifest.root, manifest.size)
                except ContradictionError as error:
                    self._gaps.append(Gap(manifest.root, manifest.cid, str(error)))
                else:
                    self._trees[key] = Tree(
                        [
                            event_leaf(_raw(one.seal_id), _raw(one.event_hash), _raw(one.salt))
                            for one in leaves
                        ]
                    )
        return self._trees[key]

    # -- passport ----------------------------------------------------------------------------------------

    def _passport(self, identity: str) -> PassportProof | None:
        """The item's place in the issue that counts: of several the first."""
        query = (
            select(mirror.IssuedItem)
            .where(col(mirror.IssuedItem.item_id) == identity)
            .order_by(
                col(mirror.IssuedItem.block_number),
                col(mirror.IssuedItem.log_index),
                col(mirror.IssuedItem.position),
            )
            .limit(1)
        )
        item = self._session.scalars(query).first()
        if item is None:
            return None
        log = self._session.get_one(Issued, (item.block_hash, item.log_index))
        manifest = self._session.get_one(mirror.Manifest, (item.block_hash, item.log_index))
        data = self._content(log.issue_id, manifest.cid)
        if data is None:
            return None
        try:
            serials = read_issue(data, log.maker, log.root, log.size, log.gtin)
        except ContradictionError as error:
            self._gaps.append(Gap(log.issue_id, manifest.cid, str(error)))
            return None
        return PassportProof(
            issue_id=_raw(log.issue_id),
            maker=log.maker,
            gtin=f"{log.gtin:014d}",
            root=_raw(log.root),
            size=log.size,
            index=item.position,
            serial=item.serial,
            path=Tree([item_leaf(serial) for serial in serials]).proof(item.position),
            transaction=self._transaction(item.block_hash, item.log_index),
        )

    # -- what both need ------------------------------------------------------------------------------------

    def _content(self, place: str, cid: str) -> bytes | None:
        try:
            return self._store.get(Cid.parse(cid))
        except (VaultError, InvalidCid, OSError) as error:
            self._gaps.append(Gap(place, cid, str(error)))
            return None

    def _transaction(self, block_hash: str, log_index: int) -> bytes:
        return _raw(self._session.get_one(RawLog, (block_hash, log_index)).tx_hash)


def attestation_of(log: Attested) -> Attestation:
    """The signed message behind a mirrored log."""
    return Attestation(
        seal_id=_raw(log.seal_id),
        event_hash=_raw(log.event_hash),
        subject=_raw(log.subject),
        biz_step=_raw(log.biz_step),
        disposition=_raw(log.disposition),
        place=log.place,
        event_time=log.event_time,
        quantity=log.quantity,
        unit=_raw(log.unit),
        order=_raw(log.order),
        milestone=log.milestone,
        cid=_raw(log.cid),
        consumer=checksum(log.consumer),
        extension=_raw(log.extension),
        deadline=log.deadline,
    )


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
