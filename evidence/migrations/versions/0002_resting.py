"""Jobs that rest on what others brought to the chain, and the block at which it was last seen."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("capture_job", sa.Column("resting", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("capture_job", sa.Column("seen_number", sa.BigInteger, nullable=False, server_default="-1"))
    op.add_column("capture_job", sa.Column("seen_hash", sa.Text))
    op.create_index("ix_capture_job_resting", "capture_job", ["network", "resting", "seen_number"])


def downgrade() -> None:
    op.drop_index("ix_capture_job_resting", "capture_job")
    for name in ("seen_hash", "seen_number", "resting"):
        op.drop_column("capture_job", name)
