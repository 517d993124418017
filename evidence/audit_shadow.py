"""A second mirror, built by the audit from chain and vault alone."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from chain.database import open_engine, reading
from chain.deployment import Deployment
from chain.rpc import Rpc
from indexer import ledger
from indexer.run import Indexer
from indexer.schema import migrate
from vault.cid import Cid
from vault.content import StoreUnavailable
from vault.store import ContentStore, VaultError

_PATIENCE: Final = 20
"""reads in a row that a store may fail before it is asked no more"""


class Shadow:
    """The second mirror. `engine` is its database, SQLite in a folder of its own."""

    def __init__(self, folder: Path, deployment: Deployment, rpc: Rpc, store: ContentStore) -> None:
        self._file = folder / "mirror.db"
        self._deployment = deployment
        self._rpc = rpc
        self._store = _Patient(store)
        self.engine = self._fresh()
        self._indexer = self._new_indexer()

    def reach(self, block: int) -> None:
        """Hold just the blocks up to `block`. Raises ChainError."""
        if self._held() > block:  # the chain was shortened meanwhile
            self.engine.dispose()
            for left in self._file.parent.iterdir():
                left.unlink()
            self.engine = self._fresh()
            self._indexer = self._new_indexer()
        self._indexer.run_once(block)

    def _new_indexer(self) -> Indexer:
        addresses, start = self._deployment.all_addresses(), self._deployment.first_block
        return Indexer(self.engine, self._rpc, addresses, self._store, start_block=start)

    def _held(self) -> int:
        with reading(self.engine) as session:
            try:
                return ledger.load(session).head_number
            except ledger.MirrorWrittenError:
                return -1  # fresh

    def _fresh(self) -> Engine:
        self._file.write_bytes(_empty_mirror())
        return open_engine(f"sqlite:///{self._file}", synchronous="NORMAL")


@contextmanager
def shadow(deployment: Deployment, rpc: Rpc, store: ContentStore) -> Iterator[Shadow]:
    """A second mirror that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="tradeseal-audit-") as folder:
        made = Shadow(Path(folder), deployment, rpc, store)
        try:
            yield made
        finally:
            made.engine.dispose()


@cache
def _empty_mirror() -> bytes:
    """The file of a mirror that holds nothing: migrated once, for many audits."""
    with tempfile.TemporaryDirectory(prefix="tradeseal-audit-") as folder:
        file = Path(folder) / "mirror.db"
        engine = open_engine(f"sqlite:///{file}", synchronous="NORMAL")
        migrate(engine)
        engine.dispose()  # the last connection moves the write-ahead log into the file
        return file.read_bytes()


class _Patient:
    """A store that is asked no more once it gave no answer many times in a row: each may have taken long."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._failed = 0
        self._last = StoreUnavailable("", "")

    def get(self, cid: Cid) -> bytes:
        """As the store's."""
        (answer,) = self.get_many([cid])
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        """As the store's."""
        if self._failed >= _PATIENCE:
            return [self._last] * len(cids)
        try:
            answers = self._store.get_many(cids)
        except StoreUnavailable as error:
            answers = [error] * len(cids)
        away = [one for one in answers if isinstance(one, StoreUnavailable)]
        if away and len(away) == len(answers):
            self._failed, self._last = self._failed + 1, away[-1]
        else:
            self._failed = 0
        return answers
