"""`scripts/bench index`: the chain's logs into SQL, ours and other indexers' into the same PostgreSQL.

`--logs N` logs of token and ledger (50,000); `--bodies N` events in batches of a thousand, their content read
from a local vault and checked, and as many items in one issue; `--sqlite` ours on SQLite as well; `--memory`
what this process holds after all logs, against after the first sixth of them.
"""

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from chain.database import open_engine
from chain.rpc import Rpc
from indexer.run import Indexer, Progress
from tests.bench.index_chain import Chain, running, with_bodies
from tests.bench.measurement import Measurement, show
from tests.postgresql import PostgresServer
from vault.store import LocalStore

_LOGS_GOAL: Final = 15_000
_BODIES_GOAL: Final = 2_500
_ITEMS_GOAL: Final = 25_000
_PARTS: Final = 6


def main(arguments: Sequence[str]) -> None:
    """Print a line for each peer and case."""
    parser = argparse.ArgumentParser(prog="scripts/bench index")
    parser.add_argument("--logs", type=int, default=50_000)
    parser.add_argument("--bodies", type=int, default=0, metavar="EVENTS")
    parser.add_argument("--peers", nargs="*", metavar="PEER", help="some by name, none, or all without it")
    parser.add_argument("--sqlite", action="store_true", help="ours on SQLite as well")
    parser.add_argument("--memory", action="store_true", help="memory of ours instead of speed")
    options = parser.parse_args(arguments)
    with PostgresServer(durable=True) as server, tempfile.TemporaryDirectory() as folder:
        if options.bodies:
            _bodies(options.bodies, server, Path(folder), options.sqlite)
            return
        store = LocalStore(Path(folder) / "vault")
        with running(options.logs) as chain:
            if options.memory:
                _memory(chain, store, server.fresh_database())
                return
            ours = options.logs / timed(chain, store, server.fresh_database())
            if options.peers == []:
                _alone(ours, "postgresql", "logs/s", _LOGS_GOAL)
            if options.sqlite:
                url = f"sqlite:///{folder}/mirror.db"
                _alone(options.logs / timed(chain, store, url), "sqlite", "logs/s", _LOGS_GOAL)
            if options.peers != []:
                _against(tuple(options.peers or ()), ours, chain, server)


def timed(chain: Chain, store: LocalStore, database: str) -> float:
    """Seconds from an empty, migrated database to everything committed."""
    engine = open_engine(database, synchronous="NORMAL")
    importlib.import_module("chain.bindings")  # as peers' programs are loaded before their clocks run
    try:
        with Rpc(chain.url, timeout=120) as rpc:
            indexer = Indexer(engine, rpc, chain.addresses, store, start_block=chain.first_block)
            indexer.run_once(chain.first_block - 1)  # the schema is there before any indexer's clock runs
            started = time.perf_counter()
            progress: Progress = indexer.run_once()
            seconds = time.perf_counter() - started
        if (progress.logs, progress.mirrored, progress.undecoded) != (chain.logs, chain.last_block, 0):
            raise RuntimeError(f"of {chain.logs} logs up to block {chain.last_block}: {progress}")
        return seconds
    finally:
        engine.dispose()


def _memory(chain: Chain, store: LocalStore, database: str) -> None:
    engine = open_engine(database, synchronous="NORMAL")
    held = []
    try:
        with Rpc(chain.url, timeout=120) as rpc:
            indexer = Indexer(engine, rpc, chain.addresses, store, start_block=chain.first_block)
            for part in range(1, _PARTS + 1):
                last = chain.first_block + (chain.last_block - chain.first_block) * part // _PARTS
                indexer.run_once(last)
                held.append(psutil.Process().memory_info().rss / (1 << 20))
    finally:
        engine.dispose()
    show(Measurement("index", held[-1], held[0], "MiB", None, None, f"memory, {chain.logs} logs", True))


def _against(names: tuple[str, ...], ours: float, chain: Chain, server: PostgresServer) -> None:
    # imported here: ours alone is timed without what the peers need
    peers = importlib.import_module("tests.bench.index_peers.compare")
    peers.bury(chain)
    for one in peers.outcomes(chain, lambda: _libpq(server.fresh_database()), names):
        if one.rate is None:
            print(f"{one.peer} {one.version} did not finish: {one.failure}", file=sys.stderr, flush=True)
        else:
            show(Measurement("index", ours, one.rate, "logs/s", one.peer, one.version, "logs"))


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _alone(ours: float, case: str, unit: str, goal: float) -> None:
    show(Measurement("index", ours, goal, unit, None, None, case))


def _bodies(events: int, server: PostgresServer, folder: Path, sqlite: bool) -> None:
    urls = {"postgresql": server.fresh_database} | (
        {"sqlite": lambda: f"sqlite:///{folder / f'{time.monotonic_ns()}.db'}"} if sqlite else {}
    )
    for case, counts, goal in (("events", (events, 0), _BODIES_GOAL), ("items", (0, events), _ITEMS_GOAL)):
        store = LocalStore(folder / case)
        with with_bodies(*counts, store) as chain:
            for database, url in urls.items():
                seconds = timed(chain, store, url())
                _alone(events / seconds, f"{case} with bodies, {database}", f"{case}/s", goal)
