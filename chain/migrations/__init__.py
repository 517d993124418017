"""Migrations of the outbox, with version table `alembic_version_chain`."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from chain.migrate import upgrade

VERSION_TABLE: Final = "alembic_version_chain"


def upgrade_outbox(engine: Engine) -> None:
    """Bring the outbox's tables to their newest version."""
    upgrade(engine, Path(__file__).parent, VERSION_TABLE)
