"""Contexts are found by their digest: PostgreSQL's indexes hold no value of more than a few kilobytes."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gateway_head", sa.Column("digest", sa.LargeBinary))
    connection = op.get_bind()
    heads = sa.table(
        "gateway_head",
        sa.column("id"),
        sa.column("context", sa.LargeBinary),
        sa.column("digest", sa.LargeBinary),
    )
    for row in connection.execute(sa.select(heads.c.id, heads.c.context)).all():
        digest = sha256(row.context).digest()
        connection.execute(heads.update().where(heads.c.id == row.id).values(digest=digest))
    op.create_index("ix_gateway_head_digest", "gateway_head", ["digest"], unique=True)
    if connection.dialect.name == "postgresql":  # SQLite has no such limit, and keeps the older index as well
        op.drop_constraint("gateway_head_context_key", "gateway_head", type_="unique")


def downgrade() -> None:
    raise NotImplementedError("proofs are kept for good")
