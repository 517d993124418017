"""Servers that lie, stall or never end: the vault gives an error of its own, soon, and never their bytes."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vault.servers import liar
from tests.vault.servers.liar import LIES, Handler, Liar
from vault.cid import DAG_PB, Cid
from vault.content import CorruptContent, StoreUnavailable, Vault, VaultError
from vault.ipfs import IpfsStore
from vault.ledger import Ledger
from vault.replicated import ReplicatedStore
from vault.s3 import S3Store
from vault.store import LocalStore

pytestmark = pytest.mark.slow

SMALL = Cid.of_block(b"sealed")
LARGE = Cid.of_block(b"root of a large file", DAG_PB)
WITHIN = 0.5


def lying_store(kind: str, url: str, folder: Path) -> Vault:
    """A store whose server lies."""
    if kind == "ipfs":
        return IpfsStore(url, Ledger(folder / "liar.db"), timeout=WITHIN)
    return S3Store(url, "bucket", folder / "spool", timeout=WITHIN)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "member")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-word")


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
@pytest.mark.parametrize("kind", ["ipfs", "s3"])
def test_no_lie_is_believed(kind: str, lie: Callable[[Handler], None], tmp_path: Path) -> None:
    with Liar(lie) as server:
        store = lying_store(kind, server.url, tmp_path)
        for cid in (SMALL, LARGE):
            for read in (store.get, store.open):
                with pytest.raises((CorruptContent, StoreUnavailable)) as caught:
                    read(cid)
                assert "secret-word" not in str(caught.value)
        assert all(isinstance(answer, VaultError) for answer in store.get_many([SMALL, LARGE]))
        store.close()


@pytest.mark.parametrize(
    ("kind", "lie"),
    [
        # an S3 server that says 200 has acknowledged: only reading finds it out
        *(("ipfs", lie) for lie in (liar.wrong, liar.silent, liar.failing, liar.elsewhere, liar.short)),
        *(("s3", lie) for lie in (liar.silent, liar.failing, liar.elsewhere, liar.babbling)),
    ],
)
def test_what_is_not_acknowledged_is_not_taken_for_kept(
    kind: str, lie: Callable[[Handler], None], tmp_path: Path
) -> None:
    with Liar(lie) as server:
        store = lying_store(kind, server.url, tmp_path)
        with pytest.raises(StoreUnavailable):
            store.put_many([b"sealed", b"another"])
        with pytest.raises(StoreUnavailable):
            store.put(io.BytesIO(b"sealed"))
        with pytest.raises(StoreUnavailable):
            list(store.iterate())
        store.close()


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_beside_a_good_copy_a_liar_does_no_harm(lie: Callable[[Handler], None], tmp_path: Path) -> None:
    with Liar(lie) as server:
        lying = lying_store("ipfs", server.url, tmp_path)
        good = LocalStore(tmp_path / "good")
        cid, large = good.put_many([b"sealed", bytes(600_000)])
        both = ReplicatedStore(
            [lying, good], Ledger(tmp_path / "vault.db"), tmp_path / "spool", acknowledge=1
        )
        assert both.get_many([cid, large]) == [b"sealed", bytes(600_000)]
        with both.open(large) as stream:
            assert stream.read() == bytes(600_000)
        assert both.put_many([b"new"]) == [Cid.of_block(b"new")]
        assert good.get(Cid.of_block(b"new")) == b"new"
        assert both.status()["owed"] != 0
        both.close()
