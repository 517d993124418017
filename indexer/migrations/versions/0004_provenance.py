"""Events of event ledger and product passport."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column, event_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    event_table(
        "anchored",
        column("member", columns.Uint64(), index=True),
        column("root", sa.String(), index=True),
        column("size", columns.Uint64()),
        column("cid", sa.String()),
        column("signer", sa.String()),
    )
    event_table(
        "attested",
        column("member", columns.Uint64(), index=True),
        column("seal_id", sa.String(), index=True),
        column("subject", sa.String(), index=True),
        column("signer", sa.String()),
        column("event_hash", sa.String()),
        column("biz_step", sa.String()),
        column("disposition", sa.String()),
        column("place", columns.Uint64()),
        column("event_time", columns.Uint64()),
        column("quantity", columns.Uint128()),
        column("unit", sa.String()),
        column("order", sa.String()),
        column("milestone", sa.BigInteger()),
        column("cid", sa.String()),
        column("consumer", sa.String()),
        column("extension", sa.String()),
        column("deadline", columns.Uint64()),
    )
    event_table(
        "effect_applied",
        column("member", columns.Uint64(), index=True),
        column("seal_id", sa.String(), index=True),
        column("consumer", sa.String(), index=True),
    )
    event_table(
        "effect_failed",
        column("member", columns.Uint64(), index=True),
        column("seal_id", sa.String(), index=True),
        column("consumer", sa.String(), index=True),
        column("reason", sa.String()),
    )
    event_table(
        "error_declared",
        column("member", columns.Uint64(), index=True),
        column("seal_id", sa.String(), index=True),
        column("declaration", sa.String(), index=True),
        column("reason", sa.String()),
        column("signer", sa.String()),
    )
    event_table(
        "issued",
        column("issue_id", sa.String(), index=True),
        column("maker", columns.Uint64(), index=True),
        column("gtin", columns.Uint64(), index=True),
        column("root", sa.String()),
        column("size", columns.Uint64()),
        column("licence", sa.String()),
        column("cid", sa.String()),
        column("signer", sa.String()),
    )
    event_table(
        "materialised",
        column("issue_id", sa.String(), index=True),
        column("token_id", columns.Uint256(), index=True),
        column("index", columns.Uint64()),
        column("serial", columns.ChainText()),
        column("to", sa.String()),
    )
    event_table(
        "recalled",
        column("issue_id", sa.String(), index=True),
        column("item", sa.String(), index=True),
        column("by", columns.Uint64(), index=True),
        column("evidence", sa.String()),
        column("seizure", sa.Boolean()),
    )
    event_table(
        "passport_transfer",
        column("from_", sa.String(), index=True),
        column("to", sa.String(), index=True),
        column("token_id", columns.Uint256(), index=True),
    )
    event_table(
        "passport_approval",
        column("owner", sa.String(), index=True),
        column("approved", sa.String(), index=True),
        column("token_id", columns.Uint256(), index=True),
    )
    event_table(
        "passport_approval_for_all",
        column("owner", sa.String(), index=True),
        column("operator", sa.String(), index=True),
        column("approved", sa.Boolean()),
    )
    event_table("metadata_update", column("token_id", columns.Uint256()))
    event_table(
        "batch_metadata_update",
        column("from_token_id", columns.Uint256()),
        column("to_token_id", columns.Uint256()),
    )


def downgrade() -> None:
    op.drop_table("batch_metadata_update")
    op.drop_table("metadata_update")
    op.drop_table("passport_approval_for_all")
    op.drop_table("passport_approval")
    op.drop_table("passport_transfer")
    op.drop_table("recalled")
    op.drop_table("materialised")
    op.drop_table("issued")
    op.drop_table("error_declared")
    op.drop_table("effect_failed")
    op.drop_table("effect_applied")
    op.drop_table("attested")
    op.drop_table("anchored")
