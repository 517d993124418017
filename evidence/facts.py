"""What can never change and so need not be asked twice: facts of blocks known by hash, readings of content.

Nothing here says how things stand now. A fact of a block counts only as long as the chain still has that
block, which whoever uses it asks anew; a reading only for bytes that were just read and hashed; a view of the
mirror only while all its rows are read again and found to be the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from chain.blocks import Block, Receipt
from indexer.read.replay import Replays

K = TypeVar("K")
V = TypeVar("V")

_LOGS: Final = 65_536
"""logs of all receipts that are kept"""
_BLOCKS: Final = 16_384
_ANSWERS: Final = 65_536
_TILE_BYTES: Final = 32 * 1024 * 1024
_READ_BYTES: Final = 32 * 1024 * 1024
"""content of the readings that are kept"""


class Kept(Generic[K, V]):
    """The values used last, up to a total weight; for many threads."""

    def __init__(self, limit: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weight = weight
        self._total = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, if it is still there."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keep a value; what is heavier than the limit is not kept."""
        weight = self._weight(value)
        with self._lock:
            old = self._values.pop(key, None)
            if old is not None:
                self._total -= self._weight(old)
            if weight > self._limit:
                return
            self._values[key] = value
            self._total += weight
            while self._total > self._limit:
                _, dropped = self._values.popitem(last=False)
                self._total -= self._weight(dropped)

    def __len__(self) -> int:
        return len(self._values)


class Facts:
    """Facts of one node's chain and readings of one store, shared by the verifications of a process."""

    def __init__(self) -> None:
        self.head: Block | None = None
        """the head that was seen last: a guess at the next one"""
        self.rights: dict[str, str] = {}
        """rights registry by passport contract: what to ask about beforehand, never what to believe"""
        self.receipts: Kept[bytes, Receipt] = Kept(_LOGS, lambda one: 16 + len(one.logs))
        """by transaction; holds while the chain has the receipt's block"""
        self.blocks: Kept[bytes, Block] = Kept(_BLOCKS)
        """headers by hash"""
        self.descends: Kept[tuple[bytes, bytes], bool] = Kept(_ANSWERS)
        """(head, block): whether the head's chain has the block"""
        self.networks: Kept[tuple[Any, bytes], Any] = Kept(64)
        """(trust anchor, head) -> what the node serves there"""
        self.answers: Kept[tuple[bytes, str, bytes], bytes] = Kept(_ANSWERS)
        """(block, contract, call) -> what never changes after that block"""
        self.rows: Kept[tuple[bytes, int], Any] = Kept(_LOGS)
        """(block, log index) -> the row that the mirror must have of that log"""
        self.events: Kept[tuple[bytes, int], Any] = Kept(_LOGS)
        """(block, log index) -> the contracts' event"""
        self.paths: Kept[Any, Any] = Kept(_TILE_BYTES, lambda one: 64 + one.weight)
        """leaf -> the path that these very tiles give"""
        self.readings: Kept[str, Any] = Kept(_READ_BYTES, lambda one: one.weight)
        """by CID"""
        self.views = Replays()
        """what the mirror says of an item, as long as it says the same"""
