"""URLs of stores: what they open, what is refused and how it is said."""

from pathlib import Path

import pytest

from vault.location import LocationError, open_vault, read_locations
from vault.replicated import ReplicatedStore
from vault.store import LocalStore


def test_a_folder(tmp_path: Path) -> None:
    vault = open_vault(f"file://{tmp_path}/the%20vault", tmp_path / "state")
    assert isinstance(vault, LocalStore)
    assert vault.get(vault.put(b"sealed")) == b"sealed"
    assert (tmp_path / "the vault" / "content").is_dir()
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_several_are_one_in_the_order_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "member")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-word")
    text = f"file://{tmp_path}/a, ipfs+http://127.0.0.1:5001\n s3+https://[::1]:9000/bucket/pre/fix?region=eu"
    vault = open_vault(text, tmp_path / "state", acknowledge=2)
    assert isinstance(vault, ReplicatedStore)
    places = [store.place for store in vault.stores]
    assert places == [f"{tmp_path}/a", "ipfs+http://127.0.0.1:5001", "s3+https://[::1]:9000/bucket/pre/fix"]
    assert vault.status()["acknowledge"] == 2
    vault.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no URL"),
        (" , ", "no URL"),
        ("/srv/vault", "scheme ''"),
        ("http://127.0.0.1:5001", "scheme 'http'"),
        ("file://vault", "file:///absolute/path"),
        ("file:///", "file:///absolute/path"),
        ("file:///srv/a?x=1", "option 'x'"),
        ("ipfs+http://", "ipfs\\+http://HOST:PORT"),
        ("ipfs+http://h:1/api/v0", "ipfs\\+http://HOST:PORT"),
        ("ipfs+http://h:99999", "Port out of range"),
        ("ipfs+http://h:1?timeout=soon", "timeout 'soon'"),
        ("ipfs+http://h:1?timeout=-1", "timeout '-1'"),
        ("ipfs+http://h:1?timeout=nan", "timeout 'nan'"),
        ("s3+https://h", "s3\\+https://HOST/BUCKET"),
        ("s3+https://h/Bad_Bucket", "s3\\+https://HOST/BUCKET"),
        ("s3+https://h/bucket?secret_key=hush-hush", "option 'secret_key'"),
        ("s3+https://member:hush-hush@h/bucket", "AWS_SECRET_ACCESS_KEY"),
        ("ipfs+http://hush-hush@h:1", "credentials"),
        ("s3+https://member:hush-hush@h:x/bucket", "h:x/bucket"),
        ("file:///srv/a file:///srv/a", "given twice"),
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_credentials(text: str, reason: str) -> None:
    with pytest.raises(LocationError, match=reason) as caught:
        read_locations(text)
    assert "hush-hush" not in str(caught.value)


def test_no_more_stores_can_acknowledge_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(LocationError, match="2 stores are to acknowledge"):
        open_vault(f"file://{tmp_path}/a", tmp_path, acknowledge=2)
