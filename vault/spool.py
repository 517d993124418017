"""Content on its way through this machine: in an unnamed file on disk, never whole in memory."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vault.cid import RAW, Cid
from vault.content import CorruptContent, StoreUnavailable
from vault.reader import LeafReader
from vault.unixfs import LEAF_SIZE, Readable, blocks_of, cid_of, read_leaf


class VerifiedReader(LeafReader):
    """A file read leaf by leaf, each compared with the digest that the CID commits to.

    `place` is what to say where the disk fails: the file's name, where it has one.
    """

    def __init__(self, cid: Cid, file: BinaryIO, place: str | None = None) -> None:
        """Reads the whole file first. Raises CorruptContent, StoreUnavailable, and closes the file then."""
        super().__init__(cid)
        self._file = file
        self._place = str(file.name) if place is None else place
        try:
            with self._failing():
                self._digests = _checked_leaves(cid, file)
                self.file_size = file.seek(0, os.SEEK_END)
        except BaseException:
            file.close()
            raise

    def leaf_at(self, position: int) -> tuple[int, bytes]:
        """The leaf as the file has it now."""
        index = position // LEAF_SIZE
        with self._failing():
            self._file.seek(index * LEAF_SIZE)
            leaf = read_leaf(self._file)
            if index >= len(self._digests) or hashlib.sha256(leaf).digest() != self._digests[index]:
                self._file.seek(0)
                raise CorruptContent(self.cid, cid_of(self._file))
        return index * LEAF_SIZE, leaf

    def close(self) -> None:
        self._file.close()
        super().close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_failed(self._place, error) from error


def _checked_leaves(cid: Cid, file: Readable) -> list[bytes]:
    """SHA-256 of every leaf of a file that must have this CID. Raises CorruptContent."""
    digests: list[bytes] = []
    actual = cid
    for block in blocks_of(file):
        actual = block.cid
        if block.cid.codec == RAW:
            digests.append(block.cid.digest)
    if actual != cid:
        raise CorruptContent(cid, actual)
    return digests


def spooled(content: Readable, folder: Path) -> tuple[Cid, BinaryIO]:
    """A stream's CID, and a copy of it in an unnamed file of that folder, at its start.

    Raises StoreUnavailable where the disk fails, and what reading the stream raises.
    """
    file = unnamed_file(folder)
    try:
        cid = cid_of(Copying(content, file.write, str(folder)))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return cid, file


def unnamed_file(folder: Path) -> BinaryIO:
    """A file that is gone when it is closed. Raises StoreUnavailable."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise disk_failed(str(folder), error) from error


class Copying:
    """Reads from a source and gives a writer what was read; tells the writer's errors from the source's."""

    def __init__(self, source: Readable, write: Callable[[bytes], object], place: str) -> None:
        self._source = source
        self._write = write
        self._place = place

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        try:
            self._write(data)
        except OSError as error:
            raise disk_failed(self._place, error) from error
        return data


def disk_failed(place: str, error: OSError) -> StoreUnavailable:
    """What a disk refuses, as the vault says it."""
    return StoreUnavailable(place, error.strerror or str(error))
