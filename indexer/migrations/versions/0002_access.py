"""Events of council, member registry, directory and authority."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column, event_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    event_table(
        "action_approved", column("action", sa.String(), index=True), column("seat", sa.String(), index=True)
    )
    event_table("action_executed", column("action", sa.String(), index=True))
    event_table(
        "action_proposed",
        column("action", sa.String(), index=True),
        column("seat", sa.String(), index=True),
        column("target", sa.String()),
        column("data", sa.String()),
        column("salt", sa.String()),
        column("deadline", columns.Uint64()),
    )
    event_table("seats_changed", column("seats", sa.JSON()), column("threshold", columns.Uint256()))
    event_table(
        "account_changed",
        column("gln", columns.Uint64(), index=True),
        column("account", sa.String(), index=True),
        column("by", sa.String()),
    )
    event_table(
        "key_granted",
        column("gln", columns.Uint64(), index=True),
        column("key", sa.String(), index=True),
        column("valid_from", sa.BigInteger()),
        column("valid_until", sa.BigInteger()),
        column("roles", sa.BigInteger()),
        column("by", sa.String()),
    )
    event_table(
        "key_revoked",
        column("gln", columns.Uint64(), index=True),
        column("key", sa.String(), index=True),
        column("by", sa.String()),
    )
    event_table(
        "member_admitted",
        column("gln", columns.Uint64(), index=True),
        column("country", sa.String(), index=True),
        column("roles", sa.BigInteger()),
        column("account", sa.String()),
        column("name", columns.ChainText()),
    )
    event_table("member_reinstated", column("gln", columns.Uint64(), index=True))
    event_table(
        "member_suspended", column("gln", columns.Uint64(), index=True), column("reason", sa.String())
    )
    event_table(
        "roles_changed", column("gln", columns.Uint64(), index=True), column("roles", sa.BigInteger())
    )
    event_table(
        "operation_canceled",
        column("operation_id", sa.String(), index=True),
        column("nonce", sa.BigInteger(), index=True),
    )
    event_table(
        "operation_executed",
        column("operation_id", sa.String(), index=True),
        column("nonce", sa.BigInteger(), index=True),
    )
    event_table(
        "operation_scheduled",
        column("operation_id", sa.String(), index=True),
        column("nonce", sa.BigInteger(), index=True),
        column("schedule", sa.BigInteger()),
        column("caller", sa.String()),
        column("target", sa.String()),
        column("data", sa.String()),
    )
    event_table(
        "role_admin_changed",
        column("role_id", columns.Uint64(), index=True),
        column("admin", columns.Uint64(), index=True),
    )
    event_table(
        "role_grant_delay_changed",
        column("role_id", columns.Uint64(), index=True),
        column("delay", sa.BigInteger()),
        column("since", sa.BigInteger()),
    )
    event_table(
        "role_granted",
        column("role_id", columns.Uint64(), index=True),
        column("account", sa.String(), index=True),
        column("delay", sa.BigInteger()),
        column("since", sa.BigInteger()),
        column("new_member", sa.Boolean()),
    )
    event_table(
        "role_guardian_changed",
        column("role_id", columns.Uint64(), index=True),
        column("guardian", columns.Uint64(), index=True),
    )
    event_table(
        "role_label", column("role_id", columns.Uint64(), index=True), column("label", columns.ChainText())
    )
    event_table(
        "role_revoked",
        column("role_id", columns.Uint64(), index=True),
        column("account", sa.String(), index=True),
    )
    event_table(
        "target_admin_delay_updated",
        column("target", sa.String(), index=True),
        column("delay", sa.BigInteger()),
        column("since", sa.BigInteger()),
    )
    event_table("target_closed", column("target", sa.String(), index=True), column("closed", sa.Boolean()))
    event_table(
        "target_function_role_updated",
        column("target", sa.String(), index=True),
        column("selector", sa.String()),
        column("role_id", columns.Uint64(), index=True),
    )
    event_table("eip712_domain_changed")
    event_table("authority_updated", column("authority", sa.String()))
    event_table("entry_set", column("name", columns.ChainText()), column("contract_address", sa.String()))


def downgrade() -> None:
    op.drop_table("entry_set")
    op.drop_table("authority_updated")
    op.drop_table("eip712_domain_changed")
    op.drop_table("target_function_role_updated")
    op.drop_table("target_closed")
    op.drop_table("target_admin_delay_updated")
    op.drop_table("role_revoked")
    op.drop_table("role_label")
    op.drop_table("role_guardian_changed")
    op.drop_table("role_granted")
    op.drop_table("role_grant_delay_changed")
    op.drop_table("role_admin_changed")
    op.drop_table("operation_scheduled")
    op.drop_table("operation_executed")
    op.drop_table("operation_canceled")
    op.drop_table("roles_changed")
    op.drop_table("member_suspended")
    op.drop_table("member_reinstated")
    op.drop_table("member_admitted")
    op.drop_table("key_revoked")
    op.drop_table("key_granted")
    op.drop_table("account_changed")
    op.drop_table("seats_changed")
    op.drop_table("action_proposed")
    op.drop_table("action_executed")
    op.drop_table("action_approved")
