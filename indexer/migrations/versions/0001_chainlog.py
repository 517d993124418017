"""The chain log: blocks, raw logs, checkpoints, the mirror's state."""

import sqlalchemy as sa
from alembic import op

from indexer.migrations.event_table import column

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirror_state",
        column("id", sa.Integer(), key=True),
        column("chain_id", sa.String()),
        column("first_block", sa.String()),
        column("addresses", sa.JSON()),
        column("start_block", sa.BigInteger()),
        column("head_number", sa.BigInteger()),
        column("head_hash", sa.String()),
        column("generation", sa.BigInteger()),
    )
    op.create_table(
        "checkpoint",
        column("number", sa.BigInteger(), key=True),
        column("hash", sa.String()),
        column("timestamp", sa.BigInteger()),
    )
    op.create_table(
        "block",
        column("hash", sa.String(), key=True),
        column("number", sa.BigInteger()),
        column("parent_hash", sa.String()),
        column("timestamp", sa.BigInteger()),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "raw_log",
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("address", sa.String()),
        column("topics", sa.JSON()),
        column("data", sa.Text()),
        column("tx_hash", sa.String(), index=True),
        column("decode_error", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("raw_log")
    op.drop_table("block")
    op.drop_table("checkpoint")
    op.drop_table("mirror_state")
