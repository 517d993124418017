"""What the quorum reports emit.

One append-only table per event: members of structs are columns, lists JSON, bytes 0x-hexadecimal text.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field

from indexer.columns import Int128, Uint64
from indexer.tables.base import EventRow


class CustomsDecided(EventRow, table=True):
    """A quorum of customs offices reported a decision."""

    __tablename__ = "customs_decided"
    EVENT: ClassVar[str] = "CustomsDecided/4"

    report: str = Field(index=True)
    subject: str = Field(index=True)
    country: str = Field(index=True)
    decision: int = Field(sa_type=BigInteger)
    declaration: str
    decided_at: int = Field(sa_type=Uint64)
    cid: str
    deadline: int = Field(sa_type=Uint64)
    members: list[Any] = Field(sa_type=JSON)


class SensorWindowReported(EventRow, table=True):
    """A quorum of oracles reported a sensor window."""

    __tablename__ = "sensor_window_reported"
    EVENT: ClassVar[str] = "SensorWindowReported/4"

    report: str = Field(index=True)
    subject: str = Field(index=True)
    device: str = Field(index=True)
    measurement: str
    unit: str
    minimum: int = Field(sa_type=Int128)
    maximum: int = Field(sa_type=Int128)
    mean: int = Field(sa_type=Int128)
    count: int = Field(sa_type=BigInteger)
    start_time: int = Field(sa_type=Uint64)
    end_time: int = Field(sa_type=Uint64)
    readings_root: str
    cid: str
    deadline: int = Field(sa_type=Uint64)
    members: list[Any] = Field(sa_type=JSON)
