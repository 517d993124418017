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


EAGER = SenderSettings(lease_ttl=60.0, stuck_after=0.0, retry_after=0.0)


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


def test_an_estimate_too_low_for_any_block_is_not_signed(
    lying: LyingRpc, engine: Engine, signer: EnvironmentSigner
) -> None:
    """Nodes take such a transaction, and no block ever holds it: it and all behind it would wait for ever."""
    sender = Sender(engine, lying, signer, settings=FAST)
    lying.lies["eth_estimateGas", ""] = hex(22_000)
    called = sender.submit(FRIEND, b"\1" * 600 + b"\0" * 40, key="call", purpose="call")
    paid = sender.submit(FRIEND, b"", 7, key="pay", purpose="pay")
    assert all(one.succeeded for one in settle(sender, called, paid))
    assert not lying.lies


def test_an_estimate_that_no_block_can_hold_is_cut(
    node: AnvilNode, lying: LyingRpc, engine: Engine, signer: EnvironmentSigner
) -> None:
    sender = Sender(engine, lying, signer, settings=FAST)
    lying.lies["eth_estimateGas", ""] = hex(10**12)
    (paid,) = settle(sender, sender.submit(FRIEND, b"", 7, key="pay", purpose="pay"))
    assert paid.succeeded
    head = node.rpc.get_block("latest")
    assert head is not None
    assert [version.gas for version in paid.versions] == [head.gas_limit]


def test_a_price_that_the_account_cannot_pay_is_asked_for_anew(
    node: AnvilNode, lying: LyingRpc, engine: Engine, signer: EnvironmentSigner
) -> None:
    node.rpc.request("anvil_setBalance", [ADDRESS, hex(10**15)])
    sender = Sender(engine, lying, signer, settings=EAGER)
    lying.lies["eth_maxPriorityFeePerGas", ""] = hex(10**15)
    (paid,) = settle(sender, sender.submit(FRIEND, b"", 7, key="pay", purpose="pay"))
    assert paid.succeeded
    absurd, sober = paid.versions
    assert absurd.fee == EAGER.fee_cap
    assert sober.fee < 10**11
    assert node.rpc.balance(FRIEND) == 7


def test_a_limit_that_the_node_refuses_is_changed(engine: Engine, signer: EnvironmentSigner) -> None:
    """EIP-7825: no transaction may have more than 2^24, however much a block holds."""
    node = AnvilNode("--gas-limit", "300000000", "--enable-tx-gas-limit")
    try:
        node.start()
        sender = Sender(engine, node.rpc, signer, settings=EAGER)
        first = sender.submit(FRIEND, b"\1", 7, key="pay", purpose="pay", gas=80_000_000)
        behind = sender.submit(FRIEND, b"", 1, key="behind", purpose="pay")
        first, behind = settle(sender, first, behind)
        assert (first.succeeded, behind.succeeded) == (True, True)
        assert [version.gas for version in first.versions] == [80_000_000, 40_000_000, 20_000_000, 10_000_000]
        assert node.rpc.balance(FRIEND) == 8
    finally:
        node.close()
