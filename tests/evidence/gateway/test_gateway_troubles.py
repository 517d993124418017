"""What a service does to one batch is no other's affair, and no answer of it loses or doubles an event."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from chain.database import open_engine
from evidence.documents import read_document
from evidence.gateway import (
    Accepted,
    Closing,
    DoorError,
    Effect,
    Gateway,
    Refusal,
    ServiceAway,
    TooMuch,
    Unsettled,
)
from evidence.gateway.migrations import upgrade_gateway
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import ModelService
from tests.evidence.gateway.test_gateway import LIMITS, Scene, document, scene

__all__ = ["scene"]

pytestmark = pytest.mark.slow

AT_ONCE = replace(LIMITS, closing=Closing(events=5, age=0.0))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """What a database does is another test's."""
    opened = open_engine(f"sqlite:///{tmp_path / 'spool.db'}", synchronous="NORMAL")
    upgrade_gateway(opened)
    yield opened
    opened.dispose()


def afflict(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, how: Callable[[set[bytes]], Exception | None]
) -> None:
    """Let the service fail at documents of whose sealIds `how` gives what to raise."""
    real = ModelService._capture

    def capture(self: ModelService, given: bytes, header: str) -> Accepted:
        failure = how({one.seal_id for one in read_document(given)})
        if failure is not None:
            raise failure
        return real(self, given, header)

    monkeypatch.setattr(ModelService, "_capture", capture)


def seal_ids(given: bytes) -> set[bytes]:
    return {one.seal_id for one in read_document(given)}


def run(scene: Scene, seconds: float) -> None:
    """Passes for so long by the scene's clock."""
    until = scene.service.now + seconds
    while scene.service.now < until:
        done = scene.gateway.run_once()
        scene.service.now += 0 if done.busy else min(max(done.next_due or 1.0, 0.1), 10.0)


FAILURES = {
    "no settled answer": lambda: Unsettled("500: the reason is in the service's log"),
    "asks for patience": lambda: ServiceAway("503: not ready", 5.0, answered=True),
    "what nobody thought of": lambda: RecursionError("too deep"),
    "a reason that no database takes": lambda: Unsettled("500: \x00 \ud800"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=list(FAILURES))
def test_batches_at_which_the_service_fails_hold_no_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, failure: Callable[[], DoorError]
) -> None:
    """More of them than may be under way, and each before what is good."""
    poison = [document(f"poison-{number}", 5) for number in range(4)]
    bad = set().union(*map(seal_ids, poison))
    afflict(scene, monkeypatch, lambda given: failure() if given & bad else None)
    gateway = scene.open(AT_ONCE)
    for one in poison:
        gateway.accept(one)
    good = document("good", 10)
    gateway.accept(good)
    run(scene, 200)
    assert scene.states(read_document(good)) == ["final"] * 10
    told = gateway.status()
    assert told["waitingEvents"] == 20
    assert told["problems"]
    monkeypatch.undo()
    scene.settle()
    assert gateway.status()["final"] == 30
    anchored = [one for leaves in scene.service.anchored.values() for one in leaves]
    assert len(anchored) == len(set(anchored)) == 30


def test_a_service_that_fails_at_everything_is_not_given_ever_more_batches(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    afflict(scene, monkeypatch, lambda _: Unsettled("500"))
    delivery = replace(LIMITS.delivery, set_aside=3)
    gateway = scene.open(replace(LIMITS, closing=Closing(events=2, age=0.0), delivery=delivery))
    for number in range(5):
        gateway.accept(document(f"many-{number}", 10))
    run(scene, 60)
    assert sum(gateway.status()["batches"].values()) == 2 + 3


def test_a_clock_that_is_set_back_keeps_nothing_waiting(scene: Scene) -> None:
    scene.service.away = True
    scene.gateway.accept(document("a", 5))
    run(scene, 60)
    scene.service.now -= 7 * 86_400
    scene.service.away = False
    run(scene, 60)
    assert scene.gateway.status()["final"] == 5


def test_refusals_of_everything_alike_are_not_held_against_the_events(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that answers 400 to whatever comes, say: no event is given up for it."""
    refusing = True
    afflict(scene, monkeypatch, lambda _: Refusal("bad request") if refusing else None)
    given = document("all", 10)
    scene.gateway.accept(given)
    run(scene, 60)
    assert scene.gateway.status()["refused"] == 0
    refusing = False
    scene.settle()
    assert scene.states(read_document(given)) == ["final"] * 10


def test_one_event_that_is_refused_without_its_name_is_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = document("halves", 10)
    bad = read_document(given)[6].seal_id
    afflict(scene, monkeypatch, lambda one: Refusal("something is wrong") if bad in one else None)
    scene.gateway.accept(given)
    scene.gateway.accept(document("later", 5))
    scene.settle()
    states = scene.states(read_document(given))
    assert (states[6], states.count("final")) == ("refused", 9)


@pytest.mark.parametrize("answer", [TooMuch("body too large"), Refusal("bad request")])
def test_a_batch_that_may_be_anchored_is_not_taken_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, answer: DoorError
) -> None:
    """The service took it, its answer was lost, and now it takes such documents no more."""
    service, lost = scene.service, 1

    def after(accepted: Accepted) -> Accepted:
        nonlocal lost
        lost -= 1
        if lost == 0:
            raise Unsettled("the connection broke off")
        return accepted

    monkeypatch.setattr(service, "_after", after)
    scene.gateway.accept(document("a", 5))
    run(scene, 0.5)
    assert len(service.anchored) == 1
    afflict(scene, monkeypatch, lambda _: answer)
    run(scene, 120)
    (root,) = service.anchored
    assert "may be anchored still" in scene.gateway.status()["problems"][0]
    proof: dict[str, Any] = {"kind": "batch", "root": "0x" + root.hex()}
    service.proofs = {"0x" + one.hex(): proof for one in service.anchored[root]}
    scene.settle()
    assert scene.gateway.status()["final"] == 5
    assert list(service.anchored) == [root]


def test_a_batch_that_was_never_anchored_is_taken_apart_once_no_signature_holds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[DoorError] = [Unsettled("500")]
    afflict(
        scene, monkeypatch, lambda one: answers.pop() if answers else TooMuch("") if len(one) > 2 else None
    )
    gateway = scene.open(replace(LIMITS, delivery=replace(LIMITS.delivery, deadline=100, deadline_margin=40)))
    gateway.accept(document("a", 5))
    run(scene, 100)
    assert scene.gateway.status()["final"] == 0
    run(scene, 200)
    assert scene.gateway.status()["final"] == 5


def test_an_attestation_is_not_given_up_for_times_without_an_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = True
    real = ModelService._attest

    def attest(self: ModelService, request: bytes) -> Accepted:
        if failing:
            raise Unsettled("500")
        return real(self, request)

    monkeypatch.setattr(ModelService, "_attest", attest)
    event = docs.bare(docs.delivery())
    scene.gateway.accept_effect(event, Effect())
    run(scene, 120)
    failing = False
    scene.service.fails = ["the order is not funded"] * (LIMITS.delivery.attestation_tries - 1)
    scene.settle()
    assert scene.states(read_document(event)) == ["final"]


def test_a_loop_goes_on_after_what_nobody_thought_of(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from cli import gatewaying

    monkeypatch.setattr(gatewaying, "_AFTER_FAILURE", 0.0)
    stop, passes = threading.Event(), 0

    def run_once(self: Gateway, *, soon_only: bool = False) -> None:
        nonlocal passes
        passes += 1
        if passes == 3:
            stop.set()
        raise KeyError("nobody thought of it")

    monkeypatch.setattr(Gateway, "run_once", run_once)
    gatewaying.drive(scene.gateway, stop)
    assert passes == 3
