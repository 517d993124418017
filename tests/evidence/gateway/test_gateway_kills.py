"""A gateway's process is killed again and again against a real service: acknowledged is anchored, once."""

import os
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest
from sqlmodel import select

from chain.bindings import event_ledger
from chain.database import open_engine, reading
from epcis.tree import event_leaf, verify
from evidence.gateway import Gateway
from evidence.gateway.migrations import upgrade_gateway
from indexer.tables.content import EventProof
from tests.evidence.gateway.gateway_child import open_gateway, settle, tell_story
from tests.evidence.world import World

pytestmark = pytest.mark.slow

_POINTS = 80


@pytest.mark.parametrize(
    "kills", [5, pytest.param(int(os.environ.get("TRADESEAL_KILLS", "1000")), marks=pytest.mark.deep)]
)
def test_rule_2_acknowledged_events_are_anchored_once_whatever_is_killed(
    world: World, service_url: str, database_url: Callable[[str], str], tmp_path: Path, kills: int
) -> None:
    seed = int(os.environ.get("TRADESEAL_SEED", Random().randrange(1 << 32)))
    print(f"seed {seed}: TRADESEAL_SEED={seed} TRADESEAL_KILLS={kills}")
    random = Random(seed)
    url = database_url("spool")
    engine = open_engine(url)
    upgrade_gateway(engine)
    engine.dispose()
    acknowledged = tmp_path / "acknowledged"
    acknowledged.touch()
    given = (url, service_url, world.deployment.to_json(), world.maker.gln)
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.evidence.gateway.gateway_child"])
    killed = 0
    while killed < kills:
        child = context.Process(
            target=tell_story,
            args=(
                *(*given, random.randint(1, _POINTS), random.randrange(1 << 32)),
                *(str(acknowledged), f"{seed:x}"),
            ),
        )
        child.start()
        child.join(120)
        assert child.exitcode in (0, -SIGKILL)
        killed += child.exitcode == -SIGKILL
        child.close()
    gateway = open_gateway(*given, 0)
    settle(gateway, 120)
    data = acknowledged.read_bytes()
    promised = {data[start : start + 32] for start in range(0, len(data), 32)}
    world.index()
    _check(world, gateway, promised)
    gateway.close()


def _check(world: World, gateway: Gateway, promised: set[bytes]) -> None:
    """Each is final and has one place on the chain, which its kept proof leads to."""
    ledger = event_ledger.EventLedger(world.deployment.address("EventLedger"), world.rpc)
    member = int(world.maker.gln)
    with reading(world.mirror) as session:
        rows = session.exec(select(EventProof.seal_id).where(EventProof.member == member)).all()
    places = Counter(rows)
    for seal_id in promised:
        found = gateway.event(seal_id)
        assert found is not None
        assert found.state == "final", found
        proof = gateway.proof(seal_id)
        assert proof is not None
        inner = proof["proof"]
        if inner["kind"] == "attestation":
            assert ledger.attested(member, seal_id) != bytes(32)
            continue
        assert places["0x" + seal_id.hex()] == 1
        root = bytes.fromhex(inner["root"][2:])
        assert ledger.anchored(member, root).size == inner["size"]
        leaf = event_leaf(seal_id, *(bytes.fromhex(one[2:]) for one in (proof["eventHash"], inner["salt"])))
        path = [bytes.fromhex(one[2:]) for one in inner["path"]]
        assert verify(leaf, inner["index"], inner["size"], path, root)
