"""The rows of one thing as they stand, in few selects: what a verification holds against chain and vault."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, Table, bindparam, literal, select, tuple_, union_all
from sqlmodel import Session, col

from epcis import digital_link
from indexer.read.mirror_source import MirrorSource
from indexer.read.namings import Key, Values, namings
from indexer.read.route.spells import ALWAYS, PACKING
from indexer.read.route.walk import Limits, walk
from indexer.read.values import ZERO_HASH, chunks
from indexer.tables.chainlog import MirrorState, RawLog
from indexer.tables.content import EventProof, IssuedItem, SealedEvent
from indexer.tables.provenance import Anchored, Attested, Issued, Materialised, Recalled


@dataclass(frozen=True, slots=True)
class TracedProof:
    """A row of event_proof, the transaction of its log, and the row of that log (anchored or attested)."""

    row: Values
    transaction: str | None
    log: Values | None


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """A row of sealed_event, those of event_epc that led to it, and its proofs in chain order."""

    row: Values
    names: list[Values]
    proofs: list[TracedProof]


@dataclass(frozen=True, slots=True)
class TracedIssue:
    """A row of issued_item, that of its issue, and the transaction of its log."""

    item: Values
    log: Values
    transaction: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the mirror holds of an item's token and of what stops it."""

    materialised: str | None
    """the issue that the item's token was minted from"""
    recalls: list[str]
    """issues that the mirror knows a recall in which may concern the item"""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything the mirror holds of one thing. `dangling`: events that some row names and none tells."""

    uri: str
    item_id: str
    units: list[str]
    """uris, innermost first, then by when it came into them"""
    events: list[TracedEvent]
    """its own and those of the units it was in, while it was in them, in chronological order"""
    issues: list[TracedIssue]
    """in chain order: the first counts"""
    standing: Standing
    dangling: list[Key]
    truncated: list[str]
    """what was left out: where there is anything, more is recorded than is here"""

    @property
    def known(self) -> bool:
        """Whether anything at all is recorded of it."""
        standing = self.standing.materialised or self.standing.recalls
        return bool(self.events or self.issues or standing or self.dangling)


def trace(session: Session, identifier: str, limits: Limits | None = None) -> Trace:
    """The rows of what a Digital Link or EPC URN names.

    Units are those of `indexer.read.history`: what was put in by an event that its own member took back does
    not count. Raises DigitalLinkError where it names nothing that has a GS1 key.
    """
    limits = limits or Limits()
    uri = digital_link.canonical(identifier)
    item_id = "0x" + digital_link.item_id(uri).hex()
    source = MirrorSource(session, limits.rows, {item_id: uri})
    found = walk(source, item_id, True, limits, PACKING)
    told = namings(session, {item_id: [ALWAYS], **found.windows}, item_id, limits)
    rows, proofs = _events(session, list(told.about))
    issues = issues_of(session, item_id)

    def since(unit: str) -> tuple[int, int, str]:
        return found.depths[unit], found.windows[unit][0][0], unit

    events = [TracedEvent(row, told.rows[key], proofs[key]) for key, row in rows.items()]
    return Trace(
        uri=uri,
        item_id=item_id,
        units=[source.name(key) for key in sorted(found.windows, key=since)],
        events=sorted(events, key=lambda one: _chronological(one.row)),
        issues=issues,
        standing=standing_of(session, item_id, [one.log["issue_id"] for one in issues]),
        dangling=told.dangling,
        truncated=list(dict.fromkeys([*found.truncated, *source.truncated, *told.truncated])),
    )


def _chronological(row: Values) -> tuple[bool, int, int, int, str]:
    time = row["event_time"]
    return time is None, time or 0, row["block_number"], row["log_index"], row["seal_id"]


def events_of(session: Session, keys: Sequence[Key]) -> list[TracedEvent]:
    """The rows and proofs of these events, by whatever led to them, in that order; those that are gone left
    out."""
    rows, proofs = _events(session, keys)
    return [TracedEvent(rows[key], [], proofs[key]) for key in keys if key in rows]


# -- events, issues, standing ------------------------------------------------------------------------------


def _events(
    session: Session, keys: Sequence[Key]
) -> tuple[dict[Key, Values], defaultdict[Key, list[TracedProof]]]:
    """Rows of these events, and their proofs in chain order."""
    rows: dict[Key, Values] = {}
    found: defaultdict[Key, list[TracedProof]] = defaultdict(list)
    for part in chunks(keys):
        given = {
            "keys": part,
            "members": sorted({key[0] for key in part}),
            "seal_ids": [key[1] for key in part],
        }
        for row in session.connection().execute(_EVENTS, given):
            parts = _split(row, _EVENT_COLUMNS, _PROOF_COLUMNS, _ANCHORED_COLUMNS, _ATTESTED_COLUMNS)
            event, proof, anchored, attested = parts
            key = event["member"], event["seal_id"]
            rows.setdefault(key, event)
            if proof["kind"] is not None:
                log = anchored if proof["kind"] == "batch" else attested
                found[key].append(TracedProof(proof, row[-1], log if log["block_hash"] is not None else None))
    for proofs in found.values():
        proofs.sort(key=lambda one: (one.row["block_number"], one.row["log_index"], one.row["position"]))
    return rows, found


def _split(row: Sequence[Any], *columns: Sequence[str]) -> list[Values]:
    """Rows of several tables that stand side by side."""
    found: list[Values] = []
    start = 0
    for names in columns:
        found.append(dict(zip(names, row[start : start + len(names)], strict=True)))
        start += len(names)
    return found


def issues_of(session: Session, item_id: str) -> list[TracedIssue]:
    """Issues that list an item, in chain order."""
    found = []
    for row in session.connection().execute(_ISSUES, {"item_id": item_id}):
        item, log = _split(row, _ITEM_COLUMNS, _ISSUED_COLUMNS)
        found.append(TracedIssue(item, log, row[-1]))
    return found


def standing_of(session: Session, item_id: str, issues: Sequence[str]) -> Standing:
    """What the mirror holds of the item's token and of what stops it; `issues` are those that list it."""
    given = {"token": int(item_id, 16), "item_id": item_id, "issues": list(issues)}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind, text in session.connection().execute(_STANDING, given):
        found[kind].append(text)
    return Standing(next(iter(found["materialised"]), None), sorted(found["recalled"]))


def mirrored_block(session: Session) -> int:
    """The last block that the mirror holds, -1 for none."""
    found = session.scalar(select(col(MirrorState.head_number)))
    return -1 if found is None else int(found)


# -- statements, made once ---------------------------------------------------------------------------------


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


_EVENT, _PROOF = _table(SealedEvent), _table(EventProof)
_ANCHOR, _ATTEST, _ISSUE, _ITEM = _table(Anchored), _table(Attested), _table(Issued), _table(IssuedItem)
_LOG, _MINT, _RECALL = _table(RawLog), _table(Materialised), _table(Recalled)
_EVENT_COLUMNS, _PROOF_COLUMNS = _names(_EVENT), _names(_PROOF)
_ANCHORED_COLUMNS, _ATTESTED_COLUMNS = _names(_ANCHOR), _names(_ATTEST)
_ITEM_COLUMNS, _ISSUED_COLUMNS = _names(_ITEM), _names(_ISSUE)


def _of_log(table: Table, other: Table) -> Any:
    return (table.c.block_hash == other.c.block_hash) & (table.c.log_index == other.c.log_index)


def _labelled(prefix: str, table: Table) -> list[Any]:
    return [column.label(f"{prefix}_{column.name}") for column in table.columns]


def _telling() -> Select[Any]:
    proving = (_PROOF.c.member == _EVENT.c.member) & (_PROOF.c.seal_id == _EVENT.c.seal_id)
    joined = (
        _EVENT.outerjoin(_PROOF, proving)
        .outerjoin(_LOG, _of_log(_PROOF, _LOG))
        .outerjoin(_ANCHOR, _of_log(_PROOF, _ANCHOR))
        .outerjoin(_ATTEST, _of_log(_PROOF, _ATTEST))
    )
    return (
        select(
            *_labelled("e", _EVENT),
            *_labelled("p", _PROOF),
            *_labelled("a", _ANCHOR),
            *_labelled("t", _ATTEST),
            _LOG.c.tx_hash,
        )
        .select_from(joined)
        # as `indexer.read.pairs.among`: SQLite looks up no pairs in an index
        .where(
            _EVENT.c.member.in_(bindparam("members", expanding=True)),
            _EVENT.c.seal_id.in_(bindparam("seal_ids", expanding=True)),
            tuple_(_EVENT.c.member, _EVENT.c.seal_id).in_(bindparam("keys", expanding=True)),
        )
    )


def _issuing() -> Select[Any]:
    joined = _ITEM.join(_ISSUE, _of_log(_ITEM, _ISSUE)).outerjoin(_LOG, _of_log(_ITEM, _LOG))
    return (
        select(*_labelled("i", _ITEM), *_labelled("l", _ISSUE), _LOG.c.tx_hash)
        .select_from(joined)
        .where(_ITEM.c.item_id == bindparam("item_id"))
        .order_by(_ISSUE.c.block_number, _ISSUE.c.log_index, _ITEM.c.position)
    )


_EVENTS: Final = _telling()
_ISSUES: Final = _issuing()
_STANDING: Final[Any] = union_all(
    select(literal("materialised").label("kind"), col(Materialised.issue_id).label("found")).where(
        col(Materialised.token_id) == bindparam("token", type_=_MINT.c.token_id.type)
    ),
    select(literal("recalled"), col(Recalled.issue_id)).where(
        (_RECALL.c.item == bindparam("item_id"))
        | (_RECALL.c.issue_id.in_(bindparam("issues", expanding=True)) & (_RECALL.c.item == ZERO_HASH))
    ),
)
