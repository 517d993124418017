"""Finding bad copies in several stores, and putting them right from the good ones.

What is found is owed by the ledger until it is delivered, so that a crash forgets nothing. A copy that a
store refuses, though it answers, holds up no other.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from vault.cid import RAW, Cid
from vault.content import Problem, Progress, Repair, StoreUnavailable, Vault, VaultError
from vault.copies import Copies, expect, tell_bad

_log = logging.getLogger(__name__)

_TOGETHER: Final = 64
_HEAL_EVERY: Final = 30.0  # seconds
_NOWHERE: Final = "no other store has a good copy"


class Healing:
    """Verifies and mends the copies of all stores; may be used by several threads."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies
        self._ledger = copies.ledger
        self._resume: dict[str, str] = {}
        """by place: the CID behind which to go on, where a store refused all that it was given"""

    def verify_all(self, progress: Progress | None = None) -> Iterator[Problem]:
        """See ReplicatedStore."""
        kept: dict[str, set[Cid]] = {}
        for store in self._copies.stores:
            try:
                kept[store.place] = set(store.iterate())
            except StoreUnavailable as error:
                yield self._unreadable(store, error)
        everything = set().union(*kept.values())
        everything.update(one.cid for store in self._copies.stores for one in self._ledger.owed(store.place))
        total = sum(len(cids) for cids in kept.values())
        before = 0
        for store in self._copies.stores:
            if store.place in kept:
                yield from self._verify(
                    store, kept[store.place], everything, _shifted(progress, before, total)
                )
                before += len(kept[store.place])

    def _verify(
        self, store: Vault, kept: set[Cid], everything: set[Cid], progress: Progress | None
    ) -> Iterator[Problem]:
        wrong: dict[Cid, str] = {}
        lacking: set[Cid] = set()
        try:
            for problem in store.verify_all(progress):
                if problem.cid is not None and problem.cid in kept:
                    wrong[problem.cid] = problem.reason
                yield problem
            if everything - kept:
                # Listed once more: what was put or delivered behind the first listing is not missing.
                lacking = everything - kept - set(store.iterate())
        except StoreUnavailable as error:
            yield self._unreadable(store, error)
        for cid in sorted(lacking):
            wrong[cid] = "is missing"
            yield Problem(cid, store.place, "is missing, though another store has it or it was put")
        self._ledger.owe(store.place, wrong.items())

    def _unreadable(self, store: Vault, error: StoreUnavailable) -> Problem:
        self._copies.failed(store, error)
        return Problem(None, store.place, f"store cannot be read: {error.reason}", checked=False)

    def repair(self) -> Iterator[Repair]:
        """Let each store repair itself, read everything, and deliver all that is owed."""
        for store in self._copies.stores:
            try:
                yield from store.repair()
            except StoreUnavailable as error:
                self._copies.failed(store, error)
                yield Repair(None, store.place, f"cannot be repaired: {error.reason}", healed=False)
        for problem in self.verify_all():
            tell_bad(problem.place, problem.cid, problem.reason)
        yield from self.heal(thorough=True)

    def heal(self, *, thorough: bool = False) -> Iterator[Repair]:
        """Deliver what is owed, from whichever store has it; says of each whether it is there now.

        A store that refuses whatever it is given is left alone until the next time, which goes on behind
        what was refused; not so if `thorough`.
        """
        for store in self._copies.stores:
            try:
                yield from self._heal(store, thorough)
            except StoreUnavailable as error:
                self._copies.failed(store, error)
                yield Repair(None, store.place, f"cannot be healed: {error.reason}", healed=False)

    def _heal(self, store: Vault, thorough: bool) -> Iterator[Repair]:
        """Raises StoreUnavailable where the store gives no answer."""
        after = "" if thorough else self._resume.pop(store.place, "")
        while owed := self._ledger.owed(store.place, _TOGETHER, after):
            after = str(owed[-1].cid)
            failed = self._deliver(store, [one.cid for one in owed])
            for one in owed:
                why = failed.get(one.cid)
                reason = one.reason if why is None else f"{one.reason}; {why}"
                yield Repair(one.cid, store.place, reason, healed=why is None)
            refused = [why for why in failed.values() if why != _NOWHERE]
            if refused and len(failed) == len(owed) and not thorough:
                self._resume[store.place] = after
                return

    def run(self, stop: threading.Event) -> None:
        """Heal now and then until told to stop. What goes wrong is logged and tried again."""
        while not stop.wait(_HEAL_EVERY):
            try:
                for _ in self.heal():
                    if stop.is_set():
                        return
            except VaultError as error:
                _log.warning("healing failed: reason=%s", error)

    def _deliver(self, store: Vault, cids: Sequence[Cid]) -> dict[Cid, str]:
        """Copy content from other stores to one; gives what did not arrive, and why.

        Raises StoreUnavailable where the store gives no answer.
        """
        failed: dict[Cid, str] = {}
        small: dict[Cid, bytes] = {}
        for cid in cids:
            why = self._fetch(store, cid, small)
            if why is not None:
                failed[cid] = why
        if small:
            failed |= self._put_small(store, small)
        return failed

    def _fetch(self, store: Vault, cid: Cid, small: dict[Cid, bytes]) -> str | None:
        """Put a large file, or take a small one into `small`; gives why not, None where it was done."""
        for other in self._copies.in_turn():
            if other is store:
                continue
            source = None
            try:
                with other.open(cid) as stream:
                    source = _Source(stream)
                    if cid.codec == RAW:
                        small[cid] = source.read()
                    else:
                        expect([cid], [store.put(source)], store)
                        self._copies.repaired(store, [cid])
            except VaultError as error:
                if source is not None and source.error is not error:
                    self._raise_if_away(store, error)  # not the source failed
                    return _refusal(store, cid, error)
                self._copies.failed(other, error)
            else:
                return None
        return _NOWHERE

    def _put_small(self, store: Vault, contents: dict[Cid, bytes]) -> dict[Cid, str]:
        """Put small files together; where they are refused, by halves, until it is known which ones are."""
        cids = list(contents)
        try:
            expect(cids, store.put_many(list(contents.values())), store)
        except StoreUnavailable as error:
            self._raise_if_away(store, error)
            if len(cids) == 1:
                return {cids[0]: _refusal(store, cids[0], error)}
            middle = len(cids) // 2
            failed = self._put_small(store, {cid: contents[cid] for cid in cids[:middle]})
            return failed | self._put_small(store, {cid: contents[cid] for cid in cids[middle:]})
        self._copies.repaired(store, cids)
        return {}

    def _raise_if_away(self, store: Vault, error: VaultError) -> None:
        """Tell a store that took no copy from one that does not even say what it has: raises its error."""
        try:
            next(store.iterate(), None)
        except StoreUnavailable:
            raise error from None


def _refusal(store: Vault, cid: Cid, error: VaultError) -> str:
    reason = error.reason if isinstance(error, StoreUnavailable) else str(error)
    _log.warning("copy refused: place=%s cid=%s reason=%s", store.place, cid, reason)
    return f"the store does not take it: {reason}"


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

    def seek(self, offset: int, /) -> int:
        """To a byte, so that a store may read it again."""
        try:
            return self._stream.seek(offset)
        except VaultError as error:
            self.error = error
            raise


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """A store's progress as a part of all stores'."""
    if progress is None:
        return None
    tell = progress
    return lambda done, _: tell(before + done, total)
