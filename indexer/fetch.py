"""Logs and headers of a span of blocks, read so that they belong to one and the same chain."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from chain.blocks import Block
from chain.bloom import unexplained
from chain.errors import ChainError
from chain.fields import hex_text
from chain.logs import LogColumns
from indexer.pace import Pace

_INT64 = 1 << 63
_ALL_HEADERS: Final = 32  # blocks of a span whose headers are all read: followers of a chain read few


class ChainMovedError(ChainError):
    """The node's answers belong to different chains: it reorganised between them. Ask again."""


class CutAnswerError(ChainError):
    """The node gives fewer logs than there are, and no smaller question is left."""


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

    def get_log_columns(self, from_block: int, to_block: int, addresses: Sequence[str] = ()) -> LogColumns:
        """Logs of a span, both ends included, in chain order."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks `first` to `last.number`: all logs asked for, and headers of the blocks that hold them."""

    first: int
    last: Block
    blocks: dict[int, Block]
    logs: LogColumns


class Fetcher:
    """Reads spans whose length grows while the node answers easily and shrinks when it does not.

    For one thread at a time.
    """

    def __init__(self, node: Node, addresses: Sequence[str], max_span: int = 10_000) -> None:
        self._node = node
        self._addresses = sorted(addresses)
        self._known = {address.lower() for address in addresses}
        self._pace = Pace(max_span)

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
            last = min(latest, first + self._pace.span - 1)
            end = self._header(last)
            try:
                logs = self._logs(first, last)
            except ChainError as error:
                if not self._pace.refused(error, first, last):
                    raise
                continue
            if logs is None:
                continue
            span = self._checked(first, end, logs, before)
            self._pace.answered(last - first + 1, len(logs))
            return span

    def _logs(self, first: int, last: int) -> LogColumns | None:
        """All logs of a span; None where the node seems to have left some out and less is to be asked."""
        if not self._addresses:
            return LogColumns.of([])
        logs = self._node.get_log_columns(first, last, self._addresses)
        if not self._pace.doubtful(len(logs)):
            return logs
        if first == last:
            parts = [len(self._node.get_log_columns(first, last, [address])) for address in self._addresses]
        else:
            middle = (first + last) // 2
            parts = [
                len(self._node.get_log_columns(start, end, self._addresses))
                for start, end in ((first, middle), (middle + 1, last))
            ]
        if sum(parts) == len(logs):
            self._pace.trusted(len(logs))
            return logs
        self._pace.cut(len(logs), first, last)
        if first == last:
            raise CutAnswerError(f"of block {first} the node gives {len(logs)} logs, asked in parts {parts}")
        return None

    def _checked(self, first: int, end: Block, logs: LogColumns, before: tuple[int, str] | None) -> Span:
        """The span, if all that was told of it fits together. Raises ChainMovedError."""
        last = end.number
        holding = set(logs.block_number)
        # The last header commits to all below it: asked after the logs and unchanged since before them, all
        # that was read between is of it.
        numbers = range(first, last + 1) if last - first < _ALL_HEADERS else sorted(holding)
        asked = [*numbers, last]
        if before is not None and before[0] >= 0:
            asked.append(before[0])
        headers = dict(zip(asked, self._node.get_blocks(asked), strict=True))
        blocks: dict[int, Block] = {}
        for number in numbers:
            header = headers[number]
            if header is None or header.number != number:
                raise ChainMovedError(f"block {number} is gone")
            blocks[number] = header
        for number, block_hash in set(zip(logs.block_number, logs.block_hash, strict=True)):
            if block_hash != hex_text(blocks[number].hash):
                raise ChainMovedError(f"a log of block {number} is of another block, {block_hash}")
        strange = set(logs.address) - self._known
        if strange:
            raise ChainMovedError(f"log of contract {min(strange)}, which was not asked for")
        places = zip(logs.block_number, logs.log_index, strict=True)
        if len({number << 256 | index for number, index in places}) != len(logs):
            raise ChainMovedError(f"a log of blocks {first} to {last} was given twice")
        if before is not None and before[0] >= 0:
            base = headers[before[0]]
            if base is None or base.number != before[0] or hex_text(base.hash) != before[1]:
                raise ChainMovedError(f"block {before[0]} was replaced")
        again = headers[last]
        if again is None or again.number != last or again.hash != end.hash:
            raise ChainMovedError(f"block {last} was replaced while its logs were read")
        self._all_told(blocks, logs)
        blocks = {number: blocks[number] for number in sorted(holding)}
        for block in (end, *blocks.values()):
            if not 0 <= block.timestamp < _INT64 or not 0 <= block.number < _INT64:
                raise ChainMovedError(f"block {block.number} has the impossible timestamp {block.timestamp}")
        return Span(first, end, blocks, logs)

    def _all_told(self, blocks: dict[int, Block], logs: LogColumns) -> None:
        """Nodes hand out blocks before they can find their logs: where a header tells of some, ask again."""
        given = set(zip(logs.block_number, logs.address, strict=True))
        for block in blocks.values():
            silent = [one for one in self._known if (block.number, one) not in given and block.may_hold(one)]
            if silent and len(self._node.get_log_columns(block.number, block.number, sorted(silent))):
                raise ChainMovedError(f"logs of block {block.number} were left out")
        told: defaultdict[int, list[tuple[str, list[str]]]] = defaultdict(list)
        highest: dict[int, int] = {}
        places = zip(logs.block_number, logs.log_index, strict=True)
        for (number, index), address, topics in zip(places, logs.address, logs.topics, strict=True):
            told[number].append((address, topics))
            highest[number] = max(index, highest.get(number, 0))
        # A block's logs are counted from 0, and its filter has the bits of all. What is missing is mostly of
        # other contracts; asked for once more, ours are as many as before then.
        doubtful = [
            number
            for number, given_here in told.items()
            if highest[number] >= len(given_here) or unexplained(blocks[number].logs_bloom, given_here)
        ]
        if doubtful:
            first, last = min(doubtful), max(doubtful)
            count = sum(len(told[number]) for number in told if first <= number <= last)
            if len(self._node.get_log_columns(first, last, self._addresses)) != count:
                raise ChainMovedError(f"of blocks {first} to {last} {count} logs are not all")

    def _header(self, number: int) -> Block:
        block = self._node.get_block(number)
        if block is None or block.number != number:
            raise ChainMovedError(f"block {number} is gone")
        return block
