"""The local content store: what is put is given back, what was altered is named (rule 8)."""

import io
import multiprocessing
import os
import random
import stat
from pathlib import Path

import pytest

from vault.store import CorruptContent, LocalStore
from vault.unixfs import LEAF_SIZE, cid_of

BIG = random.Random(7).randbytes(3 * LEAF_SIZE + 1234)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "vault")


def test_a_byte_changed_after_opening_is_noticed(store: LocalStore) -> None:
    cid = store.put(BIG)
    with store.open(cid) as stream:
        assert stream.read(10) == BIG[:10]
        altered = bytearray(BIG)
        altered[2 * LEAF_SIZE] ^= 0x80
        store.path_of(cid).write_bytes(altered)
        stream.seek(2 * LEAF_SIZE)
        with pytest.raises(CorruptContent, match=str(cid_of(bytes(altered)))):
            stream.read(1)


def test_the_audit_names_files_that_are_not_content(store: LocalStore) -> None:
    cid = store.put(b"sealed")
    (store.path_of(cid).parent / "notes.txt").write_bytes(b"x")
    misplaced = store.root / "content" / "zz" / str(cid)
    misplaced.parent.mkdir()
    misplaced.write_bytes(b"sealed")
    reasons = {Path(problem.place).name: problem.reason for problem in store.verify_all()}
    assert "foreign" in reasons["notes.txt"]
    assert "wrong folder" in reasons[str(cid)]


def test_a_source_that_fails_leaves_no_part_behind(store: LocalStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > LEAF_SIZE:
                raise ConnectionResetError("source went away")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        store.put(Broken(BIG))
    assert list(store.iterate()) == []
    assert list((store.root / "incoming").iterdir()) == []


def test_what_a_killed_writer_left_is_removed_later_but_not_what_is_being_written(store: LocalStore) -> None:
    old, new = (store.root / "incoming" / name for name in ("1-old", "2-new"))
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (1, 1))
    LocalStore(store.root)
    assert not old.exists()
    assert new.exists()


def test_others_cannot_read_the_store(store: LocalStore) -> None:
    path = store.path_of(store.put(b"confidential"))
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o027 == 0


def _put_all(root: Path, seed: int) -> None:
    store = LocalStore(root)
    order = list(range(60))
    random.Random(seed).shuffle(order)
    for number in order:
        store.put(io.BytesIO(f"document {number}".encode() * 100))


@pytest.mark.slow
def test_two_processes_put_the_same_content_at_once(store: LocalStore) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_put_all, args=(store.root, seed)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(list(store.iterate())) == 60
    assert list(store.verify_all()) == []


def test_putting_many_again_rewrites_only_what_was_altered(store: LocalStore) -> None:
    documents = [f"document {number}".encode() for number in range(3)]
    kept, altered, _ = (store.path_of(cid) for cid in store.put_many(documents))
    before = kept.stat().st_ino
    altered.write_bytes(b"document X")
    store.put_many(documents)
    assert kept.stat().st_ino == before
    assert altered.read_bytes() == documents[1]
