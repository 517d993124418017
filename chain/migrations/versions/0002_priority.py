"""Operations have a priority: what somebody waits for goes before anchors of batches."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "outbox_operation", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="0")
    )
    op.create_index(
        "ix_outbox_operation_turn", "outbox_operation", ["account_id", "status", "priority", "id"]
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_operation_turn", "outbox_operation")
    op.drop_column("outbox_operation", "priority")
