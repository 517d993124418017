"""Mirroring a real chain: history and live, reorganisations, other chains, logs that nobody can read."""

import random
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from chain.database import open_engine
from chain.logs import LogColumns
from chain.rpc import Rpc
from indexer.ledger import DifferentChainError
from indexer.run import Indexer, NotReachedError
from indexer.tables.access import RolesChanged
from indexer.tables.chainlog import RawLog
from tests.indexer.devchain import DevChain
from tests.indexer.samples import garbage, roles_changed
from tests.indexer.snapshots import compare, dump
from vault.store import LocalStore

pytestmark = pytest.mark.slow


def roles(engine: Engine) -> list[tuple[int, int]]:
    """(block, roles) of every mirrored event, in chain order."""
    with Session(engine) as session:
        rows = session.exec(select(RolesChanged).order_by("block_number", "log_index")).all()
    return [(row.block_number, row.roles) for row in rows]


def on_chain(chain: DevChain, address: str) -> list[tuple[int, int]]:
    """The same, asked from the node directly."""
    logs = chain.rpc.get_logs(0, chain.height, [address])
    return [(log.block_number, int.from_bytes(log.data, "big")) for log in logs]


def test_history_and_live_are_one_loop(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    at = chain.deploy()
    for i in range(3):
        chain.emit(at, *roles_changed(1, i))
    indexer = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store)
    first = indexer.run_once()
    assert (first.logs, first.mirrored) == (3, chain.height)
    assert indexer.run_once().logs == 0
    chain.hold()
    for i in range(3, 6):
        chain.emit(at, *roles_changed(1, i))
    chain.release()
    assert indexer.run_once().logs == 3
    assert roles(engine) == on_chain(chain, at)
    assert [value for _, value in roles(engine)] == [0, 1, 2, 3, 4, 5]


def test_only_our_contracts_are_mirrored(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    ours, other = chain.deploy(), chain.deploy()
    chain.emit(other, *roles_changed(1, 1))
    chain.emit(ours, *roles_changed(1, 2))
    Indexer(engine, chain.rpc, {"MemberRegistry": ours}, store).run_once()
    assert [value for _, value in roles(engine)] == [2]


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_reorganisation_undoes_exactly_what_was_replaced(
    chain: DevChain, engine: Engine, store: LocalStore, depth: int
) -> None:
    at = chain.deploy()
    indexer = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store)
    for i in range(8):
        chain.emit(at, *roles_changed(1, i))
        indexer.run_once()
    chain.reorganise(depth)
    chain.emit(at, *roles_changed(1, 99))
    progress = indexer.run_once()
    assert progress.rolled_back >= depth
    assert roles(engine) == on_chain(chain, at)
    assert [value for _, value in roles(engine)] == [*range(8 - depth), 99]
    assert indexer.check() == []


def test_reorganisation_below_everything_that_was_mirrored(
    chain: DevChain, engine: Engine, store: LocalStore
) -> None:
    at = chain.deploy()
    start = chain.height + 1
    for i in range(4):
        chain.emit(at, *roles_changed(1, i))
    indexer = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store, start_block=start)
    indexer.run_once()
    chain.reorganise(4)
    assert indexer.run_once().rolled_back == 4
    assert roles(engine) == []


def test_chain_that_went_back_to_an_older_state(
    own_chain: DevChain, engine: Engine, store: LocalStore
) -> None:
    chain = own_chain
    at = chain.deploy()
    chain.emit(at, *roles_changed(1, 1))
    older = chain.restart()
    for i in range(10, 15):
        chain.emit(at, *roles_changed(1, i))
    addresses = {"MemberRegistry": at}
    Indexer(engine, chain.rpc, addresses, store).run_once()
    assert len(roles(engine)) == 6
    chain.restart(older)
    indexer = Indexer(engine, chain.rpc, addresses, store)
    indexer.run_once()  # the chain is shorter than the mirror
    assert [value for _, value in roles(engine)] == [1]
    for i in range(20, 29):
        chain.emit(at, *roles_changed(1, i))
    indexer.run_once()
    assert roles(engine) == on_chain(chain, at)


def test_log_that_cannot_be_read_is_kept_and_stops_nothing(
    chain: DevChain, engine: Engine, store: LocalStore
) -> None:
    at = chain.deploy()
    draw = random.Random(7)
    chain.emit(at, *garbage(draw))
    chain.emit(at, [], b"no topic")
    chain.emit(at, [b"\x99" * 32], b"")
    chain.emit(at, *roles_changed(1, 5))
    progress = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store).run_once()
    assert (progress.logs, progress.undecoded) == (4, 3)
    assert [value for _, value in roles(engine)] == [5]
    with Session(engine) as session:
        errors = [row.decode_error for row in session.exec(select(RawLog).order_by("block_number"))]
    assert errors[3] is None
    assert errors[0] is not None and "RolesChanged" in errors[0]
    assert errors[1] == errors[2] == "no event of the contracts has this topic"


def test_mirror_of_another_chain_is_refused_until_reindexed(
    chain: DevChain, engine: Engine, store: LocalStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = chain.deploy()
    chain.emit(at, *roles_changed(1, 1))
    Indexer(engine, chain.rpc, {"MemberRegistry": at}, store).run_once()
    before = dump(engine)
    with DevChain(tmp_path_factory.mktemp("other")) as other:
        elsewhere = other.deploy()
        indexer = Indexer(engine, other.rpc, {"MemberRegistry": elsewhere}, store)
        with pytest.raises(DifferentChainError, match=r"chain_id .* the chain to follow has .*reindex"):
            indexer.run_once()
        assert dump(engine) == before
        indexer.reindex()
        assert roles(engine) == []
    moved = Indexer(engine, chain.rpc, {"MemberRegistry": chain.deploy()}, store)
    with pytest.raises(DifferentChainError):
        moved.run_once()


def test_rule_1_reindexed_mirror_is_the_same(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    at = chain.deploy()
    indexer = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store, max_span=2)
    for i in range(9):
        chain.emit(at, *roles_changed(i, i))
        if i % 3 == 0:
            indexer.run_once()
    indexer.run_once()
    before = dump(engine)
    assert len(before["roles_changed"]) == 9
    indexer.reindex()
    assert compare(before, dump(engine)) == []


def test_check_names_what_was_altered(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    at = chain.deploy()
    for i in range(3):
        chain.emit(at, *roles_changed(1, i))
    indexer = Indexer(engine, chain.rpc, {"MemberRegistry": at}, store)
    indexer.run_once()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE roles_changed SET roles = 77 WHERE roles = 1")
        connection.exec_driver_sql("DELETE FROM roles_changed WHERE roles = 2")
        connection.exec_driver_sql(
            "UPDATE block SET number = number + 10000 WHERE number = (SELECT min(number) FROM block)"
        )
    found = {(d.table, d.column) for d in indexer.check()}
    assert found == {("roles_changed", "roles"), ("roles_changed", None), ("block", "number")}
    assert any("roles is 77, chain and vault say 1" in str(d) for d in indexer.check())


def test_loop_survives_a_node_that_is_away(own_chain: DevChain, engine: Engine, store: LocalStore) -> None:
    chain = own_chain
    at = chain.deploy()
    chain.emit(at, *roles_changed(1, 1))
    port = int(chain.process.url.rpartition(":")[2])
    rpc = Rpc(chain.process.url, timeout=2)
    indexer = Indexer(engine, rpc, {"MemberRegistry": at}, store, poll_seconds=0.02)
    stop = threading.Event()
    thread = threading.Thread(target=indexer.run, args=(stop,))
    thread.start()
    try:
        indexer.wait_for_block(chain.height, timeout=10)
        chain.restart(port=port, while_down=lambda: _until_failing(indexer))
        chain.emit(at, *roles_changed(1, 2))
        indexer.wait_for_block(chain.height, timeout=10)
        assert [value for _, value in roles(engine)] == [1, 2]
        with pytest.raises(NotReachedError, match=r"mirror is at block \d+"):
            indexer.wait_for_block(10**6, timeout=0.05)
    finally:
        stop.set()
        thread.join()
        rpc.close()


def _until_failing(indexer: Indexer) -> None:
    waiter = threading.Event()
    for _ in range(500):
        if indexer.last_error:
            return
        waiter.wait(0.01)
    raise AssertionError("the loop noticed nothing")


def test_loop_survives_what_nobody_expected(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    """An answer that no check foresaw costs a pause, not the mirror."""

    class Odd(Rpc):
        asked = 0

        def get_log_columns(self, *arguments: Any, **named: Any) -> LogColumns:
            self.asked += 1
            found = super().get_log_columns(*arguments, **named)
            return replace(found, log_index=[1 << 80] * len(found)) if self.asked == 1 else found

    at = chain.deploy()
    chain.emit(at, *roles_changed(1, 1))
    stop = threading.Event()
    with Odd(chain.process.url) as rpc:
        indexer = Indexer(engine, rpc, {"MemberRegistry": at}, store, poll_seconds=0.02)
        thread = threading.Thread(target=indexer.run, args=(stop,))
        thread.start()
        try:
            indexer.wait_for_block(chain.height, 20)
        finally:
            stop.set()
            thread.join()
    assert rpc.asked > 1
    assert indexer.last_error is None
    assert roles(engine) == on_chain(chain, at)


def test_two_processes_may_write_one_mirror(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    at = chain.deploy()
    stop = threading.Event()
    other = open_engine(str(engine.url), synchronous="NORMAL")
    nodes = [Rpc(chain.process.url) for _ in range(2)]
    indexers = [
        Indexer(db, rpc, {"MemberRegistry": at}, store, poll_seconds=0.001, max_span=1)
        for db, rpc in zip([engine, other], nodes, strict=True)
    ]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in indexers]
    for thread in threads:
        thread.start()
    try:
        for i in range(30):
            chain.emit(at, *roles_changed(1, i))
        indexers[0].wait_for_block(chain.height, timeout=30)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        other.dispose()
        for rpc in nodes:
            rpc.close()
    assert roles(engine) == on_chain(chain, at)
