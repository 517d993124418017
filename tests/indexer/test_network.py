"""The read models over the product's own contracts: one item from licence to paid delivery and recall."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlmodel import Session

from chain.bindings import council, event_ledger, member_registry, product_passport, quorum_reports, types
from chain.database import open_engine, reading
from epcis import digital_link, tree
from indexer import read
from indexer.read.tiles import proven_path
from indexer.run import Indexer
from tests.indexer.devchain import DevChain
from tests.indexer.network import GTIN, Network
from tests.indexer.samples import batch, event, issue, seal
from vault.store import LocalStore

pytestmark = pytest.mark.slow

SSCC = "https://id.gs1.org/00/095213210000000018"


class Told(NamedTuple):
    """A network on which everything happened, mirrored."""

    network: Network
    session: Session
    indexer: Indexer
    licence: bytes
    order: bytes
    action: bytes
    first: str
    """sealId of the event that was declared erroneous"""


def item(serial: str) -> str:
    return digital_link.item_uri(f"{GTIN:014d}", serial)


@pytest.fixture(scope="module")
def told(shared_chain: DevChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder: Path = tmp_path_factory.mktemp("network")
    store = LocalStore(folder / "vault")
    network = Network(shared_chain)
    maker, carrier = network.maker, network.carrier
    licence = network.licence(quantity=10)
    shipment = digital_link.item_id(SSCC)

    issue_id, _ = issue(store, ["A1", "A2"], maker.number, GTIN)
    root = tree.root([tree.item_leaf("A1"), tree.item_leaf("A2")])
    manifest = issue_manifest(store, maker.number)
    made = types.Issue(root=root, size=2, gtin=GTIN, licence=licence, cid=manifest, deadline=network.deadline)
    signature = maker.key.sign(made, network.domain("ProductPassport"))
    network.call("ProductPassport", product_passport.encode_issue(made, maker.key.address, signature))
    proof = tuple(tree.proof([tree.item_leaf("A1"), tree.item_leaf("A2")], 0))
    network.call("ProductPassport", product_passport.encode_materialise(issue_id, 0, "A1", proof))

    packed = {
        "type": "AggregationEvent",
        "eventTime": "2026-03-02T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "parentID": SSCC,
        "childEPCs": [item("A1"), item("A2")],
        "action": "ADD",
        "bizStep": "packing",
    }
    history = batch(
        store,
        [
            event("X", epcList=[item("A1"), item("A2")], action="ADD", bizStep="commissioning"),
            event("X", epcList=[item("A2")], eventTime="2026-03-01T12:00:00Z"),
            packed,
        ],
        member=maker.number,
    )
    network.anchor(history.root, history.size, history.cid, maker)
    before = seal(
        event("X", epcList=[SSCC], eventTime="2026-01-01T00:00:00Z")
    )  # another journey of that unit
    moved = seal(
        event("X", epcList=[SSCC], eventTime="2026-03-03T00:00:00Z", eventID="urn:uuid:7", bizStep="shipping")
    )
    for one in (before, moved):
        cid = bytes(store.put(one.document))
        network.attest(
            carrier, seal_id=one.seal_id, event_hash=one.event_hash, cid=cid, subject=shipment, event_time=1
        )
    declaration = types.ErrorDeclaration(
        seal_id=before.seal_id, declaration=moved.seal_id, reason=b"\0" * 32, deadline=network.deadline
    )
    signature = carrier.key.sign(declaration, network.domain("EventLedger"))
    network.call(
        "EventLedger", event_ledger.encode_declare_error(declaration, carrier.key.address, signature)
    )

    decision = types.CustomsDecision(
        subject=shipment,
        country=b"DE",
        decision=1,
        declaration=b"\5" * 32,
        decided_at=1772600000000,
        cid=b"",
        deadline=network.deadline,
    )
    domain = network.domain("QuorumReports")
    signed = tuple(
        types.Endorsement(office.key.address, office.key.sign(decision, domain))
        for office in sorted(network.offices, key=lambda one: int(one.key.address, 16))
    )
    network.call("QuorumReports", quorum_reports.encode_report_customs(decision, signed))

    terms, order = network.order(licence, shipment, 12_345)
    arrived = seal(event("X", epcList=[SSCC], eventTime="2026-03-09T00:00:00Z", bizStep="arriving"))
    network.attest(
        carrier,
        network.order_data(terms),
        seal_id=arrived.seal_id,
        event_hash=arrived.event_hash,
        cid=bytes(store.put(arrived.document)),
        subject=shipment,
        event_time=1773014400000,
        order=order,
        milestone=1,
        consumer=network.at["Escrow"],
    )

    stop = types.Recall(
        issue_id=issue_id,
        item=digital_link.item_id(item("A2")),
        evidence=b"\6" * 32,
        deadline=network.deadline,
    )
    signature = network.brand.key.sign(stop, network.domain("ProductPassport"))
    recall = product_passport.encode_recall(stop, network.brand.key.address, signature)
    network.call("ProductPassport", recall)
    office = network.offices[0]
    seized = replace(stop, item=digital_link.item_id(item("B1")))
    signature = office.key.sign(seized, network.domain("ProductPassport"))
    network.call("ProductPassport", product_passport.encode_recall(seized, office.key.address, signature))
    elsewhere = replace(
        stop, item=digital_link.item_id(item("B2"))
    )  # the brand names an item it never issued
    signature = network.brand.key.sign(elsewhere, network.domain("ProductPassport"))
    network.call(
        "ProductPassport", product_passport.encode_recall(elsewhere, network.brand.key.address, signature)
    )

    suspend = member_registry.encode_suspend(network.bank.number, b"\x08" * 32)
    network.call("MemberRegistry", suspend)
    action = types.CouncilAction(
        target=network.at["MemberRegistry"], data=suspend, salt=b"\1" * 32, deadline=network.deadline
    )
    for seat in network.seats[:2]:
        signature = seat.sign(action, network.domain("Council"))
        network.call("Council", council.encode_approve(action, seat.address, signature))

    engine = open_engine(f"sqlite:///{folder / 'mirror.db'}", synchronous="NORMAL")
    indexer = Indexer(engine, shared_chain.rpc, network.at, store, start_block=network.start)
    progress = indexer.run_once()
    assert (progress.undecoded, progress.waiting) == (0, 0)
    with reading(engine) as session:
        yield Told(
            network,
            session,
            indexer,
            licence,
            order,
            action.struct_hash(),
            "0x" + before.seal_id.hex(),
        )
    engine.dispose()


def issue_manifest(store: LocalStore, member: int) -> bytes:
    """CID of the manifest that `issue` puts into the vault."""
    from eth_abi.abi import decode

    _, (_, data) = issue(store, ["A1", "A2"], member, GTIN)
    cid: bytes = decode(["bytes32", "uint64", "bytes32", "bytes", "address"], data)[3]
    return cid


def test_item_history_follows_the_units_it_travelled_in(told: Told) -> None:
    found = read.item_history(told.session, item("A1"))
    steps = [(one.biz_step or "").rpartition("-")[2] for one in found.events]
    assert steps == ["commissioning", "packing", "shipping", "arriving"]
    times = [one.event_time for one in found.events]
    assert times == sorted(time for time in times if time is not None)
    assert found.units == [SSCC]
    assert {one.state for one in found.events} == {"present"}
    assert [one.name for one in found.members.values()] == ["Maker", "Carrier"]
    assert found.recalls == []
    assert found.passport is not None
    assert found.passport.owner_gln == told.network.maker.gln
    assert [(one.serial, one.index, one.first) for one in found.issues] == [("A1", 0, True)]
    assert not read.item_history(told.session, item("Z9")).known


def test_history_by_epc_urn_is_the_same(told: Told) -> None:
    urn = "urn:epc:id:sgtin:9521321.000001.A1"
    assert read.item_history(told.session, urn) == read.item_history(told.session, item("A1"))


def test_proofs_lead_to_the_roots_on_the_chain(told: Told) -> None:
    found = read.item_history(told.session, item("A1"))
    proof = found.events[1].proofs[0]
    assert (proof.kind, proof.index, proof.size) == ("batch", 2, 3)
    assert proof.signer == told.network.maker.key.address
    assert proof.root is not None
    assert proof.salt is not None
    assert proof.size is not None
    hashes = (found.events[1].seal_id, proof.event_hash, proof.salt)
    leaf = tree.event_leaf(*(bytes.fromhex(part[2:]) for part in hashes))
    place = (told.session, proof.block_hash, proof.log_index)
    path = proven_path(*place, leaf, proof.index, proof.size, proof.root)
    assert tree.verify(leaf, proof.index, proof.size, path, bytes.fromhex(proof.root[2:]))
    for wrong in (leaf[:-1] + bytes([leaf[-1] ^ 1]), leaf + b"\0"):
        with pytest.raises(tree.TreeError, match="do not lead to the root"):
            proven_path(*place, wrong, proof.index, proof.size, proof.root)
    issued = read.issue_place(told.session, item("A2"))
    assert issued is not None
    assert issued.issuance == read.item_history(told.session, item("A2")).issues[0]
    assert isinstance(issued.path, list)
    nodes = [bytes.fromhex(node[2:]) for node in issued.path]
    assert tree.verify(tree.item_leaf("A2"), 1, 2, nodes, bytes.fromhex(issued.issuance.root[2:]))
    assert read.issue_place(told.session, item("Z9")) is None
    receipt = told.network.chain.rpc.get_receipt(bytes.fromhex(proof.transaction[2:]))
    assert receipt is not None
    assert receipt.block_number == proof.block_number


def test_a_seizure_stops_an_item_whoever_issues_it(told: Told) -> None:
    (found,) = read.item_history(told.session, item("B1")).recalls
    assert (found.by, found.seizure, found.whole_issue) == (told.network.offices[0].gln, True, False)


def test_a_recall_stops_nothing_that_its_maker_did_not_issue(told: Told) -> None:
    assert read.item_history(told.session, item("B2")).recalls == []


def test_recall_stops_one_item(told: Told) -> None:
    (recall,) = read.item_history(told.session, item("A2")).recalls
    assert (recall.by, recall.whole_issue, recall.seizure) == (told.network.brand.gln, False, False)


def test_error_is_attached_and_the_event_stays(told: Told) -> None:
    found = read.event(told.session, told.network.carrier.gln, told.first)
    assert found is not None
    assert [(note.source, note.reason) for note in found.errors] == [("chain", None)]
    assert found.body is not None


def test_members_with_their_standing(told: Told) -> None:
    found = {one.name: one for one in read.members(told.session)}
    assert found["Maker"].roles == ["MAKER", "TRADER"]
    assert (found["Maker"].country, found["Maker"].active) == ("CN", True)
    (key,) = found["Maker"].keys
    assert "KEY_ADMIN" in key.roles
    assert key.live_at(datetime.fromtimestamp(told.network.now, UTC))
    assert not key.live_at(key.valid_until)
    assert (found["Bank"].active, found["Bank"].suspension) == (False, "0x" + "08" * 32)
    assert read.gln_of_key(told.session, key.address) == found["Maker"].gln
    assert read.gln_of_account(told.session, found["Buyer"].account) == found["Buyer"].gln


def test_council_actions_with_approvals(told: Told) -> None:
    action = read.council_action(told.session, "0x" + told.action.hex())
    assert action is not None
    assert [one.seat for one in action.approvals] == [seat.address for seat in told.network.seats[:2]]
    assert action.executed_at is None
    assert read.council_actions(told.session, open_only=True) == [action]
    now = read.council(told.session)
    assert now is not None
    assert now.threshold == 2


def test_licence_with_what_is_left(told: Told) -> None:
    (found,) = read.licences(told.session, licensee=told.network.maker.gln)
    assert found.id == "0x" + told.licence.hex()
    assert (found.quantity, found.consumed) == (10, 2)
    assert (found.gtins, found.territories) == ([f"{GTIN:014d}"], ["DE", "CN"])
    assert found.mark is not None
    assert found.mark.name == "ACME"
    assert found.live_at(datetime.fromtimestamp(told.network.now, UTC))
    assert not found.live_at(found.valid_until)


def test_order_was_paid_by_its_delivery(told: Told) -> None:
    found = read.order(told.session, "0x" + told.order.hex())
    assert found is not None
    assert (found.status, found.outcome) == (types.Status.CLOSED, types.Outcome.DELIVERED)
    assert (found.seller_amount, found.buyer_amount) == (12_345, 0)
    assert [step.name for step in found.history] == [
        "OrderOpened",
        "OrderFunded",
        "DeliveryProven",
        "OrderClosed",
    ]
    assert found.terms.signing_hash(told.network.domain("Escrow")) == told.order
    assert found.history[2].transaction == found.history[3].transaction
    assert read.orders(told.session, member=told.network.carrier.gln) == [found]
    assert read.orders(told.session, status=types.Status.OPEN) == []
    assert read.credits_of(told.session) == []
    assert found.proven_by is not None
    proven = read.event(told.session, told.network.carrier.gln, found.proven_by)
    assert proven is not None
    assert proven.proofs[0].effect == "applied"
    signed = read.attestation(told.session, told.network.carrier.gln, found.proven_by)
    assert signed is not None
    assert signed.order == told.order


def test_customs_decision(told: Told) -> None:
    (found,) = read.customs_decisions(told.session, "0x" + digital_link.item_id(SSCC).hex())
    assert (found.country, found.decision) == ("DE", "released")
    assert set(found.members) == {office.gln for office in told.network.offices}
    assert found.decided_at == datetime(2026, 3, 4, 4, 53, 20, tzinfo=UTC)


DAY_3 = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (read.EventQuery(), 6),
        (read.EventQuery(event_type=["AggregationEvent"]), 1),
        (read.EventQuery(eq_action=["ADD"]), 2),
        (read.EventQuery(eq_biz_step=["shipping"]), 1),
        (read.EventQuery(eq_biz_step=["https://ref.gs1.org/cbv/BizStep-shipping", "packing"]), 2),
        (read.EventQuery(ge_event_time=DAY_3), 2),
        (read.EventQuery(lt_event_time=DAY_3), 4),
        (read.EventQuery(ge_event_time=DAY_3, lt_event_time=DAY_3 + timedelta(milliseconds=1)), 1),
        (read.EventQuery(match_epc=[item("A1")]), 2),
        (read.EventQuery(match_epc=["urn:epc:id:sgtin:9521321.000001.A1"]), 2),
        (read.EventQuery(match_parent_id=[SSCC]), 1),
        (read.EventQuery(match_any_epc=[SSCC]), 4),
        (read.EventQuery(eq_event_id=["urn:uuid:7"]), 1),
        (read.EventQuery(match_epc=["urn:nothing"]), 0),
        (read.EventQuery(eq_action=["ADD"], eq_biz_step=["shipping"]), 0),
        (read.EventQuery(exists_error_declaration=True), 0),
    ],
)
def test_events_by_simple_parameters(told: Told, query: read.EventQuery, count: int) -> None:
    page = read.events(told.session, query)
    assert (len(page.events), page.next) == (count, None)


@pytest.mark.parametrize("order_by", ["eventTime", "recordTime"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_every_event_once_in_order(told: Told, order_by: str, descending: bool) -> None:
    query = read.EventQuery(order_by=order_by, descending=descending)  # type: ignore[arg-type]  # one of two
    seen: list[read.Event] = []
    after = None
    for _ in range(10):
        page = read.events(told.session, query, limit=2, after=after)
        seen += page.events
        after = page.next
        if after is None:
            break
    assert seen == read.events(told.session, query).events
    assert len({(one.member, one.seal_id) for one in seen}) == 6
    times = [one.event_time if order_by == "eventTime" else one.record_time for one in seen]
    assert times == sorted((time for time in times if time), reverse=descending)


def test_page_that_no_page_gave_is_refused(told: Told) -> None:
    with pytest.raises(ValueError, match="after: 'x' is not what a page gave"):
        read.events(told.session, read.EventQuery(), after="x")


def test_mirror_agrees_with_chain_and_vault(told: Told) -> None:
    assert told.indexer.check() == []
    status = read.status(told.session)
    assert status is not None
    assert (status.undecoded_logs, status.contents_waiting, status.contradictions) == (0, 0, 0)
