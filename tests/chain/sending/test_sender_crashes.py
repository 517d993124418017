"""Senders killed with SIGKILL around every step, on a real Anvil: nothing is lost or done twice (rule 2)."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chain.operation import Operation, Status
from chain.outbox import Outbox
from chain.sender import read_identity
from tests.chain.sending.anvil_node import ADDRESS, AnvilNode
from tests.chain.sending.sending_child import FRIEND, STORY, send_until_killed, tell_story

pytestmark = pytest.mark.slow

SEED = 20261122


# Children are forked from a server that has imported everything: a real process each, in milliseconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["tests.chain.sending.sending_child", "eth_account.messages", "eth_utils.crypto"]
)


def tell(engine: Engine, node: AnvilNode, crash_at: int, acknowledged: Path) -> None:
    """Let a child tell the story up to its crash; `crash_at` 0: to the end."""
    url = engine.url.render_as_string(hide_password=False)
    process = CONTEXT.Process(target=tell_story, args=(url, node.url, crash_at, str(acknowledged)))
    process.start()
    process.join(60)
    ends = (0,) if crash_at == 0 else (0, -signal.SIGKILL)
    assert process.exitcode in ends, f"crash at {crash_at}: exit code {process.exitcode}"


def check_effects(node: AnvilNode, outbox: Outbox) -> list[Operation]:
    """Every operation took effect exactly once, and the record says where."""
    operations = outbox.operations()
    assert [one.status for one in operations] == [Status.MINED] * STORY
    # Powers of four: no other set of payments, doubled or missing, has this sum.
    assert node.rpc.balance(FRIEND) == sum(4**number for number in range(STORY))
    assert node.rpc.nonce(ADDRESS) == STORY
    assert sorted(one.nonce or 0 for one in operations) == list(range(STORY))
    for one in operations:
        receipt = node.rpc.get_receipt(one.transaction_hash or b"")
        assert receipt is not None
        assert receipt.block_hash == one.block_hash
    return operations


def crash_and_recover(engine: Engine, node: AnvilNode, points: list[int], acknowledged: Path) -> None:
    acknowledged.touch()
    outbox = Outbox(engine, read_identity(node.rpc), ADDRESS)
    for point in points:
        tell(engine, node, point, acknowledged)
        stored = {one.key for one in outbox.operations()}
        lost = {f"pay {number}" for number in acknowledged.read_bytes()} - stored
        assert not lost, f"points {points}: {lost} acknowledged and lost at {point}"
    tell(engine, node, 0, acknowledged)
    check_effects(node, outbox)


def test_killed_again_and_again_at_seeded_points(node: AnvilNode, engine: Engine, tmp_path: Path) -> None:
    draw = random.Random(SEED)
    crash_and_recover(engine, node, [draw.randint(1, 90) for _ in range(2)], tmp_path / "acknowledged")


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 40))]
)
def test_killed_at_many_more_points(node: AnvilNode, engine: Engine, tmp_path: Path, seed: int) -> None:
    draw = random.Random(SEED + seed)
    points = [draw.randint(1, 60 + 25 * number) for number in range(6)]
    crash_and_recover(engine, node, points, tmp_path / "acknowledged")


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 20))]
)
def test_killed_together_with_a_node_that_loses_its_last_blocks(
    node: AnvilNode, engine: Engine, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(SEED + seed)
    acknowledged = tmp_path / "acknowledged"
    for _ in range(4):
        snapshot = node.rpc.request("evm_snapshot")
        tell(engine, node, draw.randint(20, 160), acknowledged)
        if draw.random() < 0.7:
            node.rpc.request("evm_revert", [snapshot])
            node.mine(draw.randint(0, 3))
    tell(engine, node, 0, acknowledged)
    check_effects(node, Outbox(engine, read_identity(node.rpc), ADDRESS))


def test_two_processes_share_one_lease_and_the_second_takes_over(node: AnvilNode, engine: Engine) -> None:
    outbox = Outbox(engine, read_identity(node.rpc), ADDRESS)
    url = engine.url.render_as_string(hide_password=False)
    senders = [CONTEXT.Process(target=send_until_killed, args=(url, node.url)) for _ in range(2)]
    for process in senders:
        process.start()
    try:
        for number in range(3):
            outbox.wait(outbox.submit(FRIEND, b"", 4**number, key=f"pay {number}", purpose="pay").id, 30)
        holder = _holder(outbox)
        by_pid = {process.pid: process for process in senders}
        by_pid[holder].kill()
        by_pid[holder].join()
        for number in range(3, STORY):
            outbox.wait(outbox.submit(FRIEND, b"", 4**number, key=f"pay {number}", purpose="pay").id, 30)
        assert _holder(outbox) != holder
        check_effects(node, outbox)
    finally:
        for process in senders:
            process.kill()
            process.join()


def _holder(outbox: Outbox) -> int:
    """Process id of the sender that holds the lease."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        owner = outbox.holder()
        if owner is not None:
            return int(owner.split(":")[1])
        time.sleep(0.01)
    raise AssertionError("nobody took the lease")
