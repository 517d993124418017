"""Packs of the local store: its contract holds for what lies in them, and no byte changes unnoticed."""

import io
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.vault import test_contract
from tests.vault.conftest import Subject
from tests.vault.putting_child import batch
from vault.cid import Cid
from vault.content import CorruptContent, MissingContent, StoreUnavailable
from vault.store import LocalStore
from vault.unixfs import LEAF_SIZE, cid_of

DOCUMENTS = [f'{{"document":{number}}}'.encode() * (1 + number % 5) for number in range(40)]


# the same tests run here against packs
globals().update({name: test for name, test in vars(test_contract).items() if name.startswith("test_")})


class Packed(Subject):
    """A local store that packs whatever is put into it."""

    def tamper(self, cid: Cid, content: bytes) -> None:
        for pack in (Path(self.store.place) / "packs").iterdir():
            data = pack.read_bytes()
            at = data.find(bytes(cid))
            if at >= 0:
                start = at + len(bytes(cid))
                pack.write_bytes(data[:start] + content + data[start + len(content) :])
                return
        raise AssertionError(f"{cid} is in no pack")

    def lose(self, cid: Cid) -> None:
        database = sqlite3.connect(Path(self.store.place) / "packs.db", isolation_level=None)
        assert database.execute("DELETE FROM piece WHERE digest = ?", (cid.digest,)).rowcount == 1
        database.close()


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Packed(LocalStore(tmp_path / "packed", packed_from=1), lambda cid: [])


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path / "vault")
    made.put_many(DOCUMENTS)
    return made


def pack_of(store: LocalStore) -> Path:
    (pack,) = (store.root / "packs").iterdir()
    return pack


def test_content_that_grew_beyond_a_leaf_is_altered_and_put_right(subject: Subject) -> None:
    """In a pack it cannot grow: what is behind it is altered."""
    cid = subject.store.put(bytes(LEAF_SIZE))
    subject.tamper(cid, bytes(LEAF_SIZE) + b"more")
    assert subject.store.get(cid) == bytes(LEAF_SIZE)
    assert ["altered" in problem.reason for problem in subject.store.verify_all()] == [True]


def test_many_are_one_file_and_few_a_file_each(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    store.put_many(DOCUMENTS[:10])
    assert list((store.root / "packs").iterdir()) == []
    store.put_many([*DOCUMENTS, bytes(LEAF_SIZE + 1), b""])
    files = [path for path in (store.root / "content").rglob("*") if path.is_file()]
    assert len(files) == 12
    pack = pack_of(store)
    assert pack.stat().st_mode & 0o027 == 0
    assert store.path_of(cid_of(DOCUMENTS[20])) == pack
    assert store.get_many([cid_of(one) for one in DOCUMENTS]) == DOCUMENTS


def test_a_store_of_files_alone_stays_readable_and_is_not_written_again(tmp_path: Path) -> None:
    old = LocalStore(tmp_path / "vault", packed_from=1_000_000)
    cids = old.put_many(DOCUMENTS)
    for path in (old.root / "packs", old.root / "packs.db"):
        path.rmdir() if path.is_dir() else path.unlink()
    new = LocalStore(old.root)
    assert new.get_many(cids) == DOCUMENTS
    assert sorted(new.iterate()) == sorted(set(cids))
    assert all(new.has(cid) and new.size(cid) == len(new.get(cid)) for cid in cids)
    new.path_of(cids[5]).write_bytes(b"forged")
    new.put_many([*DOCUMENTS, *(b"new %d" % number for number in range(30))])
    assert new.get_many(cids) == DOCUMENTS
    assert len(list(new.iterate())) == len(set(cids)) + 30
    assert pack_of(new).stat().st_size < 30 * 60
    assert list(new.verify_all()) == []


def test_what_is_packed_is_not_packed_again(store: LocalStore) -> None:
    before = pack_of(store).stat().st_mtime_ns
    store.put_many(DOCUMENTS[::-1])
    assert pack_of(store).stat().st_mtime_ns == before
    store.put_many([*DOCUMENTS, *(b"new %d" % number for number in range(20))])
    sizes = sorted(path.stat().st_size for path in (store.root / "packs").iterdir())
    assert len(sizes) == 2
    assert sizes[0] < 20 * 60


def test_rule_8_a_pack_with_any_byte_changed_is_named(store: LocalStore) -> None:
    pack = pack_of(store)
    whole = pack.read_bytes()
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    for at in sorted({*range(120), *rng.sample(range(len(whole)), 300), len(whole) - 1}):
        altered = bytearray(whole)
        altered[at] ^= 1 << rng.randrange(8)
        pack.write_bytes(altered)
        problems = list(store.verify_all())
        assert problems, f"byte {at}, seed {seed}"
        assert all(problem.place == str(pack) for problem in problems)
        for document in DOCUMENTS:  # what cannot be given is said, and nothing else is given
            answer = store.get_many([cid_of(document)])[0]
            assert answer == document or isinstance(answer, CorruptContent), f"byte {at}, seed {seed}"
    pack.write_bytes(whole)
    assert list(store.verify_all()) == []


@pytest.mark.parametrize("change", ["size + 1", "size - 1"])
def test_a_piece_that_is_noted_longer_or_shorter_than_it_is_is_named_and_put_right(
    store: LocalStore, change: str
) -> None:
    *_, last = sorted(
        (pack_of(store).read_bytes().find(bytes(cid_of(one))), cid_of(one)) for one in DOCUMENTS
    )
    index = sqlite3.connect(store.root / "packs.db", isolation_level=None)
    index.execute(f"UPDATE piece SET size = {change} WHERE digest = ?", (last[1].digest,))  # noqa: S608
    index.close()
    assert [problem.cid for problem in store.verify_all()] == [last[1]]
    assert [one.healed for one in store.repair()] == [True]
    assert list(store.verify_all()) == []


@pytest.mark.parametrize("damage", ["cut", "emptied", "lost", "longer"])
def test_a_damaged_pack_is_named_and_put_right_by_putting_again(store: LocalStore, damage: str) -> None:
    pack = pack_of(store)
    whole = pack.read_bytes()
    if damage == "lost":
        pack.unlink()
    else:
        pack.write_bytes({"cut": whole[: len(whole) // 2], "emptied": b"", "longer": whole + b"x"}[damage])
    assert list(store.verify_all()) != []
    last = store.get_many([cid_of(DOCUMENTS[39])])[0]
    if damage == "longer":
        assert last == DOCUMENTS[39]
        return
    assert isinstance(last, MissingContent if damage == "lost" else CorruptContent)
    store.put_many(DOCUMENTS)
    assert store.get_many([cid_of(one) for one in DOCUMENTS]) == DOCUMENTS
    assert list(store.verify_all()) == []


def test_one_altered_document_is_put_right_in_its_place(store: LocalStore) -> None:
    pack = pack_of(store)
    whole = pack.read_bytes()
    at = whole.index(DOCUMENTS[7])
    pack.write_bytes(whole[: at - 20] + b"X" * 30 + whole[at + 10 :])  # its CID, too
    assert {problem.cid for problem in store.verify_all()} == {cid_of(DOCUMENTS[7])}
    store.put(DOCUMENTS[7])
    assert pack.read_bytes() == whole
    assert list(store.verify_all()) == []


@pytest.mark.parametrize("damage", ["lost", "no database", "torn", "older"])
def test_the_index_is_made_anew_from_the_packs(store: LocalStore, damage: str) -> None:
    index = store.root / "packs.db"
    store.close()
    if damage == "older":
        older = index.read_bytes()
        store.put_many([b"later %d" % number for number in range(20)])
        store.close()
        index.write_bytes(older)
    elif damage == "lost":
        index.unlink()
    elif damage == "no database":
        index.write_bytes(b"x" * 5000)
    else:
        data = bytearray(index.read_bytes())
        data[200:4000] = os.urandom(3800)
        index.write_bytes(data)
    again = LocalStore(store.root)
    assert again.get_many([cid_of(one) for one in DOCUMENTS]) == DOCUMENTS
    if damage == "older":
        assert again.get(cid_of(b"later 19")) == b"later 19"
    assert list(again.verify_all()) == []


def test_an_index_that_lies_gives_no_wrong_content_and_is_repaired(store: LocalStore) -> None:
    database = sqlite3.connect(store.root / "packs.db", isolation_level=None)
    wrong, gone = (cid_of(DOCUMENTS[place]) for place in (3, 4))
    database.execute("UPDATE piece SET start = start + 1 WHERE digest = ?", (wrong.digest,))
    database.execute("DELETE FROM piece WHERE digest = ?", (gone.digest,))
    database.close()
    answers = store.get_many([wrong, gone])
    assert [type(one) for one in answers] == [CorruptContent, MissingContent]
    assert wrong in {problem.cid for problem in store.verify_all()}
    assert [one.healed for one in store.repair()] == [True]
    assert store.get_many([wrong, gone]) == [DOCUMENTS[3], DOCUMENTS[4]]
    assert list(store.verify_all()) == []
    assert list(store.repair()) == []


def test_an_altered_file_is_put_right_from_a_pack(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "vault")
    store.put_many(DOCUMENTS)
    cid = store.put(io.BytesIO(DOCUMENTS[0]))  # a file of its own: streams always are
    alone = store.path_of(cid)
    alone.write_bytes(b"forged")
    assert store.get(cid) == DOCUMENTS[0]
    assert [problem.cid for problem in store.verify_all()] == [cid]
    assert [(one.cid, one.healed) for one in store.repair()] == [(cid, True)]
    assert alone.read_bytes() == DOCUMENTS[0]


def test_a_pack_that_its_writer_could_not_note_is_found(store: LocalStore) -> None:
    """Killed between naming the pack and noting it; a process that is there already takes it up later."""
    pack = pack_of(store)
    other = LocalStore(store.root.with_name("other"))
    other.put_many([b"others %d" % number for number in range(30)])
    theirs = pack_of(other)
    theirs.rename(pack.with_name(theirs.name))
    assert [problem.place for problem in store.verify_all()] == [str(pack.with_name(theirs.name))]
    assert [one.healed for one in store.repair()] == [True]
    assert store.get(cid_of(b"others 3")) == b"others 3"
    assert list(LocalStore(store.root).verify_all()) == []


def test_foreign_files_among_the_packs_are_named(store: LocalStore) -> None:
    (store.root / "packs" / "notes.txt").write_bytes(b"x")
    assert ["foreign" in problem.reason for problem in store.verify_all()] == [True]


def test_a_store_that_is_away_says_so(store: LocalStore) -> None:
    (store.root / "packs").rename(store.root / "away")
    (store.root / "packs").write_bytes(b"a file in its place")
    for read in (store.get, store.open):
        with pytest.raises(StoreUnavailable):
            read(cid_of(DOCUMENTS[0]))
    with pytest.raises(StoreUnavailable):
        store.put_many([b"new %d" % number for number in range(30)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_rule_2_what_was_acknowledged_outlives_a_killed_writer(tmp_path: Path, seed: int) -> None:
    """In the middle of a pack, or between it and the index."""
    acknowledged = random.Random(seed).randint(1, 4)
    command = [
        *(sys.executable, "-m", "tests.vault.putting_child"),
        *(f"file://{tmp_path}/vault", str(tmp_path), str(seed)),
    ]
    beside = LocalStore(tmp_path / "vault")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for _ in range(acknowledged):
                assert child.stdout.readline().strip().isdigit()
        finally:
            child.kill()
    assert list((tmp_path / "vault" / "packs").iterdir()) != []
    for store in (beside, LocalStore(tmp_path / "vault")):
        for number in range(acknowledged):
            documents = batch(seed, number)
            assert store.get_many([cid_of(one) for one in documents]) == documents, f"seed {seed}"
    assert list(LocalStore(tmp_path / "vault").verify_all()) == [], f"seed {seed}"
