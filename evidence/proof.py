"""Proof bundles: everything known about one item, taken from mirror and vault (protocol, section 10)."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from chain.bindings.types import Attestation
from chain.deployment import Deployment
from chain.fields import hex_text
from epcis import tree
from epcis.tiles import TILE_WIDTH, Tile, inclusion_path, reader
from epcis.tree import HASH_SIZE, TreeError, event_leaf, item_leaf
from evidence import calls
from evidence.bundle import (
    AttestationProof,
    BatchProof,
    Bundle,
    ChainName,
    ContractNames,
    EventProof,
    PassportProof,
)
from evidence.facts import Facts
from evidence.readings import Reading, read_content
from evidence.report import Link
from indexer.read.events import struct
from indexer.read.tiles import Leaf, tiles_behind
from indexer.read.trace import Trace, TracedEvent, TracedIssue, TracedProof, trace
from vault.cid import InvalidCid
from vault.content import ContentStore, CorruptContent, VaultError, checked

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
    """Something that a bundle needs and that vault or mirror do not give.

    `place`: sealId, issue id, or empty where it is about the whole.
    """

    place: str
    cid: str
    reason: str
    missing: bool = False
    """there is no such content, rather than wrong content"""
    link: Link = Link.VAULT
    """MIRROR where its rows are at fault"""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


@dataclass(slots=True)
class Collected:
    """A bundle, and what is missing from it."""

    bundle: Bundle
    trace: Trace
    """the mirror's rows that it was made of"""
    readings: dict[bytes, Reading]
    """by sealId: the documents as they were read from the vault just now"""
    gaps: list[Gap] = field(default_factory=list)
    judged: Any = None
    """what a verification kept of it"""


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


def collect(
    item: str, deployment: Deployment, mirror: Engine, store: ContentStore, facts: Facts | None = None
) -> Collected:
    """As `export`, giving what can be had together with what cannot.

    Rows and documents are read anew each time; `facts` spares reading twice what the same bytes say.
    """
    facts = facts or Facts()
    view = facts.views.read(mirror, ("item", item), partial(_view, item))
    return _of_view(view, deployment, Collector(view.tiles, store, facts))


@dataclass(frozen=True, slots=True)
class _Whole:
    """A bundle without gaps, and what it was made of."""

    deployment: Deployment
    documents: list[Reading | None]
    collected: Collected

    def made_of(self, deployment: Deployment, documents: list[Reading | None]) -> bool:
        """Whether the same documents, read again, would make the same."""
        return deployment is self.deployment and all(map(operator.is_, documents, self.documents))


@dataclass(slots=True)
class _View:
    """What one consistent view of the mirror has of an item."""

    trace: Trace
    tiles: dict[Leaf, tuple[Tile, ...]]
    whole: _Whole | None = None
    """what was made of it when every document could be had"""


def _view(item: str, session: Session) -> _View:
    found = trace(session, item)
    return _View(found, _tiles(session, found))


@dataclass(frozen=True, slots=True)
class _Path:
    """What tiles give for a leaf: a path that leads to the root, or why there is none."""

    tiles: tuple[Tile, ...]
    data: bytes
    root: str
    path: list[bytes]
    reason: str

    @property
    def weight(self) -> int:
        return sum(len(tile.hashes) for tile in self.tiles)


def _tiles(session: Session, found: Trace) -> dict[Leaf, tuple[Tile, ...]]:
    return tiles_of(session, found.events, found.issues[:1])


def tiles_of(
    session: Session, events: Sequence[TracedEvent], issues: Sequence[TracedIssue]
) -> dict[Leaf, tuple[Tile, ...]]:
    """The tiles behind all that proves these events and these items."""
    leaves = [_event_place(proof) for event in events for proof in event.proofs]
    leaves += [_item_place(issue) for issue in issues]
    return tiles_behind(session, [leaf for leaf in leaves if leaf is not None])


def _event_place(proof: TracedProof) -> Leaf | None:
    row = proof.row
    if row["kind"] != "batch" or row["size"] is None:
        return None
    return row["block_hash"], row["log_index"], row["position"], row["size"]


def _item_place(issue: TracedIssue) -> Leaf:
    row = issue.item
    return row["block_hash"], row["log_index"], row["position"], issue.log["size"]


def _of_view(view: _View, deployment: Deployment, collector: "Collector") -> Collected:
    """The bundle of everything that a view of the mirror has of an item."""
    found = view.trace
    documents = [collector.document(one.row["seal_id"], one.row["cid"]) for one in found.events]
    if view.whole is not None and view.whole.made_of(deployment, documents):
        return view.whole.collected
    events = [
        collector.event(event, document, by_kind)
        for event, document in zip(found.events, documents, strict=True)
        if document is not None
    ]
    for member, seal_id in found.dangling:
        text = f"the mirror lacks the row of this event of member {member:013d}"
        collector.gap(seal_id, "", text, Link.MIRROR)
    for text in found.truncated:
        collector.gap("", "", f"more is recorded than one bundle tells: {text}", Link.MIRROR, missing=True)
    issue = found.issues[0] if found.issues else None
    passport = None if issue is None else collector.passport(issue)
    bundle = bundle_of(found.uri, deployment, passport, [event for event in events if event is not None])
    collected = Collected(bundle, found, collector.readings, collector.gaps)
    if not collector.gaps:
        view.whole = _Whole(deployment, documents, collected)
    return collected


def bundle_of(
    item: str, deployment: Deployment, passport: PassportProof | None, events: list[EventProof]
) -> Bundle:
    """A bundle about a thing (canonical Digital Link) of this deployment."""
    return Bundle(
        type="TradeSealProof",
        version=1,
        item=item,
        chain=ChainName(chain_id=deployment.chain_id, first_block=deployment.identity.first_block_hash),
        contracts=ContractNames(
            registry=deployment.address("MemberRegistry"),
            ledger=deployment.address("EventLedger"),
            passport=deployment.address("ProductPassport"),
        ),
        passport=passport,
        events=events,
    )


def by_kind(proof: TracedProof) -> str:
    """An attestation before a batch: it says more."""
    return str(proof.row["kind"])


class Collector:
    """Makes proofs of the rows of one consistent view of the mirror, and says what cannot be had."""

    def __init__(self, tiles: dict[Leaf, tuple[Tile, ...]], store: ContentStore, facts: Facts) -> None:
        self._tiles = tiles
        self._store = store
        self._facts = facts
        self.readings: dict[bytes, Reading] = {}
        """by sealId, of the events that a proof was made of"""
        self.gaps: list[Gap] = []

    def gap(self, place: str, cid: str, reason: str, link: Link = Link.VAULT, missing: bool = False) -> None:
        """Note that something cannot be had."""
        self.gaps.append(Gap(place, cid, reason, missing, link))

    def event(
        self, event: TracedEvent, document: Reading, order: Callable[[TracedProof], str] | None = None
    ) -> EventProof | None:
        """An event with its first proof, or the first in that order which can be had."""
        return self._usable(
            event.row["seal_id"], event.row["cid"], partial(self._event, event, document, order)
        )

    def passport(self, issue: TracedIssue) -> PassportProof | None:
        """The item's place in an issue."""
        return self._usable(issue.log["issue_id"], "", partial(self._passport, issue))

    def _usable(self, place: str, cid: str, make: Callable[[], P]) -> P | None:
        """What `make` gives; rows that no indexer wrote are a gap, not an error of whoever asks."""
        try:
            return make()
        except (ValueError, TypeError) as error:
            reason = f"its rows cannot be used: {str(error)[:300]}"
            self.gaps.append(Gap(place, cid, reason, link=Link.MIRROR))
            return None

    def _event(
        self, event: TracedEvent, document: Reading, order: Callable[[TracedProof], str] | None
    ) -> EventProof | None:
        seal_id, cid = event.row["seal_id"], event.row["cid"]
        gaps = len(self.gaps)
        for proof in event.proofs[:1] if order is None else sorted(event.proofs, key=order):
            made = _attestation(proof) if proof.row["kind"] == "attestation" else self._batch(proof)
            if made is not None:
                self.readings[_exact(seal_id)] = document
                return EventProof(
                    document=document.document,
                    disclosure=None,
                    seal_id=_exact(seal_id),
                    event_hash=_exact(proof.row["event_hash"]),
                    member=event.row["member"],
                    proof=made,
                )
        if gaps == len(self.gaps):
            self.gaps.append(Gap(seal_id, cid, "has no proof", link=Link.MIRROR))
        return None

    def document(self, place: str, cid: str) -> Reading | None:
        """The document as it lies in the vault now: its bytes are hashed each time."""
        try:
            name = calls.cid(cid)
            content = checked(name, self._store.get(name))
        except (VaultError, InvalidCid, OSError) as error:
            unreadable = not isinstance(error, CorruptContent | InvalidCid)
            self.gaps.append(Gap(place, cid, str(error), missing=unreadable))
            return None
        found: Reading | str | None = self._facts.readings.get(cid)
        if found is None:
            found = read_content(content)
            if isinstance(found, Reading):
                self._facts.readings.put(cid, found)
        if isinstance(found, str):
            self.gaps.append(Gap(place, cid, found))
            return None
        return found

    def _batch(self, proof: TracedProof) -> BatchProof | None:
        row = proof.row
        if row["root"] is None or row["size"] is None or row["salt"] is None:
            return None
        leaf = event_leaf(*(_exact(row[name]) for name in ("seal_id", "event_hash", "salt")))
        path = self._path(_event_place(proof), leaf, row["root"], row["seal_id"])
        if path is None:
            return None
        return BatchProof(
            kind="batch",
            root=_exact(row["root"]),
            size=row["size"],
            index=row["position"],
            salt=_exact(row["salt"]),
            path=path,
            transaction=_transaction(proof.transaction),
        )

    def _passport(self, issue: TracedIssue) -> PassportProof | None:
        """The item's place in the issue that counts: of several the first."""
        row, log = issue.item, issue.log
        path = self._path(_item_place(issue), item_leaf(row["serial"]), log["root"], log["issue_id"])
        if path is None:
            return None
        return PassportProof(
            issue_id=_exact(log["issue_id"]),
            maker=log["maker"],
            gtin=f"{log['gtin']:014d}",
            root=_exact(log["root"]),
            size=log["size"],
            index=row["position"],
            serial=row["serial"],
            path=path,
            transaction=_transaction(issue.transaction),
        )

    def _path(self, leaf: Leaf | None, data: bytes, root: str, place: str) -> list[bytes] | None:
        """The inclusion path out of the mirror's tiles, if it leads to the root."""
        if leaf is None:
            return None
        held = self._tiles[leaf]
        known: _Path | None = self._facts.paths.get(leaf)
        if known is None or (known.tiles, known.data, known.root) != (held, data, root):
            known = _read_path(leaf, held, data, root)
            self._facts.paths.put(leaf, known)
        if known.reason:
            self.gaps.append(Gap(place, "", known.reason, link=Link.MIRROR))
            return None
        return known.path


def _read_path(leaf: Leaf, held: tuple[Tile, ...], data: bytes, root: str) -> _Path:
    _, _, index, size = leaf
    own = b"".join(one.hashes for one in held if (one.level, one.index) == (0, index // TILE_WIDTH))
    place = index % TILE_WIDTH * HASH_SIZE
    hashes = min(TILE_WIDTH, size - index // TILE_WIDTH * TILE_WIDTH)
    if len(own) != HASH_SIZE * hashes or own[place : place + HASH_SIZE] != tree.leaf_hash(data):
        return _Path(held, data, root, [], f"the mirror's Merkle tile has another leaf {index}")
    try:
        path = inclusion_path(reader(held), index, size)
    except TreeError as error:
        return _Path(held, data, root, [], f"the mirror's Merkle tiles give no path: {error}")
    if not tree.verify(data, index, size, path, _exact(root)):
        reason = f"the mirror's leaf {index} and Merkle tiles do not lead to the root {root}"
        return _Path(held, data, root, [], reason)
    return _Path(held, data, root, path, "")


def _attestation(proof: TracedProof) -> AttestationProof:
    if proof.log is None:
        raise ValueError("the attestation that it names is not there")
    return AttestationProof(
        kind="attestation",
        attestation=struct(Attestation, SimpleNamespace(**proof.log)),
        recorded_at=proof.row["block_time"],
        transaction=_transaction(proof.transaction),
    )


def _transaction(text: str | None) -> bytes:
    if text is None:
        raise ValueError("the log that it names is not there")
    return _exact(text)


def _exact(text: str) -> bytes:
    """Bytes of 0x-hexadecimal text as the indexer writes it: lower case, nothing around it."""
    data = bytes.fromhex(text[2:])
    if hex_text(data) != text:
        raise ValueError(f"{text!r} is not as an indexer writes it")
    return data
