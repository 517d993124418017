"""Events of escrow and fiat tokens."""

import sqlalchemy as sa
from alembic import op

from indexer import columns
from indexer.migrations.event_table import column, event_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    event_table(
        "credited",
        column("order", sa.String(), index=True),
        column("token", sa.String(), index=True),
        column("account", sa.String(), index=True),
        column("amount", columns.Uint256()),
    )
    event_table(
        "delivery_proven",
        column("order", sa.String(), index=True),
        column("prover", columns.Uint64(), index=True),
        column("seal_id", sa.String(), index=True),
        column("window_end", sa.BigInteger()),
    )
    event_table(
        "order_closed",
        column("order", sa.String(), index=True),
        column("outcome", sa.BigInteger(), index=True),
        column("seller_amount", columns.Uint256()),
        column("buyer_amount", columns.Uint256()),
    )
    event_table(
        "order_disputed",
        column("order", sa.String(), index=True),
        column("evidence", sa.String()),
        column("ruling_deadline", sa.BigInteger()),
    )
    event_table(
        "order_funded",
        column("order", sa.String(), index=True),
        column("token", sa.String(), index=True),
        column("buyer_account", sa.String(), index=True),
        column("amount", columns.Uint256()),
    )
    event_table(
        "order_opened",
        column("order", sa.String(), index=True),
        column("buyer", columns.Uint64(), index=True),
        column("seller", columns.Uint64(), index=True),
        column("buyer_account", sa.String()),
        column("payee", sa.String()),
        column("token", sa.String()),
        column("amount", columns.Uint256()),
        column("shipment", sa.String()),
        column("prover", columns.Uint64()),
        column("arbiter", columns.Uint64()),
        column("deliver_by", sa.BigInteger()),
        column("grace", sa.BigInteger()),
        column("inspection_window", sa.BigInteger()),
        column("ruling_period", sa.BigInteger()),
        column("unruled_seller_bps", sa.BigInteger()),
        column("on_revocation", sa.BigInteger()),
        column("lines", sa.JSON()),
        column("terms", sa.String()),
        column("salt", sa.String()),
    )
    event_table(
        "order_ruled",
        column("order", sa.String(), index=True),
        column("arbiter", columns.Uint64(), index=True),
        column("seller_amount", columns.Uint256()),
        column("evidence", sa.String()),
    )
    event_table(
        "withdrawn",
        column("token", sa.String(), index=True),
        column("account", sa.String(), index=True),
        column("to", sa.String()),
        column("amount", columns.Uint256()),
    )
    event_table(
        "authorization_canceled",
        column("authorizer", sa.String(), index=True),
        column("nonce", sa.String(), index=True),
    )
    event_table(
        "authorization_used",
        column("authorizer", sa.String(), index=True),
        column("nonce", sa.String(), index=True),
    )
    event_table(
        "burnt",
        column("from_", sa.String(), index=True),
        column("amount", columns.Uint256()),
        column("payment_reference", sa.String(), index=True),
        column("signer", sa.String()),
    )
    event_table(
        "minted",
        column("to", sa.String(), index=True),
        column("amount", columns.Uint256()),
        column("payment_reference", sa.String(), index=True),
        column("signer", sa.String()),
    )
    event_table(
        "token_transfer",
        column("from_", sa.String(), index=True),
        column("to", sa.String(), index=True),
        column("value", columns.Uint256()),
    )
    event_table(
        "token_approval",
        column("owner", sa.String(), index=True),
        column("spender", sa.String(), index=True),
        column("value", columns.Uint256()),
    )


def downgrade() -> None:
    op.drop_table("token_approval")
    op.drop_table("token_transfer")
    op.drop_table("minted")
    op.drop_table("burnt")
    op.drop_table("authorization_used")
    op.drop_table("authorization_canceled")
    op.drop_table("withdrawn")
    op.drop_table("order_ruled")
    op.drop_table("order_opened")
    op.drop_table("order_funded")
    op.drop_table("order_disputed")
    op.drop_table("order_closed")
    op.drop_table("delivery_proven")
    op.drop_table("credited")
