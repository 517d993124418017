"""What all tables of the mirror share: their own MetaData, and the log that a row comes from."""

from typing import ClassVar

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class MirrorTable(SQLModel, registry=registry(metadata=metadata)):
    """Base of every table of the mirror, all of which may be dropped and built again."""

    metadata = metadata


class EventRow(MirrorTable):
    """One decoded contract event; the log's place is its key, so rolling back is deleting."""

    EVENT: ClassVar[str]
    """name and number of topics: `Transfer` of ERC-20 and of ERC-721 differ by the latter alone"""

    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)
    block_time: int = Field(sa_type=BigInteger)
    """Unix seconds"""
    address: str
    """the contract that emitted it, EIP-55"""
