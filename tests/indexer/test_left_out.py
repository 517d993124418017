"""A node that gives some of a block's logs and not the others: its header says so."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from chain.rpc import Rpc
from indexer.fetch import ChainMovedError, Fetcher
from indexer.run import Indexer
from tests.indexer.devchain import DevChain
from tests.indexer.samples import roles_changed
from vault.store import LocalStore

pytestmark = pytest.mark.slow


class Forgetful(Rpc):
    """A client of a node that leaves one log out of one answer."""

    def __init__(self, url: str, place: int) -> None:
        super().__init__(url)
        self.place = place
        self.asked = 0

    def request(self, method: str, params: Sequence[object] = ()) -> Any:
        answer = super().request(method, params)
        if method == "eth_getLogs":
            self.asked += 1
            if self.asked == 1:
                del answer[self.place]
        return answer


def three_in_a_block(chain: DevChain, members: Sequence[int] = (1, 2, 3)) -> str:
    at = chain.deploy()
    chain.hold()
    for number, member in enumerate(members):
        chain.emit(at, *roles_changed(member, number))
    chain.release()
    return at


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_of_several_logs_of_a_block_is_missed(
    chain: DevChain, engine: Engine, store: LocalStore, place: int
) -> None:
    at = three_in_a_block(chain)
    with (
        Forgetful(chain.process.url, place) as node,
        pytest.raises(ChainMovedError, match="2 logs are not all"),
    ):
        Fetcher(node, [at]).fetch(chain.height, chain.height, None)
    with Forgetful(chain.process.url, place) as node:
        indexer = Indexer(engine, node, {"MemberRegistry": at}, store, start_block=chain.height)
        assert indexer.run_once().logs == 3
        assert indexer.check() == []


def test_one_whose_topics_others_have_too_is_missed_by_its_place(chain: DevChain) -> None:
    """No bit of the block's filter is its own."""
    at = three_in_a_block(chain, members=(1, 1, 1))
    with Forgetful(chain.process.url, 1) as node, pytest.raises(ChainMovedError, match="2 logs are not all"):
        Fetcher(node, [at]).fetch(chain.height, chain.height, None)


def test_logs_of_other_contracts_cost_one_question_more(chain: DevChain) -> None:
    """They set bits of the filter, too: what was asked is asked once more, and is as much."""
    at = three_in_a_block(chain)
    other = chain.deploy()
    first = chain.height
    for number in range(4):
        chain.hold()
        chain.emit(at, *roles_changed(9, number))
        chain.emit(other, [bytes([number]) * 32], b"")
        chain.release()

    class Counting(Rpc):
        asked = 0

        def request(self, method: str, params: Sequence[object] = ()) -> Any:
            Counting.asked += method == "eth_getLogs"
            return super().request(method, params)

    with Counting(chain.process.url) as node:
        assert len(Fetcher(node, [at]).fetch(first, chain.height, None).logs) == 4
    assert Counting.asked == 2
