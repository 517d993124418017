"""The outbox in SQL: what was asked to be sent, every version of it that was signed, and who may send."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# SQLite counts up only in INTEGER columns; PostgreSQL gets 64 bits.
_Id = BigInteger().with_variant(Integer, "sqlite")


class OutboxTable(SQLModel, registry=registry()):
    """Base of this room's tables, with MetaData of their own."""


METADATA = OutboxTable.metadata


class AccountRow(OutboxTable, table=True):
    """One sending address on one chain, and the lease of the process that sends for it."""

    __tablename__ = "outbox_account"
    __table_args__ = (UniqueConstraint("chain_id", "first_block_hash", "address"),)

    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    chain_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    first_block_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    address: str = Field(sa_column=Column(Text, nullable=False))
    """Lower case."""
    lease_owner: str | None = Field(default=None, sa_column=Column(Text))
    lease_token: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Grows with every change of owner; what a former owner writes is refused by it."""
    lease_expires_ms: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class OperationRow(OutboxTable, table=True):
    """One request to send, in the order of `priority` and `id`.

    Times are Unix milliseconds, amounts decimal text in wei.
    """

    __tablename__ = "outbox_operation"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        UniqueConstraint("account_id", "nonce"),
        Index("ix_outbox_operation_status", "account_id", "status", "id"),
        Index("ix_outbox_operation_turn", "account_id", "status", "priority", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(_Id, primary_key=True, autoincrement=True))
    account_id: int = Field(sa_column=Column(BigInteger, ForeignKey("outbox_account.id"), nullable=False))
    key: str = Field(sa_column=Column(Text, nullable=False))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    recipient: str | None = Field(sa_column=Column(Text))
    """Lower case; None creates a contract."""
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    value: str = Field(sa_column=Column(Text, nullable=False))
    priority: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    """see chain.operation.Priority"""
    gas: int | None = Field(sa_column=Column(BigInteger))
    status: str = Field(sa_column=Column(Text, nullable=False))
    nonce: int | None = Field(default=None, sa_column=Column(BigInteger))
    created_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    updated_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    transaction_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    block_number: int | None = Field(default=None, sa_column=Column(BigInteger))
    block_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    gas_used: int | None = Field(default=None, sa_column=Column(BigInteger))
    contract_address: str | None = Field(default=None, sa_column=Column(Text))
    final: bool = Field(default=False, nullable=False)
    error: str | None = Field(default=None, sa_column=Column(Text))
    error_name: str | None = Field(default=None, sa_column=Column(Text))
    error_data: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    problem: str | None = Field(default=None, sa_column=Column(Text))


class VersionRow(OutboxTable, table=True):
    """One signed transaction of an operation; later versions replace earlier ones at the same nonce.

    Never deleted: any version may be the one that is mined.
    """

    __tablename__ = "outbox_version"
    __table_args__ = (UniqueConstraint("operation_id", "number"),)

    hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    operation_id: int = Field(sa_column=Column(BigInteger, ForeignKey("outbox_operation.id"), nullable=False))
    number: int = Field(sa_column=Column(Integer, nullable=False))
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    gas: int = Field(sa_column=Column(BigInteger, nullable=False))
    fee: str = Field(sa_column=Column(Text, nullable=False))
    """Most that is paid per gas, in wei."""
    tip: str | None = Field(sa_column=Column(Text))
    """EIP-1559 priority fee per gas, in wei; None for a legacy transaction."""
    signed_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    sent_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    """When a node last took it."""
