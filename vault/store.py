"""Off-chain content on local disk, addressed and checked by CID.

A file of content is a file on disk, named by its CID: `content/<two letters>/<cid>`; many small ones that are
put together are one pack (see vault.packs). Nothing is ever half-written: content grows in `incoming/`, is
flushed to the disk and renamed into place. Several processes may use one folder at the same time.
"""

import fcntl
import io
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from vault.cid import RAW, Cid, InvalidCid
from vault.content import (
    ContentStore,
    CorruptContent,
    MissingContent,
    Problem,
    Progress,
    Repair,
    StoreUnavailable,
    VaultError,
    checked,
)
from vault.durable import make_folders, sync_all, sync_folder, write_new, write_whole
from vault.packs import Packs
from vault.spool import Copying, VerifiedReader, disk_failed
from vault.unixfs import LEAF_SIZE, Readable, cid_of

__all__ = [
    "ContentStore",
    "CorruptContent",
    "LocalStore",
    "MissingContent",
    "Problem",
    "StoreUnavailable",
    "VaultError",
]

_PACKED_FROM: Final = 17
"""new pieces of content at a time: fewer are a file each, which costs a flush each"""
_ABANDONED_AFTER: Final = 3600.0  # seconds; younger entries in `incoming/` may just be about to be locked


class LocalStore:
    """A Vault in a folder; created with what is missing of it."""

    def __init__(self, root: Path, packed_from: int = _PACKED_FROM) -> None:
        """`packed_from`: so many new pieces of content that are put together are a pack.

        Raises StoreUnavailable where the folder cannot be made or read.
        """
        self.root = root
        self._content = root / "content"
        self._incoming = root / "incoming"
        self._prefix = f"{self._content}{os.sep}"
        with self._failing():
            for folder in (root, self._content, self._incoming):
                folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._remove_abandoned()
        self._packs = Packs(root, self._incoming)
        self._packed_from = packed_from

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def close(self) -> None:
        """Close the index of the packs."""
        self._packs.close()

    def path_of(self, cid: Cid) -> Path:
        """The file that holds content of that CID, alone or among others, or would hold it."""
        alone = Path(self._place(cid))
        return alone if alone.exists() else self._packs.path_of(cid) or alone

    def _place(self, cid: Cid) -> str:
        text = str(cid)
        # The letters before the last spread evenly; the last one holds only a few bits.
        return f"{self._prefix}{text[-3:-1]}{os.sep}{text}"

    def put(self, content: bytes | Readable) -> Cid:
        """Keep content and give its CID (see vault.unixfs); a stream is never held in memory.

        When it returns, the content is on the disk under its name. Content that was there already stays;
        if it had been altered, it is put right. Raises StoreUnavailable, and what reading the stream raises.
        """
        if isinstance(content, bytes):
            return self.put_many([content])[0]
        part = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        with self._failing():
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            try:
                with self._failing():
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                cid = cid_of(Copying(content, partial(write_whole, descriptor), str(self.root)))
                with self._failing():
                    os.fsync(descriptor)
                    target = self._place(cid)
                    make_folders([os.path.dirname(target)])
                    part.replace(target)
            finally:
                os.close(descriptor)
            with self._failing():
                sync_folder(os.path.dirname(target))
                sync_folder(self._content)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return cid

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Keep many pieces of content: many small ones in one pack, flushed once.

        Thousands of small documents a second. What is there already is not written again, unless it was
        altered. Raises StoreUnavailable.
        """
        cids = [cid_of(content) for content in contents]
        wanted = dict(zip(cids, contents, strict=True))
        small = {cid: content for cid, content in wanted.items() if cid.codec == RAW and content}
        packed = self._packs.put_right([*small.values()])
        alone = {cid: content for cid, content in wanted.items() if cid.digest not in packed}
        new = [cid for cid in alone if cid in small and not os.path.lexists(self._place(cid))]
        if new and len(new) >= self._packed_from:
            self._packs.add([(cid, alone.pop(cid)) for cid in new])
        if alone:
            self._put_alone({self._place(cid): content for cid, content in alone.items()})
        return cids

    def _put_alone(self, wanted: dict[str, bytes]) -> None:
        """Files written side by side, flushed together, then named."""
        with self._failing():
            new = {place: content for place, content in wanted.items() if not _holds(place, content)}
            # What another process just named may not have reached the disk: its folder is flushed here too.
            folders = sorted({os.path.dirname(place) for place in wanted})
            make_folders(folders)
            if new:
                self._write(new)
            root = os.open(self._content, os.O_RDONLY | os.O_DIRECTORY)
            try:
                sync_all(root, [*folders, str(self._content)])
            finally:
                os.close(root)

    def _write(self, new: dict[str, bytes]) -> None:
        batch = f"{self._incoming}{os.sep}{os.getpid()}-{secrets.token_hex(8)}"
        os.mkdir(batch, 0o750)
        folder = os.open(batch, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            parts = {os.path.join(batch, os.path.basename(place)): place for place in new}
            for part, place in parts.items():
                write_new(part, new[place])
            sync_all(folder, list(parts))
            for part, place in parts.items():
                os.replace(part, place)
            os.rmdir(batch)
        except BaseException:
            shutil.rmtree(batch, ignore_errors=True)
            raise
        finally:
            os.close(folder)

    def get(self, cid: Cid) -> bytes:
        """The whole content. Raises MissingContent, CorruptContent, StoreUnavailable."""
        answer = self.get_many([cid])[0]
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """Content in the order asked for; where one cannot be had, the error in its place."""
        packed = self._packed(cids)
        answers: list[bytes | VaultError] = []
        for cid in cids:
            found = packed.get(cid.digest) if cid.codec == RAW else None
            if isinstance(found, bytes):
                answers.append(found)
                continue
            try:
                answers.append(self._get_alone(cid))
            except MissingContent as error:
                answers.append(error if found is None else found)
            except VaultError as error:
                answers.append(error)
        return answers

    def _packed(self, cids: Sequence[Cid]) -> Mapping[bytes, bytes | VaultError]:
        """What the packs have, by its SHA-256; the same error for all where they cannot be asked."""
        digests = [cid.digest for cid in cids if cid.codec == RAW]
        try:
            return self._packs.get_many(digests)
        except StoreUnavailable as error:
            return dict.fromkeys(digests, error)

    def _get_alone(self, cid: Cid) -> bytes:
        place = self._place(cid)
        try:
            with open(place, "rb", buffering=0) as file:
                content = file.readall()
        except FileNotFoundError:
            raise MissingContent(cid) from None
        except OSError as error:
            raise disk_failed(place, error) from error
        return checked(cid, content)

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a seekable stream of any size.

        All of it is checked before the first byte is given, and each leaf again when it is read, so that
        what changes in between is noticed. Raises MissingContent, CorruptContent, here and while reading.
        """
        place = Path(self._place(cid))
        try:
            file = place.open("rb", buffering=0)
        except FileNotFoundError:
            return io.BytesIO(self.get(cid))  # of a pack: one leaf at most
        except OSError as error:
            raise disk_failed(str(place), error) from error
        return io.BufferedReader(VerifiedReader(cid, file), LEAF_SIZE)

    def has(self, cid: Cid) -> bool:
        """Whether something lies under that CID; only reading checks it."""
        return os.path.isfile(self._place(cid)) or self._packed_size(cid) is not None

    def _packed_size(self, cid: Cid) -> int | None:
        return self._packs.size(cid.digest) if cid.codec == RAW else None

    def size(self, cid: Cid) -> int:
        """Bytes on disk under that CID. Raises MissingContent."""
        place = self._place(cid)
        try:
            return os.stat(place).st_size
        except FileNotFoundError:
            size = self._packed_size(cid)
            if size is None:
                raise MissingContent(cid) from None
            return size
        except OSError as error:
            raise disk_failed(place, error) from error

    def iterate(self) -> Iterator[Cid]:
        """CIDs of all content kept, files first; names that are no CID are left out."""
        for path in self._files():
            with suppress(InvalidCid):
                cid = Cid.parse(path.name)
                if self._packed_size(cid) is None:
                    yield cid
        for digest in self._packs.digests():
            yield Cid(RAW, digest)

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """Read everything and name what is not what its name says, for the audit.

        `progress` is called with (pieces of content checked, pieces found at the start). Content removed
        while this runs is passed over. A file that cannot be read is a problem too, not an error.
        """
        paths = list(self._files())
        total = len(paths) + self._packs.totals()[0]
        done = 0
        for done, path in enumerate(paths, start=1):
            problem = self._check(path)
            if problem is not None:
                yield problem
            if progress is not None:
                progress(done, total)
        for count, problem in self._packs.verify(lambda cid: os.path.isfile(self._place(cid))):
            done += count
            if problem is not None:
                yield problem
            if progress is not None:
                progress(min(done, total), total)

    def status(self) -> dict[str, str | int | bool]:
        """Number of pieces of content and their bytes."""
        with self._failing():
            sizes = [path.stat().st_size for path in self._files()]
        count, size = self._packs.totals()
        return {
            "store": "local",
            "place": self.place,
            "contents": len(sizes) + count,
            "bytes": sum(sizes) + size,
        }

    def repair(self) -> Iterator[Repair]:
        """Make the index of the packs fit them; a folder alone has nothing to put content right with, but
        where a file and a pack both have it."""
        yield from self._packs.repair()
        for path in self._files():
            problem = self._check(path)
            if problem is None or problem.cid is None or path != Path(self._place(problem.cid)):
                continue
            answer = self._packed([problem.cid]).get(problem.cid.digest)
            if problem.cid.codec == RAW and isinstance(answer, bytes):
                self._put_alone({str(path): answer})
                yield Repair(problem.cid, str(path), problem.reason, True)

    def _check(self, path: Path) -> Problem | None:
        try:
            cid = Cid.parse(path.name)
        except InvalidCid as error:
            return Problem(None, str(path), f"foreign file in the store: {error.reason}")
        if path != Path(self._place(cid)):
            return Problem(cid, str(path), "lies in the wrong folder, where no reader finds it")
        try:
            with path.open("rb") as file:
                actual = cid_of(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Problem(cid, str(path), f"cannot be read: {error.strerror}", checked=False)
        if actual != cid:
            return Problem(cid, str(path), f"was altered: what is stored has CID {actual}")
        return None

    def _files(self) -> Iterator[Path]:
        with self._failing():
            folders = sorted(self._content.iterdir())
        for folder in folders:
            with self._failing():
                files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
            yield from files

    def _remove_abandoned(self) -> None:
        """Remove what a killed writer left behind; a living one holds a lock on its file or folder."""
        for part in self._incoming.iterdir():
            with suppress(OSError):
                if time.time() - part.stat().st_mtime < _ABANDONED_AFTER:
                    continue
                descriptor = os.open(part, os.O_RDONLY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if part.is_dir():
                        shutil.rmtree(part)
                    else:
                        part.unlink()
                finally:
                    os.close(descriptor)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what the disk refuses as the vault's own error."""
        try:
            yield
        except OSError as error:
            raise disk_failed(str(self.root), error) from error


def _holds(place: str, content: bytes) -> bool:
    """Whether a file is there and has this content."""
    try:
        with open(place, "rb", buffering=0) as file:
            return os.fstat(file.fileno()).st_size == len(content) and file.readall() == content
    except OSError:  # not there, or unreadable: writing it anew puts it right
        return False
