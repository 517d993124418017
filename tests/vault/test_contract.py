"""What every store promises, whatever the engine: vault.content's protocol on real folders and servers."""

import io
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.vault.conftest import Subject
from vault.cid import Cid
from vault.content import CorruptContent, MissingContent
from vault.unixfs import LEAF_SIZE, cid_of

BIG = random.Random(7).randbytes(3 * LEAF_SIZE + 1234)
ABSENT = Cid.of_block(b"never put by anybody")


@pytest.mark.parametrize("content", [b"", b"sealed", bytes(LEAF_SIZE), BIG], ids=["0", "6", "leaf", "big"])
def test_gives_back_what_was_put(subject: Subject, content: bytes) -> None:
    store = subject.store
    cid = store.put(content)
    assert cid == store.put(io.BytesIO(content)) == store.put_many([content])[0] == cid_of(content)
    assert store.get(cid) == content
    assert store.get_many([cid]) == [content]
    with store.open(cid) as stream:
        assert stream.read() == content
    assert store.has(cid)
    assert store.size(cid) == len(content)
    assert list(store.iterate()) == [cid]
    assert list(store.verify_all()) == []


def test_a_stream_can_be_read_from_any_position(subject: Subject) -> None:
    with subject.store.open(subject.store.put(io.BytesIO(BIG))) as stream:
        stream.seek(LEAF_SIZE - 3)
        assert stream.read(10) == BIG[LEAF_SIZE - 3 : LEAF_SIZE + 7]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == BIG[-5:]
        stream.seek(0)
        assert stream.read(4) == BIG[:4]


def test_what_was_never_put_is_missing(subject: Subject) -> None:
    store = subject.store
    assert not store.has(ABSENT)
    for read in (store.get, store.open, store.size):
        with pytest.raises(MissingContent, match=str(ABSENT)):
            read(ABSENT)
    (answer,) = store.get_many([ABSENT])
    assert isinstance(answer, MissingContent)
    assert list(store.iterate()) == []


def test_many_are_put_and_given_in_order(subject: Subject) -> None:
    store = subject.store
    documents = [f"document {number}".encode() for number in range(150)] + [BIG, b"", b"document 3"]
    cids = store.put_many(documents)
    assert cids == [cid_of(document) for document in documents]
    wanted = list(zip(cids, documents, strict=True))
    random.Random(1).shuffle(wanted)
    assert store.get_many([cid for cid, _ in wanted]) == [document for _, document in wanted]
    assert sorted(store.iterate()) == sorted(set(cids))
    assert store.put_many([]) == []
    assert store.get_many([]) == []


def test_what_cannot_be_had_stands_in_its_place(subject: Subject) -> None:
    store = subject.store
    kept, altered, lost = store.put_many([b"kept", b"altered", b"lost"])
    subject.tamper(altered, b"ALTERED")
    subject.lose(lost)
    answers = store.get_many([lost, kept, ABSENT, altered, kept])
    assert [type(answer) for answer in answers] == [
        MissingContent,
        bytes,
        MissingContent,
        CorruptContent,
        bytes,
    ]


def test_one_byte_changed_is_found_by_every_read_and_by_the_audit(subject: Subject) -> None:
    store = subject.store
    untouched, cid = store.put_many([b"another", b"sealed document"])
    subject.tamper(cid, b"sealed documenu")
    for read in (store.get, store.open):
        with pytest.raises(CorruptContent) as caught:
            read(cid)
        assert (caught.value.cid, caught.value.actual) == (cid, Cid.of_block(b"sealed documenu"))
    seen: list[tuple[int, int]] = []
    problems = list(store.verify_all(lambda done, total: seen.append((done, total))))
    assert {problem.cid for problem in problems} == {cid}
    assert all("altered" in problem.reason for problem in problems)
    assert seen[-1][0] == seen[-1][1] >= 2
    assert store.get(untouched) == b"another"


def test_content_that_grew_beyond_a_leaf_is_altered_and_put_right(subject: Subject) -> None:
    content = BIG[:LEAF_SIZE]
    cid = subject.store.put(content)
    subject.tamper(cid, content + b"more")
    for read in (subject.store.get, subject.store.open):
        with pytest.raises(CorruptContent, match=str(cid)):
            read(cid)
    assert {(problem.cid, problem.checked) for problem in subject.store.verify_all()} == {(cid, True)}
    assert subject.store.put(content) == cid
    assert subject.store.get(cid) == content


def test_putting_again_puts_altered_content_right(subject: Subject) -> None:
    store = subject.store
    cid = store.put(b"sealed")
    subject.tamper(cid, b"forged")
    assert store.put_many([b"sealed"]) == [cid]
    assert store.get(cid) == b"sealed"
    assert list(store.verify_all()) == []


def test_a_source_that_fails_leaves_nothing_behind(subject: Subject) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > LEAF_SIZE:
                raise ConnectionResetError("source went away")
            return super().read(size)

    with pytest.raises(ConnectionResetError):
        subject.store.put(Broken(BIG))
    assert list(subject.store.iterate()) == []


def test_threads_may_use_one_store(subject: Subject) -> None:
    store = subject.store

    def use(seed: int) -> None:
        rng = random.Random(seed)
        documents = [f"shared {rng.randrange(40)}".encode() for _ in range(20)]
        cids = store.put_many(documents)
        assert store.get_many(cids) == documents
        assert store.get(cids[0]) == documents[0]

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(use, range(6)))
    assert list(store.verify_all()) == []


def test_status_counts_what_is_kept(subject: Subject) -> None:
    subject.store.put_many([b"one", b"two"])
    status = subject.store.status()
    assert status["place"] == subject.store.place
    assert status.get("contents", 2) == 2
    assert list(subject.store.repair()) == []
