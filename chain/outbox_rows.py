"""Rows of the outbox become operations."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from chain.operation import Operation, Priority, Status, Version
from chain.outbox_tables import OperationRow, VersionRow


def operation_of(session: Session, row: OperationRow) -> Operation:
    """A row as an operation."""
    return operations_of(session, [row])[0]


def operations_of(session: Session, rows: Sequence[OperationRow]) -> list[Operation]:
    """Rows as operations, with the versions that were signed of each."""
    versions: dict[int, list[Version]] = {}
    ids = [row.id for row in rows]
    for start in range(0, len(ids), 500):  # SQL's parameters are limited
        query = select(VersionRow).where(col(VersionRow.operation_id).in_(ids[start : start + 500]))
        for one in session.exec(query.order_by(col(VersionRow.number))):
            tip = None if one.tip is None else int(one.tip)
            versions.setdefault(one.operation_id, []).append(
                Version(one.hash, one.number, one.raw, one.gas, int(one.fee), tip, one.signed_ms, one.sent_ms)
            )
    return [
        Operation(
            id=row.id,
            key=row.key,
            purpose=row.purpose,
            status=Status(row.status),
            to=row.recipient,
            data=row.data,
            value=int(row.value),
            priority=Priority(row.priority),
            gas=row.gas,
            nonce=row.nonce,
            transaction_hash=row.transaction_hash,
            block_number=row.block_number,
            block_hash=row.block_hash,
            gas_used=row.gas_used,
            contract_address=row.contract_address,
            final=row.final,
            error=row.error,
            error_name=row.error_name,
            error_data=row.error_data,
            problem=row.problem,
            created=datetime.fromtimestamp(row.created_ms / 1000, UTC),
            updated=datetime.fromtimestamp(row.updated_ms / 1000, UTC),
            versions=tuple(versions.get(row.id, ())),
        )
        for row in rows
        if row.id is not None
    ]
