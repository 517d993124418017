"""Real stores for the vault's tests: a folder, a Kubo daemon, an S3 server, and several as one."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vault.folders import Scene
from tests.vault.servers.daemon import KuboDaemon
from tests.vault.servers.gateway import S3Gateway
from vault.cid import Cid
from vault.content import Vault
from vault.ipfs import IpfsStore
from vault.ledger import Ledger
from vault.replicated import ReplicatedStore
from vault.s3 import S3Store
from vault.store import LocalStore


@pytest.fixture(scope="session")
def kubo() -> Iterator[KuboDaemon]:
    """One daemon for all tests of this process; stores on it differ by the names of their pins."""
    with KuboDaemon() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> Iterator[S3Gateway]:
    """One S3 server for all tests of this process; each store takes a fresh bucket of it."""
    with S3Gateway() as gateway, pytest.MonkeyPatch.context() as patch:
        for name, value in gateway.environment().items():
            patch.setenv(name, value)
        yield gateway


def ipfs_store(daemon: KuboDaemon, folder: Path, timeout: float = 20.0) -> IpfsStore:
    """A store on the daemon that no other test's pins are seen by."""
    folder.mkdir(exist_ok=True)
    name = f"test-{secrets.token_hex(6)}"
    return IpfsStore(daemon.url, Ledger(folder / "vault.db"), timeout, pin_name=name)


def unpin_all(daemon: KuboDaemon, store: IpfsStore) -> None:
    """Let go of a store's pins and content: another test may put the same, and this one damaged it."""
    for pin in daemon.ask("pin/ls", type="recursive", name=store.pin_name, stream="true"):
        daemon.ask("pin/rm", arg=pin["Cid"])
    daemon.ask("repo/gc")


def s3_store(gateway: S3Gateway, folder: Path, prefix: str = "", timeout: float = 20.0) -> S3Store:
    """A store in a fresh bucket."""
    bucket = f"test-{secrets.token_hex(6)}"
    (gateway.buckets / bucket).mkdir()
    return S3Store(gateway.url, bucket, folder / "spool", prefix=prefix, timeout=timeout)


@dataclass(frozen=True)
class Subject:
    """A store, and the files in which its servers keep one block of content."""

    store: Vault
    files: Callable[[Cid], list[Path]]

    def tamper(self, cid: Cid, content: bytes) -> None:
        """Put other bytes in place of a block, behind the store's back."""
        for path in self.files(cid):
            path.write_bytes(content)

    def lose(self, cid: Cid) -> None:
        """Remove a block, behind the store's back."""
        for path in self.files(cid):
            path.unlink()


def subject_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Subject:
    """A fresh store of a kind."""
    if kind == "local":
        local = LocalStore(folder / "local")
        return Subject(local, lambda cid: [local.path_of(cid)])
    if kind == "ipfs":
        daemon: KuboDaemon = request.getfixturevalue("kubo")
        pinning = ipfs_store(daemon, folder / "ipfs")
        request.addfinalizer(lambda: unpin_all(daemon, pinning))
        return Subject(pinning, lambda cid: [daemon.block_file(cid)])
    if kind == "s3":
        gateway: S3Gateway = request.getfixturevalue("s3")
        remote = s3_store(gateway, folder, prefix="sealed/documents")
        bucket = remote.place.split("/")[3]
        return Subject(remote, lambda cid: [gateway.buckets / bucket / "sealed" / "documents" / str(cid)])
    parts = [subject_of(part, request, folder) for part in ("local", "ipfs", "s3")]
    store = ReplicatedStore([part.store for part in parts], Ledger(folder / "vault.db"), folder / "spool")
    return Subject(store, lambda cid: [path for part in parts for path in part.files(cid)])


@pytest.fixture(
    params=[
        "local",
        pytest.param("ipfs", marks=pytest.mark.slow),
        pytest.param("s3", marks=pytest.mark.slow),
        pytest.param("replicated", marks=pytest.mark.slow),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """The test runs against every store."""
    with ExitStack() as stack:
        made = subject_of(request.param, request, tmp_path)
        stack.callback(made.store.close)
        yield made


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two folders that both must have a write."""
    return Scene(tmp_path)


@pytest.fixture
def lenient(tmp_path: Path) -> Scene:
    """Two folders, one of which is enough for a write."""
    return Scene(tmp_path, acknowledge=1)
