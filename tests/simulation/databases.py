"""The databases of one story: files copied from a template, or databases of a PostgreSQL server."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.engine import URL, make_url

from chain.database import open_engine
from chain.migrations import upgrade_outbox
from evidence.gateway.migrations import upgrade_gateway
from evidence.migrations import upgrade_evidence
from indexer.schema import migrate
from tests.postgresql import PostgresServer
from tests.simulation.boundary import Boundary
from tests.simulation.clock import Clock
from tests.simulation.faulty_database import FaultyEngine
from tests.simulation.scene import Scene

_CLOCK = """
CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql
AS $$ SELECT to_timestamp(current_setting('sim.now')::float8) $$
"""


class Databases(Protocol):
    """The databases of a story, each time in the same place, so that engines can be kept for the next one."""

    def service_url(self) -> str:
        """Outbox and capture jobs."""

    def mirror_url(self) -> str:
        """The indexer's."""

    def spool_url(self) -> str:
        """The gateway's."""

    def fill(self) -> None:
        """Make them anew, empty but with all tables."""


class SqliteDatabases:
    """Files in a folder."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._scene = scene
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def service_url(self) -> str:
        return f"sqlite:///{self._folder / 'service.db'}"

    def mirror_url(self) -> str:
        return f"sqlite:///{self._folder / 'mirror.db'}"

    def spool_url(self) -> str:
        return f"sqlite:///{self._folder / 'spool.db'}"

    def fill(self) -> None:
        for path in self._folder.iterdir():
            path.unlink()
        shutil.copy(self._scene.service_db, self._folder / "service.db")
        shutil.copy(self._scene.mirror_db, self._folder / "mirror.db")
        shutil.copy(self._scene.spool_db, self._folder / "spool.db")


class PostgresqlDatabases:
    """Databases of a server of their own, copied from templates; the story's clock hides the server's."""

    def __init__(self) -> None:
        self._server = PostgresServer()
        self._templates = (
            self._template(upgrade_outbox, upgrade_evidence),
            self._template(migrate),
            self._template(upgrade_gateway),
        )
        self._urls = tuple(make_url(self._server.fresh_database()) for _ in self._templates)
        self._admin = open_engine(_text(self._urls[0].set(database="postgres")))

    def _template(self, *upgrades: Callable[[Engine], None]) -> str:
        url = make_url(self._server.fresh_database())
        plain = open_engine(_text(url))
        with plain.begin() as connection:
            connection.execute(text("CREATE SCHEMA sim"))
            connection.execute(text(_CLOCK))
        plain.dispose()
        engine = open_engine(_with_schema(url))
        for upgrade in upgrades:
            upgrade(engine)
        engine.dispose()
        assert url.database is not None
        return url.database

    def service_url(self) -> str:
        return _with_schema(self._urls[0])

    def mirror_url(self) -> str:
        return _with_schema(self._urls[1])

    def spool_url(self) -> str:
        return _with_schema(self._urls[2])

    def fill(self) -> None:
        with self._admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for url, template in zip(self._urls, self._templates, strict=True):
                connection.execute(text(f"DROP DATABASE {url.database} WITH (FORCE)"))
                connection.execute(text(f"CREATE DATABASE {url.database} TEMPLATE {template}"))

    def close(self) -> None:
        """End the server."""
        self._admin.dispose()
        self._server.close()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _with_schema(url: URL) -> str:
    return _text(url.update_query_dict({"options": "-csearch_path=sim,public,pg_catalog"}))


class Engines:
    """Engines by process and database, kept over kills and stories: only what they compiled survives."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._kept: dict[tuple[str, str], FaultyEngine] = {}
        self.clock: Clock | None = None

    @property
    def urls(self) -> tuple[str, str, str]:
        """Of service, mirror and spool."""
        databases = self._databases
        return databases.service_url(), databases.mirror_url(), databases.spool_url()

    def begin(self, clock: Clock) -> None:
        """Empty databases for a story."""
        self.clock = clock
        self.dispose()
        self._databases.fill()

    def of(self, process: str, database: str, boundary: Boundary) -> Engine:
        """A process's engine for `service` or `mirror`; what it does crosses the boundary."""
        kept = self._kept.get((process, database))
        if kept is None:
            url = getattr(self._databases, f"{database}_url")()
            # What a power cut does is not simulated, so nothing waits for the disk.
            engine = open_engine(url, synchronous="NORMAL")
            if engine.dialect.name == "postgresql":
                event.listen(engine, "begin", self._tell_time)
            kept = self._kept[process, database] = FaultyEngine(engine, database)
        kept.boundary = boundary
        return kept.engine

    def _tell_time(self, connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert self.clock is not None
        driver.execute("SELECT set_config('sim.now', %s, false)", (repr(self.clock.now),))

    def dispose(self) -> None:
        """Close all connections."""
        for kept in self._kept.values():
            kept.engine.dispose()


@contextmanager
def migrated_from(template: Path) -> Iterator[None]:
    """Let a mirror's tables come from a template: Alembic takes longer than a story, and has own tests."""

    def copy(engine: Engine) -> None:
        if inspect(engine).has_table("mirror_state"):
            return
        assert engine.dialect.name == "sqlite"
        with closing(sqlite3.connect(template)) as source, engine.connect() as target:
            driver = target.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            target.rollback()
            source.backup(driver)

    with patch("indexer.schema.migrate", copy):
        yield
