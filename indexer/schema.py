"""The mirror's schema: its Alembic branch, and the one thing only a mirror may do, dropping itself."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine, inspect

from chain.migrate import upgrade
from indexer.tables import metadata

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
VERSION_TABLE: Final = "alembic_version_indexer"


def migrate(engine: Engine) -> None:
    """Create the mirror's tables or bring them to their newest version."""
    upgrade(engine, MIGRATIONS, VERSION_TABLE)


def drop(engine: Engine) -> None:
    """Drop every table of the mirror and nothing else, in one transaction."""
    with engine.begin() as connection:
        existing = set(inspect(connection).get_table_names())
        for table in reversed(metadata.sorted_tables):
            if table.name in existing:
                table.drop(connection)
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {VERSION_TABLE}")
