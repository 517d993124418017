"""Content on a real S3 server: what it refuses in words, listings in pages, uploads in parts."""

import io
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from tests.vault.conftest import s3_store
from tests.vault.servers.gateway import S3Gateway
from vault import s3 as s3_module
from vault.cid import Cid
from vault.content import CorruptContent, StoreUnavailable
from vault.s3 import PART_SIZE, S3Store
from vault.unixfs import cid_of

pytestmark = pytest.mark.slow

LARGE = random.Random(5).randbytes(2 * PART_SIZE + 77)


@pytest.fixture
def store(s3: S3Gateway, tmp_path: Path) -> Iterator[S3Store]:
    made = s3_store(s3, tmp_path)
    yield made
    made.close()


def bucket_of(store: S3Store) -> str:
    return store.place.split("/")[3]


def test_wrong_credentials_are_denied_and_never_repeated(
    s3: S3Gateway, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = store.put(b"sealed")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-word")
    denied = S3Store(s3.url, bucket_of(store), tmp_path / "spool")
    for ask in (
        lambda: denied.get(cid),
        lambda: denied.put(b"new"),
        lambda: denied.put(io.BytesIO(LARGE)),
        lambda: denied.has(cid),
        lambda: list(denied.iterate()),
    ):
        with pytest.raises(StoreUnavailable, match=r"access is denied.*AWS_ACCESS_KEY_ID") as caught:
            ask()
        assert bucket_of(store) in str(caught.value)
        for secret in ("wrong-secret-word", s3.access_key, s3.secret_key):
            assert secret not in str(caught.value)
    denied.close()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    stranger = S3Store(s3.url, bucket_of(store), tmp_path / "spool")
    for ask in (lambda: stranger.get(cid), lambda: stranger.put(b"new"), lambda: stranger.has(cid)):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert "somebody" not in str(caught.value)
    stranger.close()


def test_no_credentials_at_all_say_so(s3: S3Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    nobody = S3Store(s3.url, "bucket", tmp_path / "spool")
    for ask in (lambda: nobody.put(b"new"), lambda: nobody.get(Cid.of_block(b"x"))):
        with pytest.raises(StoreUnavailable, match="credentials"):
            ask()
    nobody.close()


def test_a_bucket_or_server_that_is_not_there(s3: S3Gateway, tmp_path: Path) -> None:
    cid = Cid.of_block(b"sealed")
    lost = S3Store(s3.url, "no-such-bucket", tmp_path / "spool")
    for ask in (
        lambda: lost.get(cid),
        lambda: lost.put(b"new"),
        lambda: lost.has(cid),
        lambda: lost.status(),
    ):
        with pytest.raises(StoreUnavailable, match=r"no-such-bucket.*no such bucket"):
            ask()
    lost.close()
    away = S3Store("http://127.0.0.1:9", "bucket", tmp_path / "spool", timeout=1)
    for ask in (
        lambda: away.get(cid),
        lambda: away.put(b"new"),
        lambda: away.has(cid),
        lambda: away.status(),
    ):
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
            ask()
    away.close()


def test_a_listing_of_several_pages_is_whole(s3: S3Gateway, store: S3Store) -> None:
    documents = [f"document {number}".encode() for number in range(1100)]
    folder = s3.buckets / bucket_of(store)
    for document in documents:
        (folder / str(cid_of(document))).write_bytes(document)
    assert sorted(store.iterate()) == sorted(cid_of(document) for document in documents)
    assert store.status()["contents"] == 1100


def test_what_is_no_content_is_named(s3: S3Gateway, store: S3Store) -> None:
    cid = store.put(b"sealed")
    (s3.buckets / bucket_of(store) / "notes.txt").write_bytes(b"x")
    assert list(store.iterate()) == [cid]
    (problem,) = store.verify_all()
    assert problem.cid is None
    assert problem.place.endswith("/notes.txt")


def test_a_large_object_goes_and_comes_in_parts(s3: S3Gateway, store: S3Store) -> None:
    cid = store.put(io.BytesIO(LARGE))
    assert store.put(LARGE) == cid == cid_of(LARGE)
    assert store.get(cid) == LARGE
    with store.open(cid) as stream:
        stream.seek(PART_SIZE - 1)
        assert stream.read(3) == LARGE[PART_SIZE - 1 : PART_SIZE + 2]
    path = s3.buckets / bucket_of(store) / str(cid)
    content = bytearray(path.read_bytes())
    content[PART_SIZE + 5] ^= 1
    path.write_bytes(content)
    for read in (store.get, store.open):
        with pytest.raises(CorruptContent, match=str(cid_of(bytes(content)))):
            read(cid)


def test_an_object_cut_short_is_noticed(s3: S3Gateway, store: S3Store) -> None:
    cid = store.put(io.BytesIO(LARGE))
    path = s3.buckets / bucket_of(store) / str(cid)
    path.write_bytes(LARGE[:-1])
    for read in (store.get, store.open):
        with pytest.raises(CorruptContent):
            read(cid)


def test_uploads_that_were_broken_off_are_removed(
    s3: S3Gateway, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("s3", endpoint_url=s3.url, region_name="us-east-1")
    name = str(cid_of(LARGE))
    client.create_multipart_upload(Bucket=bucket_of(store), Key=name)
    assert list(store.repair()) == []  # it may still be going on
    monkeypatch.setattr(s3_module, "_ABANDONED_AFTER", timedelta(seconds=-60))
    assert [(one.place, one.healed) for one in store.repair()] == [(f"{store.place}/{name}", True)]
    assert list(store.repair()) == []
    client.close()
