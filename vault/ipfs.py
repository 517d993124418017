"""Off-chain content on a Kubo daemon: the same CIDs, kept from its garbage collection by pins of our own.

What is put together is pinned together, since a pin costs the daemon some 7 ms however little it holds: one
UnixFS directory, its entries named by their CIDs, is pinned in place of a thousand documents. The pins carry
our name, so that they tell by themselves what we put, on any machine; the ledger tells which there should be.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Final

from vault.car import archive
from vault.cid import DAG_PB, RAW, Cid
from vault.content import (
    CorruptContent,
    MissingContent,
    Problem,
    Progress,
    Repair,
    StoreUnavailable,
    VaultError,
    problems_of,
)
from vault.dag import DIRECTORY, DagReader, MalformedNode, directory_of, read_node
from vault.kubo import Kubo
from vault.ledger import Ledger
from vault.unixfs import LEAF_SIZE, Block, Readable, blocks_of, cid_of

PIN_NAME: Final = "tradeseal"
"""Name of our pins, unless a daemon is shared by installations that should tell theirs apart."""

_PINNED_TOGETHER: Final = 2_000  # entries of a directory block of some 210 KB
_READERS: Final = 8
_TRIES: Final = 3


class IpfsStore:
    """A Vault on the daemon whose RPC API is at `url`; nothing is asked of it before it is needed.

    `timeout` in seconds: for any answer, and for the search after content that no peer may have.
    `authorization` is the value of the HTTP header of that name, for daemons that want one.
    """

    def __init__(
        self,
        url: str,
        ledger: Ledger,
        timeout: float = 30.0,
        authorization: str | None = None,
        pin_name: str = PIN_NAME,
    ) -> None:
        self._kubo = Kubo(url.rstrip("/"), timeout, authorization)
        self._ledger = ledger
        self.pin_name = pin_name
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ipfs")

    @property
    def place(self) -> str:
        """URL of the daemon's RPC API."""
        return self._kubo.place

    def close(self) -> None:
        """Close connections and the ledger."""
        self._readers.shutdown(cancel_futures=True)
        self._kubo.close()
        self._ledger.close()

    def put(self, content: bytes | Readable) -> Cid:
        """Import and pin one piece of content; a stream is never held in memory.

        Raises StoreUnavailable, and what reading the stream raises. A stream is read once: where the daemon
        collects garbage between import and pin, this fails and the content has to be put again.
        """
        if isinstance(content, bytes):
            return self.put_many([content])[0]
        while True:
            cid = self._import_stream(content)
            altered = self._altered(cid) if self._ledger.pins_of(self.place, [cid]) else []
            if not altered:
                break
            # An import does not write over a block that the daemon thinks it has: it is dropped first.
            self._drop(cid, altered)
            if not hasattr(content, "seek"):
                raise StoreUnavailable(self.place, f"content {cid} was altered: it has to be put once more")
            content.seek(0)
        try:
            self._pin([cid])
        except MissingContent:
            raise StoreUnavailable(self.place, f"content {cid} was collected before it was pinned") from None
        self._ledger.note_pin(self.place, str(cid), [cid])
        return cid

    def _import_stream(self, content: Readable) -> Cid:
        last: list[Cid] = []

        def blocks() -> Iterator[Block]:
            for block in blocks_of(content):
                last[:] = [block.cid]
                yield block

        self._kubo.import_archive(archive(blocks()))
        return last[0]

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Import all content in one request and pin it by directories of up to 2,000 entries.

        How durable a block is when this returns is the daemon's setting: its default datastore flushes every
        block (`status` says so). Raises StoreUnavailable.
        """
        if not contents:
            return []
        self._drop_altered(contents)
        for _ in range(_TRIES):
            roots: list[Block] = []
            self._kubo.import_archive(archive(_all_blocks(contents, roots)))
            try:
                self._pin_together({root.cid: root.dag_size for root in roots})
            except MissingContent:
                continue  # garbage collection came between import and pin: both once more
            return [root.cid for root in roots]
        raise StoreUnavailable(self.place, f"collected {_TRIES} times what was just imported")

    def _pin_together(self, entries: dict[Cid, int]) -> None:
        """Pin what the node has: one piece by itself, several by directories. Raises MissingContent."""
        cids = list(entries)
        for start in range(0, len(cids), _PINNED_TOGETHER):
            together = cids[start : start + _PINNED_TOGETHER]
            pin = together[0]
            if len(together) > 1:
                directory = directory_of((cid, entries[cid]) for cid in together)
                self._kubo.import_archive(archive([directory]))
                pin = directory.cid
            self._pin([pin])
            self._ledger.note_pin(self.place, str(pin), together)

    def _pin(self, pins: Iterable[Cid]) -> None:
        self._kubo.add_pins(pins, self.pin_name)

    def _drop_altered(self, contents: Sequence[bytes]) -> None:
        """Before content is put again: drop those of its blocks that the daemon has otherwise."""
        known = {cid_of(content): content for content in contents}
        again = list(self._ledger.pins_of(self.place, known))

        def altered(cid: Cid) -> list[Cid]:
            return [block.cid for block in blocks_of(known[cid]) if self._is_altered(block.cid)]

        for cid, blocks in zip(again, self._readers.map(altered, again), strict=True):
            if blocks:
                self._drop(cid, blocks)

    def _is_altered(self, block: Cid) -> bool:
        """Whether this node has a block otherwise; no other is asked."""
        try:
            self._kubo.block(block, search=False)
        except CorruptContent:
            return True
        except MissingContent:
            pass
        return False

    def _altered(self, root: Cid) -> list[Cid]:
        """Altered blocks of a DAG, as far as its nodes can be read."""
        found: list[Cid] = []
        open_nodes = [root]
        while open_nodes:
            cid = open_nodes.pop()
            try:
                block = self._kubo.block(cid, search=False)
                if cid.codec == DAG_PB:
                    open_nodes += [link.cid for link in read_node(block).links]
            except (CorruptContent, MalformedNode):
                found.append(cid)
            except MissingContent:
                continue
        return found

    def _drop(self, root: Cid, blocks: Sequence[Cid]) -> None:
        """Remove altered blocks of one piece of content, and from its pins that piece alone.

        The daemon removes no block that a pin holds. What else our pins hold is pinned anew before they are
        let go, so that garbage collection never finds it unpinned.
        """
        for pin in self._ledger.pins_of(self.place, [root]).get(root, []):
            if not pin:
                continue
            rest = {
                cid: size
                for cid in self._ledger.pinned(self.place, pin)
                if cid != root and (size := self._whole(cid)) is not None
            }
            if rest:
                self._pin_together(rest)
            self._kubo.remove_pin(Cid.parse(pin))
            lacking = [cid for cid in self._ledger.pinned(self.place, pin) if cid not in rest]
            self._ledger.forget_pin(self.place, pin, lacking)
        for block in blocks:
            self._kubo.remove_block(block)

    def get(self, cid: Cid) -> bytes:
        """The whole content, every block checked. Raises MissingContent, CorruptContent, StoreUnavailable."""
        if cid.codec == RAW:
            return self._kubo.block(cid)
        with self._reader(cid) as reader:
            return reader.readall()

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """Content in the order asked for, several requests at a time."""
        return list(self._readers.map(self._get_or_error, cids))

    def _get_or_error(self, cid: Cid) -> bytes | VaultError:
        try:
            return self.get(cid)
        except VaultError as error:
            return error

    def open(self, cid: Cid) -> BinaryIO:
        """The content as a seekable stream, fetched leaf by leaf; each is checked before it is given."""
        return io.BufferedReader(self._reader(cid), LEAF_SIZE)

    def _reader(self, root: Cid) -> DagReader:
        def fetch(cid: Cid) -> bytes:
            try:
                return self._kubo.block(cid)
            except MissingContent as error:
                raise MissingContent(root) from error
            except CorruptContent as error:
                raise CorruptContent(root, error.actual) from error

        return DagReader(root, fetch)

    def has(self, cid: Cid) -> bool:
        """Whether this node has the content's first block itself."""
        return self._kubo.block_size(cid) is not None

    def size(self, cid: Cid) -> int:
        """Bytes of the content. Raises MissingContent, CorruptContent, StoreUnavailable."""
        if cid.codec == RAW:
            size = self._kubo.block_size(cid)
            if size is None:
                raise MissingContent(cid)
            return size
        with self._reader(cid) as reader:
            return reader.file_size

    def iterate(self) -> Iterator[Cid]:
        """What our pins hold on this node, then what the ledger knows and lost its pin."""
        given: set[Cid] = set()
        for pin in self._kubo.pins(self.pin_name):
            for cid in self._members(pin):
                if cid not in given:
                    given.add(cid)
                    yield cid
        yield from (cid for cid in self._ledger.pinned(self.place) if cid not in given)

    def _members(self, pin: Cid) -> list[Cid]:
        """Content that a pin holds: a directory's entries, or the content itself."""
        if pin.codec == DAG_PB:
            try:
                node = read_node(self._kubo.block(pin, search=False))
            except (VaultError, MalformedNode):
                return self._ledger.pinned(self.place, str(pin))
            if node.kind == DIRECTORY:
                return [link.cid for link in node.links]
        return [pin]

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """Name pins that are lost, then read everything and name what is missing or altered."""
        for pin in sorted(self.lost_pins()):
            held = len(self._ledger.pinned(self.place, pin))
            yield Problem(Cid.parse(pin) if pin else None, self.place, f"pin is lost; it held {held}")
        yield from problems_of(self, list(self.iterate()), self.place, progress)

    def lost_pins(self) -> set[str]:
        """Pins that we set and the node has no more; empty text for content that no pin holds."""
        return self._ledger.pins(self.place) - {str(pin) for pin in self._kubo.pins(self.pin_name)}

    def lost_blocks(self) -> list[Cid]:
        """Content that we put and whose first block the node has no more; reads no content."""
        local = set(self._kubo.local_digests())
        return [cid for cid in self._ledger.pinned(self.place) if cid.digest not in local]

    def repair(self) -> Iterator[Repair]:
        """Pin again what lost its pin. Content that is gone is named; only another copy brings it back."""
        for pin in sorted(self.lost_pins()):
            members = self._ledger.pinned(self.place, pin)
            if pin and self._restored(Cid.parse(pin)):
                yield Repair(Cid.parse(pin), self.place, f"pin was lost; it held {len(members)}", healed=True)
                continue
            whole = {cid: size for cid in members if (size := self._whole(cid)) is not None}
            if whole:
                self._pin_together(whole)
                yield Repair(None, self.place, f"pin of {len(whole)} was lost", healed=True)
            gone = [cid for cid in members if cid not in whole]
            self._ledger.forget_pin(self.place, pin, gone)
            for cid in gone:
                yield Repair(cid, self.place, "is missing", healed=False)

    def _restored(self, pin: Cid) -> bool:
        try:
            self._pin([pin])
        except MissingContent:
            return False
        return True

    def _whole(self, cid: Cid) -> int | None:
        """Bytes of a DAG that the node has whole; None where it lacks a block of it."""
        size = self._kubo.block_size(cid)
        if size is None or cid.codec == RAW:
            return size
        if not self._restored(cid):
            return None
        node = read_node(self._kubo.block(cid, search=False))
        return size + sum(link.size for link in node.links)

    def status(self) -> dict[str, str | int | bool]:
        """Version, what is pinned and what should be, and whether the daemon flushes what it writes."""
        version = self._kubo.ask("version")
        repository = self._kubo.ask("repo/stat")
        pins = {str(pin) for pin in self._kubo.pins(self.pin_name)}
        return {
            "store": "ipfs",
            "place": self.place,
            "version": str(version.get("Version")),
            "contents": len(self._ledger.pinned(self.place)),
            "pins": len(pins),
            "lostPins": len(self._ledger.pins(self.place) - pins),
            "blocks": int(repository.get("NumObjects", 0)),
            "bytes": int(repository.get("RepoSize", 0)),
            "flushes": _flushes(self._kubo.ask("config/show")),
        }


def _all_blocks(contents: Iterable[bytes], roots: list[Block]) -> Iterator[Block]:
    """Blocks of several files; `roots` is filled with the last block of each."""
    for content in contents:
        block = None
        for block in blocks_of(content):
            yield block
        assert block is not None  # noqa: S101 - blocks_of always yields a root, and mypy cannot know it
        roots.append(Block(block.cid, b"", block.file_size, block.dag_size))


def _flushes(config: object) -> bool:
    """Whether no datastore in a Kubo configuration says `sync: false`."""
    if isinstance(config, dict):
        return config.get("sync") is not False and all(_flushes(value) for value in config.values())
    if isinstance(config, list):
        return all(_flushes(value) for value in config)
    return True
