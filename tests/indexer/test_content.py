"""What lies in the vault behind the chain: read by CID, checked against the log; missing or wrong is said."""

from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from chain.database import reading
from epcis import canonical, tree
from indexer import read
from indexer.compare import iter_differences
from indexer.read.tiles import inclusion
from indexer.run import Indexer, Progress
from indexer.tables.content import (
    Content,
    EventEpc,
    EventProof,
    IssuedItem,
    Manifest,
    MerkleTile,
    SealedEvent,
)
from tests.indexer import samples
from tests.indexer.devchain import DevChain
from tests.indexer.samples import MEMBER, attested, batch, event, issue, seal
from tests.indexer.snapshots import compare, dump
from vault.cid import Cid
from vault.store import LocalStore

pytestmark = pytest.mark.slow


class Mirror:
    """An indexer with a clock of its own over one ledger that emits what tests want."""

    def __init__(self, chain: DevChain, engine: Engine, store: LocalStore) -> None:
        self.chain, self.engine, self.store = chain, engine, store
        self.ledger = chain.deploy()
        self.now = 1_000_000
        self.indexer = self.over(engine)

    def over(self, engine: Engine) -> Indexer:
        return Indexer(
            engine, self.chain.rpc, {"EventLedger": self.ledger}, self.store, clock=lambda: self.now
        )

    def emit(self, log: tuple[list[bytes], bytes]) -> None:
        self.chain.emit(self.ledger, *log)

    def later(self) -> Progress:
        self.now += 3_600_000
        return self.indexer.run_once()

    def events(self) -> list[SealedEvent]:
        with Session(self.engine) as session:
            return list(session.exec(select(SealedEvent).order_by("record_time", "position")))

    def only(self) -> SealedEvent:
        (found,) = self.events()
        return found

    def manifest(self) -> Manifest:
        with Session(self.engine) as session:
            return session.exec(select(Manifest)).one()

    def states(self) -> dict[str, str]:
        with Session(self.engine) as session:
            return {row.cid: row.state for row in session.exec(select(Content))}

    def assert_as_if_built_anew(self) -> None:
        """Rule 1: whatever order things became readable in, the mirror is what a fresh one would be."""
        before = dump(self.engine)
        self.indexer.reindex()
        assert [str(one) for one in compare(before, dump(self.engine))] == []


@pytest.fixture
def mirror(chain: DevChain, engine: Engine, store: LocalStore) -> Mirror:
    return Mirror(chain, engine, store)


def test_batch_becomes_events_with_proofs(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1", eventID="urn:uuid:1"), event("A2", action="ADD"), event("A3")])
    mirror.emit(made.log())
    mirror.indexer.run_once()
    assert mirror.manifest().state == "present"
    rows = mirror.events()
    assert [row.state for row in rows] == ["present"] * 3
    first = rows[0]
    assert (first.seal_id, first.cid) == ("0x" + made.seals[0].seal_id.hex(), made.cids[0])
    assert (first.member, first.type, first.action) == (MEMBER, "ObjectEvent", "OBSERVE")
    assert first.event_time == 1772348400500
    assert first.event_time_offset == "+01:00"
    assert first.biz_step == "https://ref.gs1.org/cbv/BizStep-inspecting"
    assert first.disposition == "https://ref.gs1.org/cbv/Disp-conformant"
    assert (first.event_id, rows[1].action) == ("urn:uuid:1", "ADD")
    assert canonical.dumps(first.body) == made.seals[0].document
    block = mirror.chain.rpc.get_block(mirror.chain.height)
    assert block is not None
    assert first.record_time == block.timestamp
    with Session(mirror.engine) as session:
        proofs = session.exec(select(EventProof).order_by("position")).all()
        things = session.exec(select(EventEpc)).all()
    leaves = [
        tree.event_leaf(*(bytes.fromhex(part[2:]) for part in (p.seal_id, p.event_hash, p.salt or "")))
        for p in proofs
    ]
    assert tree.root(leaves) == made.root
    assert all(proof.signer == samples.SIGNER for proof in proofs)
    assert {thing.uri[-2:] for thing in things} == {"A1", "A2", "A3"}
    assert {thing.role for thing in things} == {"epcList"}
    mirror.assert_as_if_built_anew()


def test_missing_content_is_a_state_and_is_read_when_it_comes(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1"), event("A2")], keep=False)
    mirror.emit(made.log())
    progress = mirror.indexer.run_once()
    assert (progress.waiting, mirror.manifest().state) == (1, "missing")
    assert mirror.indexer.run_once().contents == 0  # not before its time
    mirror.assert_as_if_built_anew()
    mirror.store.put(made.manifest)
    mirror.store.put(made.seals[1].document)
    mirror.later()
    assert [row.state for row in mirror.events()] == ["missing", "present"]
    assert mirror.events()[0].body is None
    mirror.store.put(made.seals[0].document)
    assert mirror.later().waiting == 0
    assert set(mirror.states().values()) == {"present"}
    mirror.assert_as_if_built_anew()


def test_altered_content_is_corrupt_until_it_is_put_right(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1")])
    path = mirror.store.path_of(Cid.parse(made.cids[0]))
    path.write_bytes(path.read_bytes().replace(b"A1", b"B1"))
    mirror.emit(made.log())
    mirror.indexer.run_once()
    assert (mirror.only().state, mirror.only().body) == ("corrupt", None)
    mirror.store.put(made.seals[0].document)
    mirror.later()
    assert mirror.only().state == "present"


def test_vault_altered_afterwards_is_named_by_check(mirror: Mirror) -> None:
    """Rule 8."""
    made = batch(mirror.store, [event("A1")])
    mirror.emit(made.log())
    mirror.indexer.run_once()
    assert mirror.indexer.check() == []
    path = mirror.store.path_of(Cid.parse(made.cids[0]))
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    found = [str(one) for one in mirror.indexer.check()]
    assert f"content {made.cids[0]}: state is 'present', chain and vault say 'corrupt'" in found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"root": b"\x11" * 32}, "root: "),
        ({"size": 3}, "size: 2 instead of 3"),
        ({"member": 9506000134352}, "member: '9506000134376' instead of '9506000134352'"),
    ],
)
def test_manifest_of_another_anchor_contradicts_and_is_not_used(
    mirror: Mirror, changed: dict[str, int | bytes], reason: str
) -> None:
    made = batch(mirror.store, [event("A1"), event("A2")])
    others = {name: value for name, value in changed.items() if name != "member"}
    mirror.emit(made.log(int(changed.get("member", MEMBER)), **others))
    mirror.indexer.run_once()
    manifest = mirror.manifest()
    assert manifest.state == "contradicts"
    assert manifest.reason is not None
    assert manifest.reason.startswith(reason)
    assert mirror.events() == []
    mirror.assert_as_if_built_anew()


def test_manifest_that_names_its_leaves_falsely_contradicts(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1"), event("A2")])
    other = seal(event("B1"))
    forged = made.manifest.replace(made.seals[0].seal_id.hex().encode(), other.seal_id.hex().encode())
    cid = bytes(mirror.store.put(forged))
    mirror.emit(replace(made, cid=cid).log())
    mirror.indexer.run_once()
    manifest = mirror.manifest()
    assert (manifest.state, manifest.reason and manifest.reason[:22]) == (
        "contradicts",
        "root: the leaves give ",
    )
    assert mirror.events() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"type": "TradeSealBatch"}', b"\xff", b"null"])
def test_manifest_that_is_none_contradicts(mirror: Mirror, content: bytes) -> None:
    made = batch(mirror.store, [event("A1")])
    mirror.emit(replace(made, cid=bytes(mirror.store.put(content))).log())
    mirror.emit(attested(seal(event("B1")), bytes(mirror.store.put(content))))
    mirror.indexer.run_once()
    assert mirror.manifest().state == "contradicts"
    assert mirror.only().state == "contradicts"
    assert mirror.only().reason is not None


def test_cid_that_is_none_contradicts(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1")])
    mirror.emit(replace(made, cid=b"\x01\x02").log())
    mirror.emit(attested(seal(event("B1")), b""))
    mirror.indexer.run_once()
    assert (mirror.manifest().state, mirror.manifest().cid) == ("contradicts", "0x0102")
    assert (mirror.only().state, mirror.states()) == ("contradicts", {})


def test_document_whose_signed_hash_is_not_its_own_contradicts(mirror: Mirror) -> None:
    one = seal(event("A1"))
    cid = bytes(mirror.store.put(one.document))
    mirror.emit(attested(replace(one, event_hash=b"\x22" * 32), cid))
    mirror.indexer.run_once()
    found = mirror.only()
    assert found.state == "contradicts"
    assert found.reason is not None
    assert found.reason.startswith("eventHash: the document's is 0x" + one.event_hash.hex())
    assert found.body is None


def test_attested_event_is_its_own_proof(mirror: Mirror) -> None:
    one = seal(event("A1"))
    mirror.emit(attested(one, bytes(mirror.store.put(one.document))))
    mirror.indexer.run_once()
    assert mirror.only().state == "present"
    with Session(mirror.engine) as session:
        proof = session.exec(select(EventProof)).one()
    assert (proof.kind, proof.root, proof.event_hash) == ("attestation", None, mirror.only().event_hash)


def test_event_in_two_batches_is_one_row_with_two_proofs(mirror: Mirror) -> None:
    first = batch(mirror.store, [event("A1"), event("A2")])
    second = batch(mirror.store, [event("A2")])
    mirror.emit(second.log())
    mirror.emit(first.log())
    mirror.indexer.run_once()
    rows = mirror.events()
    assert len(rows) == 2
    twice = next(row for row in rows if row.seal_id == "0x" + second.seals[0].seal_id.hex())
    with Session(mirror.engine) as session:
        proofs = session.exec(
            select(EventProof).where(EventProof.seal_id == twice.seal_id).order_by("block_number")
        ).all()
    assert [proof.root for proof in proofs] == ["0x" + second.root.hex(), "0x" + first.root.hex()]
    assert twice.record_time == proofs[0].block_time


def test_first_proof_counts_though_its_manifest_came_last(mirror: Mirror) -> None:
    early = batch(mirror.store, [event("A0"), event("A1")], keep=False)
    late = batch(mirror.store, [event("A1")])
    mirror.emit(early.log())
    mirror.chain.mine(3)
    mirror.emit(late.log())
    mirror.indexer.run_once()
    before = mirror.only()
    for content in (early.manifest, early.seals[0].document):
        mirror.store.put(content)
    mirror.later()
    after = next(row for row in mirror.events() if row.seal_id == before.seal_id)
    assert (after.block_number, after.position) == (before.block_number - 4, 1)
    assert after.state == "present"
    mirror.assert_as_if_built_anew()


def test_same_event_of_two_members_is_two_events(mirror: Mirror) -> None:
    mirror.emit(batch(mirror.store, [event("A1")]).log())
    other = batch(mirror.store, [event("A1")], member=9506000134352)
    mirror.emit(other.log(9506000134352))
    mirror.indexer.run_once()
    assert {row.member for row in mirror.events()} == {MEMBER, 9506000134352}
    assert len({row.seal_id for row in mirror.events()}) == 1


def test_issue_becomes_items(mirror: Mirror) -> None:
    issue_id, log = issue(mirror.store, ["A1", "A2", "a/b"])
    mirror.emit(log)
    mirror.indexer.run_once()
    with Session(mirror.engine) as session:
        items = session.exec(select(IssuedItem).order_by("position")).all()
    assert [item.serial for item in items] == ["A1", "A2", "a/b"]
    assert items[2].uri == f"https://id.gs1.org/01/{samples.GTIN:014d}/21/a%2Fb"
    assert items[2].item_id == "0x" + sha256(items[2].uri.encode()).hexdigest()
    assert {item.issue_id for item in items} == {"0x" + issue_id.hex()}
    mirror.assert_as_if_built_anew()


def test_reorganisation_takes_content_with_it(mirror: Mirror, fresh: Engine) -> None:
    stays = batch(mirror.store, [event("A1")])
    goes = batch(mirror.store, [event("A1"), event("A2")])
    mirror.emit(stays.log())
    mirror.emit(goes.log())
    one = seal(event("A3"))
    mirror.emit(attested(one, bytes(Cid.of_block(one.document))))  # never in the vault
    _, log = issue(mirror.store, ["A1"])
    mirror.emit(log)
    assert mirror.indexer.run_once().waiting == 1
    assert len(mirror.events()) == 3
    mirror.chain.reorganise(3)
    assert mirror.indexer.run_once().waiting == 0
    assert mirror.only().seal_id == "0x" + stays.seals[0].seal_id.hex()
    mirror.over(fresh).run_once()
    assert list(iter_differences(mirror.engine, fresh)) == []


def test_vault_that_fails_is_not_missing_content(mirror: Mirror) -> None:
    made = batch(mirror.store, [event("A1")])
    mirror.emit(made.log())
    folder = mirror.store.path_of(Cid.from_bytes(made.cid))
    content = folder.read_bytes()
    folder.unlink()
    folder.mkdir()  # reading it is an OSError
    assert mirror.indexer.run_once().waiting == 1
    assert mirror.manifest().state == "pending"
    folder.rmdir()
    folder.write_bytes(content)
    mirror.later()
    assert mirror.only().state == "present"


def test_error_declared_by_a_document_is_attached_to_what_it_corrects(mirror: Mirror) -> None:
    wrong = event("A1", eventID="urn:uuid:1")
    declaration = {"declarationTime": "2026-03-02T00:00:00Z", "reason": "incorrect_data"}
    right = {**wrong, "errorDeclaration": declaration}
    mirror.emit(batch(mirror.store, [wrong, event("A2"), right]).log())
    mirror.indexer.run_once()
    with reading(mirror.engine) as session:
        found = read.item_history(session, wrong["epcList"][0]).events
        declared = read.events(session, read.EventQuery(exists_error_declaration=True)).events
    assert {(one.declares_error, len(one.errors)) for one in found} == {(False, 1), (True, 0)}
    (note,) = next(one for one in found if not one.declares_error).errors
    assert (note.source, note.reason) == ("document", "https://ref.gs1.org/cbv/ER-incorrect_data")
    assert [one.seal_id for one in declared] == [note.declaration]


def test_proofs_come_from_the_tiles(mirror: Mirror) -> None:
    made = batch(mirror.store, [event(f"T{i}") for i in range(5)])
    serials = [f"I{i}" for i in range(700)]
    _, log = issue(mirror.store, serials)
    mirror.emit(made.log())
    mirror.emit(log)
    mirror.indexer.run_once()
    with reading(mirror.engine) as session:
        places = {row.kind: row for row in session.scalars(select(Manifest))}
        issued = places["issue"]
        whole = tree.Tree([tree.item_leaf(serial) for serial in serials])
        for i in (0, 255, 256, 511, 512, 699):
            assert inclusion(session, issued.block_hash, issued.log_index, i, 700) == whole.proof(i)
        anchored = places["batch"]
        proofs = session.scalars(select(EventProof).order_by(col(EventProof.position))).all()
        for proof in proofs:
            parts = (bytes.fromhex(part[2:]) for part in (proof.seal_id, proof.event_hash, proof.salt or ""))
            path = inclusion(session, anchored.block_hash, anchored.log_index, proof.position, 5)
            assert tree.verify(tree.event_leaf(*parts), proof.position, 5, path, made.root)
        with pytest.raises(tree.TreeError, match="tile 0 of level 0: has 0 bytes"):
            inclusion(session, anchored.block_hash, anchored.log_index + 1, 0, 5)
    mirror.assert_as_if_built_anew()
    mirror.chain.reorganise(2)
    mirror.indexer.run_once()
    with reading(mirror.engine) as session:
        assert session.scalars(select(MerkleTile)).all() == []
