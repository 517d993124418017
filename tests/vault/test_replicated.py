"""Several stores as one: what counts as written, which copy is given, and what a read puts right."""

import io
import os
import random
from pathlib import Path

import pytest
from prometheus_client import Counter

from tests.vault.folders import Scene
from vault.content import CorruptContent, MissingContent, StoreUnavailable
from vault.copies import BAD_COPIES, REPAIRED_COPIES
from vault.ledger import Ledger
from vault.unixfs import LEAF_SIZE, cid_of

BIG = random.Random(3).randbytes(6 * LEAF_SIZE + 5)


def counted(counter: Counter, *labels: str) -> float:
    """What a counter says now."""
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and tuple(sample.labels.values()) == labels
    )


def test_a_write_counts_when_all_stores_have_it(scene: Scene) -> None:
    cids = [*scene.vault.put_many([b"one", b"two"]), scene.vault.put(io.BytesIO(BIG))]
    for store in (scene.one, scene.two):
        assert sorted(store.iterate()) == sorted(cids)
    scene.take_away(scene.two)
    for content in (b"three", io.BytesIO(b"four")):
        with pytest.raises(StoreUnavailable, match="1 of 2 stores took it"):
            scene.vault.put(content)
    scene.give_back(scene.two)
    assert scene.vault.put(b"three") == cid_of(b"three")
    assert scene.two.get(cid_of(b"three")) == b"three"


def test_what_a_store_missed_is_known_before_it_is_acknowledged_and_delivered_later(lenient: Scene) -> None:
    lenient.take_away(lenient.two)
    cids = [*lenient.vault.put_many([b"one", b"two"]), lenient.vault.put(io.BytesIO(BIG))]
    lenient.vault.close()
    lenient.open()  # as after a crash right behind the acknowledgement
    assert lenient.owed() == sorted(cids, key=str)
    assert [one.healed for one in lenient.vault.heal()] == [False]
    lenient.give_back(lenient.two)
    assert {one.cid: one.healed for one in lenient.vault.heal()} == dict.fromkeys(cids, True)
    assert lenient.two.get_many(cids) == [b"one", b"two", BIG]
    assert lenient.owed() == []


def test_an_away_store_is_asked_last_and_not_waited_for(lenient: Scene) -> None:
    cid = lenient.vault.put(b"kept")
    lenient.take_away(lenient.one)
    assert lenient.vault.get(cid) == b"kept"
    lenient.give_back(lenient.one)
    lenient.two.path_of(cid).unlink()
    # The second store is asked first now, lacks it, and gets it from the first.
    assert lenient.vault.get(cid) == b"kept"
    assert lenient.two.get(cid) == b"kept"


@pytest.mark.parametrize("how", ["missing", "altered"])
def test_a_bad_copy_is_put_right_by_the_read_that_finds_it(
    scene: Scene, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    cid, big, other = scene.vault.put_many([b"sealed", BIG, b"other"])
    repaired = counted(REPAIRED_COPIES, scene.one.place)
    for damaged in (cid, big):
        if how == "missing":
            scene.one.path_of(damaged).unlink()
        else:
            scene.one.path_of(damaged).write_bytes(b"forged")
    assert scene.vault.get_many([other, cid, big]) == [b"other", b"sealed", BIG]
    assert scene.one.get_many([cid, big]) == [b"sealed", BIG]
    assert counted(BAD_COPIES, scene.one.place, how) == 2
    assert counted(REPAIRED_COPIES, scene.one.place) == repaired + 2
    assert f"bad copy: place={scene.one.place} cid={cid} reason=" in caplog.text
    assert list(scene.vault.verify_all()) == []


def test_a_copy_that_goes_bad_while_it_is_read_is_left_for_the_next(scene: Scene) -> None:
    cid = scene.vault.put(BIG)
    with scene.vault.open(cid) as stream:
        assert stream.read(10) == BIG[:10]
        altered = bytearray(BIG)
        altered[4 * LEAF_SIZE] ^= 1
        scene.one.path_of(cid).write_bytes(altered)
        assert stream.read() == BIG[10:]
        stream.seek(4 * LEAF_SIZE - 1)
        assert stream.read(3) == BIG[4 * LEAF_SIZE - 1 : 4 * LEAF_SIZE + 2]
    assert [one.cid for one in scene.ledger.owed(scene.one.place)] == [cid]
    assert [one.healed for one in scene.vault.heal()] == [True]
    assert scene.one.get(cid) == BIG


def test_what_no_store_has_is_said_by_the_gravest_reason(scene: Scene) -> None:
    cid, lost = scene.vault.put_many([b"sealed", b"lost"])
    for store in (scene.one, scene.two):
        store.path_of(lost).unlink()
    scene.one.path_of(cid).unlink()
    scene.two.path_of(cid).write_bytes(b"forged")
    for read in (scene.vault.get, scene.vault.open):
        with pytest.raises(CorruptContent):
            read(cid)
        with pytest.raises(MissingContent):
            read(lost)
    scene.take_away(scene.two)
    for ask in (scene.vault.get, scene.vault.open, scene.vault.size):
        with pytest.raises(StoreUnavailable):
            ask(lost)
    assert scene.vault.has(cid_of(b"never")) is False
    assert scene.owed() == []  # nobody has a good copy: nothing can be delivered


def test_a_store_that_gives_other_cids_is_not_believed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    other = cid_of(b"other")
    monkeypatch.setattr(scene.two, "put_many", lambda contents: [other for _ in contents])
    with pytest.raises(StoreUnavailable, match="gave other CIDs"):
        scene.vault.put(b"sealed")


def test_what_is_owed_survives_and_keeps_its_date(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "vault.db")
    cids = [cid_of(bytes([number])) for number in range(5)]
    ledger.owe("somewhere", ((cid, "was away") for cid in cids))
    since = {one.cid: one.since for one in ledger.owed("somewhere")}
    ledger.close()
    again = Ledger(tmp_path / "vault.db")
    again.owe("somewhere", [(cids[0], "is missing")])
    again.settle("somewhere", cids[1:3])
    owed = again.owed("somewhere")
    assert {one.cid: one.since for one in owed} == {cid: since[cid] for cid in (cids[0], *cids[3:])}
    assert {one.reason for one in owed if one.cid == cids[0]} == {"is missing"}
    assert again.owed("elsewhere") == []
    again.close()
    os.truncate(tmp_path / "vault.db", 0)
    (tmp_path / "vault.db").write_bytes(b"no database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Ledger(tmp_path / "vault.db")
