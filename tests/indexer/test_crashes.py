"""Rule 2: an indexer killed at any moment, while the chain reorganises, ends with what the chain says."""

import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chain.database import open_engine, reading
from indexer import schema
from indexer.run import Indexer
from indexer.tables.chainlog import MirrorState
from tests.indexer.devchain import DevChain
from tests.indexer.samples import attested, batch, event, garbage, issue, seal
from tests.indexer.snapshots import compare, dump
from vault.store import LocalStore

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


class Story:
    """Logs of all kinds, drawn from one seed."""

    def __init__(self, seed: int, chain: DevChain, store: LocalStore) -> None:
        self.draw = random.Random(seed)
        self.chain, self.store = chain, store
        self.ledger = chain.deploy()
        self.start = chain.height
        self.serial = 0

    def happen(self) -> None:
        """One more thing on the chain."""
        names = []
        for _ in range(self.draw.randrange(1, 4)):
            self.serial += self.draw.randrange(2)  # some events are batched twice
            names.append(f"S{self.serial}")
        kind = self.draw.choice(["batch", "batch", "attest", "issue", "garbage", "empty", "reorganise"])
        if kind == "batch":
            made = batch(self.store, [event(name) for name in names], keep=self.draw.random() < 0.8)
            self.chain.emit(self.ledger, *made.log())
        elif kind == "attest":
            one = seal(event(names[0]))
            self.chain.emit(self.ledger, *attested(one, bytes(self.store.put(one.document))))
        elif kind == "issue":
            self.chain.emit(self.ledger, *issue(self.store, names)[1])
        elif kind == "garbage":
            self.chain.emit(self.ledger, *garbage(self.draw))
        elif kind == "empty":
            self.chain.mine(self.draw.randrange(1, 4))
        else:
            depth = min(self.draw.randrange(1, 6), self.chain.height - self.start)
            if depth > 0:
                self.chain.reorganise(depth)


def mirrored(engine: Engine) -> tuple[int, int]:
    """Generation of the mirror, which grows with every transaction of an indexer, and its newest block."""
    with reading(engine) as session:
        state = session.get(MirrorState, 1)
        return (state.generation, state.head_number) if state else (-1, -1)


def kill_at(child: "subprocess.Popen[bytes]", engine: Engine, generation: int, height: int) -> None:
    """Kill a process as soon as the mirror was written that often, or has nothing more to write."""
    deadline = time.monotonic() + 120
    while child.poll() is None:
        written, head = mirrored(engine)
        if written >= generation or head >= height:
            break
        assert time.monotonic() < deadline, f"the mirror is at {written}, not at {generation}"
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.005)  # polling without a pause takes the processor from the child
    child.kill()
    child.wait()


def run(seed: int, kills: int, chain: DevChain, engine: Engine, store: LocalStore, folder: Path) -> None:
    print(f"seed {seed}")
    story = Story(seed, chain, store)
    schema.migrate(engine)
    arguments = [str(engine.url), chain.process.url, story.ledger, str(store.root), str(story.start)]
    for _ in range(kills):
        for _ in range(6):
            story.happen()
        aim = mirrored(engine)[0] + story.draw.randrange(1, 8)
        command = [sys.executable, "-m", "tests.indexer.indexing_child", *arguments]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(6):
                story.happen()
            kill_at(child, engine, aim, chain.height)
        finally:
            child.kill()
            child.wait()
    far = 10**15  # every retry is due
    addresses = {"EventLedger": story.ledger}
    Indexer(engine, chain.rpc, addresses, store, start_block=story.start, clock=lambda: far).run_once()
    truth = open_engine(f"sqlite:///{folder / 'truth.db'}", synchronous="NORMAL")
    try:
        Indexer(truth, chain.rpc, addresses, store, start_block=story.start).run_once()
        assert [str(one) for one in compare(dump(engine), dump(truth))] == []
        logs = chain.rpc.get_logs(0, chain.height, [story.ledger])
        assert sorted(dump(truth)["raw_log"]) == sorted(
            ("0x" + x.block_hash.hex(), x.log_index) for x in logs
        )
    finally:
        truth.dispose()


@pytest.mark.parametrize("seed", [1])
def test_killed_indexer_ends_with_the_truth(
    seed: int, chain: DevChain, engine: Engine, store: LocalStore, tmp_path: Path
) -> None:
    run(seed, 2, chain, engine, store, tmp_path)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(3, 40))])
def test_indexer_killed_again_and_again_ends_with_the_truth(
    seed: int, chain: DevChain, engine: Engine, store: LocalStore, tmp_path: Path
) -> None:
    run(seed, 10 if seed > 2 else 4, chain, engine, store, tmp_path)
