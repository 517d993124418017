"""Engines, transactions and migrations shared by the rooms with tables."""

import multiprocessing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from chain.database import open_engine, reading, writing
from chain.migrations import VERSION_TABLE, upgrade_outbox
from chain.operation import ChainIdentity
from chain.outbox import Outbox
from chain.outbox_tables import METADATA

pytestmark = pytest.mark.slow

IDENTITY = ChainIdentity(1, b"\1" * 32)
ADDRESS = "0x" + "22" * 20


def test_migrations_make_the_tables_that_the_models_describe(engine: Engine) -> None:
    upgrade_outbox(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: name != VERSION_TABLE}
        )
        assert compare_metadata(context, METADATA) == []
    assert VERSION_TABLE in inspect(engine).get_table_names()


def test_sqlite_is_durable_and_checks_references(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    upgrade_outbox(engine)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    orphan = text("INSERT INTO outbox_version VALUES (x'00', 999, 0, x'00', 1, '1', NULL, 0, NULL)")
    with writing(engine) as session, pytest.raises(IntegrityError):
        session.execute(orphan)
    engine.dispose()


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    Outbox(engine, IDENTITY, ADDRESS)

    def change_and_fail() -> None:
        with writing(engine) as session:
            session.execute(text("UPDATE outbox_account SET address = 'changed'"))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        change_and_fail()
    with reading(engine) as session:
        assert session.execute(text("SELECT address FROM outbox_account")).scalar() == ADDRESS


def _open_and_submit(url: str, name: str) -> None:
    engine = open_engine(url)
    upgrade_outbox(engine)
    outbox = Outbox(engine, IDENTITY, ADDRESS)
    for number in range(8):
        outbox.submit(ADDRESS, b"", number, key=f"shared {number}", purpose="race")
        outbox.submit(ADDRESS, b"", number, key=f"{name} {number}", purpose="race")


def test_processes_that_start_and_submit_at_once_neither_fail_nor_double(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chain.sending.sending_child"])
    processes = [context.Process(target=_open_and_submit, args=(url, name)) for name in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    engine = open_engine(url)
    operations = Outbox(engine, IDENTITY, ADDRESS).operations()
    assert len(operations) == len({one.key for one in operations}) == 24
    assert len({one.id for one in operations}) == 24
    engine.dispose()
