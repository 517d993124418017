"""Copies of the same content in several stores: whom to ask first, and what is said of bad ones."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter

from vault.cid import Cid
from vault.content import MissingContent, StoreUnavailable, Vault, VaultError, problem_text
from vault.ledger import Ledger

_log = logging.getLogger(__name__)

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


class Copies:
    """Stores in the order in which they are asked, and the ledger of what each of them is owed."""

    def __init__(self, stores: Sequence[Vault], ledger: Ledger) -> None:
        """Raises ValueError where there is no store, or one twice."""
        if len({store.place for store in stores}) < len(stores) or not stores:
            raise ValueError("stores: at least one, and each once")
        self.stores = list(stores)
        self.ledger = ledger
        self._resting: dict[str, float] = {}

    def in_turn(self) -> list[Vault]:
        """Stores in their order, those that failed just now at the end."""
        return sorted(self.stores, key=self.rests)

    def rests(self, store: Vault) -> bool:
        """Whether a store failed just now."""
        return self._resting.get(store.place, 0.0) > time.monotonic()

    def failed(self, store: Vault, error: VaultError) -> None:
        """Note that a store gave no answer; other errors say nothing of the store."""
        if isinstance(error, StoreUnavailable):
            if not self.rests(store):
                _log.warning("store failed: place=%s reason=%s", store.place, error.reason)
            FAILURES.labels(store.place).inc()
            self._resting[store.place] = time.monotonic() + _REST

    def bad(self, store: Vault, cid: Cid, error: VaultError, owe: bool = True) -> None:
        """Report a copy that is missing or altered; an answer that did not come says nothing of the copy."""
        self.failed(store, error)
        if isinstance(error, StoreUnavailable):
            return
        kind = "missing" if isinstance(error, MissingContent) else "altered"
        BAD_COPIES.labels(store.place, kind).inc()
        tell_bad(store.place, cid, problem_text(error))
        if owe:
            self.ledger.owe(store.place, [(cid, problem_text(error))])

    def repaired(self, store: Vault, cids: Sequence[Cid]) -> None:
        """Note that a store has good copies now."""
        self.ledger.settle(store.place, cids)
        REPAIRED_COPIES.labels(store.place).inc(len(cids))
        _log.info("copies repaired: place=%s contents=%d", store.place, len(cids))


def tell_bad(place: str, cid: Cid | None, reason: str) -> None:
    """A line in the log about a bad copy."""
    _log.warning("bad copy: place=%s cid=%s reason=%s", place, cid, reason)


def expect(cids: Sequence[Cid], given: Sequence[Cid], store: Vault) -> None:
    """Compare what a store says it took with what it was given. Raises StoreUnavailable."""
    if list(cids) != list(given):
        raise StoreUnavailable(store.place, "gave other CIDs than the content has")
