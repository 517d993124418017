"""The spool: accepted events, their documents, batches with their trees, submissions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("batch_id IS NULL AND refusal IS NULL")
_OUT = sa.text("refusal IS NOT NULL")
_UNPRUNED = sa.text("state = 'final' AND pruned = 0")


def upgrade() -> None:
    op.create_table(
        "gateway_spool",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("waiting_events", sa.BigInteger, nullable=False),
        sa.Column("waiting_bytes", sa.BigInteger, nullable=False),
        sa.Column("next_event", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gateway_head",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("context", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("context"),
    )
    op.create_table(
        "gateway_batch",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("head_id", sa.BigInteger, sa.ForeignKey("gateway_head.id"), nullable=False),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("manifest_cid", sa.LargeBinary),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("closed_ms", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger),
        sa.Column("header", sa.Text),
        sa.Column("job_id", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_ms", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("tx", sa.Text),
        sa.Column("final_ms", sa.BigInteger),
        sa.Column("pruned", sa.SmallInteger, nullable=False),
    )
    op.create_index("ix_gateway_batch_state", "gateway_batch", ["state", "lane", "id"])
    op.create_index(
        "ix_gateway_batch_unpruned",
        "gateway_batch",
        ["final_ms"],
        sqlite_where=_UNPRUNED,
        postgresql_where=_UNPRUNED,
    )
    op.create_table(
        "gateway_event",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("seal_id", sa.LargeBinary, nullable=False),
        sa.Column("single", sa.SmallInteger, nullable=False),
        sa.Column("event_hash", sa.LargeBinary, nullable=False),
        sa.Column("cid", sa.LargeBinary, nullable=False),
        sa.Column("head_id", sa.BigInteger, sa.ForeignKey("gateway_head.id"), nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("accepted_ms", sa.BigInteger, nullable=False),
        sa.Column("batch_id", sa.BigInteger, sa.ForeignKey("gateway_batch.id")),
        sa.Column("leaf", sa.Integer),
        sa.Column("refusal", sa.Text),
        sa.Column("effect", sa.Text),
        sa.UniqueConstraint("seal_id", "single"),
    )
    op.create_index("ix_gateway_event_batch", "gateway_event", ["batch_id", "leaf"])
    op.create_index(
        "ix_gateway_event_open",
        "gateway_event",
        ["lane", "id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index(
        "ix_gateway_event_refused", "gateway_event", ["id"], sqlite_where=_OUT, postgresql_where=_OUT
    )
    op.create_table(
        "gateway_document",
        sa.Column("event_id", sa.BigInteger, sa.ForeignKey("gateway_event.id"), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "gateway_tile",
        sa.Column("batch_id", sa.BigInteger, sa.ForeignKey("gateway_batch.id"), primary_key=True),
        sa.Column("level", sa.SmallInteger, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "gateway_elsewhere",
        sa.Column("event_id", sa.BigInteger, sa.ForeignKey("gateway_event.id"), primary_key=True),
        sa.Column("proof", sa.Text, nullable=False),
    )
    op.create_table(
        "gateway_submission",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("seal_ids", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("proofs are kept for good")
