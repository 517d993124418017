"""Schema migrations, one Alembic branch and version table per room, side by side in one database.

A room has a folder of migrations: `versions/` and an `env.py` of two lines that calls `run_environment` with
the room's own MetaData.
"""

import zlib
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, MetaData, text

_CONNECTION: Final = "connection"
_VERSION_TABLE: Final = "version_table"


def upgrade(engine: Engine, script_location: Path, version_table: str) -> None:
    """Bring a room's tables to their newest version, in one transaction.

    Safe to call from several processes at once: the others wait and find nothing left to do.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(script_location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # SQLite's transactions exclude each other as they begin
            lock = zlib.crc32(version_table.encode())
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
        config.attributes[_CONNECTION] = connection
        config.attributes[_VERSION_TABLE] = version_table
        command.upgrade(config, "head")


def run_environment(metadata: MetaData) -> None:
    """The body of a room's `env.py`: run migrations on the connection that `upgrade` gave."""
    from alembic import context

    attributes = context.config.attributes
    context.configure(
        connection=attributes[_CONNECTION],
        target_metadata=metadata,
        version_table=attributes[_VERSION_TABLE],
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
