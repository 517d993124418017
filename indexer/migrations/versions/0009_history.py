"""Indexes for histories: transformations by their id, and things that have no GS1 key by their name."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MAKING = sa.text("type = 'TransformationEvent'")
_NO_KEY = sa.text("item_id IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_sealed_event_making",
        "sealed_event",
        ["seal_id"],
        sqlite_where=_MAKING,
        postgresql_where=_MAKING,
    )
    # a hash on PostgreSQL, whose trees refuse a long text
    op.create_index(
        "ix_event_epc_other",
        "event_epc",
        ["uri"],
        sqlite_where=_NO_KEY,
        postgresql_where=_NO_KEY,
        postgresql_using="hash",
    )


def downgrade() -> None:
    op.drop_index("ix_event_epc_other", "event_epc")
    op.drop_index("ix_sealed_event_making", "sealed_event")
