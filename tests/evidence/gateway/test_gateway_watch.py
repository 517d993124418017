"""What is final may be undone by a reorganisation: the gateway looks until it is too deep for that."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event

from chain.database import open_engine
from evidence.documents import read_document
from evidence.gateway import Accepted, Effect, Refusal, ServiceAway, Unsettled
from evidence.gateway.migrations import upgrade_gateway
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import Job
from tests.evidence.gateway.test_gateway import LIMITS, Scene, document

DEPTH = LIMITS.delivery.depth


@pytest.fixture
def engine(database_url: Callable[[str], str]) -> Iterator[Engine]:
    opened = open_engine(database_url("spool"))
    upgrade_gateway(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def scene(engine: Engine) -> Scene:
    made = Scene(engine)
    made.service.depth = 0
    return made


def until_final(scene: Scene, given: bytes) -> None:
    sealed = read_document(given)
    for _ in range(100):
        if set(scene.states(sealed)) == {"final"}:
            return
        found = scene.gateway.run_once()
        scene.service.now += 0 if found.busy else max(found.next_due or 0.1, 0.001)
    raise AssertionError(scene.gateway.status())


def lose(scene: Scene, *, failed: bool) -> Job:
    """The chain loses all that was anchored; the job's call waits for a block again, or failed for good."""
    scene.service.anchored.clear()
    scene.service.attested.clear()
    (job,) = [one for one in scene.service.jobs.values() if one.failure is None]
    job.looks = 0 if failed else 3
    job.failure = "DeadlinePassed" if failed else None
    return job


def wait(scene: Scene, seconds: float) -> None:
    """Passes for that long."""
    until = scene.service.now + seconds
    while scene.service.now < until:
        found = scene.gateway.run_once()
        scene.service.now += 0 if found.busy else min(max(found.next_due or 1.0, 0.01), 10.0)


def test_what_the_chain_lost_for_good_is_signed_and_posted_again(scene: Scene) -> None:
    given = document("a", 4)
    scene.gateway.accept(given)
    until_final(scene, given)
    (root,) = scene.service.anchored
    lose(scene, failed=True)
    wait(scene, 120.0)
    assert scene.states(read_document(given)) == ["final"] * 4
    assert list(scene.service.anchored) == [root], "the same root, so that nothing is anchored twice"
    assert scene.gateway.status()["waitingEvents"] == 0
    assert scene.gateway.status()["waitingBytes"] == 0


def test_what_waits_for_a_block_again_is_not_called_final(scene: Scene) -> None:
    given = document("a", 4)
    scene.gateway.accept(given)
    until_final(scene, given)
    anchored = dict(scene.service.anchored)
    job = lose(scene, failed=False)
    job.looks = 10**6
    wait(scene, 30.0)
    assert scene.states(read_document(given)) == ["delivered"] * 4
    assert scene.gateway.proof(read_document(given)[0].seal_id) is None
    status = scene.gateway.status()
    assert (status["waitingEvents"], status["final"]) == (4, 0)
    scene.service.anchored.update(anchored)
    job.looks = 0
    wait(scene, 30.0)
    assert scene.states(read_document(given)) == ["final"] * 4
    assert len(scene.service.jobs) == 1, "followed, not posted again"


def test_an_attestation_that_the_chain_lost_is_made_again(scene: Scene) -> None:
    given = docs.bare(docs.delivery())
    (sealed,) = read_document(given)
    scene.gateway.accept_effect(given, Effect())
    until_final(scene, given)
    lose(scene, failed=True)
    wait(scene, 120.0)
    assert scene.states([sealed]) == ["final"]
    assert scene.service.attested == [sealed.seal_id]


def test_documents_stay_until_the_block_is_deep(scene: Scene) -> None:
    given = document("a", 3)
    (first, *_) = read_document(given)
    scene.gateway.accept(given)
    until_final(scene, given)
    scene.service.depth = DEPTH - 1
    wait(scene, 300.0)
    assert scene.gateway.document(first.seal_id) is not None
    looks = scene.service.posts.count("proof")
    assert 4 < looks < 20, "ever later"
    scene.service.depth = DEPTH
    scene.settle()
    assert scene.gateway.document(first.seal_id) is None
    told = scene.gateway.proof(first.seal_id)
    assert told is not None
    assert told["document"] is None
    assert scene.gateway.run_once().next_due is None, "nothing is looked at any more"


def test_proofs_of_another_capture_are_dropped_with_the_block_they_were_in(
    scene: Scene, database_url: Callable[[str], str]
) -> None:
    """Two gateways of one member: what the second has from the first's batch goes when that batch goes."""
    given = document("shared", 3)
    sealed = read_document(given)
    scene.gateway.accept(given)
    until_final(scene, given)
    engine = open_engine(database_url("second"))
    upgrade_gateway(engine)
    second = Scene(engine)
    second.service = scene.service
    second.open()
    (root,) = scene.service.anchored
    proof = {"kind": "batch", "root": "0x" + root.hex(), "transaction": "0x" + "44" * 32}
    scene.service.proofs = {"0x" + one.seal_id.hex(): proof for one in sealed}
    second.gateway.accept(given)
    until_final(second, given)
    told = second.gateway.proof(sealed[0].seal_id)
    assert told is not None
    assert told["proof"] == proof, "without the depth that it had just then"
    scene.service.anchored.clear()
    scene.service.proofs.clear()
    for job in scene.service.jobs.values():
        job.failure = "it is in no block any more"
    wait(second, 120.0)
    assert second.states(sealed) == ["final"] * 3
    again = second.gateway.proof(sealed[0].seal_id)
    assert again is not None
    assert again["proof"]["root"] != proof["root"]
    assert bytes.fromhex(again["proof"]["root"][2:]) in scene.service.anchored
    engine.dispose()


def test_what_was_final_by_its_proofs_alone_stays_so(scene: Scene) -> None:
    """No job says so: its answer was lost, and the service takes no such document any more."""
    given = document("a", 3)
    sealed = read_document(given)
    taken = scene.service.capture

    def lost(document: bytes, header: str) -> Accepted:
        taken(document, header)
        raise Unsettled("the answer was lost")

    def refuse(document: bytes, header: str) -> Accepted:
        raise Refusal("something is wrong")

    scene.service.capture = lost  # type: ignore[method-assign]  # the door fails this once
    scene.gateway.accept(given)
    wait(scene, 1.5)
    scene.service.capture = refuse  # type: ignore[method-assign]
    (root,) = scene.service.anchored
    proof = {"kind": "batch", "root": "0x" + root.hex(), "transaction": "0x" + "44" * 32}
    scene.service.proofs = {"0x" + one.seal_id.hex(): proof for one in sealed}
    until_final(scene, given)
    for _ in range(20):
        wait(scene, 10.0)
        assert scene.states(sealed) == ["final"] * 3
    # the chain loses it, and there is no job to follow
    scene.service.proofs, scene.service.anchored = {}, {}
    scene.service.jobs.clear()
    scene.service.capture = taken  # type: ignore[method-assign]
    scene.service.depth = DEPTH
    scene.settle()
    assert scene.states(sealed) == ["final"] * 3
    assert list(scene.service.anchored) == [root]


def test_a_service_away_keeps_what_is_final_from_being_doubted(scene: Scene) -> None:
    given = document("a", 2)
    scene.gateway.accept(given)
    until_final(scene, given)
    scene.service.away = True
    wait(scene, 600.0)
    assert scene.states(read_document(given)) == ["final"] * 2
    scene.service.away = False
    scene.service.depth = DEPTH
    scene.settle()
    assert scene.gateway.document(read_document(given)[0].seal_id) is None


def test_a_refused_document_goes_after_its_time_and_may_be_submitted_again(scene: Scene) -> None:
    given = document("a", 3)
    sealed = read_document(given)
    scene.service.depth = DEPTH
    scene.service.bad = {sealed[1].seal_id: "no licence"}
    gateway = scene.open(replace(LIMITS, delivery=replace(LIMITS.delivery, keep_refused=86_400.0)))
    gateway.accept(given)
    scene.settle()
    scene.service.now += 80_000
    gateway.run_once()
    assert gateway.document(sealed[1].seal_id) is not None
    scene.service.now += 10_000
    gateway.run_once()
    assert gateway.document(sealed[1].seal_id) is None
    assert scene.states(sealed) == ["final", "refused", "final"]
    scene.service.bad = {}
    gateway.accept(given)
    scene.settle()
    assert scene.states(sealed) == ["final"] * 3


def test_a_batch_that_may_be_anchored_is_not_taken_apart_for_events_that_are_named_bad(scene: Scene) -> None:
    """Its answer was lost, and what was right then is wrong now: its good events are anchored already."""
    given = document("a", 3)
    sealed = read_document(given)
    taken = scene.service.capture

    def lost(document: bytes, header: str) -> Accepted:
        taken(document, header)
        raise Unsettled("the answer was lost")

    def refuse(document: bytes, header: str) -> Accepted:
        raise Refusal("event 1 is bad", {1: "no licence any more"})

    scene.service.capture = lost  # type: ignore[method-assign]  # the door fails this once
    scene.gateway.accept(given)
    wait(scene, 1.5)
    scene.service.capture = refuse  # type: ignore[method-assign]
    wait(scene, 30.0)
    assert "refused" not in scene.states(sealed)
    scene.service.capture = taken  # type: ignore[method-assign]
    scene.service.depth = DEPTH
    scene.settle()
    assert [len(one) for one in scene.service.anchored.values()] == [3]


def test_a_request_that_never_got_there_leaves_no_doubt(scene: Scene) -> None:
    given = document("a", 3)
    sealed = read_document(given)
    taken = scene.service.capture

    def refused(document: bytes, header: str) -> Accepted:
        raise ServiceAway("connection refused", unsent=True)

    scene.service.capture = refused  # type: ignore[method-assign]
    scene.gateway.accept(given)
    wait(scene, 5.0)
    scene.service.capture = taken  # type: ignore[method-assign]
    scene.service.bad = {sealed[1].seal_id: "no licence"}
    wait(scene, 30.0)
    assert scene.states(sealed) == ["final", "refused", "final"]


def test_a_batch_in_another_thread_s_hands_is_not_due(scene: Scene) -> None:
    """A second thread waits for it instead of turning round as fast as it can."""
    scene.gateway.accept(document("a", 5))
    seen: list[float | None] = []

    def meanwhile() -> None:
        scene.service.cut = None
        seen.append(scene.gateway.run_once().next_due)

    scene.service.cut = meanwhile
    scene.gateway.run_once()
    assert seen == [LIMITS.delivery.poll[0]]


def test_what_a_thread_fails_with_is_told_until_that_thread_is_well(scene: Scene) -> None:
    scene.gateway.faults["one"] = "SignerError: locked"
    scene.gateway.faults.pop("two", None)  # another one is well
    assert scene.gateway.status()["fault"] == "SignerError: locked"
    scene.gateway.faults.pop("one", None)
    assert scene.gateway.status()["fault"] is None


def test_looks_use_the_index_of_what_is_not_deep(engine: Engine) -> None:
    """What was final once is most of the table, and is not read at every pass."""
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement))
    Scene(engine).gateway.batches.watched(1)
    (asked,) = [one for one in statements if "pruned" in one]
    if engine.dialect.name != "sqlite":
        return  # on an empty table PostgreSQL reads the table
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", (1, 0)).all()
    assert any("ix_gateway_batch_watched" in str(row) for row in plan), plan
