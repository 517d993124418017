"""Migrations of a gateway's spool, with version table `alembic_version_gateway`."""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from chain.migrate import upgrade

VERSION_TABLE: Final = "alembic_version_gateway"


def upgrade_gateway(engine: Engine) -> None:
    """Bring the spool's tables to their newest version."""
    upgrade(engine, Path(__file__).parent, VERSION_TABLE)
