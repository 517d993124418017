"""Migrations of the capture jobs, with version table `alembic_version_evidence`."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from chain.migrate import upgrade

VERSION_TABLE: Final = "alembic_version_evidence"


def upgrade_evidence(engine: Engine) -> None:
    """Bring this room's tables to their newest version."""
    upgrade(engine, Path(__file__).parent, VERSION_TABLE)
