"""Alembic's entry for this room's branch."""

from chain.migrate import run_environment
from evidence.tables import metadata

run_environment(metadata)
