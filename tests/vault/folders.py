"""Two folders as one vault, either of which can be taken away."""

from pathlib import Path

from vault.cid import Cid
from vault.ledger import Ledger
from vault.replicated import ReplicatedStore
from vault.store import LocalStore


class Scene:
    """Two folders as one vault."""

    def __init__(self, folder: Path, acknowledge: int | None = None) -> None:
        self.folder = folder
        self.one = LocalStore(folder / "one")
        self.two = LocalStore(folder / "two")
        self.acknowledge = acknowledge
        self.open()

    def open(self) -> None:
        """Open the vault; the second time, as another process would."""
        self.ledger = Ledger(self.folder / "vault.db")
        self.vault = ReplicatedStore(
            [self.one, self.two], self.ledger, self.folder / "spool", self.acknowledge
        )

    def take_away(self, store: LocalStore) -> None:
        """Let a store fail at everything."""
        store.root.rename(store.root.with_suffix(".away"))
        store.root.write_bytes(b"")

    def give_back(self, store: LocalStore) -> None:
        """Let it work again; it has what it had."""
        store.root.unlink()
        store.root.with_suffix(".away").rename(store.root)

    def owed(self) -> list[Cid]:
        """What the second store lacks, as the ledger knows."""
        return [one.cid for one in self.ledger.owed(self.two.place)]
