"""Merkle trees of batches and issues, as tiles."""

import sqlalchemy as sa
from alembic import op

from indexer.migrations.event_table import column

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BEFORE = (
    *("mirror_state", "checkpoint", "block", "raw_log", "action_approved", "action_executed"),
    *("action_proposed", "seats_changed", "account_changed", "key_granted", "key_revoked"),
    *("member_admitted", "member_reinstated", "member_suspended", "roles_changed", "operation_canceled"),
    *("operation_executed", "operation_scheduled", "role_admin_changed", "role_grant_delay_changed"),
    *("role_granted", "role_guardian_changed", "role_label", "role_revoked"),
    *("target_admin_delay_updated", "target_closed", "target_function_role_updated"),
    *("eip712_domain_changed", "authority_updated", "entry_set", "licence_consumed", "licence_granted"),
    *("licence_revoked", "mark_cancelled", "mark_registered", "prefix_assigned", "anchored", "attested"),
    *("effect_applied", "effect_failed", "error_declared", "issued", "materialised", "recalled"),
    *("passport_transfer", "passport_approval", "passport_approval_for_all", "metadata_update"),
    *("batch_metadata_update", "credited", "delivery_proven", "order_closed", "order_disputed"),
    *("order_funded", "order_opened", "order_ruled", "withdrawn", "authorization_canceled"),
    *("authorization_used", "burnt", "minted", "token_transfer", "token_approval", "customs_decided"),
    *("sensor_window_reported", "content", "content_queue", "manifest", "event_proof", "sealed_event"),
    *("event_epc", "issued_item"),
)


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
    # a mirror that lacks what the new table holds: the indexer fills it again from chain and vault
    for name in _BEFORE:
        op.execute(sa.table(name).delete())


def downgrade() -> None:
    op.drop_table("merkle_tile")
