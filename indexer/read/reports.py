"""Reports by a quorum of organisations: customs decisions and sensor windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlmodel import Session, col

from indexer.read.transactions import transactions
from indexer.read.values import ascii_text, chunks, gln, in_order, millis, seconds
from indexer.references import cid_text
from indexer.tables import EventRow
from indexer.tables.oracle import CustomsDecided, SensorWindowReported

T = TypeVar("T", bound=EventRow)

DECISIONS: Final = {1: "released", 2: "held", 3: "refused", 4: "seized"}


@dataclass(frozen=True, slots=True)
class CustomsDecision:
    """A customs decision on a subject (item id); `decision` is released, held, refused or seized."""

    report: str
    subject: str
    country: str
    decision: str
    declaration: str
    decided_at: datetime
    cid: str | None
    members: list[str]
    recorded_at: datetime
    transaction: str


@dataclass(frozen=True, slots=True)
class SensorWindow:
    """What a device measured; minimum, maximum and mean in millionths of `unit` (UN/ECE Rec 20)."""

    report: str
    subject: str
    device: str
    measurement: str
    unit: str
    minimum: int
    maximum: int
    mean: int
    count: int
    start: datetime
    end: datetime
    readings_root: str
    cid: str | None
    members: list[str]
    recorded_at: datetime
    transaction: str


def customs_decisions(session: Session, *subjects: str) -> list[CustomsDecision]:
    """Decisions in the order they were recorded, on these subjects (item ids) where any are given."""
    rows = _about(session, CustomsDecided, CustomsDecided.subject, subjects)
    sent = transactions(session, [(row.block_hash, row.log_index) for row in rows])
    return [
        CustomsDecision(
            report=row.report,
            subject=row.subject,
            country=ascii_text(row.country),
            decision=DECISIONS.get(row.decision, str(row.decision)),
            declaration=row.declaration,
            decided_at=millis(row.decided_at),
            cid=cid_text(row.cid),
            members=[gln(number) for number in row.members],
            recorded_at=seconds(row.block_time),
            transaction=sent[row.block_hash, row.log_index],
        )
        for row in rows
    ]


def sensor_windows(session: Session, *subjects: str) -> list[SensorWindow]:
    """Sensor windows in the order they were recorded, on these subjects (item ids) where any are given."""
    rows = _about(session, SensorWindowReported, SensorWindowReported.subject, subjects)
    sent = transactions(session, [(row.block_hash, row.log_index) for row in rows])
    return [
        SensorWindow(
            report=row.report,
            subject=row.subject,
            device=row.device,
            measurement=row.measurement,
            unit=ascii_text(row.unit),
            minimum=row.minimum,
            maximum=row.maximum,
            mean=row.mean,
            count=row.count,
            start=millis(row.start_time),
            end=millis(row.end_time),
            readings_root=row.readings_root,
            cid=cid_text(row.cid),
            members=[gln(number) for number in row.members],
            recorded_at=seconds(row.block_time),
            transaction=sent[row.block_hash, row.log_index],
        )
        for row in rows
    ]


def _about(session: Session, table: type[T], column: str, subjects: Sequence[str]) -> list[T]:
    if not subjects:
        return in_order(session, table)
    found: list[T] = []
    for part in chunks(subjects):
        found += in_order(session, table, col(column).in_(part))
    return found
