"""Alembic's entry for this room's branch."""

from chain.migrate import run_environment
from evidence.gateway.tables import METADATA

run_environment(METADATA)
