"""Content on a real Kubo daemon: the same CIDs, pins that hold, losses noticed, searches that end."""

import io
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import ipfshttpclient
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.vault.conftest import ipfs_store, unpin_all
from tests.vault.servers.daemon import KuboDaemon
from vault.cid import Cid
from vault.content import CorruptContent, MissingContent, StoreUnavailable
from vault.dag import directory_of
from vault.ipfs import IpfsStore
from vault.kubo import Kubo
from vault.ledger import Ledger
from vault.unixfs import LEAF_SIZE, LINKS_PER_NODE, blocks_of, cid_of

pytestmark = [
    pytest.mark.slow,
    # what ipfshttpclient 0.7 asks of urllib3 2 to no effect
    pytest.mark.filterwarnings("ignore:The 'strict' parameter is no longer needed:FutureWarning"),
]

BIG = random.Random(11).randbytes(5 * LEAF_SIZE + 99)
FULL_NODE = LEAF_SIZE * LINKS_PER_NODE


@pytest.fixture
def store(kubo: KuboDaemon, tmp_path: Path) -> Iterator[IpfsStore]:
    made = ipfs_store(kubo, tmp_path)
    yield made
    unpin_all(kubo, made)
    made.close()


def added(kubo: KuboDaemon, content: bytes) -> str:
    """The CID that the daemon's own `add` gives, by the users' client."""
    with ipfshttpclient.Client(f"/ip4/127.0.0.1/tcp/{kubo.port}") as client:
        answer = client.add(io.BytesIO(content), cid_version=1, raw_leaves=True, only_hash=True)
    return str(answer["Hash"])


def pattern(size: int) -> bytes:
    """Content of a size whose leaves differ."""
    return (
        random.Random(size).randbytes(min(size, 4096)).ljust(size, b"x")
        if size < LEAF_SIZE
        else b"".join(
            number.to_bytes(8, "big") * (LEAF_SIZE // 8) for number in range(size // LEAF_SIZE + 1)
        )[:size]
    )


@pytest.mark.parametrize(
    "size",
    [0, 1, LEAF_SIZE - 1, LEAF_SIZE, LEAF_SIZE + 1, 2 * LEAF_SIZE, 3 * LEAF_SIZE - 1]
    + [pytest.param(FULL_NODE + more, marks=pytest.mark.deep) for more in (-1, 0, 1, LEAF_SIZE)],
)
def test_cids_are_those_of_the_daemons_own_add(kubo: KuboDaemon, size: int) -> None:
    content = pattern(size)
    assert added(kubo, content) == str(cid_of(content))


@pytest.mark.deep
@seed(20261122)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
    database=None,
    print_blob=True,
)
@given(leaves=st.integers(0, 200), around=st.integers(-2, 2))
def test_cids_are_the_same_at_all_boundaries(kubo: KuboDaemon, leaves: int, around: int) -> None:
    content = pattern(max(leaves * LEAF_SIZE + around, 0))
    assert added(kubo, content) == str(cid_of(content))


def test_the_users_client_reads_what_was_put(kubo: KuboDaemon, store: IpfsStore) -> None:
    small, large = store.put_many([b"sealed document", BIG])
    with ipfshttpclient.Client(f"/ip4/127.0.0.1/tcp/{kubo.port}") as client:
        assert client.cat(str(small)) == b"sealed document"
        assert client.cat(str(large)) == BIG


def test_garbage_collection_takes_what_is_not_ours(kubo: KuboDaemon, store: IpfsStore) -> None:
    cids = store.put_many([f"document {number}".encode() for number in range(50)] + [BIG])
    cids += [store.put(b"by itself"), store.put(io.BytesIO(BIG + b"more"))]
    foreign = b"nobody pinned this"
    httpx.post(f"{kubo.url}/api/v0/block/put", params={"cid-codec": "raw"}, files={"data": foreign})
    assert store.has(Cid.of_block(foreign))
    removed = {answer["Key"]["/"] for answer in kubo.ask("repo/gc")}
    assert str(Cid.of_block(foreign)) in removed
    assert not store.has(Cid.of_block(foreign))
    assert list(store.verify_all()) == []
    assert sorted(store.iterate()) == sorted(cids)


def test_garbage_collection_while_content_is_put(kubo: KuboDaemon, store: IpfsStore) -> None:
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            kubo.ask("repo/gc")

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        documents = [[f"{batch} {number}".encode() for number in range(30)] for batch in range(12)]
        cids = [store.put_many(batch) for batch in documents]
    finally:
        done.set()
        collector.join()
    for put, batch in zip(cids, documents, strict=True):
        assert store.get_many(put) == batch


def test_a_thousand_documents_are_one_pin(kubo: KuboDaemon, store: IpfsStore) -> None:
    documents = [f"document {number}".encode() for number in range(1000)]
    cids = store.put_many(documents)
    (pin,) = kubo.ask("pin/ls", type="recursive", name=store.pin_name, stream="true")
    assert pin["Cid"] == str(directory_of((cid, len(d)) for cid, d in zip(cids, documents, strict=True)).cid)
    listed = {
        entry["Name"] for answer in kubo.ask("ls", arg=pin["Cid"]) for entry in answer["Objects"][0]["Links"]
    }
    assert listed == {str(cid) for cid in cids}
    assert store.get_many(cids[:40]) == documents[:40]


def test_a_lost_pin_is_found_and_restored(kubo: KuboDaemon, store: IpfsStore) -> None:
    cids = store.put_many([b"one", b"two", b"three"])
    (pin,) = kubo.ask("pin/ls", type="recursive", name=store.pin_name, stream="true")
    kubo.ask("pin/rm", arg=pin["Cid"])
    assert store.status()["lostPins"] == 1
    assert [problem.reason for problem in store.verify_all()] == ["pin is lost; it held 3"]
    assert [one.healed for one in store.repair()] == [True]
    kubo.ask("repo/gc")
    assert store.get_many(cids) == [b"one", b"two", b"three"]
    assert (list(store.verify_all()), list(store.repair()), store.status()["lostPins"]) == ([], [], 0)


def test_of_a_pin_with_holes_the_rest_is_kept_and_the_hole_named(kubo: KuboDaemon, store: IpfsStore) -> None:
    one, two, large = store.put_many([b"one", b"two", BIG])
    (pin,) = kubo.ask("pin/ls", type="recursive", name=store.pin_name, stream="true")
    kubo.ask("pin/rm", arg=pin["Cid"])
    kubo.ask("block/rm", arg=str(two))
    assert store.lost_blocks() == [two]
    repairs = {one.cid: one.healed for one in store.repair()}
    assert repairs == {None: True, two: False}
    kubo.ask("repo/gc")
    assert [type(answer) for answer in store.get_many([one, two, large])] == [bytes, MissingContent, bytes]
    assert {problem.cid for problem in store.verify_all()} == {None, two}  # the pin, the content
    store.put_many([b"two"])
    assert list(store.verify_all()) == []
    assert list(store.repair()) == []


def test_the_pins_alone_tell_what_was_put(kubo: KuboDaemon, store: IpfsStore, tmp_path: Path) -> None:
    cids = [*store.put_many([b"one", b"two"]), store.put(b"three"), store.put(io.BytesIO(BIG))]
    elsewhere = IpfsStore(kubo.url, Ledger(tmp_path / "other.db"), pin_name=store.pin_name)
    assert sorted(elsewhere.iterate()) == sorted(cids)
    assert list(elsewhere.verify_all()) == []
    elsewhere.close()


@pytest.mark.parametrize("place", ["leaf", "root"])
def test_an_altered_block_of_a_large_file_is_named_and_put_right(
    kubo: KuboDaemon, store: IpfsStore, place: str
) -> None:
    (other, cid) = store.put_many([b"another", BIG])
    blocks = [block.cid for block in blocks_of(BIG)]
    path = kubo.block_file(blocks[2] if place == "leaf" else blocks[-1])
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptContent) as caught:
        store.get(cid)
    assert caught.value.cid == cid
    assert [problem.cid for problem in store.verify_all()] == [cid]
    assert store.put(io.BytesIO(BIG)) == cid
    assert store.get(cid) == BIG
    assert list(store.verify_all()) == []
    assert list(store.repair()) == []
    kubo.ask("repo/gc")
    assert store.get_many([other, cid]) == [b"another", BIG]


def test_what_is_put_again_is_looked_for_on_this_node_alone(
    kubo: KuboDaemon, store: IpfsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cids = store.put_many([b"one", BIG])
    (pin,) = kubo.ask("pin/ls", type="recursive", name=store.pin_name, stream="true")
    kubo.ask("pin/rm", arg=pin["Cid"])
    kubo.ask("repo/gc")
    searches = []
    block = Kubo.block

    def noting(daemon: Kubo, cid: Cid, *, search: bool = True) -> bytes:
        searches.append(search)
        return block(daemon, cid, search=search)

    monkeypatch.setattr(Kubo, "block", noting)
    assert store.put_many([b"one", BIG]) == cids
    assert searches
    assert not any(searches)
    assert store.get_many(cids) == [b"one", BIG]


def test_a_search_that_no_peer_answers_ends(tmp_path: Path) -> None:
    with KuboDaemon(offline=False) as lonely:
        store = ipfs_store(lonely, tmp_path, timeout=2.0)
        absent = Cid.of_block(b"on no machine of the world")
        with pytest.raises(MissingContent):
            store.get(absent)
        assert not store.has(absent)
        kept = store.put(b"kept")
        answers = store.get_many([absent, kept])
        assert isinstance(answers[0], MissingContent)
        assert answers[1] == b"kept"
        store.close()


def test_a_daemon_that_is_away_for_a_while(tmp_path: Path) -> None:
    with KuboDaemon() as daemon:
        store = ipfs_store(daemon, tmp_path)
        cid = store.put(b"kept")
        daemon.stop()
        for ask in (
            lambda: store.get(cid),
            lambda: store.put(b"new"),
            lambda: store.put(io.BytesIO(BIG)),
            lambda: store.has(cid),
            lambda: list(store.iterate()),
            lambda: store.status(),
        ):
            with pytest.raises(StoreUnavailable, match=str(daemon.port)):
                ask()
        daemon.start()
        assert store.get(cid) == b"kept"
        assert store.put_many([b"new", b"newer"])
        assert list(store.verify_all()) == []
        store.close()


def test_a_daemon_that_wants_a_password(tmp_path: Path) -> None:
    with KuboDaemon(password="basic:member:secret-word") as daemon:
        refused = IpfsStore(daemon.url, Ledger(tmp_path / "one.db"), authorization="Basic bm9ib2R5OmtleQ==")
        with pytest.raises(StoreUnavailable) as caught:
            refused.put(b"sealed")
        assert "bm9ib2R5OmtleQ==" not in str(caught.value)
        refused.close()
        allowed = IpfsStore(
            daemon.url, Ledger(tmp_path / "two.db"), authorization="Basic bWVtYmVyOnNlY3JldC13b3Jk"
        )
        assert allowed.get(allowed.put(b"sealed")) == b"sealed"
        allowed.close()
