"""Files are read whole or not at all, and numbers with fractions never pass through a float."""

import sys
from pathlib import Path

import httpx
import pytest

from cli.client import ApiClient
from cli.failure import Failure
from cli.files import read_bytes, read_table, write_json
from cli.options import evidence_hash


def test_fractions_stay_the_text_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1250.10, "b": 3}')
    (tmp_path / "a.toml").write_text("a = 1250.10\nb = 3\n")
    assert read_table(tmp_path / "a.json") == read_table(tmp_path / "a.toml") == {"a": "1250.10", "b": 3}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"),
        ("a.json", b"[]"),
        ("a.json", b'{"a": NaN}'),
        ("a.json", b"\xff\xfe"),
        ("a.json", b"[" * 100_000),
        ("a.toml", b"a = "),
        ("a.toml", b'{"a": 1}'),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Failure, match=name):
        read_table(path)


def test_a_file_nested_too_deeply_ends_no_process(tmp_path: Path) -> None:
    """Packages that sign raise the recursion limit so far that the standard reader would."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        (tmp_path / "a.json").write_bytes(b'{"a":' * 99_000)
        with pytest.raises(Failure, match="nested deeper"):
            read_table(tmp_path / "a.json")
        response = httpx.Response(200, content=b"[" * 99_000, request=httpx.Request("GET", "http://service/"))
        with ApiClient("http://service") as client, pytest.raises(Failure, match="without JSON"):
            client._json(response)
    finally:
        sys.setrecursionlimit(before)


def test_missing_and_too_large_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none\.json: No such file"):
        read_table(tmp_path / "none.json")
    (tmp_path / "large").write_bytes(b"12345")
    assert read_bytes(tmp_path / "large", 5) == b"12345"
    with pytest.raises(Failure, match="more than 4 bytes"):
        read_bytes(tmp_path / "large", 4)


def test_writing_replaces_a_file_or_leaves_it(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ü": 1})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "ü": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(Failure, match=r"b\.json"):
        write_json(tmp_path / "none" / "b.json", {})


def test_evidence_is_a_files_digest_or_a_hash(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, appendix
    assert evidence_hash(str(tmp_path / "abc")).hex() == digest
    assert evidence_hash("0x" + digest).hex() == digest
    with pytest.raises(Failure, match="64 hexadecimal digits"):
        evidence_hash("0x12")
