"""The chain as the node told it: blocks with logs, logs as they are, and how far the mirror has come."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Text, text
from sqlmodel import Field

from indexer.tables.base import MirrorTable

_UNDECODED = text("decode_error IS NOT NULL")


class MirrorState(MirrorTable, table=True):
    """One row: the chain and deployment this mirror belongs to, and the last block it holds."""

    __tablename__ = "mirror_state"

    id: int = Field(default=1, primary_key=True)
    chain_id: str
    """decimal text: EIP-155 does not bound it"""
    first_block: str
    """hash of block 0, or of block 1 where there is no 0"""
    addresses: dict[str, Any] = Field(sa_type=JSON)
    """instance name -> contract address, EIP-55"""
    start_block: int = Field(sa_type=BigInteger)
    head_number: int = Field(sa_type=BigInteger)
    """`start_block - 1` before the first block"""
    head_hash: str
    """empty before the first block"""
    generation: int = Field(default=0, sa_type=BigInteger)
    """counts writes: of two processes that write one mirror, the slower one notices"""


class Checkpoint(MirrorTable, table=True):
    """Blocks at which the mirror paused, newest ones only: they bound how far a reorganisation reads back."""

    __tablename__ = "checkpoint"

    number: int = Field(primary_key=True, sa_type=BigInteger)
    hash: str
    timestamp: int = Field(sa_type=BigInteger)


class Block(MirrorTable, table=True):
    """A block that holds a log of ours; `timestamp` in Unix seconds."""

    __tablename__ = "block"

    hash: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger, unique=True)
    parent_hash: str
    timestamp: int = Field(sa_type=BigInteger)


class RawLog(MirrorTable, table=True):
    """A log as the node gave it; `decode_error` says why there is no derived row."""

    __tablename__ = "raw_log"
    __table_args__ = (
        Index("ix_raw_log_undecoded", "block_number", sqlite_where=_UNDECODED, postgresql_where=_UNDECODED),
    )

    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)
    address: str
    topics: list[Any] = Field(sa_type=JSON)
    data: str = Field(sa_type=Text)
    tx_hash: str = Field(index=True)
    decode_error: str | None = Field(default=None, sa_type=Text, index=False)
