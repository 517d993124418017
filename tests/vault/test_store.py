"""The local content store: what is put is given back, what was altered is named (rule 8)."""

import io
import multiprocessing
import os
import random
import stat
from pathlib import Path

import pytest

from vault.cid import Cid
from vault.store import CorruptContent, LocalStore, MissingContent
from vault.unixfs import LEAF_SIZE, cid_of

BIG = random.Random(7).randbytes(3 * LEAF_SIZE + 1234)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "vault")


@pytest.mark.parametrize("content", [b"", b"sealed", bytes(LEAF_SIZE), BIG])
def test_gives_back_what_was_put(store: LocalStore, content: bytes) -> None:
    cid = store.put(content)
    assert cid == store.put(io.BytesIO(content)) == cid_of(content)
    assert store.get(cid) == content
    with store.open(cid) as stream:
        assert stream.read() == content
    assert store.has(cid)
    assert store.size(cid) == len(content)
    assert list(store.iterate()) == [cid]
    assert list((store.root / "incoming").iterdir()) == []


def test_a_stream_can_be_read_from_any_position(store: LocalStore) -> None:
    with store.open(store.put(BIG)) as stream:
        stream.seek(LEAF_SIZE - 3)
        assert stream.read(10) == BIG[LEAF_SIZE - 3 : LEAF_SIZE + 7]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == BIG[-5:]


def test_missing_content_is_its_own_error(store: LocalStore) -> None:
    absent = Cid.of_block(b"never put")
    assert not store.has(absent)
    for read in (store.get, store.open, store.size):
        with pytest.raises(MissingContent, match=str(absent)):
            read(absent)


@pytest.mark.parametrize("content", [b"sealed document", BIG])
def test_one_byte_changed_is_found_by_every_read_and_by_the_audit(store: LocalStore, content: bytes) -> None:
    untouched = store.put(b"another")
    cid = store.put(content)
    altered = content[:-1] + bytes([content[-1] ^ 1])
    store.path_of(cid).write_bytes(altered)
    for read in (store.get, store.open):
        with pytest.raises(CorruptContent) as caught:
            read(cid)
        assert (caught.value.cid, caught.value.actual) == (cid, cid_of(altered))
    seen: list[tuple[int, int]] = []
    problems = list(store.verify_all(lambda done, total: seen.append((done, total))))
    assert [(problem.cid, "altered" in problem.reason) for problem in problems] == [(cid, True)]
    assert seen == [(1, 2), (2, 2)]
    assert store.get(untouched) == b"another"


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


def test_putting_again_puts_altered_content_right(store: LocalStore) -> None:
    cid = store.put(b"sealed")
    store.path_of(cid).write_bytes(b"forged")
    assert store.put(b"sealed") == cid
    assert store.get(cid) == b"sealed"


def test_the_audit_names_files_that_are_not_content(store: LocalStore) -> None:
    cid = store.put(b"sealed")
    (store.path_of(cid).parent / "notes.txt").write_bytes(b"x")
    misplaced = store.root / "content" / "zz" / str(cid)
    misplaced.parent.mkdir()
    misplaced.write_bytes(b"sealed")
    reasons = {Path(problem.place).name: problem.reason for problem in store.verify_all()}
    assert "foreign" in reasons["notes.txt"]
    assert "wrong folder" in reasons[str(cid)]


def test_a_source_that_fails_leaves_nothing_behind(store: LocalStore) -> None:
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


def test_many_are_put_and_given_in_order_and_what_cannot_be_had_stands_in_its_place(
    store: LocalStore,
) -> None:
    documents = [f"document {number}".encode() for number in range(40)] + [BIG, b"document 3"]
    cids = store.put_many(documents)
    assert cids == [cid_of(document) for document in documents]
    assert list((store.root / "incoming").iterdir()) == []
    store.path_of(cids[1]).write_bytes(b"forged")
    absent = Cid.of_block(b"never put")
    given = store.get_many([cids[40], absent, cids[1], cids[0]])
    assert given[0] == BIG
    assert isinstance(given[1], MissingContent)
    assert isinstance(given[2], CorruptContent)
    assert given[3] == documents[0]


def test_putting_many_again_rewrites_only_what_was_altered(store: LocalStore) -> None:
    documents = [f"document {number}".encode() for number in range(3)]
    kept, altered, _ = (store.path_of(cid) for cid in store.put_many(documents))
    before = kept.stat().st_ino
    altered.write_bytes(b"document X")
    store.put_many(documents)
    assert kept.stat().st_ino == before
    assert altered.read_bytes() == documents[1]
