"""Spans of blocks from nodes that refuse long ones, or whose answers do not fit together."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from chain.blocks import Log
from chain.errors import RpcError
from chain.logs import LogColumns
from chain.rpc import Rpc
from indexer.fetch import ChainMovedError, Fetcher
from indexer.run import Indexer
from tests.indexer.devchain import DevChain
from tests.indexer.samples import roles_changed
from vault.store import LocalStore

pytestmark = pytest.mark.slow


class Altered(Rpc):
    """A client of a real node whose logs are changed on the way."""

    def __init__(self, url: str, change: Callable[[int, int, list[Log]], list[Log]]) -> None:
        super().__init__(url)
        self.change = change
        self.asked: list[int] = []

    def get_log_columns(self, from_block: int, to_block: int, addresses: Sequence[str] = ()) -> LogColumns:
        self.asked.append(to_block - from_block + 1)
        found = super().get_log_columns(from_block, to_block, addresses)
        logs = [found[place] for place in range(len(found))]
        return LogColumns.of(self.change(from_block, to_block, logs))


def at_most(blocks: int) -> Callable[[int, int, list[Log]], list[Log]]:
    def change(first: int, last: int, logs: list[Log]) -> list[Log]:
        if last - first + 1 > blocks:
            raise RpcError("eth_getLogs", -32005, "query exceeds the limit")
        return logs

    return change


def test_spans_shrink_until_the_node_answers(chain: DevChain, engine: Engine, store: LocalStore) -> None:
    at = chain.deploy()
    for i in range(12):
        chain.emit(at, *roles_changed(1, i))
    with Altered(chain.process.url, at_most(3)) as node:
        indexer = Indexer(engine, node, {"MemberRegistry": at}, store, start_block=chain.height - 11)
        assert indexer.run_once().logs == 12
        assert max(node.asked) > 3
        assert [size for size in node.asked if size <= 3]
        assert indexer.check() == []


def test_node_that_refuses_even_one_block_is_named(
    chain: DevChain, engine: Engine, store: LocalStore
) -> None:
    at = chain.deploy()
    with Altered(chain.process.url, at_most(0)) as node:
        indexer = Indexer(engine, node, {"MemberRegistry": at}, store)
        with pytest.raises(RpcError, match="query exceeds the limit"):
            indexer.run_once()
        assert indexer.mirrored() == -1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda log: [replace(log, block_hash=b"\1" * 32)], "is of another block"),
        (lambda log: [log, log], "was given twice"),
        (lambda log: [replace(log, address="0x" + "12" * 20)], "was not asked for"),
    ],
)
def test_logs_that_do_not_fit_are_never_taken(
    chain: DevChain, change: Callable[[Log], list[Log]], message: str
) -> None:
    at = chain.deploy()
    chain.emit(at, *roles_changed(1, 1))
    height = chain.height
    altered = Altered(chain.process.url, lambda _, __, logs: change(logs[0]))
    with altered as node, pytest.raises(ChainMovedError, match=message):
        Fetcher(node, [at]).fetch(height, height, None)


def test_span_builds_on_the_block_it_is_told(chain: DevChain) -> None:
    chain.mine()
    height = chain.height
    with pytest.raises(ChainMovedError, match=f"block {height - 1} was replaced"):
        Fetcher(chain.rpc, []).fetch(height, height, (height - 1, "0x" + "00" * 32))


def test_logs_that_a_node_cannot_find_yet_are_asked_for_again(
    chain: DevChain, engine: Engine, store: LocalStore
) -> None:
    at = chain.deploy()
    for i in range(3):
        chain.emit(at, *roles_changed(1, i))
    late = {chain.height, chain.height - 2}

    def change(first: int, last: int, logs: list[Log]) -> list[Log]:
        kept = [log for log in logs if log.block_number not in late]
        if first == last:
            late.discard(first)  # found by now
        return kept if len(kept) < len(logs) and first < last else logs

    with Altered(chain.process.url, change) as node:
        indexer = Indexer(engine, node, {"MemberRegistry": at}, store, start_block=chain.height - 2)
        assert indexer.run_once().logs == 3
        assert indexer.check() == []
