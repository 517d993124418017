"""Merkle trees of batches and issues, as tiles."""

import sqlalchemy as sa
from alembic import op

from indexer.migrations.event_table import begin_anew, column

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merkle_tile",
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("level", sa.BigInteger(), key=True),
        column("position", sa.BigInteger(), key=True),
        column("hashes", sa.LargeBinary()),
    )
    begin_anew()


def downgrade() -> None:
    op.drop_table("merkle_tile")
