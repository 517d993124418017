"""Rule 2 where others relay what members signed: what a member was told is there stays there, or is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chain.bindings import event_ledger
from evidence.batch import build_batch
from evidence.jobs import Job
from tests.evidence import documents as docs
from tests.evidence.world import Key, World, wait_until

pytestmark = pytest.mark.slow


def relay(world: World, data: bytes) -> None:
    """A stranger calls the ledger."""
    stranger = Key("stranger")
    world.anvil.fund([stranger.address])
    raw = stranger.sign_transaction(
        {
            "chainId": world.deployment.chain_id,
            "nonce": world.rpc.nonce(stranger.address),
            "to": world.deployment.address("EventLedger"),
            "data": data,
            "value": 0,
            "gas": 2_000_000,
            "gasPrice": 10**11,
        }
    )
    sent = world.rpc.send_raw_transaction(raw)
    wait_until(lambda: world.rpc.get_receipt(sent) is not None)
    receipt = world.rpc.get_receipt(sent)
    assert receipt is not None
    assert receipt.succeeded


@contextmanager
def lost(world: World) -> Iterator[None]:
    """What happens inside is on the chain only until it ends, and no pool has it then."""
    before = world.rpc.block_number()
    yield
    world.rpc.request("anvil_dropAllTransactions")
    world.rpc.request("anvil_rollback", [world.rpc.block_number() - before])
    world.rpc.request("anvil_mine", [hex(2)])


def logs(world: World, topic: bytes, signed_id: bytes) -> int:
    """How many logs of a kind name a root or sealId."""
    ledger = world.deployment.address("EventLedger")
    return len(world.rpc.get_logs(0, world.rpc.block_number(), [ledger], [topic, None, signed_id]))


def sent_by_us(world: World, job: Job) -> Job:
    """The job once the service has noticed that it rests on nothing any more. A new process may do it."""
    assert world.service.job(job.capture_id).running
    assert world.new_service().recover() == 1
    done = world.finished(job)
    assert done.success, done.errors
    assert done.operation is not None
    assert done.operation.succeeded
    assert {seal.transaction for seal in done.seals} == {done.transaction}
    assert world.service.recover() == 0
    return done


def test_rule_2_an_attestation_that_a_stranger_relayed_and_the_chain_lost_is_sent(world: World) -> None:
    made = world.attest_request(docs.bare(docs.delivery("2026-04-13T10:00:00Z")), world.carrier)
    with lost(world):
        relay(world, event_ledger.encode_attest(made.attestation, made.signer, made.signature, b""))
        job = world.service.attest_request(made)
        assert (job.kind, job.success, job.operation) == ("existing", True, None)
        assert world.service.recover() == 0
        assert world.service.recover() == 0
    done = sent_by_us(world, job)
    assert done.capture_id == world.service.attest_request(made).capture_id
    assert logs(world, event_ledger.Attested.TOPIC0, made.attestation.seal_id) == 1


def test_rule_2_events_that_only_the_mirror_knew_and_the_chain_lost_are_anchored(world: World) -> None:
    document = docs.document(docs.commissioning("lost-1"), docs.commissioning("lost-2"))
    foreign = build_batch(document, world.maker.gln, bytes(32))
    anchor = foreign.anchor(world.now() + 3600)
    signature = world.sign("EventLedger", anchor, world.maker)
    world.store.put_many([*(leaf.document for leaf in foreign.leaves), foreign.manifest])
    with lost(world):
        relay(world, event_ledger.encode_anchor(anchor, world.maker.key.address, signature))
        world.index()
        job = world.capture(document, world.maker, seed=b"\5" * 32)
        assert (job.kind, job.success) == ("existing", True)
        assert {seal.root for seal in job.seals} == {"0x" + foreign.root.hex()}
    own = build_batch(document, world.maker.gln, b"\5" * 32)
    done = sent_by_us(world, job)
    assert [(seal.root, seal.leaf) for seal in done.seals] == [("0x" + own.root.hex(), n) for n in range(2)]
    assert logs(world, event_ledger.Anchored.TOPIC0, own.root) == 1
    assert logs(world, event_ledger.Anchored.TOPIC0, foreign.root) == 0
    world.index()


def test_rule_2_a_call_that_a_strangers_made_needless_is_made_where_that_one_is_lost(world: World) -> None:
    document = docs.document(docs.commissioning("needless"))
    batch = build_batch(document, world.maker.gln, bytes(32))
    anchor = batch.anchor(world.now() + 3600)
    signature = world.sign("EventLedger", anchor, world.maker)
    with lost(world):
        relay(world, event_ledger.encode_anchor(anchor, world.maker.key.address, signature))
        job = world.capture(document, world.maker)
        assert job.success
        assert job.operation is not None
        assert job.operation.error_name == "AlreadyAnchored"
        assert world.service.recover() == 0
    with lost(world):
        relay(world, event_ledger.encode_anchor(anchor, world.maker.key.address, signature))
        assert world.service.job(job.capture_id).success  # others brought it again before we could
        assert world.service.recover() == 0
    sent_by_us(world, job)
    assert logs(world, event_ledger.Anchored.TOPIC0, batch.root) == 1


def test_what_stands_is_not_looked_at_twice_and_not_sent(world: World) -> None:
    made = world.attest_request(docs.bare(docs.delivery("2026-04-14T10:00:00Z")), world.carrier)
    relay(world, event_ledger.encode_attest(made.attestation, made.signer, made.signature, b""))
    job = world.service.attest_request(made)
    for _ in range(3):
        assert world.service.recover() == 0
    world.rpc.request("anvil_mine", [hex(3)])
    assert world.service.recover() == 0
    assert world.service.job(job.capture_id).operation is None
    assert logs(world, event_ledger.Attested.TOPIC0, made.attestation.seal_id) == 1
