"""Several stores as one: what one lacks or has otherwise is given by another, and put right.

Rules. A write is acknowledged when as many stores as configured (all, unless said otherwise) have it durably;
what the others missed is in the ledger before it is acknowledged. A read gives the first copy that verifies.
A copy that proves missing or altered on the way is written anew at once, or owed if that fails; what is owed
is delivered by `heal`, which the service calls now and then and `tradeseal vault repair` at any time.
"""

import io
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from vault.cid import Cid
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
from vault.copies import Copies, expect
from vault.failover import FailoverReader, gravest
from vault.healing import Healing
from vault.ledger import Ledger
from vault.spool import spooled
from vault.unixfs import LEAF_SIZE, Readable, cid_of

_log = logging.getLogger(__name__)


class ReplicatedStore:
    """A Vault over several; they are asked in the order given, so the nearest comes first.

    `acknowledge` is how many of them must have a write before it counts; None: all.
    """

    def __init__(
        self, stores: Sequence[Vault], ledger: Ledger, spool: Path, acknowledge: int | None = None
    ) -> None:
        self._copies = Copies(stores, ledger)
        if acknowledge is not None and not 1 <= acknowledge <= len(stores):
            raise ValueError(f"acknowledge {acknowledge}: there are {len(stores)} stores")
        self._healing = Healing(self._copies)
        self.stores = self._copies.stores
        self._ledger = ledger
        self._spool = spool
        self._needed = acknowledge or len(stores)
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
                    expect([cid], [store.put(own)], store)

            self._write([cid], write)
        return cid

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        """Keep content in the stores, all at the same time. Raises StoreUnavailable where too few took it."""
        cids = [cid_of(content) for content in contents]
        if cids:
            self._write(cids, lambda store: expect(cids, store.put_many(contents), store))
        return cids

    def _write(self, cids: Sequence[Cid], write: Callable[[Vault], None]) -> None:
        """Let all stores write, those that failed just now only where they are needed."""
        awake = [store for store in self.stores if not self._copies.rests(store)]
        asked = awake if len(awake) >= self._needed else self.stores
        failed = {store.place: "failed just before" for store in self.stores if store not in asked}

        def attempt(store: Vault) -> str | None:
            try:
                write(store)
            except VaultError as error:
                self._copies.failed(store, error)
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
        for store in self._copies.in_turn():
            wanted = [cid for cid in dict.fromkeys(cids) if cid not in answers]
            if not wanted:
                break
            for cid, answer in zip(wanted, store.get_many(wanted), strict=True):
                if isinstance(answer, VaultError):
                    errors.setdefault(cid, []).append((store, answer))
                else:
                    answers[cid] = answer
        for bad in errors.values():
            for store, error in bad:
                self._copies.failed(store, error)
        self._put_right(
            {cid: (answers[cid], bad) for cid, bad in errors.items() if cid in answers},
        )
        return [
            answers[cid] if cid in answers else gravest([error for _, error in errors[cid]]) for cid in cids
        ]

    def open(self, cid: Cid) -> BinaryIO:
        """The first copy that opens, as a stream; where it fails later, the next one goes on from there."""
        return io.BufferedReader(FailoverReader(cid, self._copies.in_turn(), self._copies.bad), LEAF_SIZE)

    def has(self, cid: Cid) -> bool:
        """Whether any store has it. Raises StoreUnavailable where none has and one could not be asked."""
        error: StoreUnavailable | None = None
        for store in self._copies.in_turn():
            try:
                if store.has(cid):
                    return True
            except StoreUnavailable as caught:
                self._copies.failed(store, caught)
                error = caught
        if error is not None:
            raise error
        return False

    def size(self, cid: Cid) -> int:
        """Bytes, as the first store says that has it."""
        errors: list[VaultError] = []
        for store in self._copies.in_turn():
            try:
                return store.size(cid)
            except VaultError as error:
                self._copies.failed(store, error)
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
        return self._healing.verify_all(progress)

    def repair(self) -> Iterator[Repair]:
        """Let each store repair itself, read everything, and deliver what is owed; see `heal`."""
        return self._healing.repair()

    def heal(self) -> Iterator[Repair]:
        """Deliver what is owed, from whichever store has it; says of each whether it is there now.

        A copy that a store refuses holds up no other; a store that refuses all is left alone until the next
        time, which goes on behind what was refused.
        """
        return self._healing.heal()

    def run(self, stop: threading.Event) -> None:
        """Heal now and then until told to stop. What goes wrong is logged and tried again."""
        self._healing.run(stop)

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
                self._copies.bad(store, cid, error, owe=False)
            try:
                contents = [found[cid][0] for cid in lacking]
                expect(list(lacking), store.put_many(contents), store)
            except VaultError as error:
                self._copies.failed(store, error)
                self._ledger.owe(store.place, ((cid, problem_text(why)) for cid, why in lacking.items()))
            else:
                self._copies.repaired(store, list(lacking))

    def status(self) -> dict[str, str | int | bool]:
        """Number of stores, of those that must acknowledge, and of copies owed."""
        return {
            "store": "replicated",
            "place": self.place,
            "stores": len(self.stores),
            "acknowledge": self._needed,
            "owed": sum(self._ledger.owed_count(store.place) for store in self.stores),
        }
