"""A content store on a disk that fails, and whose files are short or wrong for a while."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tests.simulation.boundary import CALM, Boundary
from vault.cid import Cid
from vault.store import LocalStore, StoreUnavailable
from vault.unixfs import Readable

_READING = ("I/O error", "missing", "short", "wrong", "empty")
_WRITING = ("disk full", "I/O error after")


class FaultyStore(LocalStore):
    """The product's local store, each access of which crosses a boundary."""

    def __init__(self, root: Path, boundary: Boundary) -> None:
        super().__init__(root)
        self._boundary = boundary

    def put(self, content: bytes | Readable) -> Cid:
        with self._writing():
            return super().put(content)

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        with self._writing():
            return super().put_many(contents)

    def get(self, cid: Cid) -> bytes:
        kind = self._boundary.cross("vault get", self._boundary.weather.vault, _READING)
        place = self.path_of(cid)
        if kind == "I/O error":
            raise StoreUnavailable(str(place), "Input/output error")
        if kind == CALM:
            return super().get(cid)
        with self._spoilt(place, kind):
            return super().get(cid)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        kind = self._boundary.cross("vault put", self._boundary.weather.vault, _WRITING)
        if kind == "disk full":
            raise StoreUnavailable(str(self.root), "No space left on device")
        yield
        self._boundary.cross("vault kept")
        if kind != CALM:
            raise StoreUnavailable(str(self.root), "Input/output error")

    def open(self, cid: Cid) -> BinaryIO:
        self._boundary.cross("vault open")
        return super().open(cid)

    @contextmanager
    def _spoilt(self, path: Path, kind: str) -> Iterator[None]:
        """The real file, changed on the disk while it is read."""
        if not path.exists():
            yield
            return
        content = path.read_bytes()
        if kind == "missing":
            path.unlink()
        else:
            path.write_bytes({"short": content[:-1], "wrong": content[::-1], "empty": b""}[kind])
        try:
            yield
        finally:
            path.write_bytes(content)
