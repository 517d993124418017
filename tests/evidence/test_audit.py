"""Rule 8: whatever byte of vault or mirror is changed, the audit finds and names it."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import TextClause, text

from chain.bindings import event_ledger
from chain.bindings.types import Anchor
from chain.database import open_engine, reading, writing
from epcis.digital_link import item_id
from evidence.audit import AuditReport, audit
from evidence.audit_shadow import shadow
from evidence.batch import attestation, build_batch
from evidence.chain_records import issue_id_of
from evidence.jobs import Job
from indexer import ledger
from indexer.bodies import LAST_RETRY_MS, clock_ms
from indexer.compare import mirrored_tables
from indexer.run import Indexer
from indexer.tables.chainlog import Checkpoint
from tests.evidence import documents as docs
from tests.evidence.world import World, running_world
from vault.cid import Cid
from vault.content import Problem, StoreUnavailable
from vault.store import ContentStore, LocalStore, VaultError

pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network of its own: one issue, two batches, one order, one attestation whose effect is pending."""
    with running_world(tmp_path_factory.mktemp("audited")) as world:
        world.issue("a1", "a2")
        world.capture(docs.document(docs.commissioning("a1"), docs.commissioning("a2")), world.maker)
        world.capture(docs.document(docs.packing("a1")), world.carrier)
        order = world.open_order(docs.SSCC)
        world.attest(
            docs.bare(docs.delivery()),
            world.carrier,
            order=order.signing_hash(world.deployment.domain("Escrow")),
            milestone=1,
            consumer=world.deployment.address("Escrow"),
        )
        world.index()
        yield world
        assert run(world).findings == (), "some test left behind what it changed"


def run(world: World) -> AuditReport:
    return audit(world.deployment, world.rpc, world.mirror, world.store)


def flipped(byte: int, rng: random.Random) -> int:
    return byte ^ (1 << rng.randrange(8))


@contextmanager
def changed_file(path: Path, rng: random.Random) -> Iterator[None]:
    """One bit of one byte of a file is another for a while."""
    original = path.read_bytes()
    place = rng.randrange(len(original))
    path.chmod(0o640)
    path.write_bytes(original[:place] + bytes([flipped(original[place], rng)]) + original[place + 1 :])
    try:
        yield
    finally:
        path.write_bytes(original)


def test_an_untouched_installation_is_clean(story: World) -> None:
    stages: set[str] = set()
    report = audit(
        story.deployment, story.rpc, story.mirror, story.store, lambda stage, _done, _total: stages.add(stage)
    )
    assert report.findings == ()
    assert report.exit_code == 0
    assert stages == {"chain", "mirror", "contracts", "vault"}


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_8_any_byte_of_any_vault_file_is_found_and_named(story: World, seed: int) -> None:
    rng = random.Random(seed)
    cid = rng.choice(sorted(story.store.iterate()))
    with changed_file(story.store.path_of(cid), rng):
        report = run(story)
        assert report.exit_code == 1
        named = [finding for finding in report.findings if finding.place == str(cid)]
        assert len(named) == 1, report.findings
        # a changed file is no reason to call the mirror wrong
        assert {finding.kind for finding in report.findings} == {"vault"}, report.findings
    assert run(story).findings == ()


def test_a_damaged_document_is_named_with_its_event_and_item(story: World) -> None:
    job = story.service.jobs(limit=50)[-1]
    seal = job.seals[0]
    with changed_file(story.store.path_of(Cid.parse(seal.cid)), random.Random(1)):
        (finding,) = run(story).findings
    assert (finding.kind, finding.place) == ("vault", seal.cid)
    assert finding.events == (seal.seal_id,)
    assert finding.items == (docs.item("a1"),)
    assert "corrupt" in finding.detail


def test_a_missing_manifest_is_named_with_all_its_events(story: World) -> None:
    job = story.service.jobs(limit=50)[-1]
    with writing(story.mirror) as session:
        rows = session.execute(
            text("SELECT cid FROM manifest WHERE root = :root"), {"root": job.seals[0].root}
        )
        cid = Cid.parse(rows.scalar_one())
    away = story.store.root / "away"
    story.store.path_of(cid).rename(away)
    try:
        (finding,) = run(story).findings
    finally:
        away.rename(story.store.path_of(cid))
    assert (finding.kind, finding.place) == ("vault", str(cid))
    assert set(finding.events) == {seal.seal_id for seal in job.seals}
    assert "missing" in finding.detail


def mutate(world: World, rng: random.Random) -> tuple[str, Callable[[], None]]:
    """Change one character or digit of one value of one row; gives the table and how to undo it."""
    tables = {table.name: table for table in [*mirrored_tables(), Checkpoint.__table__]}  # type: ignore[attr-defined]  # SQLModel adds it
    while True:
        name = rng.choice(sorted(tables))
        with writing(world.mirror) as session:
            query = text(f'SELECT rowid AS place, * FROM "{name}"')  # noqa: S608 - a table of ours
            rows = session.execute(query).mappings().all()
        if not rows:
            continue
        row = rng.choice(rows)
        column = rng.choice(sorted(tables[name].columns.keys()))
        value = row[column]
        if value is None or value == "":
            continue
        if isinstance(value, int):
            other: object = value ^ (1 << rng.randrange(4))
        else:
            place = rng.randrange(len(value))
            wanted = rng.choice([c for c in '0123456789abcdefXYZ"}' if c != value[place]])
            other = value[:place] + wanted + value[place + 1 :]
        statement = text(f'UPDATE "{name}" SET "{column}" = :value WHERE rowid = :place')  # noqa: S608 - likewise

        write(world, statement, other, row["place"])
        return name, partial(write, world, statement, value, row["place"])


def write(world: World, statement: TextClause, content: object, place: object) -> None:
    with writing(world.mirror) as session:
        session.execute(statement, {"value": content, "place": place})


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_8_any_character_of_any_mirror_row_is_found_and_named(story: World, seed: int) -> None:
    table, undo = mutate(story, random.Random(1000 + seed))
    try:
        report = run(story)
        assert report.exit_code == 1
        assert any(
            finding.kind == "mirror" and finding.place.startswith(f"{table}/") for finding in report.findings
        ), (table, report.findings)
    finally:
        undo()
    assert run(story).findings == ()


def test_a_deleted_and_an_invented_row_are_named(story: World) -> None:
    with writing(story.mirror) as session:
        kept = dict(session.execute(text("SELECT * FROM event_epc LIMIT 1")).mappings().one())
        session.execute(
            text("DELETE FROM event_epc WHERE seal_id = :seal_id AND position = :position"),
            {"seal_id": kept["seal_id"], "position": kept["position"]},
        )
    try:
        (finding,) = run(story).findings
        assert finding.place.startswith("event_epc/")
        assert "missing" in finding.detail
    finally:
        with writing(story.mirror) as session:
            names = ", ".join(f'"{name}"' for name in kept)
            values = ", ".join(f":{name}" for name in kept)
            insert = text(f"INSERT INTO event_epc ({names}) VALUES ({values})")  # noqa: S608 - likewise
            session.execute(insert, kept)
    assert run(story).findings == ()


def test_a_head_that_the_chain_has_not_is_named(story: World) -> None:
    with writing(story.mirror) as session:
        head = session.execute(text("SELECT head_hash FROM mirror_state")).scalar_one()
        session.execute(text("UPDATE mirror_state SET head_hash = :hash"), {"hash": "0x" + "00" * 32})
    try:
        assert [finding.place for finding in run(story).findings] == ["mirror_state/head"]
    finally:
        with writing(story.mirror) as session:
            session.execute(text("UPDATE mirror_state SET head_hash = :hash"), {"hash": head})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("addresses", '{"Council'),
        ("head_number", "12x"),
        ("head_number", 1 << 40),
        ("head_hash", ""),
        ("chain_id", "7"),
    ],
)
def test_rule_8_what_the_mirror_says_of_itself_is_audited(story: World, column: str, value: object) -> None:
    with writing(story.mirror) as session:
        old = session.execute(text(f"SELECT {column} FROM mirror_state")).scalar_one()  # noqa: S608 - ours
        session.execute(text(f"UPDATE mirror_state SET {column} = :value"), {"value": value})  # noqa: S608
    try:
        report = run(story)
    finally:
        with writing(story.mirror) as session:
            session.execute(text(f"UPDATE mirror_state SET {column} = :value"), {"value": old})  # noqa: S608
    named = column.removesuffix("_number").removesuffix("_hash")
    assert f"mirror_state/{named}" in {finding.place for finding in report.findings}


def test_rule_8_a_mirror_file_that_is_no_database_any_more_is_named(story: World, tmp_path: Path) -> None:
    with story.mirror.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    path = tmp_path / "copy.db"
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for place in range(size, len(content), size):
        content[place] ^= 0xFF  # the kind of every page but the first
    path.write_bytes(content)
    damaged = open_engine(f"sqlite:///{path}")
    try:
        report = audit(story.deployment, story.rpc, damaged, story.store)
    finally:
        damaged.dispose()
    assert [(finding.kind, finding.place) for finding in report.findings] == [("mirror", "database")]


@contextmanager
def altered(world: World, change: str, undo: str, **values: object) -> Iterator[None]:
    """The mirror is changed by one statement and changed back by another."""
    with writing(world.mirror) as session:
        session.execute(text(change), values)
    try:
        yield
    finally:
        with writing(world.mirror) as session:
            session.execute(text(undo), values)


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [
        ("sealed_event", "member", "' ' || substr(member, 2)"),  # the same number, which no query finds
        ("sealed_event", "declares_error", "2 - declares_error * 2"),
        ("sealed_event", "body", "replace(body, ':', ': ')"),
        ("sealed_event", "body", """'{"type"\\:1,' || substr(body, 2)"""),
        ("sealed_event", "reason", "''"),
        ("anchored", "size", "CAST(size AS INTEGER)"),
        ("anchored", "signer", "lower(signer)"),
        ("anchored", "cid", "cid || ' '"),
        ("anchored", "block_time", "block_time + 0.5"),
        ("order_opened", "payee", "CAST(x'c328ff' AS TEXT)"),  # no UTF-8
        ("merkle_tile", "hashes", "CAST(hashes AS TEXT)"),
    ],
)
def test_rule_8_what_is_stored_counts_and_not_what_it_reads_as(
    story: World, table: str, column: str, other: str
) -> None:
    if column == "declares_error":
        other = "2"
    with writing(story.mirror) as session:
        query = text(f"SELECT rowid, {column}, {other} FROM {table}")  # noqa: S608 - ours
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.text_factory = lambda stored: stored.decode("utf-8", "surrogateescape")
        place, value, _ = session.execute(query).first() or (None, None, None)
        driver.text_factory = str
    change = f"UPDATE {table} SET {column} = {other} WHERE rowid = :place"  # noqa: S608 - ours
    undo = f"UPDATE {table} SET {column} = :value WHERE rowid = :place"  # noqa: S608 - ours
    with altered(story, change, undo, place=place, value=value):
        report = run(story)
        assert report.exit_code == 1
        places = {finding.place.partition("/")[0] for finding in report.findings}
        assert places - {"database"} == {table}, report.findings
        json.dumps(report.to_json()).encode()
        "".join(map(str, report.findings)).encode()


@pytest.mark.parametrize(
    ("change", "undo", "named"),
    [
        (
            "UPDATE mirror_state SET id = 2",
            "UPDATE mirror_state SET id = 1",
            "mirror_state/id",
        ),
        (
            "INSERT INTO mirror_state SELECT 7, chain_id, first_block, addresses, start_block, head_number, "
            "head_hash, generation FROM mirror_state",
            "DELETE FROM mirror_state WHERE id = 7",
            "mirror_state/id",
        ),
        (
            "UPDATE mirror_state SET generation = generation - 1000",
            "UPDATE mirror_state SET generation = generation + 1000",
            "mirror_state/generation",
        ),
        (
            "UPDATE checkpoint SET timestamp = timestamp + 1 WHERE number = :head",
            "UPDATE checkpoint SET timestamp = timestamp - 1 WHERE number = :head",
            "checkpoint/{head}/",
        ),
        (
            "INSERT INTO checkpoint SELECT number + 1, hash, timestamp FROM checkpoint WHERE number = :head",
            "DELETE FROM checkpoint WHERE number > :head",
            "checkpoint/{above}",
        ),
        (
            "INSERT INTO content_queue SELECT cid, 0, 0, NULL FROM content LIMIT 1",
            "DELETE FROM content_queue",
            "content_queue/",
        ),
        (
            "INSERT INTO content_queue VALUES ('bafk', 0, 0, NULL)",
            "DELETE FROM content_queue",
            "content_queue/bafk",
        ),
        (
            "DROP INDEX ix_event_epc_item_id",
            "CREATE INDEX ix_event_epc_item_id ON event_epc (item_id)",
            "ix_event_epc_item_id",
        ),
        (
            "CREATE TRIGGER hide AFTER INSERT ON recalled BEGIN DELETE FROM recalled; END",
            "DROP TRIGGER hide",
            "hide",
        ),
        (
            "ALTER TABLE recalled RENAME TO withheld",
            "ALTER TABLE withheld RENAME TO recalled",
            "recalled",
        ),
    ],
)
def test_rule_8_what_the_mirror_runs_on_is_audited(story: World, change: str, undo: str, named: str) -> None:
    with writing(story.mirror) as session:
        head = session.execute(text("SELECT head_number FROM mirror_state")).scalar_one()
    with altered(story, change, undo, **({"head": head} if ":head" in change + undo else {})):
        wanted = named.format(head=head, above=head + 1).removesuffix("/")
        places = [finding.place for finding in run(story).findings]
        assert any(place.startswith(wanted) for place in places), places


def test_rule_8_content_that_waits_cannot_be_hidden(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        batch = world.issue("lost")
        content = world.store.get(batch.manifest_cid)
        path = world.store.path_of(batch.manifest_cid)
        path.unlink()
        world.index()
        (missing,) = run(world).findings
        assert missing.items == ()
        for change in (
            "DELETE FROM content_queue",
            "UPDATE content_queue SET next_attempt = 1 << 50",
            "UPDATE content_queue SET next_attempt = 'late'",
            "UPDATE content_queue SET attempts = 'x'",
            "UPDATE content_queue SET attempts = 0",
        ):
            with writing(world.mirror) as session:
                kept = session.execute(text("SELECT * FROM content_queue")).one()
                session.execute(text(change))
            places = {finding.place for finding in run(world).findings}
            assert places == {str(batch.manifest_cid), f"content_queue/{batch.manifest_cid}"}, change
            with writing(world.mirror) as session:
                session.execute(text("DELETE FROM content_queue"))
                query = text("INSERT INTO content_queue VALUES (:cid, :attempts, :next_attempt, :reason)")
                session.execute(query, kept._asdict())
        world.store.put(content)
        # the mirror has not asked again: it lacks what chain and vault say
        assert {finding.kind for finding in run(world).findings} == {"mirror"}
        Indexer(
            world.mirror,
            world.rpc,
            world.deployment.all_addresses(),
            world.store,
            start_block=world.deployment.first_block,
            clock=lambda: clock_ms() + LAST_RETRY_MS,
        ).run_once()
        assert run(world).findings == ()


@pytest.mark.parametrize(
    ("table", "column", "manifest"),
    [
        ("sealed_event", "block_number", False),  # where a document lies says nothing of its proof
        ("event_proof", "salt", False),
        ("content", "log_index", False),
        ("anchored", "size", True),
        ("manifest", "root", True),
        ("sealed_event", "type", True),  # of an event that is proven elsewhere, too
    ],
)
def test_damaged_content_excuses_no_more_than_hangs_on_it(
    story: World, table: str, column: str, manifest: bool
) -> None:
    seal = story.service.jobs(limit=50)[-1].seals[0]
    with reading(story.mirror) as session:
        query = text("SELECT cid FROM manifest WHERE root = :root")
        cid = session.execute(query, {"root": seal.root}).scalar_one() if manifest else seal.cid
        by = {"sealed_event": "seal_id", "event_proof": "seal_id", "content": "cid"}.get(table, "root")
        if manifest and table == "sealed_event":
            found = "NOT IN (SELECT seal_id FROM event_proof WHERE root = :value)"
            value = seal.root
        else:
            found, value = "= :value", {"seal_id": seal.seal_id, "cid": seal.cid, "root": seal.root}[by]
        query = text(f"SELECT rowid, {column} FROM {table} WHERE {by} {found}")  # noqa: S608 - ours
        place, kept = session.execute(query, {"value": value}).first() or (None, None)
    other = kept + 1 if isinstance(kept, int) else f"{kept}0"
    change = f"UPDATE {table} SET {column} = :other WHERE rowid = :place"  # noqa: S608 - ours
    undo = f"UPDATE {table} SET {column} = :kept WHERE rowid = :place"  # noqa: S608 - ours
    with (
        altered(story, change, undo, other=other, kept=kept, place=place),
        changed_file(story.store.path_of(Cid.parse(cid)), random.Random(1)),
    ):
        kinds = {
            (finding.kind, finding.place.partition("/")[0], finding.place.rpartition("/")[2])
            for finding in run(story).findings
        }
    assert kinds == {("vault", cid, cid), ("mirror", table, column)}


class Away:
    """A vault that gives no answer, to some questions or to all."""

    def __init__(self, store: LocalStore, silent: frozenset[Cid] | None) -> None:
        self._store = store
        self._silent = silent

    def get(self, cid: Cid) -> bytes:
        (answer,) = self.get_many([cid])
        if isinstance(answer, VaultError):
            raise answer
        return answer

    def get_many(self, cids: Sequence[Cid]) -> list[bytes | VaultError]:
        if self._silent is None:
            raise StoreUnavailable("https://vault.example", "no answer")
        error = StoreUnavailable("https://vault.example", "timed out")
        return [error if cid in self._silent else self._store.get(cid) for cid in cids]

    def verify_all(self, progress: Callable[[int, int], None] | None = None) -> Iterator[Problem]:
        if self._silent is None:
            raise StoreUnavailable("https://vault.example", "no answer")
        yield from self._store.verify_all(progress)


def test_a_vault_that_does_not_answer_is_not_clean_and_not_at_fault(story: World) -> None:
    report = audit(story.deployment, story.rpc, story.mirror, cast(ContentStore, Away(story.store, None)))
    assert report.exit_code == 2
    assert {(finding.kind, finding.unchecked) for finding in report.findings} == {("vault", True)}
    assert "https://vault.example" in {finding.place for finding in report.findings}
    assert not report.to_json()["clean"]
    seal = story.service.jobs(limit=50)[-1].seals[0]
    away = cast(ContentStore, Away(story.store, frozenset({Cid.parse(seal.cid)})))
    (finding,) = audit(story.deployment, story.rpc, story.mirror, away).findings
    assert (finding.place, finding.unchecked, finding.events) == (seal.cid, True, (seal.seal_id,))
    assert finding.items == (docs.item("a1"),)
    # what is wrong counts before what is unknown
    with changed_file(story.store.path_of(sorted(story.store.iterate())[0]), random.Random(3)):
        assert run(story).exit_code == 1


def test_a_mirror_that_moves_on_while_it_is_audited_is_clean(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        world.issue("m1")
        world.index()
        grown: list[Job] = []

        def tell(stage: str, done: int, _total: int) -> None:
            if (stage, done) == ("chain", 1) and not grown:
                grown.append(world.capture(docs.document(docs.commissioning("m1")), world.maker))
                world.index()

        report = audit(world.deployment, world.rpc, world.mirror, world.store, tell)
        assert grown
        assert report.findings == ()
        # a chain that was shortened meanwhile is built again from its start
        head = world.rpc.block_number()
        with shadow(world.deployment, world.rpc, world.store) as built:
            for block in (head, head - 3, head):
                built.reach(block)
                with reading(built.engine) as session:
                    assert ledger.load(session).head_number == block


def test_a_file_that_nothing_names_is_read_too(story: World) -> None:
    cid = story.store.put(b"left by a refused capture")
    path = story.store.path_of(cid)
    path.chmod(0o640)
    path.write_bytes(b"left by a refused captureX")
    try:
        assert [finding.place for finding in run(story).findings] == [str(cid)]
    finally:
        path.unlink()


def test_contradicting_content_and_items_issued_twice_are_named(tmp_path: Path) -> None:
    """What a dishonest member can put on the chain by itself."""
    with running_world(tmp_path) as world:
        world.issue("twice", "once")
        second = world.issue("twice", "other")
        ledger, deadline = world.deployment.address("EventLedger"), world.now() + 3600
        # signed fields that the document does not say, and an extension
        made = attestation(docs.bare(docs.delivery()), deadline=deadline)
        world.store.put(made.sealed.document)
        lie = replace(made.message, place=0, extension=b"\1" * 32)
        signature = world.sign("EventLedger", lie, world.carrier)
        world.send(ledger, event_ledger.encode_attest(lie, world.carrier.key.address, signature, b""))
        # a root that is not its manifest's
        batch = build_batch(docs.document(docs.commissioning("once")), world.maker.gln, bytes(32))
        world.store.put(batch.manifest)
        anchor = Anchor(b"\5" * 32, 1, bytes(batch.manifest_cid), deadline)
        signature = world.sign("EventLedger", anchor, world.maker)
        world.send(ledger, event_ledger.encode_anchor(anchor, world.maker.key.address, signature))
        world.index()
        report = run(world)
    assert report.exit_code == 1
    by_kind = {
        kind: [one for one in report.findings if one.kind == kind] for kind in ("fields", "manifest", "issue")
    }
    assert {finding.detail.split(":")[0] for finding in by_kind["fields"]} == {"place", "extension"}
    assert by_kind["manifest"][0].place == f"batch/{world.maker.gln}/0x{'05' * 32}"
    (issue,) = by_kind["issue"]
    assert issue.place == "0x" + item_id(docs.item("twice")).hex()
    assert issue.items == (docs.item("twice"),)
    assert issue.detail.endswith("0x" + issue_id(world, second.root))
    assert {finding.kind for finding in report.findings} == {"fields", "manifest", "issue"}, report.findings


def issue_id(world: World, root: bytes) -> str:
    return issue_id_of(int(world.maker.gln), root).hex()
