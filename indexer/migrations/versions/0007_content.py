"""Content behind the chain: manifests, sealed events, proofs, items."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content",
        column("cid", sa.String(), key=True),
        column("block_hash", sa.String()),
        column("log_index", sa.BigInteger()),
        column("block_number", sa.BigInteger(), index=True),
        column("state", sa.String(), index=True),
    )
    op.create_table(
        "content_queue",
        column("cid", sa.String(), key=True),
        column("attempts", sa.Integer()),
        column("next_attempt", sa.BigInteger(), index=True),
        column("reason", columns.ChainText(), nullable=True),
    )
    op.create_table(
        "manifest",
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("kind", sa.String()),
        column("cid", sa.String(), index=True),
        column("member", columns.Uint64()),
        column("root", sa.String(), index=True),
        column("size", columns.Uint64()),
        column("state", sa.String(), index=True),
        column("reason", columns.ChainText(), nullable=True),
    )
    op.create_table(
        "event_proof",
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("position", sa.BigInteger(), key=True),
        column("kind", sa.String()),
        column("member", columns.Uint64()),
        column("seal_id", sa.String(), index=True),
        column("event_hash", sa.String()),
        column("cid", columns.ChainText(), index=True),
        column("signer", sa.String()),
        column("block_time", sa.BigInteger()),
        column("root", sa.String(), nullable=True),
        column("size", columns.Uint64(), nullable=True),
        column("salt", sa.String(), nullable=True),
    )
    op.create_table(
        "sealed_event",
        column("member", columns.Uint64(), key=True),
        column("seal_id", sa.String(), key=True),
        column("block_hash", sa.String()),
        column("log_index", sa.BigInteger()),
        column("block_number", sa.BigInteger(), index=True),
        column("position", sa.BigInteger()),
        column("record_time", sa.BigInteger(), index=True),
        column("event_hash", sa.String(), index=True),
        column("cid", columns.ChainText(), index=True),
        column("state", sa.String(), index=True),
        column("reason", columns.ChainText(), nullable=True),
        column("type", columns.ChainText(), nullable=True),
        column("event_time", sa.BigInteger(), nullable=True),
        column("event_time_offset", columns.ChainText(), nullable=True),
        column("event_id", columns.ChainText(), nullable=True),
        column("action", columns.ChainText(), nullable=True),
        column("biz_step", columns.ChainText(), nullable=True),
        column("disposition", columns.ChainText(), nullable=True),
        column("read_point", columns.ChainText(), nullable=True),
        column("biz_location", columns.ChainText(), nullable=True),
        column("declares_error", sa.Boolean()),
        column("error_reason", columns.ChainText(), nullable=True),
        column("body", sa.JSON(none_as_null=True), nullable=True),
    )
    op.create_index("ix_sealed_event_time", "sealed_event", ["event_time", "seal_id"])
    op.create_table(
        "event_epc",
        column("member", columns.Uint64(), key=True),
        column("seal_id", sa.String(), key=True),
        column("position", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("role", sa.String()),
        column("uri", columns.ChainText()),
        column("item_id", sa.String(), index=True, nullable=True),
        column("quantity", sa.Float(), nullable=True),
        column("unit", columns.ChainText(), nullable=True),
    )
    op.create_table(
        "issued_item",
        column("block_hash", sa.String(), key=True),
        column("log_index", sa.BigInteger(), key=True),
        column("block_number", sa.BigInteger(), index=True),
        column("position", sa.BigInteger(), key=True),
        column("issue_id", sa.String(), index=True),
        column("serial", sa.Text()),
        column("uri", sa.Text()),
        column("item_id", sa.String(), index=True),
    )


def downgrade() -> None:
    op.drop_table("issued_item")
    op.drop_table("event_epc")
    op.drop_table("sealed_event")
    op.drop_table("event_proof")
    op.drop_table("manifest")
    op.drop_table("content_queue")
    op.drop_table("content")
