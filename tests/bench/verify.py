"""`verify`: requests a second of an item's verification, against one call, one select and one file read."""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evidence.jobs import Job
from tests.bench.load import Load, load
from tests.bench.measurement import Measurement, show
from tests.bench.mirror_filling import fill
from tests.evidence import documents as docs
from tests.evidence.world import World, running_world
from tests.postgresql import PostgresServer
from tests.processes import free_port
from vault.cid import Cid

_CASES = {
    "one event": "ONE",
    "four events: batches of two members, packing, attested delivery": "FOUR",
    "the same four events, while the chain gets a block each second": "MOVING",
}
_STARTS_WITHIN = 120


def main(arguments: list[str]) -> None:
    """Prints ours against the peer for each case, then what a hundred times the events cost."""
    parser = argparse.ArgumentParser(prog="scripts/bench verify")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--events", type=int, default=1_000_000, help="in the larger mirror")
    parser.add_argument("--base", type=int, default=10_000, help="events in the smaller mirror")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tradeseal-bench-") as folder, PostgresServer() as server:
        url = server.fresh_database()
        with running_world(Path(folder), url) as world:
            job = _story(world)
            config = Path(folder) / "worker.json"
            config.write_text(json.dumps(_config(world, job, url, Path(folder))), encoding="utf-8")
            _measure(world, config, given)


def _measure(world: World, config: Path, given: argparse.Namespace) -> None:
    fill(world.mirror, given.base)
    with _worker("peer", config) as peer, _worker("ours", config) as ours:
        best = _rounds(world, given, peer, ours)
    peer_rate = best["peer"].rate
    for case, name in _CASES.items():
        _show(case, best[name].rate, peer_rate)
    _show("the item's record, four events", best["record"].rate, peer_rate)
    _show("the item's page, four events", best["page"].rate, peer_rate)
    if given.events <= given.base:
        return
    fill(world.mirror, given.events)
    with _worker("peer", config) as peer, _worker("ours", config) as ours:
        grown = _rounds(world, given, peer, ours)
    for case, name in _CASES.items():
        show(
            Measurement(
                bench="verify",
                case=f"{case}: cost at {given.events} events against {given.base}",
                ours=1000 / grown[name].rate,
                theirs=1000 / best[name].rate,
                unit="ms",
                peer=f"itself at {given.base} events",
                peer_version=None,
                less_is_better=True,
            )
        )


def _checked(name: str, found: Load) -> Load:
    """A load whose answer says that the record is verified; what the peer answers says nothing of it."""
    if name in ("peer", "page"):
        return found
    answer = json.loads(found.body)
    verdict = answer["status"]["verdict"] if name == "record" else answer["verdict"]
    if verdict != "verified":
        raise RuntimeError(f"{name}: the record is {verdict}: {found.body[:2000]!r}")
    return found


def _show(case: str, ours: float, theirs: float) -> None:
    show(
        Measurement(
            bench="verify",
            case=case,
            ours=ours,
            theirs=theirs,
            unit="requests/s",
            peer="FastAPI route: one eth_call, one select, one file read, uncached",
            peer_version=f"fastapi {version('fastapi')}",
        )
    )


def _rounds(world: World, given: argparse.Namespace, peer: int, ours: int) -> dict[str, Load]:
    """The best of some rounds for each, taken in turns, so that both meet the same machine."""
    four = f"/items/{docs.GTIN}/FOUR"
    asked = {
        "peer": (peer, "/peer", "application/json"),
        "ONE": (ours, f"/items/{docs.GTIN}/ONE/verification", "application/json"),
        "FOUR": (ours, f"{four}/verification", "application/json"),
        "MOVING": (ours, f"{four}/verification", "application/json"),
        "record": (ours, four, "application/json"),
        "page": (ours, four, "text/html"),
    }
    best: dict[str, Load] = {}
    for port, path, accept in asked.values():
        load(port, path, 1, given.connections, accept)  # imports, pools and plans
    for _ in range(given.rounds):
        for name, (port, path, accept) in asked.items():
            with _blocks(world) if name == "MOVING" else nullcontext():
                found = _checked(name, load(port, path, given.seconds, given.connections, accept))
            if name not in best or found.rate > best[name].rate:
                best[name] = found
    return best


@contextmanager
def _blocks(world: World) -> Iterator[None]:
    """The chain goes on meanwhile: a block each second."""
    ended = threading.Event()

    def mine() -> None:
        while not ended.wait(1):
            world.rpc.request("evm_mine")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        ended.set()
        miner.join()


def _story(world: World) -> Job:
    world.issue("ONE", "FOUR", *(f"N{n}" for n in range(500)))
    neighbours = [docs.commissioning(f"N{n}") for n in range(500)]
    job = world.capture(docs.document(docs.commissioning("ONE"), *neighbours), world.maker)
    world.capture(docs.document(docs.commissioning("FOUR")), world.maker)
    world.capture(docs.document(docs.packing("FOUR")), world.carrier)
    world.capture(docs.document(docs.delivery(time="2026-03-05T10:00:00Z")), world.carrier)
    world.attest(docs.bare(docs.delivery()), world.carrier)
    world.index()
    return job


def _config(world: World, job: Job, url: str, folder: Path) -> dict[str, Any]:
    seal = job.seals[0]
    return {
        "rpc": world.anvil.url,
        "deployment": world.deployment.to_json(),
        "mirror": url,
        "state": f"sqlite:///{folder / 'service.db'}",
        "vault": str(folder / "vault"),
        "file": str(world.store.path_of(Cid.parse(seal.cid))),
        "sealId": seal.seal_id,
        "root": seal.root,
        "member": int(world.maker.gln),
    }


@contextmanager
def _worker(kind: str, config: Path) -> Iterator[int]:
    """A worker in a process of its own; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.verify_worker", kind, str(config), str(port)]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the {kind} worker does not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()
