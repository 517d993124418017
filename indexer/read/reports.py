"""Reports by a quorum of organisations: customs decisions and sensor windows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col

from indexer.read.transactions import transactions
from indexer.read.values import ascii_text, gln, in_order, millis, seconds
from indexer.references import cid_text
from indexer.tables.oracle import CustomsDecided, SensorWindowReported

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


def customs_decisions(session: Session, subject: str | None = None) -> list[CustomsDecision]:
    """Decisions in the order they were recorded, on one subject (item id) where given."""
    rows = in_order(
        session, CustomsDecided, *([] if subject is None else [col(CustomsDecided.subject) == subject])
    )
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


def sensor_windows(session: Session, subject: str | None = None) -> list[SensorWindow]:
    """Sensor windows in the order they were recorded, on one subject (item id) where given."""
    table = SensorWindowReported
    rows = in_order(session, table, *([] if subject is None else [col(table.subject) == subject]))
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
