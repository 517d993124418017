"""Several stores as one: what one lacks or has otherwise is given by another, and put right.

Rules. A write is acknowledged when as many stores as configured (all, unless said otherwise) have it durably;
what the others missed is in the ledger before it is acknowledged. A read gives the first copy that verifies.
A copy that proves missing or altered on the way is written anew at once, or owed if that fails; what is owed
is delivered by `heal`, which the service calls now and then and `tradeseal vault repair` at any time.
"""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

from prometheus_client import Counter

from vault.cid import RAW, Cid
from vault.content import (
    CorruptContent,
    MissingContent,
    Problem,
    Progress,
    Repair,
    StoreUnavailable,
    Vault,
    VaultError,
    problem_text,
)
from vault.failover import FailoverReader, gravest
from vault.ledger import Ledger
from vault.spool import spooled
from vault.unixfs import LEAF_SIZE, Readable, cid_of

_log = logging.getLogger(__name__)

_TOGETHER: Final = 64
_HEAL_EVERY: Final = 30.0  # seconds
_REST: Final = 10.0  # seconds for which a store that failed is asked last

BAD_COPIES: Final = Counter(
    "tradeseal_vault_bad_copies", "Copies found missing or altered where another verified.", ["place", "kind"]
)
REPAIRED_COPIES: Final = Counter(
    "tradeseal_vault_repaired_copies", "Copies written anew from another store.", ["place"]
)
FAILURES: Final = Counter(
    "tradeseal_vault_failures", "Times that a store gave no answer or refused.", ["place"]
)


class ReplicatedStore:
    """A Vault over several; they are asked in the order given, so the nearest comes first.

    `acknowledge` is how many of them must have a write before it counts; None: all.
    """

    def __init__(
        self, stores: Sequence[Vault], ledger: Ledger, spool: Path, acknowledge: int | None = None
    ) -> None:
        if len({store.place for store in stores}) < len(stores) or not stores:
            raise ValueError("stores: at least one, and each once")
        if acknowledge is not None and not 1 <= acknowledge <= len(stores):
            raise ValueError(f"acknowledge {acknowledge}: there are {len(stores)} stores")
        self.stores = list(stores)
        self._ledger = ledger
        self._spool = spool
        self._needed = acknowledge or len(stores)
        self._resting: dict[str, float] = {}
        self._writers = ThreadPoolExecutor(len(stores), thread_name_prefix="vault")

    @property
    def place(self) -> str:
        """The places of all stores."""
        return ", ".join(store.place for store in self.stores)

    def close(self) -> None:
        """Close all stores and the ledger."""
        self._writers.shutdown(cancel_futures=True)
        for store in self.stores:
            store.close()
        self._ledger.close()

    # -- writing

    def put(self, content: bytes | Readable) -> Cid:
        """Keep content in the stores. Raises StoreUnavailable, and what reading the stream raises."""
        if isinstance(content, bytes):
            return self.put_many([content])[0]
        cid, file = spooled(content, self._spool)
        with file:
            path = f"/proc/self/fd/{file.fileno()}"  # each store reads at a position of its own

            def write(store: Vault) -> None:
                with open(path, "rb") as own:
                    _expect([cid], [store.put(own)], store)

            self._write([cid], write)
        return cid

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Keep content in the stores, all at the same time. Raises StoreUnavailable where too few took it."""
        cids = [cid_of(content) for content in contents]
        if cids:
            self._write(cids, lambda store: _expect(cids, store.put_many(contents), store))
        return cids

    def _write(self, cids: Sequence[Cid], write: Callable[[Vault], None]) -> None:
        """Let all stores write, those that failed just now only where they are needed."""
        awake = [store for store in self.stores if not self._rests(store)]
        asked = awake if len(awake) >= self._needed else self.stores
        failed = {store.place: "failed just before" for store in self.stores if store not in asked}

        def attempt(store: Vault) -> str | None:
            try:
                write(store)
            except VaultError as error:
                self._failed(store, error)
                return str(error)
            return None

        for store, reason in zip(asked, self._writers.map(attempt, asked), strict=True):
            if reason is not None:
                failed[store.place] = reason
        if len(self.stores) - len(failed) < self._needed:
            reasons = "; ".join(failed.values())
            have = len(self.stores) - len(failed)
            raise StoreUnavailable(self.place, f"{have} of {self._needed} stores took it: {reasons}")
        for place, reason in failed.items():
            self._ledger.owe(place, ((cid, reason) for cid in cids))
            _log.warning("copies owed: place=%s contents=%d reason=%s", place, len(cids), reason)

    # -- reading

    def get(self, cid: Cid) -> bytes:
        """The first copy that verifies. Raises MissingContent, CorruptContent, StoreUnavailable."""
        (answer,) = self.get_many([cid])
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """The first copies that verify, in the order asked for."""
        answers: dict[Cid, bytes] = {}
        errors: dict[Cid, list[tuple[Vault, VaultError]]] = {}
        for store in self._in_turn():
            wanted = [cid for cid in dict.fromkeys(cids) if cid not in answers]
            if not wanted:
                break
            for cid, answer in zip(wanted, store.get_many(wanted), strict=True):
                if isinstance(answer, VaultError):
                    errors.setdefault(cid, []).append((store, answer))
                else:
                    answers[cid] = answer
        self._note_failures(errors)
        self._put_right(
            {cid: (answers[cid], bad) for cid, bad in errors.items() if cid in answers},
        )
        return [
            answers[cid] if cid in answers else gravest([error for _, error in errors[cid]]) for cid in cids
        ]

    def open(self, cid: Cid) -> BinaryIO:
        """The first copy that opens, as a stream; where it fails later, the next one goes on from there."""
        return io.BufferedReader(FailoverReader(cid, self._in_turn(), self._bad_copy), LEAF_SIZE)

    def has(self, cid: Cid) -> bool:
        """Whether any store has it. Raises StoreUnavailable where none has and one could not be asked."""
        error: StoreUnavailable | None = None
        for store in self._in_turn():
            try:
                if store.has(cid):
                    return True
            except StoreUnavailable as caught:
                self._failed(store, caught)
                error = caught
        if error is not None:
            raise error
        return False

    def size(self, cid: Cid) -> int:
        """Bytes, as the first store says that has it."""
        errors: list[VaultError] = []
        for store in self._in_turn():
            try:
                return store.size(cid)
            except VaultError as error:
                self._failed(store, error)
                errors.append(error)
        raise gravest(errors)

    def iterate(self) -> Iterator[Cid]:
        """CIDs of what any store has, and of what is owed."""
        given: set[Cid] = set()
        for store in self.stores:
            owed = (one.cid for one in self._ledger.owed(store.place))
            for cid in (*store.iterate(), *owed):
                if cid not in given:
                    given.add(cid)
                    yield cid

    # -- finding and putting right

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """Read every copy in every store, and name copies that are altered, missing or owed.

        A store that cannot be read is one problem. What is found wrong is owed from then on.
        """
        kept: dict[str, set[Cid]] = {}
        for store in self.stores:
            try:
                kept[store.place] = set(store.iterate())
            except StoreUnavailable as error:
                self._failed(store, error)
                yield Problem(None, store.place, f"store cannot be read: {error.reason}", checked=False)
        everything = set().union(*kept.values())
        everything.update(one.cid for store in self.stores for one in self._ledger.owed(store.place))
        total = sum(len(cids) for cids in kept.values())
        before = 0
        for store in self.stores:
            if store.place in kept:
                yield from self._verify(
                    store, kept[store.place], everything, _shifted(progress, before, total)
                )
                before += len(kept[store.place])

    def _verify(
        self, store: Vault, kept: set[Cid], everything: set[Cid], progress: Progress | None
    ) -> Iterator[Problem]:
        wrong: dict[Cid, str] = {}
        try:
            for problem in store.verify_all(progress):
                if problem.cid is not None and problem.cid in kept:
                    wrong[problem.cid] = problem.reason
                yield problem
        except StoreUnavailable as error:
            self._failed(store, error)
            yield Problem(None, store.place, f"store cannot be read: {error.reason}", checked=False)
        for cid in sorted(everything - kept):
            wrong[cid] = "is missing"
            yield Problem(cid, store.place, "is missing, though another store has it or it was put")
        self._ledger.owe(store.place, wrong.items())

    def repair(self) -> Iterator[Repair]:
        """Let each store repair itself, read everything, and deliver what is owed."""
        for store in self.stores:
            try:
                yield from store.repair()
            except StoreUnavailable as error:
                self._failed(store, error)
                yield Repair(None, store.place, f"cannot be repaired: {error.reason}", healed=False)
        for problem in self.verify_all():
            _tell_bad(problem.place, problem.cid, problem.reason)
        yield from self.heal()

    def heal(self) -> Iterator[Repair]:
        """Deliver what is owed, from whichever store has it; says of each whether it is there now."""
        for store in self.stores:
            after = ""
            while owed := self._ledger.owed(store.place, _TOGETHER, after):
                after = str(owed[-1].cid)
                try:
                    delivered = self._deliver(store, [one.cid for one in owed])
                except StoreUnavailable as error:
                    self._failed(store, error)
                    yield Repair(None, store.place, f"cannot be healed: {error.reason}", healed=False)
                    break
                for one in owed:
                    yield Repair(one.cid, store.place, one.reason, healed=one.cid in delivered)

    def run(self, stop: threading.Event) -> None:
        """Heal now and then until told to stop. What goes wrong is logged and tried again."""
        while not stop.wait(_HEAL_EVERY):
            try:
                for _ in self.heal():
                    if stop.is_set():
                        return
            except VaultError as error:
                _log.warning("healing failed: reason=%s", error)

    def _deliver(self, store: Vault, cids: Sequence[Cid]) -> set[Cid]:
        """Copy content from other stores to one; gives what arrived. Raises StoreUnavailable."""
        delivered: set[Cid] = set()
        small: dict[Cid, bytes] = {}
        for cid in cids:
            for other in self._in_turn():
                if other is store:
                    continue
                source = None
                try:
                    with other.open(cid) as stream:
                        source = _Source(stream)
                        if cid.codec == RAW:
                            small[cid] = source.read()
                        else:
                            _expect([cid], [store.put(source)], store)
                            self._settled(store, [cid])
                            delivered.add(cid)
                    break
                except VaultError as error:
                    if source is not None and source.error is not error:
                        raise  # not the source failed
                    self._failed(other, error)
        if small:
            _expect(list(small), store.put_many(list(small.values())), store)
            self._settled(store, list(small))
            delivered.update(small)
        return delivered

    def _settled(self, store: Vault, cids: Sequence[Cid]) -> None:
        self._ledger.settle(store.place, cids)
        REPAIRED_COPIES.labels(store.place).inc(len(cids))
        _log.info("copies repaired: place=%s contents=%d", store.place, len(cids))

    def _put_right(self, found: dict[Cid, tuple[bytes, list[tuple[Vault, VaultError]]]]) -> None:
        """Write good copies to the stores that turned out to lack them, or owe them."""
        for store in self.stores:
            lacking = {
                cid: error
                for cid, (_, bad) in found.items()
                for at, error in bad
                if at is store and isinstance(error, MissingContent | CorruptContent)
            }
            if not lacking:
                continue
            for cid, error in lacking.items():
                self._bad_copy(store, cid, error, owe=False)
            try:
                contents = [found[cid][0] for cid in lacking]
                _expect(list(lacking), store.put_many(contents), store)
            except VaultError as error:
                self._failed(store, error)
                self._ledger.owe(store.place, ((cid, problem_text(why)) for cid, why in lacking.items()))
            else:
                self._settled(store, list(lacking))

    def _bad_copy(self, store: Vault, cid: Cid, error: VaultError, owe: bool = True) -> None:
        """Report a copy that is missing or altered; an answer that did not come says nothing of the copy."""
        self._failed(store, error)
        if isinstance(error, StoreUnavailable):
            return
        kind = "missing" if isinstance(error, MissingContent) else "altered"
        BAD_COPIES.labels(store.place, kind).inc()
        _tell_bad(store.place, cid, problem_text(error))
        if owe:
            self._ledger.owe(store.place, [(cid, problem_text(error))])

    def _note_failures(self, errors: dict[Cid, list[tuple[Vault, VaultError]]]) -> None:
        for bad in errors.values():
            for store, error in bad:
                self._failed(store, error)

    def _failed(self, store: Vault, error: VaultError) -> None:
        if isinstance(error, StoreUnavailable):
            if not self._rests(store):
                _log.warning("store failed: place=%s reason=%s", store.place, error.reason)
            FAILURES.labels(store.place).inc()
            self._resting[store.place] = time.monotonic() + _REST

    def _rests(self, store: Vault) -> bool:
        return self._resting.get(store.place, 0.0) > time.monotonic()

    def _in_turn(self) -> list[Vault]:
        """Stores in their order, those that failed just now at the end."""
        return sorted(self.stores, key=self._rests)

    def status(self) -> dict[str, str | int | bool]:
        """Number of stores, of those that must acknowledge, and of copies owed."""
        return {
            "store": "replicated",
            "place": self.place,
            "stores": len(self.stores),
            "acknowledge": self._needed,
            "owed": sum(self._ledger.owed_count(store.place) for store in self.stores),
        }


def _tell_bad(place: str, cid: Cid | None, reason: str) -> None:
    _log.warning("bad copy: place=%s cid=%s reason=%s", place, cid, reason)


class _Source:
    """A stream that remembers its own error, to tell it from that of the store it is written to."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: VaultError | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except VaultError as error:
            self.error = error
            raise


def _expect(cids: Sequence[Cid], given: Sequence[Cid], store: Vault) -> None:
    if list(cids) != list(given):
        raise StoreUnavailable(store.place, "gave other CIDs than the content has")


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """A store's progress as a part of all stores'."""
    if progress is None:
        return None
    tell = progress
    return lambda done, _: tell(before + done, total)
