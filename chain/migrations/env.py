"""Alembic's entry for this room's branch."""

from chain.migrate import run_environment
from chain.outbox_tables import METADATA

run_environment(METADATA)
