"""Rule 8: whatever is changed in the mirror, the audit finds and names it."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import TextClause, text

from chain.database import open_engine, writing
from evidence.audit import audit
from indexer.bodies import LAST_RETRY_MS, clock_ms
from indexer.compare import mirrored_tables
from indexer.run import Indexer
from indexer.tables.chainlog import Checkpoint
from tests.evidence.auditing import altered, run
from tests.evidence.world import World, running_world

pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


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
