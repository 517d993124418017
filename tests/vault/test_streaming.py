"""Large files pass through every store in bounded memory, both ways."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.vault.conftest import ipfs_store, s3_store, unpin_all
from tests.vault.servers.daemon import KuboDaemon
from tests.vault.servers.gateway import S3Gateway

pytestmark = pytest.mark.deep

SIZE = 100  # MiB
ALLOWED = 60 * 1024 * 1024  # bytes: what uploads in parts hold, and room for the interpreter


def memory_for(urls: str, state: Path) -> int:
    command = [sys.executable, "-m", "tests.vault.streaming_child", urls, str(state), str(SIZE)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert answer.returncode == 0, answer.stderr
    return int(answer.stdout)


def test_through_a_folder(tmp_path: Path) -> None:
    assert memory_for(f"file://{tmp_path}/vault", tmp_path) < ALLOWED


def test_through_a_daemon(kubo: KuboDaemon, tmp_path: Path) -> None:
    store = ipfs_store(kubo, tmp_path)
    assert memory_for(f"ipfs+{kubo.url}?pin={store.pin_name}", tmp_path) < ALLOWED
    unpin_all(kubo, store)
    store.close()


def test_through_an_s3_server(s3: S3Gateway, tmp_path: Path) -> None:
    store = s3_store(s3, tmp_path)
    assert memory_for(store.place, tmp_path) < ALLOWED
    store.close()


def test_through_all_of_them(kubo: KuboDaemon, s3: S3Gateway, tmp_path: Path) -> None:
    remote, daemon = s3_store(s3, tmp_path), ipfs_store(kubo, tmp_path)
    urls = f"file://{tmp_path}/vault ipfs+{kubo.url}?pin={daemon.pin_name} {remote.place}"
    assert memory_for(urls, tmp_path) < ALLOWED
    unpin_all(kubo, daemon)
    daemon.close()
    remote.close()
