"""Rule 2 in the vault: what was acknowledged is there, nothing is there by halves, whenever a writer dies."""

import io
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.vault.conftest import ipfs_store, s3_store
from tests.vault.putting_child import batch
from tests.vault.servers.daemon import KuboDaemon
from tests.vault.servers.gateway import S3Gateway
from vault.content import StoreUnavailable, Vault
from vault.location import open_vault
from vault.store import LocalStore
from vault.unixfs import cid_of


def run_until_killed(urls: str, state: Path, seed: int) -> int:
    """Number of batches that a writer acknowledged before it was killed in the middle of another."""
    acknowledged = random.Random(seed).randint(1, 4)
    command = [sys.executable, "-m", "tests.vault.putting_child", urls, str(state), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for _ in range(acknowledged):
                assert child.stdout.readline().strip().isdigit()
        finally:
            child.kill()
    return acknowledged


def check(store: Vault, seed: int, acknowledged: int) -> None:
    """All that was acknowledged is there, and all that is there is whole."""
    for number in range(acknowledged):
        documents = batch(seed, number)
        assert store.get_many([cid_of(document) for document in documents]) == documents, f"seed {seed}"
    assert list(store.verify_all()) == [], f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_rule_2_a_writer_killed_over_a_folder(tmp_path: Path, seed: int) -> None:
    url = f"file://{tmp_path}/vault"
    check(LocalStore(tmp_path / "vault"), seed, run_until_killed(url, tmp_path, seed))


@pytest.mark.slow
def test_rule_2_a_writer_killed_over_a_daemon(kubo: KuboDaemon, tmp_path: Path) -> None:
    with_own_pins = ipfs_store(kubo, tmp_path / "state")
    url = f"ipfs+{kubo.url}?pin={with_own_pins.pin_name}"
    check(with_own_pins, 5, run_until_killed(url, tmp_path / "state", 5))
    with_own_pins.close()


@pytest.mark.slow
def test_rule_2_a_writer_killed_over_an_s3_server(s3: S3Gateway, tmp_path: Path) -> None:
    store = s3_store(s3, tmp_path)
    check(store, 6, run_until_killed(store.place, tmp_path, 6))
    store.close()


@pytest.mark.slow
def test_rule_2_a_writer_killed_over_two_folders(tmp_path: Path) -> None:
    urls = f"file://{tmp_path}/one, file://{tmp_path}/two"
    acknowledged = run_until_killed(urls, tmp_path, 7)
    for name in ("one", "two"):
        check(LocalStore(tmp_path / name), 7, acknowledged)
    # What one folder has of the batch that was cut off, the other gets.
    vault = open_vault(urls, tmp_path)
    list(vault.repair())
    assert list(vault.verify_all()) == []
    assert set(LocalStore(tmp_path / "one").iterate()) == set(LocalStore(tmp_path / "two").iterate())
    vault.close()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The disk takes no more than so many bytes a file meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_nothing_behind_and_loses_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    before = store.put(b"kept")
    large = bytes(300_000)
    with files_of_at_most(100_000):
        for put in (
            lambda: store.put_many([b"first", large, b"last"]),
            lambda: store.put(large),
            lambda: store.put(io.BytesIO(large)),
        ):
            with pytest.raises(StoreUnavailable, match="File too large"):
                put()
        assert list(store.iterate()) == [before]
        assert list((store.root / "incoming").iterdir()) == []
        assert store.get(store.put(b"small")) == b"small"
    assert store.get(store.put(large)) == large


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    cid = store.put(b"kept")
    (tmp_path / "vault" / "incoming").rmdir()
    (tmp_path / "vault" / "incoming").write_bytes(b"a file in its place")
    with pytest.raises(StoreUnavailable, match=f"{tmp_path}/vault: Not a directory"):
        store.put_many([b"new"])
    assert store.get(cid) == b"kept"
