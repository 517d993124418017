"""What was verified once is no less checked the next time: whatever is changed afterwards shows at once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, event, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from chain.bindings import rights_registry, types
from chain.database import writing
from evidence.facts import Facts
from evidence.report import Link, Report, Status
from evidence.verify_item import verify_item
from indexer.tables import metadata
from tests.evidence import documents as docs
from tests.evidence.tampering import another
from tests.evidence.world import World, running_world
from tests.postgresql import PostgresServer
from vault.cid import Cid
from vault.content import MissingContent, StoreUnavailable
from vault.store import LocalStore

pytestmark = pytest.mark.slow

TABLES = (
    "sealed_event",
    "event_epc",
    "event_proof",
    "anchored",
    "attested",
    "issued",
    "issued_item",
    "merkle_tile",
)
"""of all tables those that a verification reads; others are the audit's"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network in which every row is about one item."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        url = server.fresh_database()
    with running_world(tmp_path_factory.mktemp("told"), url) as world:
        world.issue("t1")
        world.capture(docs.document(docs.commissioning("t1")), world.maker)
        world.capture(docs.document(docs.packing("t1")), world.carrier)
        world.attest(docs.bare(docs.delivery()), world.carrier)
        world.index()
        yield world


@pytest.fixture
def facts(told: World) -> Facts:
    """What verifications left behind: nothing of a first one, a second one's, which a third one uses."""
    facts = Facts()
    reports = [verify(told, facts) for _ in range(3)]
    assert [one.verdict for one in reports] == [Status.VERIFIED] * 3, reports[0].failing()
    assert reports[0] == reports[1] == reports[2]
    return facts


def verify(world: World, facts: Facts, store: Any = None) -> Report:
    return verify_item(
        docs.item("t1"), world.deployment, world.trust, world.rpc, world.mirror, store or world.store, facts
    )


def execute(world: World, statement: Any) -> None:
    with writing(world.mirror) as session:
        session.connection().execute(statement)


def at(table: Table, row: dict[str, Any]) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key.columns]


@pytest.mark.parametrize("seed", range(3))
def test_rule_8_a_changed_row_shows_after_the_first_verification(
    told: World, facts: Facts, seed: int
) -> None:
    rng = random.Random(seed)
    tried, missed = 0, []
    while tried < 8:
        table = metadata.tables[rng.choice(TABLES)]
        with told.mirror.connect() as connection:
            row = dict(rng.choice(connection.execute(select(table)).mappings().all()))
        column = rng.choice(list(table.columns))
        if row[column.name] is None or (table.name, column.name) == ("merkle_tile", "block_number"):
            continue  # where a tile is rolled back with its block is the audit's to look at
        changed = {**row, column.name: another(rng, row[column.name], bool(column.nullable))}
        try:
            execute(told, table.update().where(*at(table, row)).values(**changed))
        except (IntegrityError, ValueError):
            continue
        tried += 1
        try:
            report = verify(told, facts)
            what = f"seed {seed}: {table.name}.{column.name} {row[column.name]!r} to {changed[column.name]!r}"
            if report.verdict is Status.VERIFIED and known(report):
                missed.append(what)
        finally:
            execute(told, table.delete().where(*at(table, changed)))
            execute(told, table.insert().values(**row))
        assert verify(told, facts).verdict is Status.VERIFIED
    assert not missed, missed


def known(report: Report) -> bool:
    """Whether the report still speaks of all three events and of the issue."""
    events = {check.place for check in report.checks if check.link is Link.DOCUMENT}
    return len(events) == 3 and any(check.link is Link.SERIAL for check in report.checks)


def test_a_changed_document_shows_after_the_first_verification(told: World, facts: Facts) -> None:
    with told.mirror.connect() as connection:
        cids = connection.execute(text("SELECT cid, seal_id FROM sealed_event")).tuples().all()
    for cid, seal_id in cids:
        path = told.store.path_of(Cid.parse(cid))
        content = path.read_bytes()
        path.chmod(0o640)
        path.write_bytes(content[:-2] + b" }")
        try:
            report = verify(told, facts)
        finally:
            path.write_bytes(content)
        assert (Link.VAULT, seal_id) in {
            (check.link, check.place) for check in report.checks if check.status is Status.CONTRADICTED
        }
    assert verify(told, facts).verdict is Status.VERIFIED


class Liar:
    """A vault that gives other bytes than those asked for, and says nothing of it."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    def get(self, cid: Cid) -> bytes:
        return self._store.get(cid).replace(b"2026", b"2025")


class Gone:
    """A vault that cannot be reached, or has lost everything."""

    def __init__(self, error: Any) -> None:
        self._error = error

    def get(self, cid: Cid) -> bytes:
        raise self._error(cid)


def test_a_vault_that_lies_is_contradicted_and_one_that_is_away_unchecked(told: World, facts: Facts) -> None:
    report = verify(told, facts, Liar(told.store))
    assert report.verdict is Status.CONTRADICTED
    assert not any(check.link is Link.DOCUMENT for check in report.checks)
    for error in (MissingContent, lambda cid: StoreUnavailable(str(cid), "no answer")):
        report = verify(told, facts, Gone(error))
        assert report.verdict is Status.UNCHECKED
        assert not any(check.link is Link.DOCUMENT for check in report.checks)
    assert verify(told, facts).verdict is Status.VERIFIED


def test_a_revoked_licence_and_a_recall_show_at_once(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        batch = world.issue("t1")
        world.index()
        facts = Facts()
        before = verify(world, facts)
        assert before.notices == ()
        assert before.verdict is Status.VERIFIED, before.failing()
        revocation = types.LicenceRevocation(world.licence, b"\1" * 32, world.now() + 3600)
        world.send(
            world.deployment.address("RightsRegistry"),
            rights_registry.encode_revoke(
                revocation, world.brand.key.address, world.sign("RightsRegistry", revocation, world.brand)
            ),
        )
        assert any("revoked" in notice for notice in verify(world, facts).notices)
        world.recall(batch)
        # the mirror has not heard of it, the chain has
        report = verify(world, facts)
        assert report.notices[0].startswith("RECALLED")
        assert [check.link for check in report.failing()] == [Link.MIRROR]
        assert report.verdict is Status.UNCHECKED
        world.index()
        assert verify(world, facts).verdict is Status.VERIFIED


def test_a_reorganisation_shows_after_the_first_verification(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        snapshot = world.rpc.request("evm_snapshot")
        world.issue("t1")
        world.index()
        facts = Facts()
        assert verify(world, facts).verdict is Status.VERIFIED
        assert verify(world, facts).verdict is Status.VERIFIED
        world.rpc.request("evm_revert", [snapshot])
        report = verify(world, facts)
        assert report.verdict is not Status.VERIFIED
        assert Link.MIRROR in {check.link for check in report.failing()}


def test_a_database_that_goes_in_the_middle_raises_and_leaves_nothing_wrong(
    told: World, facts: Facts
) -> None:
    asked = 0

    def cut(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal asked
        asked += statement.lstrip().upper().startswith("SELECT")
        if asked == 1:
            raise OperationalError(statement, None, ConnectionError("the connection is gone"))

    event.listen(told.mirror, "before_cursor_execute", cut)
    try:
        with pytest.raises(OperationalError):
            verify(told, facts)
    finally:
        event.remove(told.mirror, "before_cursor_execute", cut)
    assert verify(told, facts).verdict is Status.VERIFIED
