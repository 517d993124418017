"""A file that is given leaf by leaf, each checked before: from a disk, or from whoever gives its blocks."""

import io
import os
from abc import abstractmethod

from vault.cid import Cid


class LeafReader(io.RawIOBase):
    """A seekable file; holds one leaf, and takes the next from `leaf_at` when a byte of it is asked for.

    The content's `file_size` in bytes is set by whoever gives the leaves, before anything is read.
    """

    def __init__(self, cid: Cid) -> None:
        super().__init__()
        self.cid = cid
        self.file_size = 0
        self._position = 0
        self._start = 0
        self._leaf = b""

    @abstractmethod
    def leaf_at(self, position: int) -> tuple[int, bytes]:
        """Where the leaf that holds a byte starts in the file, and the leaf, checked.

        Raises CorruptContent, MissingContent, StoreUnavailable.
        """

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.file_size}[whence]
        if base + offset < 0:
            raise ValueError(f"offset {offset}: before the start of {self.cid}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12's
        if self._position >= self.file_size:
            return 0
        if not self._start <= self._position < self._start + len(self._leaf):
            self._start, self._leaf = self.leaf_at(self._position)
        offset = self._position - self._start
        given = self._leaf[offset : offset + len(buffer)]
        buffer[: len(given)] = given
        self._position += len(given)
        return len(given)
