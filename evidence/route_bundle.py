"""Evidence for a dispute: a route together with the proven documents that it follows from (docs/route.md).

The proof is a bundle of the protocol (section 10); the route is what anybody derives from its documents. A
verifier derives it anew, so that a route cannot say more, or anything else, than its documents do.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import Session

from chain.database import reading
from chain.deployment import Deployment
from chain.fields import hex_text, raw_bytes
from epcis import canonical, digital_link
from epcis.tree import TreeError, event_leaf
from evidence.bundle import (
    MAX_BUNDLE,
    AttestationProof,
    BatchProof,
    Bundle,
    BundleError,
    ChainName,
    ContractNames,
    EventProof,
    PassportProof,
    Version,
    read_bundle,
)
from evidence.fields import Record, explain
from evidence.proof import Gap, ProofUnavailable
from evidence.report import Link
from indexer.document import ContradictionError, read_document
from indexer.read.events import Event, Proof, attestation, hydrate
from indexer.read.items import issue_path, item_history
from indexer.read.mirror_source import rows_of
from indexer.read.route.derive import derive
from indexer.read.route.facts import Fact, named, with_voids
from indexer.read.route.form import to_json
from indexer.read.route.of_mirror import MirrorRoute, route
from indexer.read.route.parts import Rules
from indexer.read.route.spells import Ref
from indexer.read.route.walk import Limits
from indexer.read.tiles import proven_path
from vault.cid import Cid, InvalidCid
from vault.store import ContentStore, CorruptContent, VaultError

ROUTE_TYPE: Final = "TradeSealRoute"
LIMITS: Final = Limits()
"""of what is exported; a verifier derives with the same"""
_COLUMNS: Final = (
    "type",
    "action",
    "event_time",
    "event_time_offset",
    "biz_step",
    "disposition",
    "read_point",
    "biz_location",
    "declares_error",
    "body",
)


class RouteBundle(Record):
    """A proof bundle and the route that follows from it; `route` is read by whoever derives it anew."""

    type: Literal["TradeSealRoute"]
    version: Version
    proof: Bundle
    route: dict[str, Any]


class RouteTooLarge(ProofUnavailable):
    """More is recorded than one route tells; asking again does not help."""


def is_route_bundle(data: bytes) -> bool:
    """Whether a file says of itself that it is a route with its proofs; it may still be none."""
    try:
        found = canonical.loads(data) if len(data) <= MAX_BUNDLE else None
    except canonical.JsonError:
        return False
    return isinstance(found, dict) and found.get("type") == ROUTE_TYPE


def read_route_bundle(data: bytes) -> RouteBundle:
    """Read a file of a route with its proofs. Raises BundleError for whatever is not exactly one."""
    what = "route bundle"
    if len(data) > MAX_BUNDLE:
        raise BundleError(what, [("", f"has {len(data)} bytes, {MAX_BUNDLE} are allowed")])
    try:
        found = canonical.loads(data)
        bundle = RouteBundle.model_validate(found)
    except canonical.JsonError as error:
        raise BundleError(what, [(error.path, f"{error.reason} {error.value}".strip())]) from None
    except ValidationError as error:
        raise BundleError(what, explain(error)) from None
    try:
        read_bundle(canonical.dumps(found["proof"]))
    except BundleError as error:
        raise BundleError(what, [("/proof" + path, reason) for path, reason in error.errors]) from None
    return bundle


def export_route(
    thing: str, deployment: Deployment, mirror: Engine, store: ContentStore, rules: Rules | None = None
) -> dict[str, Any]:
    """The route of a thing (EPC URN or Digital Link on any host) with its proofs, as JSON.

    It holds every event that the route rests on, those included that their members declared erroneous, each
    with its first proof. Raises DigitalLinkError for what names nothing, ProofUnavailable where nothing is
    known or something is missing, RouteTooLarge where more is recorded than one route tells: a bundle is
    whole or there is none.
    """
    uri = digital_link.canonical(thing)
    with reading(mirror) as session:
        found = route(session, uri, rules, LIMITS)
        if found.truncated:
            texts = [f"more is recorded than one route tells: {text}" for text in found.truncated]
            raise RouteTooLarge(uri, [Gap(uri, "", text, link=Link.MIRROR) for text in texts])
        collector = _Collector(session, store)
        for one in found.unread:
            text = f"its document is {one.state}" + (f": {one.reason}" if one.reason else "")
            collector.gap(one.event.seal_id, "", text, missing=True)
        proofs = [] if collector.gaps else collector.proofs([fact.ref for fact in found.facts])
        passport = None if collector.gaps else collector.passport(uri)
    if collector.gaps or not proofs:
        raise ProofUnavailable(uri, collector.gaps)
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
        passport=passport,
        events=proofs,
    )
    stated = to_json(_derived(uri, found, proofs))
    return RouteBundle(type="TradeSealRoute", version=1, proof=bundle, route=stated).to_json()


def _derived(uri: str, found: MirrorRoute, proofs: Sequence[EventProof]) -> Any:
    """The route by the vault's documents; the mirror gives times and what the ledger declares void."""
    times = {fact.ref: fact.record_time for fact in found.facts}
    declared = {
        fact.ref: fact.void.declaration
        for fact in found.facts
        if fact.void is not None and fact.void.source == "chain"
    }
    facts = [fact_of_proof(proof, times[ref_of(proof)]) for proof in proofs]
    return derive(*named(uri), with_voids(facts, declared), found.route.rules, LIMITS)


def ref_of(proof: EventProof) -> Ref:
    """The event's identity on the chain."""
    return Ref(f"{proof.member:013d}", hex_text(proof.seal_id))


def fact_of_proof(proof: EventProof, record_time: int) -> Fact:
    """A proven document as a fact, recorded at that block time (Unix seconds). Raises ContradictionError."""
    ref = ref_of(proof)
    content = canonical.dumps(proof.document)
    document = read_document(content, ref.seal_id, hex_text(proof.event_hash))
    return Fact(
        ref=ref,
        event_hash=hex_text(proof.event_hash),
        record_time=record_time,
        things=tuple(document.things),
        **{name: document.columns[name] for name in _COLUMNS},
    )


class _Collector:
    """Collects proofs out of one view of the mirror, and says what cannot be had."""

    def __init__(self, session: Session, store: ContentStore) -> None:
        self._session = session
        self._store = store
        self.gaps: list[Gap] = []

    def gap(self, place: str, cid: str, reason: str, link: Link = Link.VAULT, missing: bool = False) -> None:
        """Note that something cannot be had."""
        self.gaps.append(Gap(place, cid, reason, missing, link))

    def proofs(self, refs: Sequence[Ref]) -> list[EventProof]:
        """One proof for each event: its first."""
        events = hydrate(self._session, rows_of(self._session, refs))
        found = [self._event(event) for event in events]
        return [one for one in found if one is not None]

    def _event(self, event: Event) -> EventProof | None:
        document = self._document(event)
        if document is None:
            return None
        if not event.proofs:
            self.gap(event.seal_id, event.cid, "has no proof", Link.MIRROR)
            return None
        proof = event.proofs[0]
        made = self._attestation(event, proof) if proof.kind == "attestation" else self._batch(event, proof)
        if made is None:
            return None
        return EventProof(
            document=document,
            disclosure=None,
            seal_id=raw_bytes(event.seal_id),
            event_hash=raw_bytes(proof.event_hash),
            member=int(event.member),
            proof=made,
        )

    def _document(self, event: Event) -> dict[str, Any] | None:
        try:
            content = self._store.get(Cid.parse(event.cid))
            read_document(content, event.seal_id, event.event_hash)
            document = canonical.loads(content)
        except (VaultError, InvalidCid, OSError, ContradictionError, canonical.JsonError) as error:
            wrong = isinstance(error, CorruptContent | InvalidCid | ContradictionError | canonical.JsonError)
            self.gap(event.seal_id, event.cid, str(error), missing=not wrong)
            return None
        return document if isinstance(document, dict) else None

    def _attestation(self, event: Event, proof: Proof) -> AttestationProof | None:
        signed = attestation(self._session, event.member, event.seal_id)
        if signed is None:
            self.gap(event.seal_id, event.cid, "what was signed is not there", Link.MIRROR)
            return None
        return AttestationProof(
            kind="attestation",
            attestation=signed,
            recorded_at=int(proof.recorded_at.timestamp()),
            transaction=raw_bytes(proof.transaction),
        )

    def _batch(self, event: Event, proof: Proof) -> BatchProof | None:
        if proof.root is None or proof.size is None or proof.salt is None:
            self.gap(event.seal_id, event.cid, "its batch has no root, size or salt", Link.MIRROR)
            return None
        try:
            leaf = event_leaf(raw_bytes(event.seal_id), raw_bytes(proof.event_hash), raw_bytes(proof.salt))
            place = proof.block_hash, proof.log_index
            path = proven_path(self._session, *place, leaf, proof.index, proof.size, proof.root)
        except (TreeError, ValueError) as error:
            self.gap(event.seal_id, event.cid, f"the mirror gives no path: {error}", Link.MIRROR)
            return None
        return BatchProof(
            kind="batch",
            root=raw_bytes(proof.root),
            size=proof.size,
            index=proof.index,
            salt=raw_bytes(proof.salt),
            path=path,
            transaction=raw_bytes(proof.transaction),
        )

    def passport(self, uri: str) -> PassportProof | None:
        """The item's place in the issue that counts; None for what was never issued."""
        link = digital_link.parse(uri)
        if link.ai != "01" or link.qualifier("21") is None:
            return None
        issues = item_history(self._session, uri).issues
        if not issues:
            return None
        issue = issues[0]
        try:
            path = issue_path(self._session, issue)
        except TreeError as error:
            self.gap(issue.issue_id, "", f"the mirror gives no path: {error}", Link.MIRROR)
            return None
        return PassportProof(
            issue_id=raw_bytes(issue.issue_id),
            maker=int(issue.maker),
            gtin=issue.gtin,
            root=raw_bytes(issue.root),
            size=issue.size,
            index=issue.index,
            serial=issue.serial,
            path=[raw_bytes(node) for node in path],
            transaction=raw_bytes(issue.transaction),
        )
