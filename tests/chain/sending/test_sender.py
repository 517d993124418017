"""The durable sender against a real Anvil: order, refusals, reverts, replacement, lost blocks (rule 2)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from sqlalchemy import Engine

from chain.errors import NodeUnreachable
from chain.operation import Operation, Status
from chain.outbox import KeyReused, NotSettled, Outbox
from chain.rpc import Rpc
from chain.sender import ChainChanged, Sender, SenderSettings, read_identity
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import ADDRESS, AnvilNode
from tests.chain.sending.bytecode import AFTER, ECHO_REVERT, ONCE

pytestmark = pytest.mark.slow

FAST = SenderSettings(lease_ttl=1.0, poll=0.01, idle_poll=0.02)
FRIEND = "0x" + "11" * 20


@pytest.fixture
def sender(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> Sender:
    return Sender(engine, node.rpc, signer, settings=FAST)


def passes(sender: Sender, until: Callable[[], bool], limit: int = 300) -> None:
    """Run passes until a condition holds."""
    for _ in range(limit):
        if until():
            return
        sender.run_once()
    raise AssertionError("the condition never held")


def settle(sender: Sender, *operations: Operation) -> list[Operation]:
    """Run passes until these operations have settled."""
    ids = [one.id for one in operations]
    passes(sender, lambda: all(sender.operation(one).settled for one in ids))
    return [sender.operation(one) for one in ids]


def deploy(sender: Sender, code: bytes) -> str:
    created = sender.submit(None, code, key=f"deploy {code.hex()}", purpose="deploy")
    (mined,) = settle(sender, created)
    assert mined.contract_address is not None
    return mined.contract_address


@contextmanager
def running(sender: Sender) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_what_is_submitted_is_mined_once_in_order(node: AnvilNode, sender: Sender) -> None:
    submitted = [sender.submit(FRIEND, b"", 4**i, key=f"pay {i}", purpose="pay") for i in range(12)]
    assert {one.status for one in submitted} == {Status.QUEUED}
    with running(sender):
        mined = [sender.wait(one.id, 20) for one in submitted]
    assert [one.nonce for one in mined] == list(range(12))
    assert all(one.succeeded and one.block_hash and one.gas_used == 21000 for one in mined)
    assert node.rpc.balance(FRIEND) == sum(4**i for i in range(12))


def test_the_same_key_is_the_same_operation_and_never_another(node: AnvilNode, sender: Sender) -> None:
    first = sender.submit(FRIEND, b"", 5, key="k", purpose="pay")
    assert sender.submit(FRIEND, b"", 5, key="k", purpose="pay").id == first.id
    with pytest.raises(KeyReused, match="'k'"):
        sender.submit(FRIEND, b"", 6, key="k", purpose="pay more")
    settle(sender, first)
    again = sender.submit(FRIEND, b"", 5, key="k", purpose="pay")
    assert (again.id, again.status) == (first.id, Status.MINED)
    assert sender.by_key("k") == again
    assert sender.by_key("other") is None
    assert node.rpc.balance(FRIEND) == 5


def test_an_estimate_that_reverts_is_refused_with_its_reason_and_uses_no_nonce(sender: Sender) -> None:
    contract = deploy(sender, ECHO_REVERT)
    reason = (
        bytes.fromhex("08c379a0") + (32).to_bytes(32) + (10).to_bytes(32) + b"no licence".ljust(32, b"\0")
    )
    refused = sender.submit(contract, reason, key="refused", purpose="open an escrow")
    after = sender.submit(FRIEND, b"", 1, key="after", purpose="pay")
    refused, after = settle(sender, refused, after)
    assert refused.status == Status.REFUSED
    assert (refused.nonce, refused.versions, refused.error_data) == (None, (), reason)
    assert refused.error is not None
    assert "no licence" in refused.error
    assert (after.status, after.nonce) == (Status.MINED, 1)


def test_a_revert_on_chain_is_reported_with_its_reason(sender: Sender) -> None:
    contract = deploy(sender, ONCE)
    data = bytes.fromhex("4e487b71") + (0x11).to_bytes(32)
    calls = [sender.submit(contract, data, key=f"{i}", purpose="call", gas=100_000) for i in range(2)]
    first, second = settle(sender, *calls)
    assert first.status == Status.MINED
    assert (second.status, second.error_data, second.nonce) == (Status.REVERTED, data, 2)
    assert second.error is not None
    assert "overflow" in second.error


def test_running_out_of_gas_is_said(sender: Sender) -> None:
    contract = deploy(sender, ONCE)
    (one,) = settle(sender, sender.submit(contract, b"", key="poor", purpose="call", gas=21_500))
    assert one.status == Status.REVERTED
    assert one.error == "ran out of gas: limit was 21500"


def test_what_depends_on_an_operation_not_yet_mined_is_not_refused(node: AnvilNode, sender: Sender) -> None:
    contract = deploy(sender, AFTER)
    node.rpc.request("evm_setAutomine", [False])
    opening = sender.submit(contract, b"open", key="open", purpose="open")
    using = sender.submit(contract, b"", key="use", purpose="use")
    for _ in range(5):
        sender.run_once()
    assert sender.operation(opening.id).status == Status.SENT
    assert sender.operation(using.id).status != Status.REFUSED
    node.mine()
    passes(sender, lambda: sender.operation(using.id).nonce is not None)
    node.mine()
    assert {one.status for one in settle(sender, opening, using)} == {Status.MINED}


def test_a_stuck_transaction_is_outbid_and_any_version_settles_it(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    impatient = SenderSettings(lease_ttl=1.0, stuck_after=0.0, max_versions=4)
    sender = Sender(engine, node.rpc, signer, settings=impatient)
    node.rpc.request("evm_setAutomine", [False])
    one = sender.submit(FRIEND, b"", 7, key="stuck", purpose="pay")
    passes(sender, lambda: len(sender.operation(one.id).versions) == 4)
    sender.run_once()
    versions = sender.operation(one.id).versions
    assert len(versions) == 4
    assert all(later.fee * 8 >= earlier.fee * 9 for earlier, later in pairwise(versions))
    assert {sender.operation(one.id).nonce} == {0}
    node.mine()
    (mined,) = settle(sender, one)
    assert mined.transaction_hash in {version.hash for version in mined.versions}
    assert len(mined.versions) == 4
    assert node.rpc.balance(FRIEND) == 7


def test_the_fee_cap_ends_outbidding(node: AnvilNode, engine: Engine, signer: EnvironmentSigner) -> None:
    base = SenderSettings(lease_ttl=1.0, stuck_after=0.0, fee_cap=3 * 10**9)
    sender = Sender(engine, node.rpc, signer, settings=base)
    node.rpc.request("evm_setAutomine", [False])
    one = sender.submit(FRIEND, b"", 7, key="stuck", purpose="pay")
    passes(sender, lambda: "fee cap" in (sender.operation(one.id).problem or ""))
    assert all(version.fee <= 3 * 10**9 for version in sender.operation(one.id).versions)


def test_blocks_that_are_lost_are_sent_again_in_order(node: AnvilNode, sender: Sender) -> None:
    early = sender.submit(FRIEND, b"", 1, key="early", purpose="pay")
    settle(sender, early)
    snapshot = node.rpc.request("evm_snapshot")
    contract = deploy(sender, AFTER)
    opening = sender.submit(contract, b"open", key="open", purpose="open")
    using = sender.submit(contract, b"", key="use", purpose="use")
    late = sender.submit(FRIEND, b"", 4, key="late", purpose="pay")
    before = settle(sender, opening, using, late)
    assert node.rpc.request("evm_revert", [snapshot]) is True
    assert node.rpc.balance(FRIEND) == 1
    node.mine(7)  # other blocks at the same heights
    passes(sender, lambda: node.rpc.nonce(ADDRESS) == 5)
    passes(sender, lambda: all(sender.operation(one.id).settled for one in before))
    after = [sender.operation(one.id) for one in before]
    assert {one.status for one in after} == {Status.MINED}
    assert [one.transaction_hash for one in after] == [one.transaction_hash for one in before]
    assert all(new.block_hash != old.block_hash for new, old in zip(after, before, strict=True))
    assert node.rpc.balance(FRIEND) == 5
    assert node.rpc.get_code(contract) != b""
    assert sender.operation(early.id).status == Status.MINED


def test_a_reorganisation_that_moves_a_transaction_moves_its_record(node: AnvilNode, sender: Sender) -> None:
    mined = settle(sender, *(sender.submit(FRIEND, b"", 4**i, key=f"{i}", purpose="pay") for i in range(4)))
    node.rpc.request("anvil_reorg", [3, []])
    for _ in range(3):
        sender.run_once()
    passes(sender, lambda: all(sender.operation(one.id).settled for one in mined))
    for one in (sender.operation(old.id) for old in mined):
        assert one.block_number is not None
        block = node.rpc.get_block(one.block_number)
        assert block is not None
        assert block.hash == one.block_hash
    assert node.rpc.balance(FRIEND) == sum(4**i for i in range(4))


def test_a_wiped_chain_is_another_chain(node: AnvilNode, sender: Sender, signer: EnvironmentSigner) -> None:
    mined = sender.submit(FRIEND, b"", 1, key="k", purpose="pay")
    settle(sender, mined)
    waiting = sender.submit(FRIEND, b"", 2, key="waiting", purpose="pay")
    node.kill()
    with pytest.raises(NodeUnreachable):
        sender.run_once()
    node.start("--timestamp", "1700000000")
    with pytest.raises(ChainChanged, match="instead of"):
        sender.run_once()
    assert node.rpc.nonce(ADDRESS) == 0
    assert sender.operation(waiting.id).status == Status.QUEUED
    sender.close()
    other = Sender(sender.outbox.engine, node.rpc, signer, settings=FAST)
    assert other.by_key("k") is None
    settle(other, other.submit(FRIEND, b"", 8, key="k", purpose="pay"))
    assert node.rpc.balance(FRIEND) == 8


def test_a_node_that_is_away_loses_nothing(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    identity = read_identity(node.rpc)
    sender = Sender(engine, Rpc("http://127.0.0.1:9", timeout=1), signer, identity, FAST)
    one = sender.submit(FRIEND, b"", 3, key="k", purpose="pay")
    with running(sender), pytest.raises(NotSettled, match="still queued"):
        sender.wait(one.id, 0.3)
    back = Sender(engine, node.rpc, signer, settings=FAST)
    (mined,) = settle(back, one)
    assert mined.succeeded


def test_one_lease_at_a_time_and_a_former_holder_is_fenced_off(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    patient = SenderSettings(lease_ttl=60.0)
    first, second = (Sender(engine, node.rpc, signer, settings=patient) for _ in range(2))
    first.run_once()
    one = second.submit(FRIEND, b"", 3, key="k", purpose="pay")
    assert second.run_once() is False
    assert second.operation(one.id).status == Status.QUEUED
    first.close()
    settle(second, one)
    outbox = Outbox(engine, first.identity, ADDRESS)
    held = outbox.acquire("third", 0.0)
    assert held is None


def test_a_nonce_used_by_somebody_else_is_said(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    hasty = SenderSettings(lease_ttl=1.0, displaced_after=0.0)
    sender = Sender(engine, node.rpc, signer, settings=hasty)
    node.rpc.request("evm_setAutomine", [False])
    one = sender.submit(FRIEND, b"", 3, key="k", purpose="pay")
    passes(sender, lambda: sender.operation(one.id).status == Status.SENT)
    node.rpc.request("anvil_dropAllTransactions")
    foreign = {"chainId": 31337, "nonce": 0, "to": FRIEND, "value": 9, "gas": 21000, "gasPrice": 10**10}
    node.rpc.send_raw_transaction(signer.sign_transaction(foreign))
    node.mine()
    (displaced,) = settle(sender, one)
    assert displaced.status == Status.DISPLACED
    assert "not of this outbox" in (displaced.error or "")
    assert node.rpc.balance(FRIEND) == 9


def test_a_lost_foreign_transaction_leaves_no_gap(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    sender = Sender(
        engine, node.rpc, signer, settings=SenderSettings(lease_ttl=1.0, resend_after=0.01, stuck_after=60)
    )
    snapshot = node.rpc.request("evm_snapshot")
    foreign = {"chainId": 31337, "nonce": 0, "to": FRIEND, "value": 9, "gas": 21000, "gasPrice": 10**10}
    node.rpc.send_raw_transaction(signer.sign_transaction(foreign))
    (mined,) = settle(sender, sender.submit(FRIEND, b"", 3, key="k", purpose="pay"))
    assert mined.nonce == 1
    node.rpc.request("evm_revert", [snapshot])
    passes(sender, lambda: node.rpc.nonce(ADDRESS) == 2)
    passes(sender, lambda: sender.operation(mined.id).settled)
    assert node.rpc.balance(FRIEND) == 3


def test_a_gap_is_filled_though_no_place_in_flight_is_free(
    node: AnvilNode, engine: Engine, signer: EnvironmentSigner
) -> None:
    """What has the only place waits for the gap, and what is queued waits for that place."""
    settings = SenderSettings(lease_ttl=1.0, resend_after=0.01, stuck_after=60, max_in_flight=1)
    sender = Sender(engine, node.rpc, signer, settings=settings)
    snapshot = node.rpc.request("evm_snapshot")
    foreign = {"chainId": 31337, "nonce": 0, "to": FRIEND, "value": 9, "gas": 21000, "gasPrice": 10**10}
    node.rpc.send_raw_transaction(signer.sign_transaction(foreign))
    (mined,) = settle(sender, sender.submit(FRIEND, b"", 3, key="k", purpose="pay"))
    node.rpc.request("evm_revert", [snapshot])
    more = [sender.submit(FRIEND, b"", 4, key=f"k{number}", purpose="pay") for number in range(2)]
    settle(sender, mined, *more)
    assert node.rpc.balance(FRIEND) == 3 + 4 + 4
    assert sum(one.purpose.startswith("fill") for one in sender.outbox.operations()) <= 1
