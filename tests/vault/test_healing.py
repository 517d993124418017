"""Several stores as one: all bad copies are found, and what can be put right is, whatever else is refused."""

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.vault.conftest import ipfs_store, unpin_all
from tests.vault.folders import Scene
from tests.vault.servers.daemon import KuboDaemon
from vault.cid import Cid
from vault.content import Repair, StoreUnavailable
from vault.ledger import Ledger
from vault.replicated import ReplicatedStore
from vault.store import LocalStore
from vault.unixfs import LEAF_SIZE, Readable, blocks_of, cid_of

BIG = random.Random(3).randbytes(6 * LEAF_SIZE + 5)


def test_a_scan_names_every_bad_copy_and_a_repair_leaves_none(scene: Scene) -> None:
    documents = [f"document {number}".encode() for number in range(200)] + [BIG]
    parts = [documents[start : start + 10] for start in range(0, len(documents), 10)]  # a file for each
    cids = [cid for part in parts for cid in scene.vault.put_many(part)]
    rng = random.Random(9)
    damaged = [*rng.sample(cids, 40), cids[-1]]
    places: dict[tuple[Cid, str], str] = {}
    for cid in dict.fromkeys(damaged):
        store = rng.choice((scene.one, scene.two))
        path = store.path_of(cid)
        if rng.random() < 0.5:
            path.unlink()
            places[cid, store.place] = "missing"
        else:
            content = bytearray(path.read_bytes())
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(content)
            places[cid, store.place] = "altered"
    found = {
        (problem.cid, str(Path(problem.place).parents[2]) if "content" in problem.place else problem.place)
        for problem in scene.vault.verify_all()
    }
    assert found == set(places)
    repairs = {(one.cid, one.place) for one in scene.vault.repair() if one.healed}
    assert repairs == set(places)
    assert list(scene.vault.verify_all()) == []
    for store in (scene.one, scene.two):
        assert store.get_many(cids) == documents


def test_a_repair_that_cannot_be_done_says_so(scene: Scene) -> None:
    cid, gone = scene.vault.put_many([b"sealed", b"gone"])
    scene.one.path_of(cid).unlink()
    for store in (scene.one, scene.two):
        store.path_of(gone).write_bytes(b"forged")
    results = {(one.cid, one.healed) for one in scene.vault.repair()}
    assert results == {(cid, True), (gone, False)}
    assert {problem.cid for problem in scene.vault.verify_all()} == {gone}
    scene.take_away(scene.two)
    assert any("cannot be read" in problem.reason for problem in scene.vault.verify_all())


def test_the_service_heals_until_it_is_told_to_stop(lenient: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.healing._HEAL_EVERY", 0.01)
    lenient.take_away(lenient.two)
    cid = lenient.vault.put(b"one")
    lenient.give_back(lenient.two)
    stop, delivered = threading.Event(), threading.Event()
    settle = lenient.ledger.settle

    def settled(place: str, cids: list[Cid]) -> None:
        settle(place, cids)
        delivered.set()

    monkeypatch.setattr(lenient.ledger, "settle", settled)
    worker = threading.Thread(target=lenient.vault.run, args=(stop,))
    worker.start()
    try:
        assert delivered.wait(30)
    finally:
        stop.set()
        worker.join()
    assert lenient.two.get(cid) == b"one"


@pytest.mark.parametrize("number", [5, 40], ids=["into files", "into a pack"])
def test_what_a_lost_pack_held_is_named_and_delivered(tmp_path: Path, number: int) -> None:
    stores = [LocalStore(tmp_path / "packed", packed_from=2), LocalStore(tmp_path / "two")]
    vault = ReplicatedStore(stores, Ledger(tmp_path / "vault.db"), tmp_path / "spool")
    documents = [f"document {each}".encode() for each in range(number)]
    cids = vault.put_many(documents)
    stores[0].path_of(cids[0]).unlink()
    assert {(problem.cid, problem.checked) for problem in vault.verify_all()} == {(cid, True) for cid in cids}
    stores[0] = LocalStore(tmp_path / "packed")
    vault.close()
    again = ReplicatedStore(stores, Ledger(tmp_path / "vault.db"), tmp_path / "spool")
    assert {(one.cid, one.healed) for one in again.repair()} == {(cid, True) for cid in cids}
    assert list(again.verify_all()) == []
    assert stores[0].get_many(cids) == documents
    again.close()


class Picky(LocalStore):
    """A folder that refuses some content; a daemon refuses what a foreign pin holds."""

    refused: frozenset[Cid] = frozenset()

    def put(self, content: bytes | Readable) -> Cid:
        data = content if isinstance(content, bytes) else content.read()
        return self.put_many([data])[0]

    def put_many(self, contents: Sequence[bytes]) -> list[Cid]:
        for content in contents:
            if cid_of(content) in self.refused:
                raise StoreUnavailable(self.place, "not this one")
        return super().put_many(contents)


@pytest.fixture
def picky(tmp_path: Path) -> Iterator[tuple[ReplicatedStore, Picky]]:
    """Two folders as one vault, of which the second may refuse."""
    second, ledger = Picky(tmp_path / "two"), Ledger(tmp_path / "vault.db")
    vault = ReplicatedStore([LocalStore(tmp_path / "one"), second], ledger, tmp_path / "spool", acknowledge=1)
    yield vault, second
    vault.close()


def owing(vault: ReplicatedStore, number: int) -> list[Cid]:
    """CIDs of small documents and of a large one that the second store lacks, in the ledger's order."""
    cids = vault.stores[0].put_many([f"document {each}".encode() for each in range(number)] + [BIG])
    assert len(list(vault.verify_all())) == len(cids)
    return sorted(cids, key=str)


def said(repairs: Iterable[Repair]) -> list[tuple[Cid | None, bool]]:
    """What was tried, and whether it is right now."""
    return [(one.cid, one.healed) for one in repairs]


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_copy_that_is_refused_holds_up_no_other(picky: tuple[ReplicatedStore, Picky], large: bool) -> None:
    vault, second = picky
    cids = owing(vault, 100)
    refused = cid_of(BIG) if large else cids[10]
    second.refused = frozenset([refused])
    repairs = list(vault.heal())
    assert said(repairs) == [(cid, cid != refused) for cid in cids]
    assert "the store does not take it: not this one" in {one.cid: one.reason for one in repairs}[refused]
    second.refused = frozenset()
    assert said(vault.heal()) == [(refused, True)]
    assert second.get(refused) == vault.get(refused)


def test_a_store_that_refuses_all_is_asked_again_behind_what_it_refused(
    picky: tuple[ReplicatedStore, Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault.healing._TOGETHER", 3)
    vault, second = picky
    cids = owing(vault, 20)
    second.refused = frozenset(cids[:3])
    for expected in (
        [(cid, False) for cid in cids[:3]],
        [(cid, True) for cid in cids[3:]],
        [(cid, False) for cid in cids[:3]],
    ):
        assert said(vault.heal()) == expected


def test_a_repair_tries_all_whatever_is_refused(
    picky: tuple[ReplicatedStore, Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault.healing._TOGETHER", 3)
    vault, second = picky
    cids = owing(vault, 20)
    second.refused = frozenset(cids[:3])
    assert said(vault.repair()) == [(cid, cid not in cids[:3]) for cid in cids]


def test_what_is_put_while_the_stores_are_listed_is_not_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.vault.put(b"before")
    listing = scene.two.iterate
    late: list[Cid] = []

    def iterate() -> Iterator[Cid]:
        late.append(scene.vault.put(f"late {len(late)}".encode()))
        return listing()

    monkeypatch.setattr(scene.two, "iterate", iterate)
    assert list(scene.vault.verify_all()) == []
    assert late
    assert scene.ledger.owed(scene.one.place) == scene.ledger.owed(scene.two.place) == []


@pytest.fixture
def beside_a_daemon(kubo: KuboDaemon, tmp_path: Path) -> Iterator[ReplicatedStore]:
    """A folder and a daemon as one vault."""
    pinning = ipfs_store(kubo, tmp_path / "ipfs")
    ledger = Ledger(tmp_path / "vault.db")
    made = ReplicatedStore([LocalStore(tmp_path / "local"), pinning], ledger, tmp_path / "spool")
    yield made
    unpin_all(kubo, pinning)
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["leaf", "root", "both"])
def test_a_large_file_altered_in_a_daemon_takes_one_repair(
    kubo: KuboDaemon, beside_a_daemon: ReplicatedStore, place: str
) -> None:
    vault = beside_a_daemon
    cid, other = vault.put_many([BIG, b"another"])
    blocks = [block.cid for block in blocks_of(BIG)]
    for block in {"leaf": blocks[2:3], "root": blocks[-1:], "both": [blocks[2], blocks[-1]]}[place]:
        path = kubo.block_file(block)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert [(one.cid, one.healed) for one in vault.repair()] == [(cid, True)]
    assert list(vault.verify_all()) == []
    assert vault.stores[1].get_many([cid, other]) == [BIG, b"another"]


@pytest.mark.slow
def test_what_a_foreign_pin_holds_is_named_and_the_rest_is_delivered(
    kubo: KuboDaemon, beside_a_daemon: ReplicatedStore
) -> None:
    vault = beside_a_daemon
    cids = vault.put_many([f"document {number}".encode() for number in range(20)])
    kubo.ask("pin/add", arg=str(cids[0]), name="somebody-else")
    for cid in cids[:6]:
        kubo.block_file(cid).write_bytes(b"forged")
    try:
        repairs = {one.cid: one for one in vault.repair()}
    finally:
        kubo.ask("pin/rm", arg=str(cids[0]))
    assert {cid: one.healed for cid, one in repairs.items()} == {cid: cid != cids[0] for cid in cids[:6]}
    assert "pinned" in repairs[cids[0]].reason
    assert all(one.healed for one in vault.repair())
    assert list(vault.verify_all()) == []
