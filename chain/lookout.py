"""What became of the sender's transactions: mined, lost with their blocks, or displaced by another's."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from chain.answers import explain_revert
from chain.blocks import Receipt
from chain.errors import CallReverted, NodeNonsense, RpcError
from chain.operation import OPEN, Finding, Operation, Reason
from chain.outbox import Outbox
from chain.rpc import Rpc

_log = logging.getLogger(__name__)

_WALK: Final = 50


class Lookout:
    """Holds the operations of one address against its chain. Writes nothing."""

    def __init__(self, outbox: Outbox, rpc: Rpc, address: str, displaced_after: float) -> None:
        """`displaced_after`: seconds for which a used nonce may lack a receipt before it is another's."""
        self._outbox = outbox
        self._rpc = rpc
        self._address = address
        self._displaced_after = displaced_after
        self._missing_since: dict[int, float] = {}

    def findings(self, nonce: int) -> list[Finding]:
        """What became of open operations, and which mined ones the chain has lost. Writes nothing.

        A receipt of another block than the chain has at its height tells nothing: nodes behind one address
        may lag, and what is once recorded is not looked at again while later operations stand.
        """
        doubtful = self._undone()
        reopened = {one.id for one in doubtful}
        doubtful += [
            one for one in self._outbox.with_nonce(*OPEN) if one.nonce is not None and one.nonce < nonce
        ]
        receipts = self._receipts(doubtful)
        findings = []
        for one in doubtful:
            receipt = receipts.get(one.id)
            if receipt is not None:
                self._missing_since.pop(one.id, None)
                reason = None if receipt.succeeded else self._reason(one, receipt)
                findings.append(Finding(one.id, receipt, reason))
            elif one.id in reopened:
                findings.append(Finding(one.id))
            elif self._long_missing(one.id):
                text = f"nonce {one.nonce} of {self._address} was used by a transaction not of this outbox"
                findings.append(Finding(one.id, reason=Reason(text), displaced=True))
        return findings

    def _undone(self) -> list[Operation]:
        """Mined operations whose block is no longer the chain's.

        From the last one downward, until one stands: what was mined before it stands with it.
        """
        undone: list[Operation] = []
        below: int | None = None
        step = 1  # usually the last one stands, so a single header is all that is asked for
        while mined := self._outbox.last_mined(below, step):
            blocks = self._rpc.get_blocks([one.block_number or 0 for one in mined])
            for one, block in zip(mined, blocks, strict=True):
                if block is not None and block.hash == one.block_hash:
                    return undone
                undone.append(one)
            below, step = mined[-1].nonce, _WALK
        return undone

    def _receipts(self, operations: Sequence[Operation]) -> dict[int, Receipt]:
        """The receipt of whichever version was mined in a block of the chain, by operation id."""
        asked = [(one.id, version.hash) for one in operations for version in one.versions]
        found = self._rpc.get_receipts([version_hash for _, version_hash in asked]) if asked else []
        numbers = sorted({receipt.block_number for receipt in found if receipt is not None})
        blocks = dict(zip(numbers, self._rpc.get_blocks(numbers), strict=True))
        receipts: dict[int, Receipt] = {}
        for (operation_id, _), receipt in zip(asked, found, strict=True):
            block = None if receipt is None else blocks[receipt.block_number]
            if receipt is not None and block is not None and block.hash == receipt.block_hash:
                receipts[operation_id] = receipt
        return receipts

    def _long_missing(self, operation_id: int) -> bool:
        since = self._missing_since.setdefault(operation_id, time.monotonic())
        return time.monotonic() - since >= self._displaced_after

    def _reason(self, operation: Operation, receipt: Receipt) -> Reason:
        """Why it reverted: receipts don't say, so it is called on the state before and after its block."""
        gas = next(one.gas for one in operation.versions if one.hash == receipt.transaction_hash)
        if receipt.gas_used >= gas:
            return Reason(f"ran out of gas: limit was {gas}")
        for block in (receipt.block_number - 1, receipt.block_number):
            try:
                self._rpc.call(operation.to, operation.data, block, self._address, operation.value, gas)
            except CallReverted as reverted:
                return explain_revert(reverted.data)
            except (RpcError, NodeNonsense) as error:
                _log.info("operation %d: its revert cannot be repeated: %s", operation.id, error)
        return Reason("reverted; the reason depends on its place in the block and cannot be repeated")
