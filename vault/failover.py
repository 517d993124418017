"""One stream over several stores' copies of the same content."""

import io
from collections.abc import Callable, Sequence
from typing import BinaryIO, Generic, TypeVar

from vault.cid import Cid
from vault.content import ContentStore, CorruptContent, MissingContent, StoreUnavailable, VaultError

S = TypeVar("S", bound=ContentStore)


class FailoverReader(io.RawIOBase, Generic[S]):
    """Reads from the first store that can; goes on at the same byte with the next where one fails.

    `report` is told of each copy that failed, once another one is known to be good.
    """

    def __init__(self, cid: Cid, stores: Sequence[S], report: Callable[[S, Cid, VaultError], None]) -> None:
        """Raises MissingContent, CorruptContent, StoreUnavailable where no store opens it."""
        super().__init__()
        self._cid = cid
        self._left = list(stores)
        self._report = report
        self._bad: list[tuple[S, VaultError]] = []
        self._position = 0
        self._store, self._stream = self._next()

    def _next(self) -> tuple[S, BinaryIO]:
        while self._left:
            store = self._left.pop(0)
            try:
                stream = store.open(self._cid)
                stream.seek(self._position)
            except VaultError as error:
                self._bad.append((store, error))
                continue
            for at, failure in self._bad:
                self._report(at, self._cid, failure)
            self._bad.clear()
            return store, stream
        raise gravest([error for _, error in self._bad])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12's
        while True:
            try:
                given = self._stream.read(len(buffer))
            except VaultError as error:
                self._stream.close()
                self._bad.append((self._store, error))
                self._store, self._stream = self._next()
                continue
            buffer[: len(given)] = given
            self._position += len(given)
            return len(given)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_stream"):
            self._stream.close()
        super().close()


def gravest(errors: Sequence[VaultError]) -> VaultError:
    """What to say where no copy could be had: a store that gave no answer may still have a good one."""
    for kind in (StoreUnavailable, CorruptContent, MissingContent):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]
