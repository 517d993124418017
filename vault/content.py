"""What every store of off-chain content answers, whatever the engine behind it, and what can go wrong."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from vault.cid import RAW, Cid
from vault.unixfs import LEAF_SIZE, Readable, cid_of

_READ_TOGETHER: Final = 64
_PIECE: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Called with (pieces of content checked, pieces found at the start)."""


class VaultError(Exception):
    """What went wrong with off-chain content."""


class MissingContent(VaultError):
    """The store has no content of that CID."""

    def __init__(self, cid: Cid) -> None:
        super().__init__(f"content {cid} is not in the store")
        self.cid = cid


class CorruptContent(VaultError):
    """What lies under a CID is other content.

    `actual` is that content's CID; None where it is nothing that the vault writes: too long, or no file.
    """

    def __init__(self, cid: Cid, actual: Cid | None) -> None:
        self.stored = "is nothing that the vault writes" if actual is None else f"has CID {actual}"
        super().__init__(f"content {cid} was altered: what is stored {self.stored}")
        self.cid = cid
        self.actual = actual


class StoreUnavailable(VaultError):
    """The store itself failed: it gave no answer, denied access, or its disk is full. May pass by itself.

    `place` is the file or address it happened at, without credentials.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"vault {place}: {reason}")
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of an audit of a store, at a file or address. `cid` is None where its name is none."""

    cid: Cid | None
    place: str
    reason: str
    checked: bool = True
    """False where it could not be read, so that nobody knows whether it is what it should be"""


class ContentStore(Protocol):
    """Where sealed documents and manifests are kept. All methods may be called by several threads."""

    def put(self, content: bytes | Readable) -> Cid:
        """Keep content, give its CID; putting it again changes nothing.

        It is durable when this returns. Raises StoreUnavailable, and what reading the stream raises.
        """

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Keep many pieces of content, give their CIDs in order; all are durable when this returns.

        Each is there whole or not at all, whatever is killed and when. Raises StoreUnavailable; some may
        have been kept then, and putting all again does no harm.
        """

    def get(self, cid: Cid) -> bytes:
        """The whole content, checked. Raises MissingContent, CorruptContent, StoreUnavailable."""

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """Content in the order asked for, each checked; where one cannot be had, the error `get` raises."""

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a stream of any size, every byte checked before it is given.

        Raises MissingContent, CorruptContent, StoreUnavailable, here and while it is read.
        """

    def has(self, cid: Cid) -> bool:
        """Whether something is kept under that CID (it is checked when read). Raises StoreUnavailable."""

    def size(self, cid: Cid) -> int:
        """Bytes kept under that CID. Raises MissingContent, StoreUnavailable."""

    def iterate(self) -> Iterator[Cid]:
        """CIDs of all content kept. Raises StoreUnavailable."""

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """Read everything and name what is not what its name says. Raises StoreUnavailable.

        Content removed while this runs is passed over; a single piece that cannot be read is a problem.
        """


def checked(cid: Cid, content: bytes) -> bytes:
    """The content itself, if it is what the CID names. Raises CorruptContent."""
    if cid.codec == RAW and len(content) <= LEAF_SIZE:  # one block: what almost every read is
        if hashlib.sha256(content).digest() == cid.digest:
            return content
    elif cid_of(content) == cid:
        return content
    raise CorruptContent(cid, cid_of(content))


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that a store's repair tried: what was wrong at which place, and whether it is right now."""

    cid: Cid | None
    place: str
    reason: str
    healed: bool


class Vault(ContentStore, Protocol):
    """A content store as its operator sees it."""

    @property
    def place(self) -> str:
        """Where it is: a folder or a URL, without credentials."""

    def status(self) -> dict[str, str | int | bool]:
        """What can be said without reading content. Raises StoreUnavailable."""

    def repair(self) -> Iterator[Repair]:
        """Put right what can be: pins, copies. Gives what was found wrong. Raises StoreUnavailable."""

    def close(self) -> None:
        """Close connections and files."""


def problems_of(
    store: ContentStore, cids: Sequence[Cid], place: str, progress: Progress | None = None
) -> Iterator[Problem]:
    """Read content of a store and name what is missing, altered or unreadable, whole files in pieces."""
    small = [cid for cid in cids if cid.codec == RAW]
    large = [cid for cid in cids if cid.codec != RAW]
    done = 0
    for start in range(0, len(small), _READ_TOGETHER):
        chunk = small[start : start + _READ_TOGETHER]
        for cid, answer in zip(chunk, store.get_many(chunk), strict=True):
            done += 1
            if isinstance(answer, VaultError):
                yield _problem(cid, place, answer)
            if progress is not None:
                progress(done, len(cids))
    for cid in large:
        done += 1
        try:
            with store.open(cid) as stream:
                while stream.read(_PIECE):
                    pass
        except VaultError as error:
            yield _problem(cid, place, error)
        if progress is not None:
            progress(done, len(cids))


def _problem(cid: Cid, place: str, error: VaultError) -> Problem:
    return Problem(cid, place, problem_text(error), checked=not isinstance(error, StoreUnavailable))


def problem_text(error: VaultError) -> str:
    """An error's reason where the CID is named beside it."""
    match error:
        case MissingContent():
            return "is missing"
        case CorruptContent():
            return f"was altered: what is stored {error.stored}"
        case StoreUnavailable():
            return f"cannot be read: {error.reason}"
    return str(error)
