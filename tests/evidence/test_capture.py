"""Captures on a real chain: what is accepted, once, and what is refused with its reason."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import select

from chain.bindings import event_ledger
from chain.bindings.errors import KeyNotLive
from chain.database import reading
from chain.operation import Operation
from epcis.cbv_hash import ni
from evidence.batch import build_batch
from evidence.capture import CaptureService, Limits
from evidence.documents import Refused
from evidence.errors import (
    DeadlineOver,
    SignatureMismatch,
    SignatureRequired,
    SignerRefused,
    TooLarge,
    UnknownJob,
)
from evidence.signature_header import HeaderError
from evidence.tables import CaptureJobRow
from indexer.read.events import event
from tests.evidence import documents as docs
from tests.evidence.world import Key, Member, World
from vault.cid import Cid

pytestmark = pytest.mark.slow


def jobs_in_sql(world: World) -> int:
    with reading(world.engine) as session:
        return len(session.exec(select(CaptureJobRow)).all())


def anchors(world: World, root: bytes) -> int:
    """How many logs say that this root was anchored."""
    topics = [event_ledger.Anchored.TOPIC0, None, root]
    ledger = world.deployment.address("EventLedger")
    return len(world.rpc.get_logs(0, world.rpc.block_number(), [ledger], topics))


def test_a_signed_capture_ends_on_the_chain_with_its_seals(world: World) -> None:
    document = docs.document(docs.commissioning("cap-1"), docs.commissioning("cap-2"))
    batch = build_batch(document, world.maker.gln, bytes(32))
    job = world.capture(document, world.maker)
    assert job.success, job.errors
    body = job.to_json()
    assert json.loads(json.dumps(body)) == body
    assert (body["running"], body["success"], body["errors"]) == (False, True, [])
    assert body["createdAt"] <= body["finishedAt"]
    assert body["captureErrorBehaviour"] == "rollback"
    assert [seal["index"] for seal in body["seals"]] == [0, 1]
    for seal, leaf in zip(job.seals, batch.leaves, strict=True):
        assert seal.transaction is not None
        receipt = world.rpc.get_receipt(bytes.fromhex(seal.transaction[2:]))
        assert receipt is not None
        assert receipt.succeeded
        assert seal.seal_id == "0x" + leaf.seal_id.hex()
        assert seal.to_json()["eventHash"] == ni(leaf.event_hash)
        assert world.store.get(Cid.parse(seal.cid)) == leaf.document
    assert world.store.get(batch.manifest_cid) == batch.manifest
    ledger = event_ledger.EventLedger(world.deployment.address("EventLedger"), world.rpc)
    assert ledger.anchored(int(world.maker.gln), batch.root).size == 2
    world.index()
    with reading(world.mirror) as session:
        found = event(session, world.maker.gln, job.seals[0].seal_id)
    assert found is not None
    assert found.state == "present"


def test_the_same_request_twice_is_one_job_and_one_anchor(world: World) -> None:
    document = docs.document(docs.commissioning("same"))
    header = world.header(document, world.maker)
    first = world.service.capture(document, header)
    second = world.service.capture(document, header)
    assert first.capture_id == second.capture_id
    # signed again, with another deadline
    third = world.service.capture(document, world.header(document, world.maker, deadline=world.now() + 999))
    assert third.capture_id == first.capture_id
    # after its deadline: what was accepted in time stays so
    assert (
        world.service.capture(document, world.header(document, world.maker, deadline=1)).capture_id
        == third.capture_id
    )
    world.finished(first)
    assert world.service.capture(document, header).success
    assert anchors(world, build_batch(document, world.maker.gln, bytes(32)).root) == 1


def test_the_same_request_from_many_threads_is_one_anchor(world: World) -> None:
    document = docs.document(docs.commissioning("threads"))
    deadline = world.now() + 3600
    headers = [world.header(document, world.maker, deadline=deadline + number % 2) for number in range(8)]
    services = [world.new_service() for _ in headers]
    with ThreadPoolExecutor(len(headers)) as pool:
        jobs = list(
            pool.map(lambda pair: pair[0].capture(document, pair[1]), zip(services, headers, strict=True))
        )
    assert all(world.finished(job).success for job in jobs)
    assert len({job.capture_id for job in jobs}) <= 2
    assert anchors(world, build_batch(document, world.maker.gln, bytes(32)).root) == 1


def test_events_captured_before_succeed_and_point_to_their_seals(world: World) -> None:
    """With another seed the root is another one; nothing new is anchored all the same."""
    events = [docs.commissioning("dup-1"), docs.commissioning("dup-2")]
    first = world.capture(docs.document(*events), world.maker, seed=b"\1" * 32)
    again = world.capture(docs.document(*events), world.maker, seed=b"\2" * 32)
    assert again.capture_id == first.capture_id
    part = docs.document(events[1])
    pointing = world.capture(part, world.maker, seed=b"\3" * 32)
    assert pointing.capture_id != first.capture_id
    assert (pointing.kind, pointing.success, pointing.operation) == ("existing", True, None)
    (seal,) = pointing.seals
    assert seal.existing
    assert (seal.root, seal.leaf, seal.transaction) == (
        first.seals[1].root,
        1,
        first.seals[1].transaction,
    )
    assert anchors(world, build_batch(part, world.maker.gln, b"\3" * 32).root) == 0


def test_a_root_that_was_not_needed_can_be_read_if_somebody_anchors_it_all_the_same(world: World) -> None:
    document = docs.document(docs.commissioning("late-root"))
    world.capture(document, world.maker, seed=b"\x07" * 32)
    pointing = world.capture(document, world.maker, seed=b"\x08" * 32)
    other = build_batch(document, world.maker.gln, b"\x08" * 32)
    assert other.root.hex() not in {seal.root[2:] for seal in pointing.seals if seal.root}
    assert world.store.get(other.manifest_cid) == other.manifest


def test_an_event_known_to_the_mirror_alone_is_not_anchored_again(world: World) -> None:
    document = docs.document(docs.commissioning("mirrored"))
    batch = build_batch(document, world.maker.gln, bytes(32))
    anchor = batch.anchor(world.now() + 3600)
    signature = world.sign("EventLedger", anchor, world.maker)
    for leaf in batch.leaves:
        world.store.put(leaf.document)
    world.store.put(batch.manifest)
    data = event_ledger.encode_anchor(anchor, world.maker.key.address, signature)
    operation = world.send(world.deployment.address("EventLedger"), data)
    world.index()
    job = world.capture(document, world.maker, seed=b"\4" * 32)
    assert (job.kind, job.success) == ("existing", True)
    assert operation.transaction_hash is not None
    assert job.seals[0].transaction == "0x" + operation.transaction_hash.hex()
    assert job.seals[0].root == "0x" + batch.root.hex()


def test_two_members_capture_the_same_event_each_for_itself(world: World) -> None:
    document = docs.document(docs.commissioning("both"))
    one, other = world.capture(document, world.maker), world.capture(document, world.carrier)
    assert one.seals[0].seal_id == other.seals[0].seal_id
    assert one.capture_id != other.capture_id
    assert not other.seals[0].existing


def test_a_root_relayed_by_somebody_else_counts_as_success(world: World) -> None:
    document = docs.document(docs.commissioning("relayed"))
    batch = build_batch(document, world.maker.gln, bytes(32))
    anchor = batch.anchor(world.now() + 3600)
    signature = world.sign("EventLedger", anchor, world.maker)
    data = event_ledger.encode_anchor(anchor, world.maker.key.address, signature)
    world.send(world.deployment.address("EventLedger"), data)
    job = world.capture(document, world.maker)
    assert job.operation is not None
    assert job.operation.error_name == "AlreadyAnchored"
    assert job.success, job.errors


# -- refusals: nothing is written, and the next request works


def test_unsigned_captures_learn_how_to_sign(world: World) -> None:
    for header in (None, "", "  "):
        with pytest.raises(SignatureRequired) as caught:
            world.service.capture(docs.document(docs.commissioning("unsigned")), header)
        way = caught.value.way
        assert way["header"] == "TradeSeal-Capture"
        assert way["domain"]["verifyingContract"] == world.deployment.address("EventLedger")
        assert [member["name"] for member in way["types"]["Anchor"]] == ["root", "size", "cid", "deadline"]
        assert json.dumps(way)


def refused(world: World, document: bytes, header: str, kind: type[Exception]) -> Any:
    before = jobs_in_sql(world), set(world.store.iterate())
    with pytest.raises(kind) as caught:
        world.service.capture(document, header)
    assert (jobs_in_sql(world), set(world.store.iterate())) == before
    return caught.value


def test_refusals_say_why_and_write_nothing(world: World) -> None:
    document = docs.document(docs.commissioning("refused"))
    other = docs.document(docs.commissioning("refused-other"))
    good = world.header(document, world.maker)
    # signed another document
    mismatch = refused(world, other, good, SignatureMismatch)
    assert mismatch.message["root"] == "0x" + build_batch(other, world.maker.gln, bytes(32)).root.hex()
    assert mismatch.recovered not in (None, world.maker.key.address)
    # signed by a key of nobody
    stranger = Member("nobody", world.maker.gln, Key("nobody"))
    unknown = refused(world, document, world.header(document, stranger), SignerRefused)
    assert isinstance(unknown.revert.error, KeyNotLive)
    assert unknown.revert.error.gln == 0
    # signed as another member
    posing = Member("maker", world.carrier.gln, world.maker.key)
    refused(world, document, world.header(document, posing), SignatureMismatch)
    # too late, and too late to be mined
    for deadline in (1, int(time.time()) - 1, int(time.time()) + 5):
        late = refused(world, document, world.header(document, world.maker, deadline=deadline), DeadlineOver)
        assert late.deadline == deadline
    refused(world, document, "v=1", HeaderError)
    refused(world, b"{", good, Refused)
    refused(world, document[:-1], good, Refused)
    header = world.header(document, world.maker)
    assert world.service.capture(document, header).status in ("running", "success")


def test_limits_are_kept(world: World) -> None:
    document = docs.document(docs.commissioning("limit-1"), docs.commissioning("limit-2"))
    header = world.header(document, world.maker)
    args = (world.engine, world.sender, world.rpc, world.deployment, world.store)
    with pytest.raises(TooLarge, match="bytes of the body"):
        CaptureService(*args, limits=Limits(body=len(document) - 1)).capture(document, header)
    with pytest.raises(TooLarge, match="events"):
        CaptureService(*args, limits=Limits(events=1)).capture(document, header)
    assert CaptureService(*args, limits=Limits(body=len(document), events=2)).capture(document, header)


def test_unknown_jobs_are_named(world: World) -> None:
    with pytest.raises(UnknownJob, match="nothing-of-ours"):
        world.service.job("nothing-of-ours")


# -- rule 2: whatever is killed, nothing acknowledged is lost or doubled


class Crash(Exception):
    """The process died here."""


class DyingSender:
    """A sender before or behind which the process dies."""

    def __init__(self, world: World, *, after: bool) -> None:
        self._sender = world.sender
        self._after = after

    def submit(self, to: str | None, data: bytes, value: int = 0, **rest: Any) -> Operation:
        if self._after:
            self._sender.submit(to, data, value, **rest)
        raise Crash

    def by_key(self, key: str) -> Operation | None:
        return self._sender.by_key(key)


class StarvingSender:
    """A sender whose transactions run out of gas."""

    def __init__(self, world: World) -> None:
        self._sender = world.sender

    def submit(self, to: str | None, data: bytes, value: int = 0, **rest: Any) -> Operation:
        return self._sender.submit(to, data, value, **{**rest, "gas": 40_000})

    def by_key(self, key: str) -> Operation | None:
        return self._sender.by_key(key)


def test_a_capture_that_failed_can_be_asked_for_again(world: World) -> None:
    document = docs.document(docs.commissioning("retried"))
    header = world.header(document, world.maker)
    starving = CaptureService(world.engine, StarvingSender(world), world.rpc, world.deployment, world.store)
    failed = world.finished(starving.capture(document, header))
    assert failed.status == "failure"
    assert "reverted" in failed.errors[0] or "ran out of gas" in failed.errors[0]
    # its events do not count as captured
    again = world.finished(world.service.capture(document, header))
    assert (again.capture_id, again.status) == (failed.capture_id, "success")
    assert world.service.job(failed.capture_id).success
    assert again.seals[0].transaction is not None
    assert anchors(world, build_batch(document, world.maker.gln, bytes(32)).root) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("retried_first", [False, True])
def test_rule_2_a_crash_around_the_sender_loses_and_doubles_nothing(
    world: World, after: bool, retried_first: bool
) -> None:
    document = docs.document(docs.commissioning(f"crash-{after}-{retried_first}"))
    header = world.header(document, world.maker)
    sender = DyingSender(world, after=after)
    dying = CaptureService(world.engine, sender, world.rpc, world.deployment, world.store)
    with pytest.raises(Crash):
        dying.capture(document, header)
    reborn = world.new_service()
    if retried_first:
        job = reborn.capture(document, header)
        reborn.recover()
    else:
        reborn.recover()
        job = reborn.capture(document, header)
    assert reborn.recover() == 0
    assert world.finished(job).success
    assert anchors(world, build_batch(document, world.maker.gln, bytes(32)).root) == 1


def test_rule_2_a_crash_in_the_vault_leaves_no_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    document = docs.document(docs.commissioning("vault-crash"))
    header = world.header(document, world.maker)
    before = jobs_in_sql(world)
    put = world.store.put_many
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "put_many", lambda _contents: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            world.service.capture(document, header)
    assert world.store.put_many == put
    assert jobs_in_sql(world) == before
    assert world.finished(world.service.capture(document, header)).success
