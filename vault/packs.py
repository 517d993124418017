"""Many small pieces of content in one file: written at once, flushed once.

A pack is a content archive (CARv1, as IPLD's specification says) of raw blocks, `packs/<name>.car`; other
tools read it, too. It says by itself what lies in it, so that the index beside it can always be made anew.
A pack never changes, but that a piece that was altered is put right in its place.
"""

import hashlib
import os
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vault.car import archive
from vault.cid import BINARY_SIZE, RAW, Cid, InvalidCid
from vault.content import CorruptContent, MissingContent, Problem, Repair, StoreUnavailable
from vault.durable import sync_folder, write_flushed, write_whole
from vault.pack_index import PackIndex, Piece, Place
from vault.spool import disk_failed
from vault.unixfs import varint

_HEADER: Final = b"".join(archive([]))
_SUFFIX: Final = ".car"
_GAP: Final = 64 * 1024
_SPAN: Final = 4 * 1024 * 1024
"""Pieces that lie as near as this are read together, up to so many bytes at a time."""
_LONGEST_VARINT: Final = 9


@dataclass(frozen=True, slots=True)
class _Section:
    """A block as an archive has it, from byte `at` on; `cid` None where these bytes are no section."""

    at: int
    cid: Cid | None
    start: int
    content: bytes

    @property
    def whole(self) -> bool:
        """Whether the content is what the CID names."""
        return self.cid is not None and self.cid.verifies(self.content)

    @property
    def piece(self) -> Piece:
        """As the index notes it."""
        return b"" if self.cid is None else self.cid.digest, self.start, len(self.content)


class Packs:
    """The packs of one store. Several processes may add to them at the same time."""

    def __init__(self, root: Path, incoming: Path) -> None:
        """Notes packs that the index does not know: their writer was killed, or the power failed."""
        self.folder = root / "packs"
        self._incoming = incoming
        self._index = PackIndex(root / "packs.db")
        with self._failing():
            self.folder.mkdir(mode=0o750, exist_ok=True)
        try:
            self._note_unknown()
        except StoreUnavailable:
            self._index.destroy()  # it is made anew of the packs
            self._note_unknown()

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def path_of(self, cid: Cid) -> Path | None:
        """The pack that has a piece of content."""
        place = self._index.find([cid.digest]).get(cid.digest) if cid.codec == RAW else None
        return None if place is None else self.folder / place.pack

    # -- writing

    def add(self, contents: Sequence[tuple[Cid, bytes]]) -> None:
        """Keep content in a pack of its own: each a raw block of 1 to LEAF_SIZE bytes.

        It is on the disk when this returns. Raises StoreUnavailable.
        """
        name = f"{time.time_ns():016x}-{secrets.token_hex(6)}{_SUFFIX}"
        pieces: list[Piece] = []
        parts = [_HEADER]
        at = len(_HEADER)
        for cid, content in contents:
            head = _head(cid, len(content))
            parts += (head, content)
            pieces.append((cid.digest, at + len(head), len(content)))
            at += len(head) + len(content)
        part = self._incoming / f"{os.getpid()}-{name}"
        with self._failing():
            try:
                write_flushed(str(part), b"".join(parts))
                part.replace(self.folder / name)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            sync_folder(self.folder)
        self._index.add(name, pieces)

    def put_right(self, contents: Sequence[bytes]) -> set[bytes]:
        """Compare content with what is kept of it, and write anew what was altered.

        Gives the SHA-256 of what is there and right. Raises StoreUnavailable.
        """
        known = {hashlib.sha256(content).digest(): content for content in contents}
        right: set[bytes] = set()
        places = self._index.find(list(known))
        for digest, kept in self._read(places):
            if kept == known[digest] or self._write_anew(places[digest], digest, known[digest]):
                right.add(digest)
        return right

    def _write_anew(self, place: Place, digest: bytes, content: bytes) -> bool:
        """Put one section right; whether it could be."""
        if place.size != len(content):
            return False
        head = _head(Cid(RAW, digest), len(content))
        try:
            descriptor = os.open(self.folder / place.pack, os.O_WRONLY)
        except OSError:
            return False
        with self._failing():
            try:
                write_whole(descriptor, _HEADER)
                os.lseek(descriptor, place.start - len(head), os.SEEK_SET)
                write_whole(descriptor, head + content)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return True

    # -- reading

    def get_many(self, digests: Sequence[bytes]) -> dict[bytes, bytes | MissingContent | CorruptContent]:
        """Content by its SHA-256, each checked; what no pack ever had is left out.

        Raises StoreUnavailable.
        """
        answers: dict[bytes, bytes | MissingContent | CorruptContent] = {}
        for digest, content in self._read(self._index.find(digests)):
            if content is None:
                answers[digest] = MissingContent(Cid(RAW, digest))
            elif hashlib.sha256(content).digest() == digest:
                answers[digest] = content
            else:
                answers[digest] = CorruptContent(Cid(RAW, digest), Cid.of_block(content))
        return answers

    def size(self, digest: bytes) -> int | None:
        """Bytes that a piece of content should have; None where no pack has it."""
        place = self._index.find([digest]).get(digest)
        return place.size if place is not None and (self.folder / place.pack).is_file() else None

    def digests(self) -> Iterator[bytes]:
        """SHA-256 of all content."""
        return self._index.digests()

    def totals(self) -> tuple[int, int]:
        """Pieces of content, and their bytes."""
        return self._index.totals()

    def _read(self, places: dict[bytes, Place]) -> Iterator[tuple[bytes, bytes | None]]:
        """What lies at places, as it is; None where the pack is gone."""
        ordered = sorted(places.items(), key=lambda one: one[1])
        at = 0
        while at < len(ordered):
            first = ordered[at][1]
            end, until = first.start + first.size, at + 1
            while until < len(ordered):
                following = ordered[until][1]
                reached = following.start + following.size
                near = following.start - end <= _GAP and reached - first.start <= _SPAN
                if following.pack != first.pack or not near:
                    break
                end, until = max(end, reached), until + 1
            span = self._span(first.pack, first.start, end - first.start)
            for digest, place in ordered[at:until]:
                offset = place.start - first.start
                yield digest, None if span is None else span[offset : offset + place.size]
            at = until

    def _span(self, pack: str, start: int, size: int) -> bytes | None:
        with self._failing():
            try:
                descriptor = os.open(self.folder / pack, os.O_RDONLY)
            except FileNotFoundError:
                return None
            try:
                parts = []
                while size and (part := os.pread(descriptor, size, start)):
                    parts.append(part)
                    start, size = start + len(part), size - len(part)
            finally:
                os.close(descriptor)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # -- looking after them

    def verify(self, lies_alone: Callable[[Cid], bool]) -> Iterator[tuple[int, Problem | None]]:
        """Read every byte and name what is wrong, with how many pieces of content that was about.

        Of a pack that is lost each piece is named, but for those that lie in a file of their own by now.
        """
        with self._failing():
            files = sorted(path for path in self.folder.iterdir())
        known = self._index.packs()
        for lost in sorted(known - {path.name for path in files}):
            for digest, _, _ in self._index.pieces(lost):
                cid = Cid(RAW, digest)
                reason = "is missing, as is the pack that it lies in"
                yield 1, None if lies_alone(cid) else Problem(cid, str(self.folder / lost), reason)
        for path in files:
            if path.name not in known:
                if path.suffix == _SUFFIX and path.name in self._index.packs():
                    known.add(path.name)  # written meanwhile
                else:
                    yield 0, Problem(None, str(path), "foreign file in the store: no pack of the index")
                    continue
            try:
                yield from self._verify(path, self._index.pieces(path.name))
            except OSError as error:
                yield 0, Problem(None, str(path), f"cannot be read: {error.strerror}", checked=False)

    def _verify(self, path: Path, pieces: Sequence[Piece]) -> Iterator[tuple[int, Problem | None]]:
        missed = {_head_at(piece): piece for piece in pieces}
        for section in _sections(path.read_bytes(), missed):
            noted = missed.pop(section.at, None)
            cid = section.cid if noted is None else Cid(RAW, noted[0])
            count = int(noted is not None)
            if section.cid is None or section.cid != cid:
                yield count, Problem(cid, str(path), f"was altered at byte {section.at}")
            elif not section.whole:
                actual = Cid.of_block(section.content)
                yield count, Problem(cid, str(path), f"was altered: what is stored has CID {actual}")
            elif noted is not None and noted != section.piece:
                yield count, Problem(cid, str(path), "is noted otherwise than it lies there")
            else:
                yield count, None
        for digest, _, _ in missed.values():
            yield 1, Problem(Cid(RAW, digest), str(path), "was altered: it is not where it was written")

    def repair(self) -> Iterator[Repair]:
        """Make the index fit the packs where it does not."""
        try:
            unknown = self._unknown()
            for name in sorted(self._index.packs()):
                path = self.folder / name
                if path.is_file() and self._misnoted(path):
                    self._index.forget(name)
                    self._note(name)
                    yield Repair(None, str(self._index.path), f"{name} lay otherwise than noted", True)
        except StoreUnavailable as error:
            self._index.destroy()
            self._note_unknown()
            yield Repair(None, str(self._index.path), error.reason, True)
            return
        for name in unknown:
            self._note(name)
            yield Repair(None, str(self._index.path), f"{name} was not noted", True)

    def _misnoted(self, path: Path) -> bool:
        """Whether something that is whole in a pack is not noted as lying there, and nowhere else."""
        with self._failing():
            whole = {one.piece for one in _sections(path.read_bytes(), ()) if one.whole}
        missed = whole.difference(self._index.pieces(path.name))
        elsewhere = self._index.find([digest for digest, _, _ in missed])
        return any(digest not in elsewhere or elsewhere[digest].pack == path.name for digest, _, _ in missed)

    def _note_unknown(self) -> None:
        for name in self._unknown():
            self._note(name)

    def _unknown(self) -> list[str]:
        known = self._index.packs()
        with self._failing():
            names = [name for name in os.listdir(self.folder) if name.endswith(_SUFFIX)]
        return sorted(name for name in names if name not in known)

    def _note(self, name: str) -> None:
        """Note a pack that is there already; what was altered in it only where no other pack has it."""
        with self._failing():
            sync_folder(self.folder)
            found = [one for one in _sections((self.folder / name).read_bytes(), ()) if one.cid is not None]
        elsewhere = self._index.find([one.piece[0] for one in found if not one.whole])
        self._index.add(name, [one.piece for one in found if one.whole or one.piece[0] not in elsewhere])

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_failed(str(self.folder), error) from error


def _head(cid: Cid, size: int) -> bytes:
    """What stands before a block in an archive."""
    return varint(BINARY_SIZE + size) + bytes(cid)


def _head_at(piece: Piece) -> int:
    digest, start, size = piece
    return start - len(_head(Cid(RAW, digest), size))


def _sections(data: bytes, noted: Iterable[int]) -> Iterator[_Section]:
    """The blocks of a pack, one after the other.

    Where none can be told from the bytes, it goes on with the next of those that are `noted` to begin there.
    """
    heads = sorted(noted)
    at = len(_HEADER)
    if data[:at] != _HEADER:
        yield _Section(0, None, 0, b"")
    while at < len(data):
        following = bisect_right(heads, at)
        next_head = heads[following] if following < len(heads) else len(data)
        section = _section(data, at)
        end = next_head if section is None else section.start + len(section.content)
        if section is None or end > next_head:
            section, end = _Section(at, None, at, b""), next_head
        yield section
        at = end


def _section(data: bytes, at: int) -> _Section | None:
    """The section that begins at a byte of a pack; None where there is none."""
    length = shift = 0
    start = at
    for byte in data[at : at + _LONGEST_VARINT]:
        start += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    try:
        cid = Cid.from_bytes(data[start : start + BINARY_SIZE])
    except InvalidCid:
        return None
    end = start + length
    if varint(length) != data[at:start] or cid.codec != RAW or length < BINARY_SIZE or end > len(data):
        return None
    return _Section(at, cid, start + BINARY_SIZE, data[start + BINARY_SIZE : end])
