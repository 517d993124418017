"""Logs and headers of a span of blocks, read so that they belong to one and the same chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chain.blocks import Block, Log
from chain.errors import ChainError, NodeUnreachable, RpcError

_PLENTY: Final = 2_000  # logs in one answer; beyond, spans shrink
_INT64: Final = 1 << 63


class ChainMovedError(ChainError):
    """The node's answers belong to different chains: it reorganised between them. Ask again."""


class Node(Protocol):
    """What the indexer asks of a chain; `chain.rpc.Rpc` is one."""

    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def first_block_hash(self) -> bytes:
        """Hash of block 0, or of block 1 where there is no 0."""
        ...

    def get_block(self, block: int | bytes | str) -> Block | None:
        """Header by number, hash or tag."""
        ...

    def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """Headers by number, in the order asked."""
        ...

    def get_logs(self, from_block: int, to_block: int, addresses: Sequence[str] = ()) -> list[Log]:
        """Logs of a span, both ends included, in chain order."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks `first` to `last.number`: all logs asked for, and headers of the blocks that hold them."""

    first: int
    last: Block
    blocks: dict[int, Block]
    logs: list[Log]


class Fetcher:
    """Reads spans whose length grows while the node answers easily and shrinks when it does not."""

    def __init__(self, node: Node, addresses: Sequence[str], max_span: int = 10_000) -> None:
        self._node = node
        self._addresses = sorted(addresses)
        self._max_span = max_span
        self.span = min(1_000, max_span)

    def latest(self) -> Block:
        """The chain's newest block. Raises ChainError."""
        block = self._node.get_block("latest")
        if block is None:
            raise ChainMovedError("the node has no latest block")
        return block

    def fetch(self, first: int, latest: int, before: tuple[int, str] | None) -> Span:
        """The next span from `first`, not beyond block `latest`.

        `before`: number and hash of the block the span must build on. Raises ChainMovedError where the chain
        changed meanwhile, RpcError where the node refuses even one block, and what else the node raises.
        """
        while True:
            last = min(latest, first + self.span - 1)
            try:
                span = self._read(first, last, before)
            except NodeUnreachable:
                self.span = max(1, self.span // 2)
                raise
            except RpcError:
                if last == first:
                    raise
                self.span = max(1, (last - first + 1) // 2)
                continue
            if len(span.logs) > _PLENTY:
                self.span = max(1, self.span // 2)
            elif last - first + 1 == self.span:
                self.span = min(self._max_span, self.span * 2)
            return span

    def _read(self, first: int, last: int, before: tuple[int, str] | None) -> Span:
        end = self._header(last)
        logs = self._node.get_logs(first, last, self._addresses) if self._addresses else []
        numbers = sorted({log.block_number for log in logs})
        headers = self._node.get_blocks(numbers) if numbers else []
        blocks: dict[int, Block] = {}
        for number, header in zip(numbers, headers, strict=True):
            if header is None or header.number != number:
                raise ChainMovedError(f"block {number} with logs is gone")
            blocks[number] = header
        for log in logs:
            if log.block_hash != blocks[log.block_number].hash:
                raise ChainMovedError(f"log {log.log_index} of block {log.block_number} is of another block")
        if len({(log.block_number, log.log_index) for log in logs}) != len(logs):
            raise ChainMovedError(f"a log of blocks {first} to {last} was given twice")
        known = {address.lower() for address in self._addresses}
        for log in logs:
            if log.address.lower() not in known:
                raise ChainMovedError(f"log of contract {log.address}, which was not asked for")
        # The last header commits to all below it: unchanged at the end, all that was read between is of it.
        if before is not None and before[0] >= 0:
            base = self._header(before[0])
            if "0x" + base.hash.hex() != before[1]:
                raise ChainMovedError(f"block {before[0]} was replaced")
        if self._header(last).hash != end.hash or (last in blocks and blocks[last].hash != end.hash):
            raise ChainMovedError(f"block {last} was replaced while its logs were read")
        for block in (end, *blocks.values()):
            if not 0 <= block.timestamp < _INT64 or not 0 <= block.number < _INT64:
                raise ChainMovedError(f"block {block.number} has the impossible timestamp {block.timestamp}")
        return Span(first, end, blocks, logs)

    def _header(self, number: int) -> Block:
        block = self._node.get_block(number)
        if block is None or block.number != number:
            raise ChainMovedError(f"block {number} is gone")
        return block
