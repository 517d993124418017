"""Events of the quorum reports."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column, event_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    event_table(
        "customs_decided",
        column("report", sa.String(), index=True),
        column("subject", sa.String(), index=True),
        column("country", sa.String(), index=True),
        column("decision", sa.BigInteger()),
        column("declaration", sa.String()),
        column("decided_at", columns.Uint64()),
        column("cid", sa.String()),
        column("deadline", columns.Uint64()),
        column("members", sa.JSON()),
    )
    event_table(
        "sensor_window_reported",
        column("report", sa.String(), index=True),
        column("subject", sa.String(), index=True),
        column("device", sa.String(), index=True),
        column("measurement", sa.String()),
        column("unit", sa.String()),
        column("minimum", columns.Int128()),
        column("maximum", columns.Int128()),
        column("mean", columns.Int128()),
        column("count", sa.BigInteger()),
        column("start_time", columns.Uint64()),
        column("end_time", columns.Uint64()),
        column("readings_root", sa.String()),
        column("cid", sa.String()),
        column("deadline", columns.Uint64()),
        column("members", sa.JSON()),
    )


def downgrade() -> None:
    op.drop_table("sensor_window_reported")
    op.drop_table("customs_decided")
