"""Capture jobs in SQL: what was accepted and the contract call that anchors it, written before it is sent."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

metadata = MetaData()


class EvidenceTable(SQLModel, registry=registry(metadata=metadata)):
    """Base of this room's tables. They are no mirror: what they hold is nowhere else."""

    metadata = metadata


class CaptureJobRow(EvidenceTable, table=True):
    """One accepted request. `signed_id` is the root of a batch, or the sealId of an attestation."""

    __tablename__ = "capture_job"
    __table_args__ = (
        UniqueConstraint("network", "kind", "member", "signed_id", "deadline"),
        Index("ix_capture_job_created", "network", "created_ms"),
        Index("ix_capture_job_resting", "network", "resting", "seen_number"),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    network: str = Field(sa_column=Column(Text, nullable=False))
    """chain id and first block's hash: jobs of another chain are never sent to this one"""
    kind: str = Field(sa_column=Column(Text, nullable=False))
    """batch, attestation, or existing: everything in it had been captured before; `call` and `gas` then
    are of what its member signed, where it rests on others"""
    member: int = Field(sa_column=Column(BigInteger, nullable=False))
    signer: str = Field(sa_column=Column(Text, nullable=False))
    signed_id: str = Field(sa_column=Column(Text, nullable=False))
    deadline: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Unix seconds"""
    created_ms: int = Field(sa_column=Column(BigInteger, nullable=False))
    contract: str | None = Field(default=None, sa_column=Column(Text))
    call: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    gas: int | None = Field(default=None, sa_column=Column(BigInteger))
    """limit where estimating would starve what the call offers to others"""
    confirmed: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    """the sender was seen to have the call; where not, the next start looks"""
    resting: bool = Field(default=False, sa_column=Column(Boolean, nullable=False))
    """it rests on what others brought to the chain; the call is sent should the chain lose that"""
    seen_number: int = Field(default=-1, sa_column=Column(BigInteger, nullable=False))
    """number of a block at which the chain had that, -1 for none"""
    seen_hash: str | None = Field(default=None, sa_column=Column(Text))
    """that block's hash"""


class CapturedEventRow(EvidenceTable, table=True):
    """One event of a job. `source` is the job that puts it on chain, None where somebody else did."""

    __tablename__ = "captured_event"
    __table_args__ = (Index("ix_captured_event_seal", "network", "member", "seal_id"),)

    job_id: str = Field(sa_column=Column(Text, ForeignKey("capture_job.id"), primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, primary_key=True))
    """index of the event in the document"""
    network: str = Field(sa_column=Column(Text, nullable=False))
    member: int = Field(sa_column=Column(BigInteger, nullable=False))
    seal_id: str = Field(sa_column=Column(Text, nullable=False))
    event_hash: str = Field(sa_column=Column(Text, nullable=False))
    cid: str = Field(sa_column=Column(Text, nullable=False))
    source: str | None = Field(default=None, sa_column=Column(Text))
    root: str | None = Field(default=None, sa_column=Column(Text))
    """of the batch that holds it; None for a single attestation"""
    leaf: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """index in that batch"""
    transaction: str | None = Field(default=None, sa_column=Column(Text))
    """where the mirror told it"""
