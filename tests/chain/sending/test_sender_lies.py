"""The durable sender before a node whose answers are well-formed and, now and then, wrong (rule 2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from chain.operation import Operation, Status
from chain.rpc import Rpc
from chain.sender import Sender, SenderSettings
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import ADDRESS, AnvilNode
from tests.chain.sending.test_sender import FAST, FRIEND, passes, settle

pytestmark = pytest.mark.slow


class LyingRpc(Rpc):
    """A client whose node gives prepared answers, each once, in place of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=10)
        self.lies: dict[tuple[str, str], Any] = {}
        """by method and first parameter; an empty parameter stands for any"""

    def request(self, method: str, params: Sequence[object] = ()) -> Any:
        return self._lie(method, params, super().request(method, params))

    def batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        if len(requests) == 1:
            return super().batch(requests)  # goes through `request`
        answers = super().batch(requests)
        return [self._lie(*asked, true) for asked, true in zip(requests, answers, strict=True)]

    def _lie(self, method: str, params: Sequence[object], true: Any) -> Any:
        for key in ((method, str(params[0]) if params else ""), (method, "")):
            if key in self.lies:
                return self.lies.pop(key)
        return true


@pytest.fixture
def lying(node: AnvilNode) -> Iterator[LyingRpc]:
    with LyingRpc(node.url) as rpc:
        yield rpc


def names_its_block(node: AnvilNode, one: Operation) -> bool:
    """Whether the record is what the chain says now."""
    assert one.transaction_hash is not None
    receipt = node.rpc.get_receipt(one.transaction_hash)
    return receipt is not None and (one.block_number, one.block_hash) == (
        receipt.block_number,
        receipt.block_hash,
    )


def test_a_receipt_of_a_block_that_is_gone_is_not_believed(
    node: AnvilNode, lying: LyingRpc, engine: Engine, signer: EnvironmentSigner
) -> None:
    """A later operation that stands vouches for those before it, so none may be recorded wrongly."""
    sender = Sender(engine, lying, signer, settings=FAST)
    paid = [sender.submit(FRIEND, b"", 4**i, key=f"{i}", purpose="pay") for i in range(2)]
    first, second = settle(sender, *paid)
    assert first.transaction_hash is not None
    asked = "0x" + first.transaction_hash.hex()
    stale = node.rpc.request("eth_getTransactionReceipt", [asked])
    node.rpc.request("anvil_rollback", [2])
    node.mine()
    for one in (first, second):
        node.rpc.send_raw_transaction(one.versions[0].raw)
    lying.lies["eth_getTransactionReceipt", asked] = stale
    passes(sender, lambda: not lying.lies)
    passes(sender, lambda: all(sender.operation(one.id).status is Status.MINED for one in paid))
    for _ in range(3):
        sender.run_once()
    assert all(names_its_block(node, sender.operation(one.id)) for one in paid)
    assert node.rpc.balance(FRIEND) == 5
