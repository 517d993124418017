"""Final batches are found by when they are to be looked at again, until they are deep enough."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
_WATCHED = sa.text("final_ms IS NOT NULL AND pruned = 0")


def upgrade() -> None:
    op.drop_index("ix_gateway_batch_unpruned", "gateway_batch")
    op.create_index(
        "ix_gateway_batch_watched",
        "gateway_batch",
        ["next_ms", "id"],
        sqlite_where=_WATCHED,
        postgresql_where=_WATCHED,
    )


def downgrade() -> None:
    raise NotImplementedError("proofs are kept for good")
