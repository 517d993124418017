"""The gateway against a service in memory: what is acknowledged gets there once, whatever is in the way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event

from chain.database import open_engine
from epcis.sealed import Sealed
from evidence.documents import Refused, read_document
from evidence.errors import TooLarge
from evidence.gateway import Bounds, Closing, Delivery, Effect, Gateway, GatewayLimits, SpoolError, SpoolFull
from evidence.gateway.intake import Lane
from evidence.gateway.migrations import upgrade_gateway
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import DOMAIN, MEMBER, NETWORK, ModelService, holds

LIMITS = GatewayLimits(
    Closing(events=5, age=1.0),
    Bounds(events=50, document_events=20),
    Delivery(in_flight=2, poll=(0.1, 0.1), backoff=(1.0, 8.0)),
)


@pytest.fixture
def engine(database_url: Callable[[str], str]) -> Iterator[Engine]:
    opened = open_engine(database_url("spool"))
    upgrade_gateway(opened)
    yield opened
    opened.dispose()


class Scene:
    """A gateway, its service, and the clock of both."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.service = ModelService()
        self.gateway = self.open()

    def open(self, limits: GatewayLimits = LIMITS, **more: Any) -> Gateway:
        """The gateway as a process makes it at its start."""
        given = {"network": NETWORK, "member": MEMBER} | more
        service = self.service
        self.gateway = Gateway(
            self.engine, service, service.key, DOMAIN, limits=limits, clock=lambda: service.now, **given
        )
        return self.gateway

    def settle(self, limit: int = 400) -> None:
        """Passes until nothing is under way; the clock goes on as it is told to."""
        for _ in range(limit):
            found = self.gateway.run_once()
            if found.next_due is None:
                return
            self.service.now += 0 if found.busy else max(found.next_due, 0.001)
        raise AssertionError(f"never done: {self.gateway.status()}")

    def states(self, events: list[Sealed]) -> list[str]:
        found = [self.gateway.event(one.seal_id) for one in events]
        return [one.state if one is not None else "unknown" for one in found]


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return Scene(engine)


def document(name: str, count: int) -> bytes:
    return docs.document(*[docs.commissioning(f"{name}-{number}") for number in range(count)])


def test_events_end_under_anchored_roots_with_proofs_that_hold(scene: Scene) -> None:
    given = document("a", 12)
    submission = scene.gateway.accept(given)
    sealed = read_document(given)
    assert [one.seal_id for one in submission.receipts] == [one.seal_id for one in sealed]
    assert {(one.state, one.again) for one in submission.receipts} == {("accepted", False)}
    scene.settle()
    assert scene.states(sealed) == ["final"] * 12
    assert sorted(map(len, scene.service.anchored.values())) == [2, 5, 5]
    for one in sealed:
        proof = scene.gateway.proof(one.seal_id)
        assert proof is not None
        assert proof["document"] is None, "dropped once it is final"
        assert holds(proof, scene.service.anchored)
    told = scene.gateway.submission(submission.id)
    assert told is not None
    assert (told["running"], told["success"], len(told["events"])) == (False, True, 12)
    assert scene.gateway.status()["waitingEvents"] == 0
    assert scene.gateway.status()["waitingBytes"] == 0


def test_a_batch_waits_for_company_until_its_age_or_size(scene: Scene) -> None:
    scene.gateway.accept(document("a", 2))
    assert scene.gateway.run_once().next_due == pytest.approx(1.0)
    assert scene.service.posts == []
    scene.service.now += 0.5
    scene.gateway.accept(document("b", 3))  # full
    scene.gateway.run_once()
    assert [len(one) for one in scene.service.anchored.values()] == [5]


def test_events_of_several_contexts_keep_their_identity(scene: Scene) -> None:
    """Own contexts, extensions that sort before `@context`, and another first context."""
    plain = docs.commissioning("ctx-1")
    own = {**docs.commissioning("ctx-2"), "@context": [{"ex": "https://example.com/ns/"}], "ex:a": 1.50}
    early = {**docs.commissioning("ctx-3"), "@context": [{"9x": "https://example.com/9/"}], "9x:b": "1"}
    first = docs.document(plain, own, early)
    other = docs.bare(docs.commissioning("ctx-4")).replace(
        b'"@context": [', b'"@context": [{"ex": "https://example.com/first/"}, '
    )
    sealed = read_document(first) + read_document(other)
    scene.gateway.accept(first)
    scene.gateway.accept(other)
    scene.settle()
    assert scene.states(sealed) == ["final"] * 4
    assert sorted(one for leaves in scene.service.anchored.values() for one in leaves) == sorted(
        one.seal_id for one in sealed
    )


def test_the_same_event_again_is_the_same_row_and_answer(scene: Scene) -> None:
    first = scene.gateway.accept(document("a", 3))
    again = scene.gateway.accept(document("a", 4))
    assert [one.again for one in again.receipts] == [True, True, True, False]
    assert scene.gateway.accept(document("a", 3)).id == first.id
    scene.settle()
    late = scene.gateway.accept(document("a", 4))
    assert {(one.state, one.again) for one in late.receipts} == {("final", True)}
    scene.settle()
    assert sum(map(len, scene.service.anchored.values())) == 4


def test_bad_events_are_all_named_and_nothing_of_the_document_is_taken(scene: Scene) -> None:
    bad = {**docs.commissioning("bad"), "action": "PERHAPS"}
    with pytest.raises(Refused) as caught:
        scene.gateway.accept(docs.document(docs.commissioning("good"), bad, docs.commissioning("x"), bad))
    assert sorted({one.event for one in caught.value.errors if one.event is not None}) == [1, 3]
    assert scene.gateway.idle


def test_a_refused_event_does_not_take_its_batch_down(scene: Scene) -> None:
    given = document("a", 5)
    sealed = read_document(given)
    scene.service.bad = {sealed[1].seal_id: "is of no member", sealed[3].seal_id: "has no licence"}
    scene.gateway.accept(given)
    scene.settle()
    assert scene.states(sealed) == ["final", "refused", "final", "refused", "final"]
    refused = scene.gateway.event(sealed[3].seal_id)
    assert refused is not None
    assert refused.refusal == "has no licence"
    assert scene.gateway.status()["waitingEvents"] == 0
    # once the reason is gone it is submitted again
    scene.service.bad = {}
    again = scene.gateway.accept(given)
    assert [one.state for one in again.receipts] == ["final", "accepted", "final", "accepted", "final"]
    scene.settle()
    assert scene.states(sealed) == ["final"] * 5


def test_a_service_away_is_waited_for_ever_longer_and_nothing_is_lost(scene: Scene) -> None:
    scene.service.away = True
    scene.gateway.accept(document("a", 5))
    tries: list[float] = []
    while len(tries) < 6:
        before = len(scene.service.posts)
        found = scene.gateway.run_once()
        if len(scene.service.posts) > before:
            tries.append(scene.service.now)
        assert found.next_due is not None
        scene.service.now += 0 if found.busy else max(found.next_due, 0.001)
    gaps = [round(after - before, 1) for before, after in pairwise(tries)]
    assert gaps == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert scene.gateway.status()["away"] == "connection refused"
    scene.service.away = False
    scene.settle()
    assert scene.gateway.status()["final"] == 5
    assert scene.gateway.status()["away"] is None


def test_an_expired_signature_is_made_again_over_the_same_root(scene: Scene) -> None:
    scene.service.away = True
    scene.gateway.accept(document("a", 5))
    scene.gateway.run_once()
    (batch,) = scene.gateway.batches.waiting_for(("signed",), tuple(Lane))
    scene.service.now += 2 * LIMITS.delivery.deadline
    scene.service.away = False
    scene.settle()
    assert list(scene.service.anchored) == [batch.root]
    assert scene.gateway.status()["final"] == 5


def test_a_key_that_may_not_act_holds_the_batch_until_it_may(scene: Scene) -> None:
    scene.service.lets_act = False
    scene.gateway.accept(document("a", 5))
    for _ in range(20):
        found = scene.gateway.run_once()
        scene.service.now += found.next_due or 0
    assert scene.gateway.status()["problems"] == ["key not live"]
    assert scene.gateway.status()["waitingEvents"] == 5
    scene.service.lets_act = True
    scene.settle()
    assert scene.gateway.status()["final"] == 5


def test_a_call_that_failed_on_the_chain_is_signed_again(scene: Scene) -> None:
    scene.service.fails = ["deadline expired"] * 3
    scene.gateway.accept(document("a", 5))
    scene.settle()
    assert len(scene.service.jobs) == 4
    assert list(map(len, scene.service.anchored.values())) == [5]


def test_a_service_that_takes_less_gets_less(scene: Scene) -> None:
    scene.service.most_events = 2
    scene.gateway.accept(document("a", 9))
    scene.settle()
    assert max(map(len, scene.service.anchored.values())) <= 2
    assert scene.gateway.status()["final"] == 9


def test_beyond_its_bound_the_spool_refuses_and_says_so(scene: Scene) -> None:
    scene.service.away = True
    for number in range(5):
        scene.gateway.accept(document(f"full-{number}", 10))
    with pytest.raises(SpoolFull, match=r"50 events .* wait .* 50 events") as caught:
        scene.gateway.accept(document("more", 1))
    assert caught.value.retry_after > 0
    assert {one.again for one in scene.gateway.accept(document("full-1", 10)).receipts} == {True}
    scene.service.away = False
    scene.settle()
    scene.gateway.accept(document("more", 1))


def test_what_waits_in_bytes_is_bounded_too(scene: Scene) -> None:
    size = sum(len(one.document) for one in read_document(document("a", 3)))
    gateway = scene.open(replace(LIMITS, bounds=Bounds(size=size)))
    gateway.accept(document("a", 3))
    with pytest.raises(SpoolFull):
        gateway.accept(document("b", 1))


def test_a_hundred_thousand_events_in_one_document_are_too_many(scene: Scene) -> None:
    with pytest.raises(TooLarge, match="events of one document: 21 given, 20 are allowed"):
        scene.gateway.accept(document("many", 21))
    gateway = scene.open(replace(LIMITS, bounds=Bounds(document_size=1000)))
    with pytest.raises(TooLarge, match="bytes of the document"):
        gateway.accept(document("long", 20))
    assert gateway.idle


def test_an_event_that_a_contract_acts_on_goes_before_all_batches(scene: Scene) -> None:
    gateway = scene.open(replace(LIMITS, closing=Closing(events=5, age=0.0)))
    gateway.accept(document("a", 20))
    event = docs.bare(docs.delivery())
    gateway.accept_effect(event, Effect(order=b"\5" * 32, milestone=1, consumer="0x" + "44" * 20))
    gateway.run_once()
    assert scene.service.posts[0] == "attest"
    scene.settle()
    assert scene.service.attested == [read_document(event)[0].seal_id]
    told = gateway.proof(read_document(event)[0].seal_id)
    assert told is not None
    assert told["proof"]["kind"] == "attestation"


def test_an_effect_is_attested_though_a_batch_has_the_event_or_will_have(scene: Scene) -> None:
    waits, batched = docs.delivery(), docs.delivery(sscc=docs.OTHER_SSCC)
    scene.gateway.accept(docs.document(batched))
    scene.settle()
    scene.gateway.accept(docs.document(waits))
    effect = Effect(order=b"\5" * 32, milestone=1, consumer="0x" + "44" * 20)
    for one in (waits, batched):
        scene.gateway.accept_effect(docs.document(one), effect)
    scene.settle()
    ids = [read_document(docs.document(one))[0].seal_id for one in (waits, batched)]
    assert sorted(scene.service.attested) == sorted(ids)
    assert list(scene.service.anchored.values()) == [[ids[1]]]
    with pytest.raises(Refused, match="another effect"):
        scene.gateway.accept_effect(docs.document(waits), Effect())


def test_recalled_goods_do_not_wait_for_company(scene: Scene) -> None:
    scene.gateway.accept(docs.document(docs.commissioning("calm")))
    scene.gateway.accept(docs.document({**docs.commissioning("recalled"), "disposition": "recalled"}))
    scene.gateway.run_once()
    assert [len(one) for one in scene.service.anchored.values()] == [1]


def test_an_attestation_that_is_never_taken_is_refused_with_the_reason(scene: Scene) -> None:
    event = docs.bare(docs.delivery())
    seal_id = read_document(event)[0].seal_id
    scene.service.bad[seal_id] = "order unknown"
    scene.gateway.accept_effect(event, Effect())
    scene.settle()
    found = scene.gateway.event(seal_id)
    assert found is not None
    assert (found.state, found.refusal) == ("refused", "order unknown")


def test_two_gateways_of_one_member_prove_what_either_anchored(
    scene: Scene, database_url: Callable[[str], str]
) -> None:
    given = document("shared", 3)
    first = scene.gateway
    first.accept(given)
    scene.settle()
    proofs = [first.proof(one.seal_id) for one in read_document(given)]
    second_engine = open_engine(database_url("second"))
    upgrade_gateway(second_engine)
    second = Scene(second_engine)
    second.service = scene.service
    second.open()
    second.gateway.accept(given)
    scene.service.now += 1
    for _ in range(5):  # the service's mirror is not there yet
        second.gateway.run_once()
        scene.service.now += 0.2
    assert second.states(read_document(given)) == ["delivered"] * 3
    for proof in proofs:
        assert proof is not None
        scene.service.proofs[proof["sealId"]] = proof["proof"]
    second.settle()
    assert [second.gateway.proof(one.seal_id) for one in read_document(given)] == proofs
    assert len(scene.service.anchored) == 1
    second_engine.dispose()


def test_a_spool_is_one_member_s_on_one_network(scene: Scene) -> None:
    with pytest.raises(SpoolError, match="member is 9506000000015"):
        scene.open(member="9506000000022")
    with pytest.raises(SpoolError, match="network"):
        scene.open(network="1/0x00")


class _Cut(Exception):
    """The process dies here."""


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [8, pytest.param(None, marks=pytest.mark.deep)])
def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(engine: Engine, cuts: int | None) -> None:
    """Cut at commits and before and after requests, some or all: a new process finishes the story."""
    points = _story(engine, 0)
    seed = Random().randrange(1 << 32)
    print(f"seed {seed}")
    every = range(1, points + 1)
    for place in every if cuts is None else Random(seed).sample(every, min(cuts, points)):
        _story(engine, place)


def _story(engine: Engine, cut_at: int) -> int:
    """Submit, settle, die at a point (0: never), go on as a new process; gives the points that it passed."""
    _empty(engine)
    # what was signed before a crash may have been posted: it is taken apart only once that signature is over
    limits = replace(LIMITS, delivery=replace(LIMITS.delivery, deadline=200))
    given = [document("a", 7), docs.bare({**docs.commissioning("b"), "disposition": "recalled"})]
    effect = docs.bare(docs.delivery())
    wanted = {one.seal_id for part in given for one in read_document(part)}
    scene = Scene(engine)
    scene.open(limits)
    scene.service.bad = {read_document(given[0])[2].seal_id: "bad"}
    acknowledged: set[bytes] = set()
    passed = 0

    def point(*_: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == cut_at:
            raise _Cut

    event.listen(engine, "commit", point)
    scene.service.cut = point
    try:
        for part in given:
            acknowledged |= {one.seal_id for one in scene.gateway.accept(part).receipts}
        acknowledged |= {one.seal_id for one in scene.gateway.accept_effect(effect, Effect()).receipts}
        scene.settle()
    except _Cut:
        pass
    finally:
        event.remove(engine, "commit", point)
        scene.service.cut = None
    if not cut_at:
        return passed
    scene.open(limits)
    # who got no answer asks again; of what was answered nobody speaks any more
    for part in given:
        if not acknowledged.issuperset(one.seal_id for one in read_document(part)):
            scene.gateway.accept(part)
    if read_document(effect)[0].seal_id not in acknowledged:
        scene.gateway.accept_effect(effect, Effect())
    scene.settle()
    anchored = [one for leaves in scene.service.anchored.values() for one in leaves]
    refused = set(scene.service.bad)
    assert sorted(anchored) == sorted(wanted - refused), f"cut at {cut_at}"
    assert scene.service.attested == [read_document(effect)[0].seal_id], f"cut at {cut_at}"
    assert all(len(one) == 1 for one in scene.service.documents.values()), "posted the same bytes again"
    for seal_id in wanted - refused:
        proof = scene.gateway.proof(seal_id)
        assert proof is not None
        assert holds(proof, scene.service.anchored)
    return passed


def _empty(engine: Engine) -> None:
    from chain.database import writing
    from evidence.gateway.tables import METADATA

    with writing(engine) as session:
        for table in reversed(METADATA.sorted_tables):
            session.execute(table.delete())
