"""Evidence for a dispute: a route together with the proven documents that it follows from (docs/route.md).

The proof is a bundle of the protocol (section 10); the route is what anybody derives from its documents. A
verifier derives it anew, so that a route cannot say more, or anything else, than its documents do.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import ValidationError
from sqlalchemy import Engine

from chain.database import reading
from chain.deployment import Deployment
from chain.fields import hex_text
from epcis import canonical, digital_link
from evidence.bundle import MAX_BUNDLE, Bundle, BundleError, EventProof, Version, bundle_from, check_item
from evidence.facts import Facts
from evidence.fields import Record, explain
from evidence.proof import Collector, Gap, ProofUnavailable, bundle_of, tiles_of
from evidence.readings import Reading
from evidence.report import Link
from indexer.document import ContradictionError
from indexer.read.route.derive import derive
from indexer.read.route.facts import Fact, named, with_voids
from indexer.read.route.form import to_json
from indexer.read.route.of_mirror import MirrorRoute, route
from indexer.read.route.parts import Route, Rules
from indexer.read.route.spells import Ref
from indexer.read.route.walk import Limits
from indexer.read.trace import TracedEvent, events_of, issues_of
from vault.store import ContentStore

ROUTE_TYPE: Final = "TradeSealRoute"
_WHAT: Final = "route bundle"
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


def read_evidence(data: bytes) -> Bundle | RouteBundle:
    """Read a proof bundle or a route with its proofs, whichever a file is. Raises BundleError."""
    found = _loaded("proof bundle", data)
    return _route_bundle(found) if _says_route(found) else bundle_from(found)


def read_route_bundle(data: bytes) -> RouteBundle:
    """Read a file of a route with its proofs. Raises BundleError for whatever is not exactly one."""
    return _route_bundle(_loaded(_WHAT, data))


def _says_route(found: object) -> bool:
    return isinstance(found, dict) and found.get("type") == ROUTE_TYPE


def _loaded(what: str, data: bytes) -> Any:
    if len(data) > MAX_BUNDLE:
        raise BundleError(what, [("", f"has {len(data)} bytes, {MAX_BUNDLE} are allowed")])
    try:
        return canonical.loads(data)
    except canonical.JsonError as error:
        raise BundleError(what, [(error.path, f"{error.reason} {error.value}".strip())]) from None


def _route_bundle(found: Any) -> RouteBundle:
    try:
        bundle = RouteBundle.model_validate(found)
    except ValidationError as error:
        raise BundleError(_WHAT, explain(error)) from None
    try:
        check_item(bundle.proof)
    except BundleError as error:
        raise BundleError(_WHAT, [("/proof" + path, reason) for path, reason in error.errors]) from None
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
        events = events_of(session, [(int(fact.ref.member), fact.ref.seal_id) for fact in found.facts])
        issues = issues_of(session, _item_id(uri))[:1] if _is_item(uri) else []
        tiles = tiles_of(session, events, issues)
    collector = Collector(tiles, store, Facts())
    for one in found.unread:
        text = f"its document is {one.state}" + (f": {one.reason}" if one.reason else "")
        collector.gap(one.event.seal_id, "", text, missing=True)
    proofs = [] if collector.gaps else _proofs(collector, events)
    passport = collector.passport(issues[0]) if issues and not collector.gaps else None
    if collector.gaps or not proofs:
        raise ProofUnavailable(uri, collector.gaps)
    bundle = bundle_of(uri, deployment, passport, [proof for proof, _ in proofs])
    stated = to_json(_derived(uri, found, proofs))
    return RouteBundle(type="TradeSealRoute", version=1, proof=bundle, route=stated).to_json()


def _proofs(collector: Collector, events: Sequence[TracedEvent]) -> list[tuple[EventProof, Reading]]:
    """Each event's first proof, by which its record time is told, and its document."""
    found = []
    for event in events:
        document = collector.document(event.row["seal_id"], event.row["cid"])
        proof = None if document is None else collector.event(event, document)
        if proof is not None and document is not None:
            found.append((proof, document))
    return found


def _derived(uri: str, found: MirrorRoute, proofs: Sequence[tuple[EventProof, Reading]]) -> Route:
    """The route by the vault's documents; the mirror gives times and what the ledger declares void."""
    times = {fact.ref: fact.record_time for fact in found.facts}
    declared = {
        fact.ref: fact.void.declaration
        for fact in found.facts
        if fact.void is not None and fact.void.source == "chain"
    }
    try:
        facts = [fact_of(proof, document, times[ref_of(proof)]) for proof, document in proofs]
    except ContradictionError as error:
        raise ProofUnavailable(uri, [Gap("", "", str(error))]) from None
    return derive(*named(uri), with_voids(facts, declared), found.route.rules, LIMITS)


def _is_item(uri: str) -> bool:
    link = digital_link.parse(uri)
    return link.ai == "01" and link.qualifier("21") is not None


def _item_id(uri: str) -> str:
    return "0x" + digital_link.item_id(uri).hex()


def ref_of(proof: EventProof) -> Ref:
    """The event's identity on the chain."""
    return Ref(f"{proof.member:013d}", hex_text(proof.seal_id))


def fact_of(proof: EventProof, document: Reading, record_time: int) -> Fact:
    """A proven document as a fact, recorded at that block time (Unix seconds).

    Raises ContradictionError where it is not the event that it is said to be, or none.
    """
    ref, said = ref_of(proof), document.mirrored()
    sealed = document.sealed
    if sealed is None or (sealed.seal_id, sealed.event_hash) != (proof.seal_id, proof.event_hash):
        raise ContradictionError(f"event {ref.seal_id}: the document has another sealId or event hash")
    return Fact(
        ref=ref,
        event_hash=hex_text(proof.event_hash),
        record_time=record_time,
        things=tuple(said.things),
        **{name: said.columns[name] for name in _COLUMNS},
    )
