"""Events of the rights registry."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column, event_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    event_table(
        "licence_consumed",
        column("licence", sa.String(), index=True),
        column("gtin", columns.Uint64(), index=True),
        column("quantity", columns.Uint64()),
        column("consumed", columns.Uint64()),
    )
    event_table(
        "licence_granted",
        column("licence", sa.String(), index=True),
        column("licensor", columns.Uint64(), index=True),
        column("licensee", columns.Uint64(), index=True),
        column("mark", sa.String()),
        column("gtins", sa.JSON()),
        column("territories", sa.JSON()),
        column("valid_from", sa.BigInteger()),
        column("valid_until", sa.BigInteger()),
        column("quantity", columns.Uint64()),
        column("salt", sa.String()),
        column("deadline", columns.Uint64()),
        column("signer", sa.String()),
    )
    event_table(
        "licence_revoked",
        column("licence", sa.String(), index=True),
        column("reason", sa.String()),
        column("signer", sa.String()),
    )
    event_table("mark_cancelled", column("mark", sa.String(), index=True), column("reason", sa.String()))
    event_table(
        "mark_registered",
        column("mark", sa.String(), index=True),
        column("owner", columns.Uint64(), index=True),
        column("name", columns.ChainText()),
        column("territories", sa.JSON()),
        column("nice_classes", sa.JSON()),
        column("valid_until", sa.BigInteger()),
    )
    event_table(
        "prefix_assigned",
        column("prefix", columns.ChainText()),
        column("owner", columns.Uint64(), index=True),
    )


def downgrade() -> None:
    op.drop_table("prefix_assigned")
    op.drop_table("mark_registered")
    op.drop_table("mark_cancelled")
    op.drop_table("licence_revoked")
    op.drop_table("licence_granted")
    op.drop_table("licence_consumed")
