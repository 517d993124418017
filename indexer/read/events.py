"""Sealed events with their proofs and errors: one by one, or by the simple parameters of an EPCIS query."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final, Literal

from sqlalchemy import Select, and_, exists, or_, select
from sqlmodel import Session, col

from chain.bindings import types
from epcis import digital_link
from indexer.document import item_key, vocabulary_iri
from indexer.read.namings import Key
from indexer.read.pairs import among
from indexer.read.trace import TracedEvent
from indexer.read.transactions import transactions
from indexer.read.values import chunks, gln, millis, seconds, unix_millis
from indexer.tables.content import PRESENT, EventEpc, EventProof, SealedEvent
from indexer.tables.provenance import Attested, EffectApplied, EffectFailed, ErrorDeclared

_MAX_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Proof:
    """Why an event counts as its member's: a leaf of an anchored batch, or an attestation of its own."""

    kind: str
    """batch or attestation"""
    signer: str
    recorded_at: datetime
    block_number: int
    block_hash: str
    log_index: int
    transaction: str
    event_hash: str
    cid: str
    root: str | None
    size: int | None
    index: int
    salt: str | None
    effect: str | None
    """of an attestation: applied, failed, or None where it names no consumer or nothing came of it"""


@dataclass(frozen=True, slots=True)
class ErrorNote:
    """Somebody declared the event erroneous; it stays, with this note."""

    declaration: str
    """sealId of the declaring event"""
    reason: str | None
    """CBV error reason IRI of the document, or its SHA-256 from the chain; None where none is given"""
    declared_at: datetime
    source: Literal["chain", "document"]


@dataclass(frozen=True, slots=True)
class Event:
    """One member's event. Where `state` is not present, what the document would say is None."""

    member: str
    seal_id: str
    event_hash: str
    cid: str
    state: str
    """pending, present, missing, corrupt or contradicts"""
    reason: str | None
    record_time: datetime
    """block time of its first proof"""
    type: str | None
    event_time: datetime | None
    event_time_offset: str | None
    event_id: str | None
    action: str | None
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    declares_error: bool
    error_reason: str | None
    body: dict[str, Any] | None
    """the sealed document with its effective @context"""
    proofs: list[Proof]
    errors: list[ErrorNote]


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Simple parameters of EPCIS 2.0, section 8.2.7.1: all that are given must be met, by one value each.

    Vocabulary values may be CBV short names or IRIs, identifiers EPC URNs or Digital Links.
    """

    event_type: Sequence[str] = ()
    ge_event_time: datetime | None = None
    lt_event_time: datetime | None = None
    ge_record_time: datetime | None = None
    lt_record_time: datetime | None = None
    eq_action: Sequence[str] = ()
    eq_biz_step: Sequence[str] = ()
    eq_disposition: Sequence[str] = ()
    eq_read_point: Sequence[str] = ()
    eq_biz_location: Sequence[str] = ()
    eq_event_id: Sequence[str] = ()
    eq_error_reason: Sequence[str] = ()
    exists_error_declaration: bool | None = None
    match_epc: Sequence[str] = ()
    """epcList or childEPCs"""
    match_parent_id: Sequence[str] = ()
    match_input_epc: Sequence[str] = ()
    match_output_epc: Sequence[str] = ()
    match_any_epc: Sequence[str] = ()
    match_epc_class: Sequence[str] = ()
    match_any_epc_class: Sequence[str] = ()
    member: Sequence[str] = ()
    """GLNs of the members who attested"""
    order_by: Literal["eventTime", "recordTime"] = "eventTime"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in the order asked for; `next` asks for those behind them, None at the end."""

    events: list[Event]
    next: str | None


_ROLES: Final[dict[str, tuple[str, ...]]] = {
    "match_epc": ("epcList", "childEPCs"),
    "match_parent_id": ("parentID",),
    "match_input_epc": ("inputEPCList",),
    "match_output_epc": ("outputEPCList",),
    "match_any_epc": ("epcList", "childEPCs", "parentID", "inputEPCList", "outputEPCList"),
    "match_epc_class": ("quantityList", "childQuantityList"),
    "match_any_epc_class": (
        "quantityList",
        "childQuantityList",
        "inputQuantityList",
        "outputQuantityList",
    ),
}


def event(session: Session, member: str | int, seal_id: str) -> Event | None:
    """One event by its identity on the chain; `seal_id` in lower-case hexadecimal."""
    row = session.get(SealedEvent, (int(member), seal_id))
    return None if row is None else hydrate(session, [row])[0]


def events_by_hash(session: Session, event_hash: str) -> list[Event]:
    """Events with that CBV hash: a search key, not an identity."""
    query = select(SealedEvent).where(col(SealedEvent.event_hash) == event_hash)
    return hydrate(session, list(session.scalars(query.order_by(col(SealedEvent.record_time)))))


def events(session: Session, query: EventQuery, limit: int = 30, after: str | None = None) -> Page:
    """Events whose documents are present, newest first by default; `limit` is at most 1,000.

    `after`: what the page before gave as `next`; ValueError where it is no such text. Pages do not repeat
    or skip what was there when the first one was asked for.
    """
    limit = max(1, min(limit, _MAX_PAGE))
    time = col(SealedEvent.event_time if query.order_by == "eventTime" else SealedEvent.record_time)
    keys = (time, col(SealedEvent.seal_id), col(SealedEvent.member))
    statement = _where(select(SealedEvent).where(col(SealedEvent.state) == PRESENT, time.is_not(None)), query)
    if after is not None:
        statement = statement.where(_behind(keys, _cursor(after), query.descending))
    ordered = [key.desc() if query.descending else key.asc() for key in keys]
    rows = list(session.scalars(statement.order_by(*ordered).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    following = None
    if more:
        last = rows[-1]
        at = last.event_time if query.order_by == "eventTime" else last.record_time
        following = f"{at}_{last.seal_id}_{last.member}"
    return Page(hydrate(session, rows), following)


def attestation(session: Session, member: str | int, seal_id: str) -> types.Attestation | None:
    """The fields a member signed when it attested an event by itself; None where it did not."""
    query = select(Attested).where(col(Attested.member) == int(member), col(Attested.seal_id) == seal_id)
    row = session.scalars(query).first()
    return None if row is None else struct(types.Attestation, row)


def struct(kind: Any, row: Any, **given: Any) -> Any:
    """A contract's struct out of a row that it was laid flat into; `given` are members of another form."""
    values = {}
    for member in fields(kind):
        value = given[member.name] if member.name in given else getattr(row, member.name)
        is_bytes = member.type in (bytes, "bytes") and isinstance(value, str)
        values[member.name] = bytes.fromhex(value[2:]) if is_bytes else value
    return kind(**values)


def hydrate(session: Session, rows: Sequence[Any]) -> list[Event]:
    """Rows of sealed_event (anything with its columns) as records, with proofs and errors, in that order."""
    proofs = _proofs(session, [(row.member, row.seal_id) for row in rows])
    return _records(session, rows, proofs)


def told(session: Session, found: Sequence[TracedEvent]) -> list[Event]:
    """As `hydrate`, of events whose rows and proofs were read already."""
    proofs = {
        (one.row["member"], one.row["seal_id"]): [
            (SimpleNamespace(**proof.row), proof.transaction or "") for proof in one.proofs
        ]
        for one in found
    }
    return _records(session, [SimpleNamespace(**one.row) for one in found], proofs)


def _records(
    session: Session, rows: Sequence[Any], proofs: Mapping[Key, Sequence[tuple[Any, str]]]
) -> list[Event]:
    attested = [
        key for key, found in proofs.items() if any(proof.kind == "attestation" for proof, _ in found)
    ]
    effects = _effects(session, attested)
    errors = _errors(session, rows)
    return [
        Event(
            member=gln(row.member),
            seal_id=row.seal_id,
            event_hash=row.event_hash,
            cid=row.cid,
            state=row.state,
            reason=row.reason,
            record_time=seconds(row.record_time),
            type=row.type,
            event_time=None if row.event_time is None else millis(row.event_time),
            event_time_offset=row.event_time_offset,
            event_id=row.event_id,
            action=row.action,
            biz_step=row.biz_step,
            disposition=row.disposition,
            read_point=row.read_point,
            biz_location=row.biz_location,
            declares_error=row.declares_error,
            error_reason=row.error_reason,
            body=row.body,
            proofs=[
                _proof(proof, transaction, effects.get((row.member, row.seal_id)))
                for proof, transaction in proofs.get((row.member, row.seal_id), ())
            ],
            errors=errors[row.member, row.seal_id],
        )
        for row in rows
    ]


def _proofs(session: Session, keys: Sequence[Key]) -> Mapping[Key, list[tuple[EventProof, str]]]:
    rows: list[EventProof] = []
    for part in chunks(keys):
        rows += session.scalars(select(EventProof).where(among(EventProof, "member", "seal_id", part)))
    sent = transactions(session, [(row.block_hash, row.log_index) for row in rows])
    found: defaultdict[Key, list[tuple[EventProof, str]]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: (one.block_number, one.log_index, one.position)):
        found[row.member, row.seal_id].append((row, sent[row.block_hash, row.log_index]))
    return found


def _effects(session: Session, keys: Sequence[Key]) -> dict[Key, str]:
    """What came of attestations that name a consumer: applied, else failed."""
    found: dict[Key, str] = {}
    for part in chunks(keys):
        for table, text in ((EffectFailed, "failed"), (EffectApplied, "applied")):
            query = select(col(table.member), col(table.seal_id)).where(
                among(table, "member", "seal_id", part)
            )
            found |= {(row[0], row[1]): text for row in session.execute(query)}
    return found


def _proof(row: Any, transaction: str, effect: str | None) -> Proof:
    return Proof(
        kind=row.kind,
        signer=row.signer,
        recorded_at=seconds(row.block_time),
        block_number=row.block_number,
        block_hash=row.block_hash,
        log_index=row.log_index,
        transaction=transaction,
        event_hash=row.event_hash,
        cid=row.cid,
        root=row.root,
        size=row.size,
        index=row.position,
        salt=row.salt,
        effect=effect if row.kind == "attestation" else None,
    )


def _errors(session: Session, rows: Sequence[Any]) -> defaultdict[tuple[int, str], list[ErrorNote]]:
    """Errors by the ledger's declaration, and by a document with errorDeclaration and the same event hash."""
    result: defaultdict[tuple[int, str], list[ErrorNote]] = defaultdict(list)
    for part in chunks([(row.member, row.seal_id) for row in rows]):
        query = select(ErrorDeclared).where(among(ErrorDeclared, "member", "seal_id", part))
        for note in session.scalars(
            query.order_by(col(ErrorDeclared.block_number), col(ErrorDeclared.log_index))
        ):
            reason = None if int(note.reason, 16) == 0 else note.reason
            result[note.member, note.seal_id].append(
                ErrorNote(note.declaration, reason, seconds(note.block_time), "chain")
            )
    wrong = defaultdict(list)
    for row in rows:
        if not row.declares_error:
            wrong[row.member, row.event_hash].append(row.seal_id)
    for hashes in chunks(list(wrong)):
        same = among(SealedEvent, "member", "event_hash", hashes)
        others = select(SealedEvent).where(same, col(SealedEvent.declares_error).is_(True))
        for other in session.scalars(others.order_by(col(SealedEvent.record_time), col(SealedEvent.seal_id))):
            for seal_id in wrong[other.member, other.event_hash]:
                notes = result[other.member, seal_id]
                if all(note.declaration != other.seal_id for note in notes):
                    at = seconds(other.record_time)
                    notes.append(ErrorNote(other.seal_id, other.error_reason, at, "document"))
    return result


def _where(statement: Select[Any], query: EventQuery) -> Select[Any]:
    table = SealedEvent
    if query.ge_event_time is not None:
        statement = statement.where(col(table.event_time) >= unix_millis(query.ge_event_time))
    if query.lt_event_time is not None:
        statement = statement.where(col(table.event_time) < unix_millis(query.lt_event_time))
    # record times are whole seconds: before a fraction of one lies that second, too
    if query.ge_record_time is not None:
        statement = statement.where(col(table.record_time) >= -(-unix_millis(query.ge_record_time) // 1000))
    if query.lt_record_time is not None:
        statement = statement.where(col(table.record_time) < -(-unix_millis(query.lt_record_time) // 1000))
    if query.exists_error_declaration is not None:
        statement = statement.where(col(table.declares_error).is_(query.exists_error_declaration))
    wanted: list[tuple[Any, list[str]]] = [
        (table.type, list(query.event_type)),
        (table.action, list(query.eq_action)),
        (table.biz_step, [vocabulary_iri("bizStep", text) or text for text in query.eq_biz_step]),
        (table.disposition, [vocabulary_iri("disposition", text) or text for text in query.eq_disposition]),
        (table.read_point, [digital_link.normalise(text) for text in query.eq_read_point]),
        (table.biz_location, [digital_link.normalise(text) for text in query.eq_biz_location]),
        (table.event_id, list(query.eq_event_id)),
        (
            table.error_reason,
            [vocabulary_iri("reason", text, "errorDeclaration") or text for text in query.eq_error_reason],
        ),
    ]
    for column, values in wanted:
        if values:
            statement = statement.where(col(column).in_(values))
    if query.member:
        statement = statement.where(col(table.member).in_([int(text) for text in query.member]))
    for name, roles in _ROLES.items():
        identifiers = getattr(query, name)
        if identifiers:
            statement = statement.where(_names(roles, identifiers))
    return statement


def _names(roles: Sequence[str], identifiers: Sequence[str]) -> Any:
    """That an event names one of these things in one of these roles."""
    keys = [item_key(identifier) for identifier in identifiers]
    ids = [item_id for _, item_id in keys if item_id is not None]
    plain = [uri for uri, item_id in keys if item_id is None]
    return exists().where(
        col(EventEpc.member) == col(SealedEvent.member),
        col(EventEpc.seal_id) == col(SealedEvent.seal_id),
        col(EventEpc.role).in_(roles),
        or_(col(EventEpc.item_id).in_(ids), col(EventEpc.uri).in_(plain)),
    )


def _cursor(text: str) -> tuple[int, str, int]:
    try:
        time, seal_id, member = text.split("_")
        return int(time), seal_id, int(member)
    except ValueError:
        raise ValueError(f"after: {text!r} is not what a page gave as next") from None


def _behind(keys: Sequence[Any], last: Sequence[Any], descending: bool) -> Any:
    alternatives = []
    for i, key in enumerate(keys):
        same = [keys[j] == last[j] for j in range(i)]
        alternatives.append(and_(*same, key < last[i] if descending else key > last[i]))
    return or_(*alternatives)
