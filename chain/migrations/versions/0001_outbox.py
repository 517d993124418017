"""The outbox: accounts with their lease, operations, signed versions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbox_account",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("first_block_hash", sa.LargeBinary, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_token", sa.BigInteger, nullable=False),
        sa.Column("lease_expires_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("chain_id", "first_block_hash", "address"),
    )
    op.create_table(
        "outbox_operation",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("outbox_account.id"), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("gas", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("nonce", sa.BigInteger),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary),
        sa.Column("block_number", sa.BigInteger),
        sa.Column("block_hash", sa.LargeBinary),
        sa.Column("gas_used", sa.BigInteger),
        sa.Column("contract_address", sa.Text),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("error_name", sa.Text),
        sa.Column("error_data", sa.LargeBinary),
        sa.Column("problem", sa.Text),
        sa.UniqueConstraint("account_id", "key"),
        sa.UniqueConstraint("account_id", "nonce"),
    )
    op.create_index("ix_outbox_operation_status", "outbox_operation", ["account_id", "status", "id"])
    op.create_table(
        "outbox_version",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("operation_id", sa.BigInteger, sa.ForeignKey("outbox_operation.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("gas", sa.BigInteger, nullable=False),
        sa.Column("fee", sa.Text, nullable=False),
        sa.Column("tip", sa.Text),
        sa.Column("signed_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
        sa.UniqueConstraint("operation_id", "number"),
    )


def downgrade() -> None:
    raise NotImplementedError("signed transactions are never deleted")
