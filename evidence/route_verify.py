"""Verification of a route with its proofs: each document link by link, then the route that follows."""

from typing import Any, Final

from chain.bindings import event_ledger
from chain.codec import DecodeError
from chain.errors import CallReverted, ChainError
from chain.fields import hex_text
from chain.rpc import Rpc
from epcis import canonical
from evidence import calls
from evidence.bundle import AttestationProof, BatchProof, EventProof, Trust
from evidence.report import Check, Link, Report, Status
from evidence.route_bundle import LIMITS, RouteBundle, fact_of, ref_of
from evidence.verify import BundleVerifier
from indexer.document import ContradictionError, event_millis
from indexer.read.route.derive import derive
from indexer.read.route.facts import Fact, named, with_voids
from indexer.read.route.form import to_json, utc
from indexer.read.route.parts import Route, Rules
from indexer.read.route.spells import Ref

_MOST_EVENTS: Final = 4 * LIMITS.events
"""no route that was exported has more: its own events and those that pack and unpack"""
_MOST_TOLD: Final = 20
_RULES: Final = {
    "maxSpeedKmh": "max_speed_kmh",
    "placeToleranceM": "place_tolerance_m",
    "clockSkewS": "clock_skew_s",
}
_LARGEST_RULE: Final = 10**9


def verify_route(bundle: RouteBundle, trust: Trust | None, rpc: Rpc | None) -> Report:
    """Check every link of a route's proof, and that the route is what its documents lead to.

    As `evidence.verify.verify_bundle`: `trust` or `rpc` None leave links unchecked, and nothing is raised for
    what a bundle says. Block times and declared errors are asked of the chain; without it those that the
    route states are taken for the comparison, and it counts as unchecked.
    """
    verifier = BundleVerifier(bundle.proof, trust, rpc)
    verifier.run()
    _RouteChecks(verifier, bundle).run()
    return verifier.report()


class _RouteChecks:
    """Derives one route anew and compares."""

    def __init__(self, verifier: BundleVerifier, bundle: RouteBundle) -> None:
        self._verifier = verifier
        self._stated = bundle.route
        self._events = bundle.proof.events
        self._uri = bundle.proof.item
        self._unasked = "" if verifier.chain_usable else "the network could not be trusted or asked"

    def run(self) -> None:
        """Make the checks."""
        if len(self._events) > _MOST_EVENTS:
            text = f"{len(self._events)} events are more than any exported route has, {_MOST_EVENTS}"
            self._verifier.add(Link.ROUTE, Status.UNCHECKED, text)
            return
        rules = self._rules()
        facts = self._facts()
        if facts is None:
            return
        found = derive(*named(self._uri), facts, rules, LIMITS)
        self._subjects(found)
        if rules is None:
            return
        if found.truncated:
            self._verifier.add(
                Link.ROUTE, Status.CONTRADICTED, f"is larger than one route: {found.truncated[0]}"
            )
            return
        self._compare(found)
        if rules != Rules():
            self._verifier.notice(f"the route's thresholds are not the usual ones: {self._stated['rules']}")
        for one in found.findings:
            if one.severity == "contradiction":
                self._verifier.notice(f"the route contradicts itself: {one.text}")

    # -- what the route is derived from --------------------------------------------------------------------

    def _rules(self) -> Rules | None:
        given = self._stated.get("rules")
        values: dict[str, int] = {}
        for name, attribute in _RULES.items():
            value = given.get(name) if isinstance(given, dict) else None
            if type(value) is not int or not 0 <= value <= _LARGEST_RULE:
                text = f"rules/{name}: {value!r} is no whole number from 0 to {_LARGEST_RULE}"
                self._verifier.add(Link.ROUTE, Status.CONTRADICTED, text[:300])
                return None
            values[attribute] = value
        return Rules(**values)

    def _facts(self) -> list[Fact] | None:
        times = self._stated_times()
        facts = []
        for proof in self._events:
            try:
                document = self._verifier.reading(proof)
                facts.append(fact_of(proof, document, self._recorded(proof, times)))
            except ContradictionError as error:
                text = f"cannot be derived, because a document is not what it is said to be: {error}"
                self._verifier.add(Link.ROUTE, Status.CONTRADICTED, text[:300], hex_text(proof.seal_id))
                return None
        return with_voids(facts, self._declared())

    def _recorded(self, proof: EventProof, stated: dict[Ref, int]) -> int:
        """Block time: signed into the ledger's record of an attestation, asked for of a batch."""
        if isinstance(proof.proof, AttestationProof):
            return proof.proof.recorded_at
        asked = self._asked_time(proof.member, proof.proof)
        return asked if asked is not None else stated.get(ref_of(proof), 0)

    def _asked_time(self, member: int, batch: BatchProof) -> int | None:
        if not self._verifier.chain_usable:
            return None
        try:
            answer = self._verifier.ask_ledger(calls.anchored(member, batch.root))
            return event_ledger.decode_anchored_result(answer).recorded_at
        except (ChainError, CallReverted, DecodeError) as error:
            self._unasked = str(error)
            return None

    def _stated_times(self) -> dict[Ref, int]:
        times: dict[Ref, int] = {}
        for node in _objects(self._stated.get("nodes")):
            recorded = node.get("recordTime")
            text = recorded.get("utc") if isinstance(recorded, dict) else None
            seconds = _unix(text)
            for event in _objects(node.get("events")):
                if seconds is not None:
                    times[Ref(str(event.get("member")), str(event.get("sealId")))] = seconds
        return times

    def _declared(self) -> dict[Ref, str]:
        """What members declared erroneous to the ledger: as it says now, or as the route states it."""
        stated = {
            Ref(str(one.get("member")), str(one.get("sealId"))): str(one.get("declaration"))
            for one in _objects(self._stated.get("voided"))
            if one.get("source") == "chain"
        }
        if not self._verifier.chain_usable:
            return stated
        found: dict[Ref, str] = {}
        for proof in self._events:
            try:
                answer = self._verifier.ask_ledger(calls.error_of(proof.member, proof.seal_id))
                declaration = event_ledger.decode_error_of_result(answer)
            except (ChainError, CallReverted, DecodeError) as error:
                self._unasked = str(error)
                if ref_of(proof) in stated:
                    found[ref_of(proof)] = stated[ref_of(proof)]
                continue
            if declaration != bytes(32):
                found[ref_of(proof)] = hex_text(declaration)
        return found

    # -- comparing -----------------------------------------------------------------------------------------

    def _subjects(self, found: Route) -> None:
        """An event of a device that was joined to the goods is about them, though it does not name them."""
        about = {ref.seal_id for node in found.nodes if node.through == "device" for ref in node.events}
        for number, check in enumerate(self._verifier.checks):
            if check.link is Link.SUBJECT and check.status is Status.CONTRADICTED and check.place in about:
                text = "the event is of a device that was joined to the item, or to what it was packed into"
                self._verifier.checks[number] = Check(Link.SUBJECT, Status.VERIFIED, text, check.place)

    def _compare(self, found: Route) -> None:
        derived = to_json(found)
        wrong = [*self._nodes(derived["nodes"]), *self._others(derived)]
        for text, place in wrong[:_MOST_TOLD]:
            self._verifier.add(Link.ROUTE, Status.CONTRADICTED, text, place)
        if len(wrong) > _MOST_TOLD:
            text = f"{len(wrong) - _MOST_TOLD} more differences"
            self._verifier.add(Link.ROUTE, Status.CONTRADICTED, text)
        if wrong:
            return
        count = f"{len(found.nodes)} nodes and {len(found.findings)} findings"
        if self._unasked:
            text = (
                f"{count} follow from the documents; times and declared errors are as stated: {self._unasked}"
            )
            self._verifier.add(Link.ROUTE, Status.UNCHECKED, text)
        else:
            self._verifier.add(Link.ROUTE, Status.VERIFIED, f"{count} follow from the proven documents")

    def _nodes(self, derived: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
        given = self._stated.get("nodes")
        stated = given if isinstance(given, list) else []
        wrong: list[tuple[str, str | None]] = []
        if len(stated) != len(derived):
            wrong.append((f"states {len(stated)} nodes, its documents lead to {len(derived)}", None))
        for number, (one, other) in enumerate(zip(stated, derived, strict=False)):
            if _same(one, other):
                continue
            names = [
                name for name in other if not isinstance(one, dict) or not _same(one.get(name), other[name])
            ]
            names += sorted(set(one) - set(other)) if isinstance(one, dict) else []
            shown = ", ".join(
                f"{name} is stated as {_shown(one.get(name) if isinstance(one, dict) else one)}, the "
                f"document says {_shown(other.get(name))}"
                for name in names[:3]
            )
            place = other["events"][0]["sealId"]
            wrong.append((f"node {number}: {shown}", place))
        return wrong

    def _others(self, derived: dict[str, Any]) -> list[tuple[str, str | None]]:
        wrong: list[tuple[str, str | None]] = []
        for name, value in derived.items():
            if name == "nodes":
                continue
            given = self._stated.get(name)
            if _same(given, value):
                continue
            if isinstance(given, list) and isinstance(value, list):
                if len(given) != len(value):
                    text = f"{name}: {len(given)} are stated, the documents lead to {len(value)}"
                    wrong.append((text, None))
                for number, (one, other) in enumerate(zip(given, value, strict=False)):
                    if not _same(one, other):
                        text = f"{name}/{number}: stated is {_shown(one)}, the documents say {_shown(other)}"
                        wrong.append((text, None))
                        break
            else:
                wrong.append((f"{name}: stated is {_shown(given)}, derived {_shown(value)}", None))
        more = sorted(set(self._stated) - set(derived))
        return wrong + [(f"{name[:60]}: is no part of a route", None) for name in more]


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, 5 is 5.0."""
    return canonical.dumps(one) == canonical.dumps(other)


def _shown(value: Any) -> str:
    text = canonical.dumps(value).decode("utf-8")
    return text if len(text) <= 120 else text[:117] + "…"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _unix(text: Any) -> int | None:
    """Unix seconds of a time as a route writes it; None for anything else."""
    millis = event_millis(text)
    return None if millis is None or utc(millis) != text else millis // 1000
