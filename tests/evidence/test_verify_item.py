"""Chain, mirror and vault against each other, where an item is served."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from chain.database import writing
from chain.rpc import Rpc
from epcis.digital_link import DigitalLinkError
from evidence.jobs import Job
from evidence.proof import ProofUnavailable, export
from evidence.report import Link, Report, Status
from evidence.verify_item import verify_item
from tests.evidence import documents as docs
from tests.evidence.world import World
from vault.cid import Cid

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def job(world: World) -> Job:
    """One issued, produced and captured item."""
    world.issue("served")
    made = world.capture(
        docs.document(docs.commissioning("served"), docs.commissioning("beside")), world.maker
    )
    world.index()
    return made


def verify(world: World, serial: str = "served", rpc: Rpc | None = None) -> Report:
    trust, node = world.trust, rpc or world.rpc
    return verify_item(docs.item(serial), world.deployment, trust, node, world.mirror, world.store)


def contradicted(report: Report) -> set[tuple[Link, str | None]]:
    return {(check.link, check.place) for check in report.checks if check.status is Status.CONTRADICTED}


@contextmanager
def changed_row(world: World, table: str, column: str, value: object, where: str) -> Iterator[None]:
    """A value of the mirror is another for a while."""
    with writing(world.mirror) as session:
        old = session.execute(text(f"SELECT {column} FROM {table} WHERE {where}")).scalar_one()  # noqa: S608 - ours
        session.execute(text(f"UPDATE {table} SET {column} = :value WHERE {where}"), {"value": value})  # noqa: S608
    try:
        yield
    finally:
        with writing(world.mirror) as session:
            session.execute(text(f"UPDATE {table} SET {column} = :value WHERE {where}"), {"value": old})  # noqa: S608


def test_an_item_verifies_over_all_three(world: World, job: Job) -> None:
    report = verify(world)
    assert report.verdict is Status.VERIFIED, report.failing()
    links = {check.link for check in report.checks}
    assert {Link.VAULT, Link.MIRROR, Link.ANCHOR, Link.ISSUE, Link.RECALL} <= links


def test_a_mirror_that_says_otherwise_than_the_document_is_contradicted(world: World, job: Job) -> None:
    seal_id = job.seals[0].seal_id
    where = f"seal_id = '{seal_id}'"
    for column, value in (
        ("biz_step", "other"),
        ("event_time", 5),
        ("read_point", None),
        ("body", '{"a":1}'),
    ):
        with changed_row(world, "sealed_event", column, value, where):
            report = verify(world)
            assert contradicted(report) == {(Link.MIRROR, seal_id)}, column
            assert any(column in check.detail for check in report.failing())


def test_a_mirror_that_says_otherwise_than_the_chain_is_contradicted(world: World, job: Job) -> None:
    where = f"root = '{job.seals[0].root}'"
    with changed_row(world, "anchored", "signer", "0x" + "11" * 20, where):
        assert (Link.MIRROR, job.seals[0].seal_id) in contradicted(verify(world))


def test_a_mirror_that_says_otherwise_of_an_issue_is_contradicted(world: World, job: Job) -> None:
    with writing(world.mirror) as session:
        query = text("SELECT issue_id FROM issued_item WHERE uri = :uri")
        issue_id = session.execute(query, {"uri": docs.item("served")}).scalar_one()
    with changed_row(world, "issued", "signer", "0x" + "11" * 20, f"issue_id = '{issue_id}'"):
        assert (Link.MIRROR, issue_id) in contradicted(verify(world))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("event_proof", "position", 77),
        ("event_proof", "event_hash", "0x12"),
        ("event_proof", "salt", "0xzz"),
        ("event_proof", "seal_id", "0x" + "00" * 32),
    ],
)
def test_rows_that_no_indexer_wrote_are_named_and_break_nothing(
    world: World, job: Job, table: str, column: str, value: object
) -> None:
    seal_id = job.seals[0].seal_id
    with writing(world.mirror) as session:
        query = text(f"SELECT rowid FROM {table} WHERE seal_id = :seal_id")  # noqa: S608 - ours
        row = session.execute(query, {"seal_id": seal_id}).scalar_one()
    with changed_row(world, table, column, value, f"rowid = {row}"):
        assert seal_id in {place for link, place in contradicted(verify(world)) if link is Link.MIRROR}
        with pytest.raises(ProofUnavailable, match=seal_id):
            export(docs.item("served"), world.deployment, world.mirror, world.store)


def test_damaged_content_is_contradicted_and_missing_content_unchecked(world: World, job: Job) -> None:
    seal = job.seals[0]
    path = world.store.path_of(Cid.parse(seal.cid))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b" ")
    try:
        report = verify(world)
        assert contradicted(report) == {(Link.VAULT, seal.seal_id)}
        assert report.exit_code == 1
        path.unlink()
        report = verify(world)
        assert contradicted(report) == set()
        assert report.exit_code == 2
        assert any(check.link is Link.VAULT and seal.cid in check.detail for check in report.failing())
    finally:
        path.write_bytes(content)


def test_unknown_items_and_no_items_are_told_apart(world: World) -> None:
    report = verify(world, "never-heard-of")
    assert report.exit_code == 2
    assert "nothing is known" in report.notices[0]
    with pytest.raises(DigitalLinkError):
        verify_item("urn:x", world.deployment, world.trust, world.rpc, world.mirror, world.store)


def test_a_node_that_is_not_there_leaves_the_chain_unchecked(world: World, job: Job) -> None:
    with Rpc("http://127.0.0.1:9", timeout=1) as nowhere:
        report = verify(world, rpc=nowhere)
    assert report.exit_code == 2
    assert contradicted(report) == set()
    assert not any(check.link is Link.ANCHOR and check.status is Status.VERIFIED for check in report.checks)
