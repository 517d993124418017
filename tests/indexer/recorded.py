"""Events that a mirror holds, written into it without a chain: what read models are asked about."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine

from chain.database import writing
from epcis import canonical, sealed
from indexer.document import read_document
from indexer.read.route.facts import Fact, with_voids
from indexer.read.route.spells import Ref
from indexer.tables.chainlog import RawLog
from indexer.tables.content import PRESENT, EventEpc, EventProof, SealedEvent
from indexer.tables.provenance import ErrorDeclared

CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"]
BASE = 1_772_348_400_000
"""2026-03-01T07:00:00Z"""
MINUTE = 60_000
HOUR = 60 * MINUTE


def time_text(millis: int) -> str:
    """RFC 3339 in UTC."""
    text = datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def event(kind: str, at: float, **members: Any) -> dict[str, Any]:
    """An event, `at` in minutes after BASE."""
    body = {
        "type": f"{kind}Event",
        "eventTime": time_text(BASE + round(at * MINUTE)),
        "eventTimeZoneOffset": "+00:00",
        **members,
    }
    if kind != "Transformation":
        body.setdefault("action", "OBSERVE")
    return body


def fact(body: dict[str, Any], member: str, record_time: int | None = None) -> Fact:
    """An event that a member sealed; recorded when it happened unless said otherwise (Unix seconds)."""
    made = sealed.seal(body, CONTEXT)
    seal_id, event_hash = "0x" + made.seal_id.hex(), "0x" + made.event_hash.hex()
    document = read_document(made.document, seal_id, event_hash)
    columns = document.columns
    time = columns["event_time"]
    return Fact(
        ref=Ref(member, seal_id),
        event_hash=event_hash,
        record_time=(time or BASE) // 1000 + 1 if record_time is None else record_time,
        things=tuple(document.things),
        **{
            name: columns[name]
            for name in (
                "type",
                "action",
                "event_time",
                "event_time_offset",
                "biz_step",
                "disposition",
                "read_point",
                "biz_location",
                "declares_error",
                "body",
            )
        },
    )


def counted(facts: Iterable[Fact], declared: dict[Ref, str] | None = None) -> list[Fact]:
    """Facts with what makes them void."""
    return with_voids([replace(one, void=None) for one in facts], declared or {})


def record(engine: Engine, facts: Iterable[Fact], declared: dict[Ref, str] | None = None) -> None:
    """Write facts, and errors declared to the ledger, as an indexer would have."""
    rows: list[Any] = []
    for number, one in enumerate(facts, 1):
        block_hash = "0x" + sha256(f"{number}{one.ref}".encode()).hexdigest()
        member, seal_id = int(one.ref.member), one.ref.seal_id
        place: dict[str, Any] = {
            "block_hash": block_hash,
            "log_index": 0,
            "block_number": number,
            "position": 0,
        }
        rows.append(log_row(block_hash, number))
        rows.append(
            SealedEvent(
                member=member,
                seal_id=seal_id,
                **place,
                record_time=one.record_time,
                event_hash=one.event_hash,
                cid=f"bafy{number}",
                state=PRESENT,
                type=one.type,
                event_time=one.event_time,
                event_time_offset=one.event_time_offset,
                event_id=one.body.get("eventID"),
                transformation_id=one.body.get("transformationID"),
                action=one.action,
                biz_step=one.biz_step,
                disposition=one.disposition,
                read_point=one.read_point,
                biz_location=one.biz_location,
                declares_error=one.declares_error,
                body=canonical.loads(canonical.dumps(one.body)),
            )
        )
        rows.append(
            EventProof(
                **place,
                kind="batch",
                member=member,
                seal_id=seal_id,
                event_hash=one.event_hash,
                cid=f"bafy{number}",
                signer="0x" + "00" * 20,
                block_time=one.record_time,
                root="0x" + "11" * 32,
                size=1,
                salt="0x" + "22" * 32,
            )
        )
        rows += [
            EventEpc(
                member=member,
                seal_id=seal_id,
                position=position,
                block_number=number,
                role=thing.role,
                uri=thing.uri,
                item_id=thing.item_id,
                quantity=thing.quantity,
                unit=thing.unit,
            )
            for position, thing in enumerate(one.things)
        ]
    for number, (ref, declaration) in enumerate((declared or {}).items(), 1_000_000):
        block_hash = "0x" + sha256(f"error {number}{ref}".encode()).hexdigest()
        rows.append(log_row(block_hash, number))
        rows.append(
            ErrorDeclared(
                block_hash=block_hash,
                log_index=0,
                block_number=number,
                block_time=BASE // 1000,
                address="0x" + "00" * 20,
                member=int(ref.member),
                seal_id=ref.seal_id,
                declaration=declaration,
                reason="0x" + "00" * 32,
                signer="0x" + "00" * 20,
            )
        )
    with writing(engine) as session:
        session.add_all(rows)


def log_row(block_hash: str, number: int) -> RawLog:
    """The log that a row comes from."""
    values: dict[str, Any] = {}
    for name, info in RawLog.model_fields.items():
        if info.is_required():
            values[name] = "0x" if info.annotation is str else 0 if info.annotation is int else []
    return RawLog(
        **{**values, "block_hash": block_hash, "log_index": 0, "block_number": number, "tx_hash": block_hash}
    )
