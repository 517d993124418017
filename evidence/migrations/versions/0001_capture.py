"""Capture jobs and the events in them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capture_job",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("member", sa.BigInteger, nullable=False),
        sa.Column("signer", sa.Text, nullable=False),
        sa.Column("signed_id", sa.Text, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("contract", sa.Text),
        sa.Column("call", sa.LargeBinary),
        sa.Column("gas", sa.BigInteger),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("network", "kind", "member", "signed_id", "deadline"),
    )
    op.create_index("ix_capture_job_created", "capture_job", ["network", "created_ms"])
    op.create_table(
        "captured_event",
        sa.Column("job_id", sa.Text, sa.ForeignKey("capture_job.id"), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("member", sa.BigInteger, nullable=False),
        sa.Column("seal_id", sa.Text, nullable=False),
        sa.Column("event_hash", sa.Text, nullable=False),
        sa.Column("cid", sa.Text, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("root", sa.Text),
        sa.Column("leaf", sa.BigInteger, nullable=False),
        sa.Column("transaction", sa.Text),
    )
    op.create_index("ix_captured_event_seal", "captured_event", ["network", "member", "seal_id"])


def downgrade() -> None:
    op.drop_table("captured_event")
    op.drop_table("capture_job")
