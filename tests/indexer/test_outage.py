"""A database that goes away for a while: the indexer goes on by itself, and nothing is lost or doubled."""

import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import Engine, text

from chain.database import open_engine
from chain.rpc import Rpc
from indexer.run import Indexer
from tests.indexer.devchain import DevChain
from tests.indexer.samples import batch, event
from tests.postgresql import PostgresServer
from vault.store import LocalStore

pytestmark = pytest.mark.slow


@pytest.fixture
def mirror(postgresql: PostgresServer) -> Iterator[Engine]:
    engine = open_engine(postgresql.fresh_database())
    yield engine
    engine.dispose()


def test_connections_cut_and_a_server_that_stands_still(
    chain: DevChain, mirror: Engine, store: LocalStore, postgresql: PostgresServer
) -> None:
    ledger = chain.deploy()
    stop = threading.Event()
    rpc = Rpc(chain.process.url)
    indexer = Indexer(mirror, rpc, {"EventLedger": ledger}, store, poll_seconds=0.01, max_span=1)
    thread = threading.Thread(target=indexer.run, args=(stop,))
    thread.start()
    cutter = open_engine(str(mirror.url))
    try:
        for i in range(24):
            chain.emit(ledger, *batch(store, [event(f"A{i}"), event(f"B{i}")]).log())
            if i % 6 == 2:
                with cutter.begin() as connection:
                    connection.execute(
                        text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        )
                    )
            if i % 8 == 5:
                _stand_still(postgresql, lambda: chain.emit(ledger, *batch(store, [event("C")]).log()))
        indexer.wait_for_block(chain.height, timeout=90)
    finally:
        stop.set()
        thread.join()
        cutter.dispose()
    health = indexer.health()
    assert health.mirrored == chain.height
    assert indexer.check() == []
    assert health.logs >= 24
    rpc.close()


def _stand_still(server: PostgresServer, meanwhile: object) -> None:
    """Stop every process of the server while something happens."""
    main = psutil.Process(server.pid)
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        assert callable(meanwhile)
        meanwhile()
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
