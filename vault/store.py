"""Off-chain content on local disk, addressed and checked by CID.

One file of content is one file on disk, named by its CID: `content/<two letters>/<cid>`. Nothing is ever
half-written: content grows in `incoming/`, is flushed to the disk and renamed into place. Several processes
may use one folder at the same time.
"""

import fcntl
import hashlib
import io
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from vault.cid import RAW, Cid, InvalidCid
from vault.unixfs import LEAF_SIZE, Readable, blocks_of, cid_of

_ABANDONED_AFTER: Final = 3600.0  # seconds; younger files in `incoming/` may just be about to be locked


class VaultError(Exception):
    """What went wrong with off-chain content."""


class MissingContent(VaultError):
    """The store has no content of that CID."""

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"content {cid} is not in the store")
        self.cid = cid


class CorruptContent(VaultError):
    """What lies under a CID is other content; `actual` is that content's CID."""

    def __init__(self, cid: Cid, actual: Cid) -> None:
        super().__init__(f"content {cid} was altered: what is stored has CID {actual}")
        self.cid = cid
        self.actual = actual


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of an audit of the store. `cid` is None where a file's name is none."""

    cid: Cid | None
    path: Path
    reason: str


class ContentStore(Protocol):
    """Where sealed documents and manifests are kept, whatever the engine behind it."""

    def put(self, content: bytes | Readable) -> Cid:
        """Keep content, give its CID; putting it again changes nothing."""

    def get(self, cid: Cid) -> bytes:
        """The whole content, checked. Raises MissingContent, CorruptContent."""

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a stream, every byte checked. Raises MissingContent, CorruptContent."""

    def has(self, cid: Cid) -> bool:
        """Whether something is kept under that CID (it is checked when read)."""

    def size(self, cid: Cid) -> int:
        """Bytes kept under that CID. Raises MissingContent."""

    def iterate(self) -> Iterator[Cid]:
        """CIDs of all content kept."""


class LocalStore:
    """A ContentStore in a folder; created with what is missing of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._content = root / "content"
        self._incoming = root / "incoming"
        for folder in (root, self._content, self._incoming):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._remove_abandoned()

    def path_of(self, cid: Cid) -> Path:
        """Where content of that CID lies, or would lie."""
        text = str(cid)
        # The letters before the last spread evenly; the last one holds only a few bits.
        return self._content / text[-3:-1] / text

    def put(self, content: bytes | Readable) -> Cid:
        """Keep content and give its CID (see vault.unixfs); a stream is never held in memory.

        When it returns, the content is on the disk under its name. Content that was there already stays;
        if it had been altered, it is put right. Raises OSError where the disk does.
        """
        if isinstance(content, bytes):
            cid = cid_of(content)
            with suppress(VaultError):
                if self.get(cid) == content:
                    return cid
        part = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                cid = cid_of(_Copying(io.BytesIO(content) if isinstance(content, bytes) else content, file))
                file.flush()
                os.fsync(file.fileno())
                target = self.path_of(cid)
                if not target.parent.is_dir():
                    target.parent.mkdir(mode=0o750, exist_ok=True)
                    _sync_folder(self._content)
                part.replace(target)
                _sync_folder(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return cid

    def get(self, cid: Cid) -> bytes:
        """The whole content. Raises MissingContent, CorruptContent."""
        try:
            content = self.path_of(cid).read_bytes()
        except FileNotFoundError:
            raise MissingContent(cid) from None
        actual = cid_of(content)
        if actual != cid:
            raise CorruptContent(cid, actual)
        return content

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a seekable stream of any size.

        All of it is checked before the first byte is given, and each leaf again when it is read, so that
        what changes in between is noticed. Raises MissingContent, CorruptContent, here and while reading.
        """
        try:
            file = self.path_of(cid).open("rb", buffering=0)
        except FileNotFoundError:
            raise MissingContent(cid) from None
        try:
            digests = _checked_leaves(cid, file)
        except BaseException:
            file.close()
            raise
        return io.BufferedReader(_VerifiedReader(cid, file, digests), LEAF_SIZE)

    def has(self, cid: Cid) -> bool:
        """Whether something lies under that CID; only reading checks it."""
        return self.path_of(cid).is_file()

    def size(self, cid: Cid) -> int:
        """Bytes on disk under that CID. Raises MissingContent."""
        try:
            return self.path_of(cid).stat().st_size
        except FileNotFoundError:
            raise MissingContent(cid) from None

    def iterate(self) -> Iterator[Cid]:
        """CIDs of all content kept, in order of their place on disk; names that are no CID are left out."""
        for path in self._files():
            with suppress(InvalidCid):
                yield Cid.parse(path.name)

    def verify_all(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Problem]:
        """Read everything and name what is not what its name says, for the audit.

        `progress` is called with (files checked, files found at the start). Content removed while this runs
        is passed over. A file that cannot be read is a problem too, not an error.
        """
        paths = list(self._files())
        for done, path in enumerate(paths, start=1):
            problem = self._check(path)
            if problem is not None:
                yield problem
            if progress is not None:
                progress(done, len(paths))

    def _check(self, path: Path) -> Problem | None:
        try:
            cid = Cid.parse(path.name)
        except InvalidCid as error:
            return Problem(None, path, f"foreign file in the store: {error.reason}")
        if path != self.path_of(cid):
            return Problem(cid, path, "lies in the wrong folder, where no reader finds it")
        try:
            with path.open("rb") as file:
                actual = cid_of(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Problem(cid, path, f"cannot be read: {error.strerror}")
        if actual != cid:
            return Problem(cid, path, f"was altered: what is stored has CID {actual}")
        return None

    def _files(self) -> Iterator[Path]:
        for folder in sorted(self._content.iterdir()):
            if folder.is_dir():
                yield from sorted(folder.iterdir())
            else:
                yield folder

    def _remove_abandoned(self) -> None:
        """Remove what a killed writer left behind; a living one holds a lock on its file."""
        for part in self._incoming.iterdir():
            with suppress(OSError):
                if time.time() - part.stat().st_mtime < _ABANDONED_AFTER:
                    continue
                with part.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    part.unlink()


class _Copying:
    """Reads from a source and writes to a file what was read."""

    def __init__(self, source: Readable, target: BinaryIO) -> None:
        self._source = source
        self._target = target

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._target.write(data)
        return data


class _VerifiedReader(io.RawIOBase):
    """Reads leaf by leaf and compares each with the digest that the CID commits to."""

    def __init__(self, cid: Cid, file: io.FileIO, digests: list[bytes]) -> None:
        self._cid = cid
        self._file = file
        self._digests = digests
        self._size = file.seek(0, os.SEEK_END)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"offset {offset}: before the start of {self._cid}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # typeshed's Buffer is 3.12's
        if self._position >= self._size:
            return 0
        index, offset = divmod(self._position, LEAF_SIZE)
        self._file.seek(index * LEAF_SIZE)
        leaf = b""
        while len(leaf) < LEAF_SIZE and (part := self._file.read(LEAF_SIZE - len(leaf))):
            leaf += part
        if index >= len(self._digests) or hashlib.sha256(leaf).digest() != self._digests[index]:
            self._file.seek(0)
            raise CorruptContent(self._cid, cid_of(self._file))
        given = leaf[offset : offset + len(buffer)]
        buffer[: len(given)] = given
        self._position += len(given)
        return len(given)

    def close(self) -> None:
        self._file.close()
        super().close()


def _checked_leaves(cid: Cid, file: io.FileIO) -> list[bytes]:
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


def _sync_folder(folder: Path) -> None:
    """Make a rename or a new folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
