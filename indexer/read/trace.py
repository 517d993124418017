"""The rows of one thing as they stand, in few selects: what a verification holds against chain and vault."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Select,
    String,
    Table,
    bindparam,
    cast,
    literal,
    null,
    select,
    tuple_,
    union_all,
)
from sqlmodel import Session, col

from epcis import digital_link
from indexer.read.values import ZERO_HASH, chunks
from indexer.tables.chainlog import MirrorState, RawLog
from indexer.tables.content import EventEpc, EventProof, IssuedItem, SealedEvent
from indexer.tables.provenance import Anchored, Attested, Issued, Materialised, Recalled

_DEPTH: Final = 5
_REMOVED: Final = "DELETE"
_FOREVER: Final = 1 << 62
Values = Mapping[str, Any]
"""a row by column"""
Key = tuple[int, str]
"""member and sealId"""
Spell = tuple[str, int, int]
"""item id of a unit, and from when until when (Unix milliseconds) its events count"""


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
class Trace:
    """Everything the mirror holds of one thing. `dangling`: events that some row names and none tells."""

    uri: str
    item_id: str
    units: list[str]
    events: list[TracedEvent]
    issues: list[TracedIssue]
    """in chain order: the first counts"""
    materialised: str | None
    """the issue that the item's token was minted from"""
    recalls: list[str]
    """issues that the mirror knows a recall in which may concern the item"""
    head: int
    """the last block that the mirror holds, -1 for none"""
    dangling: list[Key]

    @property
    def known(self) -> bool:
        """Whether anything at all is recorded of it."""
        return bool(self.events or self.issues or self.materialised or self.recalls or self.dangling)


def trace(session: Session, identifier: str) -> Trace:
    """The rows of what a Digital Link or EPC URN names, in chronological order.

    Raises DigitalLinkError where it is neither.
    """
    uri = digital_link.canonical(identifier)
    item_id = "0x" + digital_link.item_id(uri).hex()
    found = travels(session, item_id)
    issues = _issues(session, item_id)
    materialised, recalls, head = _standing(session, item_id, [one.log["issue_id"] for one in issues])
    proofs = _proofs(session, list(found.events))
    return Trace(
        uri=uri,
        item_id=item_id,
        units=found.units,
        events=[TracedEvent(row, found.names[key], proofs[key]) for key, row in found.events.items()],
        issues=issues,
        materialised=materialised,
        recalls=recalls,
        head=head,
        dangling=found.dangling,
    )


# -- events of the thing and of the units it travelled in --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Travels:
    """Events of a thing and its units, in chronological order, with the rows that name them."""

    units: list[str]
    events: dict[Key, Values]
    names: defaultdict[Key, list[Values]]
    dangling: list[Key]


@dataclass(frozen=True, slots=True)
class _Naming:
    """That an event names a thing in a role; `row` None where the event itself is not there."""

    thing: str
    role: str
    key: Key
    name: Values
    row: Values | None
    unit: tuple[str, str] | None
    """link and item id of what the event puts the thing into or takes it out of"""


def travels(session: Session, item_id: str) -> Travels:
    """The thing for ever, and every unit it was in for as long as it was in it, units of units included."""
    asked = session.connection()
    named: dict[str, list[_Naming]] = {}
    spells: dict[Spell, None] = {(item_id, -_FOREVER, _FOREVER): None}
    units: dict[str, None] = {}
    level = list(spells)
    for depth in range(_DEPTH + 1):
        _name(asked, named, [thing for thing, _, _ in level])
        if depth == _DEPTH:
            break
        inside = (one.unit for thing, _, _ in level for one in named[thing])
        _name(asked, named, [unit[1] for unit in inside if unit is not None])
        above: dict[Spell, None] = {}
        for child, start, end in level:
            for uri, unit, since, until in _units_of(named, child):
                spell = unit, max(start, since), min(end, until)
                if spell[1] < spell[2] and spell not in spells:
                    above[spell] = None
                    units[uri] = None
        if not above:
            break
        spells |= above
        level = list(above)
    events: dict[Key, Values] = {}
    names: defaultdict[Key, list[Values]] = defaultdict(list)
    dangling: dict[Key, None] = {}
    for thing, start, end in spells:
        for one in named[thing]:
            if one.row is None:
                dangling[one.key] = None
                continue
            time = one.row["event_time"]
            if start <= time < end if time is not None else thing == item_id:
                events[one.key] = one.row
                if one.role != _SUBJECT and one.name not in names[one.key]:
                    names[one.key].append(one.name)
    ordered = sorted(events.items(), key=lambda pair: _chronological(pair[1]))
    return Travels(list(units), dict(ordered), names, list(dangling))


def _chronological(row: Values) -> tuple[int, int, int, str]:
    time = _FOREVER if row["event_time"] is None else row["event_time"]
    return time, row["block_number"], row["log_index"], row["seal_id"]


def _name(asked: Connection, named: dict[str, list[_Naming]], things: Iterable[str]) -> None:
    """Add the events that name these things."""
    new = [thing for thing in dict.fromkeys(things) if thing not in named]
    for part in chunks(new):
        named.update({thing: [] for thing in part})
        for row in asked.execute(_NAMING, {"things": part}):
            name = dict(zip(_NAME_COLUMNS, row, strict=False))
            event = dict(zip(_EVENT_COLUMNS, row[len(_NAME_COLUMNS) :], strict=False))
            named[name["item_id"]].append(
                _Naming(
                    thing=name["item_id"],
                    role=name["role"],
                    key=(name["member"], name["seal_id"]),
                    name=name,
                    row=event if event["seal_id"] is not None else None,
                    # TransformationEvents have no childEPCs, AssociationEvents and AggregationEvents do
                    unit=(row[-2], row[-1]) if row[-1] is not None and name["role"] == _CHILD else None,
                )
            )


def _units_of(named: Mapping[str, list[_Naming]], child: str) -> list[tuple[str, str, int, int]]:
    """Units a thing was put into: link, item id, and the time between ADD and DELETE."""
    entries: list[tuple[int, bool, str, str]] = []
    units: dict[str, str] = {}
    for one in named[child]:
        unit, row = one.unit, one.row
        if unit is None or row is None or row["event_time"] is None:
            continue
        entries.append((row["event_time"], row["action"] == _REMOVED, *unit))
        units[unit[1]] = unit[0]
    for unit_id, uri in units.items():
        for one in named[unit_id]:
            row = one.row
            if one.role != _PARENT or row is None or row["action"] != _REMOVED:
                continue
            # a DELETE without children takes all of them out (EPCIS 2.0, section 7.4.2)
            body = row["body"] if isinstance(row["body"], dict) else {}
            emptied = not body.get("childEPCs") and not body.get("childQuantityList")
            if row["event_time"] is not None and emptied:
                entries.append((row["event_time"], True, uri, unit_id))
    spells: list[tuple[str, str, int, int]] = []
    by_unit: defaultdict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    for time, removed, uri, unit_id in sorted(entries):
        by_unit[uri, unit_id].append((time, removed))
    for (uri, unit_id), changes in by_unit.items():
        since: int | None = None
        for time, removed in changes:
            if removed and since is not None:
                spells.append((uri, unit_id, since, time + 1))
                since = None
            elif not removed and since is None:
                since = time
        if since is not None:
            spells.append((uri, unit_id, since, _FOREVER))
    return sorted(spells, key=lambda spell: (spell[2], spell[0]))


# -- proofs, issues, standing ------------------------------------------------------------------------------


def _proofs(session: Session, keys: Sequence[Key]) -> defaultdict[Key, list[TracedProof]]:
    found: defaultdict[Key, list[TracedProof]] = defaultdict(list)
    for part in chunks(keys):
        for row in session.connection().execute(
            _PROOFS, {"keys": part, "seal_ids": [key[1] for key in part]}
        ):
            proof = dict(zip(_PROOF_COLUMNS, row, strict=False))
            place = len(_PROOF_COLUMNS)
            anchored = dict(zip(_ANCHORED_COLUMNS, row[place + 1 :], strict=False))
            attested = dict(zip(_ATTESTED_COLUMNS, row[place + 1 + len(_ANCHORED_COLUMNS) :], strict=True))
            log = anchored if proof["kind"] == "batch" else attested
            found[proof["member"], proof["seal_id"]].append(
                TracedProof(proof, row[place], log if log["block_hash"] is not None else None)
            )
    for proofs in found.values():
        proofs.sort(key=lambda one: (one.row["block_number"], one.row["log_index"], one.row["position"]))
    return found


def _issues(session: Session, item_id: str) -> list[TracedIssue]:
    found = []
    for row in session.connection().execute(_ISSUES, {"item_id": item_id}):
        item = dict(zip(_ITEM_COLUMNS, row, strict=False))
        log = dict(zip(_ISSUED_COLUMNS, row[len(_ITEM_COLUMNS) :], strict=False))
        found.append(TracedIssue(item, log, row[-1]))
    return found


def _standing(session: Session, item_id: str, issues: Sequence[str]) -> tuple[str | None, list[str], int]:
    """The issue of the item's token, issues with a recall that may concern it, the mirror's last block."""
    given = {"token": int(item_id, 16), "item_id": item_id, "issues": list(issues)}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind, text in session.connection().execute(_STANDING, given):
        found[kind].append(text)
    heads = [int(text) for text in found["head"]]
    return next(iter(found["materialised"]), None), found["recalled"], max(heads, default=-1)


# -- statements, made once ---------------------------------------------------------------------------------

_SUBJECT: Final = "subject"
"""role of what an attestation was signed about, where no document names it"""
_CHILD: Final = "childEPCs"
_PARENT: Final = "parentID"


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


_EVENT, _EPC, _PROOF = _table(SealedEvent), _table(EventEpc), _table(EventProof)
_ANCHOR, _ATTEST, _ISSUE, _ITEM = _table(Anchored), _table(Attested), _table(Issued), _table(IssuedItem)
_LOG, _MINT, _RECALL = _table(RawLog), _table(Materialised), _table(Recalled)
_EVENT_COLUMNS, _NAME_COLUMNS, _PROOF_COLUMNS = _names(_EVENT), _names(_EPC), _names(_PROOF)
_ANCHORED_COLUMNS, _ATTESTED_COLUMNS = _names(_ANCHOR), _names(_ATTEST)
_ITEM_COLUMNS, _ISSUED_COLUMNS = _names(_ITEM), _names(_ISSUE)


def _of_log(table: Table, other: Table) -> Any:
    return (table.c.block_hash == other.c.block_hash) & (table.c.log_index == other.c.log_index)


def _labelled(prefix: str, table: Table) -> list[Any]:
    return [column.label(f"{prefix}_{column.name}") for column in table.columns]


def _naming() -> Any:
    things: Any = bindparam("things", expanding=True)
    unit = _EPC.alias("unit")
    of_unit = (unit.c.member == _EPC.c.member) & (unit.c.seal_id == _EPC.c.seal_id)
    told = (_EPC.c.member == _EVENT.c.member) & (_EPC.c.seal_id == _EVENT.c.seal_id)
    named = select(
        *_labelled("x", _EPC),
        *_labelled("e", _EVENT),
        unit.c.uri.label("unit_uri"),
        unit.c.item_id.label("unit_id"),
    ).select_from(
        _EPC.outerjoin(_EVENT, told).outerjoin(
            unit, of_unit & (unit.c.role == _PARENT) & (_EPC.c.role == _CHILD)
        )
    )
    attested = {
        "member": _ATTEST.c.member,
        "seal_id": _ATTEST.c.seal_id,
        "role": literal(_SUBJECT),
        "uri": literal(""),
        "item_id": _ATTEST.c.subject,
        "position": literal(-1),
        "block_number": _ATTEST.c.block_number,
    }
    subjects = select(
        *(attested.get(name, null()).label(f"x_{name}") for name in _NAME_COLUMNS),
        *_labelled("e", _EVENT),
        null().label("unit_uri"),
        null().label("unit_id"),
    ).select_from(
        _ATTEST.outerjoin(
            _EVENT, (_ATTEST.c.member == _EVENT.c.member) & (_ATTEST.c.seal_id == _EVENT.c.seal_id)
        )
    )
    return union_all(named.where(_EPC.c.item_id.in_(things)), subjects.where(_ATTEST.c.subject.in_(things)))


def _proving() -> Select[Any]:
    joined = (
        _PROOF.outerjoin(_LOG, _of_log(_PROOF, _LOG))
        .outerjoin(_ANCHOR, _of_log(_PROOF, _ANCHOR))
        .outerjoin(_ATTEST, _of_log(_PROOF, _ATTEST))
    )
    return (
        select(*_labelled("p", _PROOF), _LOG.c.tx_hash, *_labelled("a", _ANCHOR), *_labelled("t", _ATTEST))
        .select_from(joined)
        # the seal ids by themselves, since SQLite looks up no pairs in an index
        .where(
            _PROOF.c.seal_id.in_(bindparam("seal_ids", expanding=True)),
            tuple_(_PROOF.c.member, _PROOF.c.seal_id).in_(bindparam("keys", expanding=True)),
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


_NAMING: Final = _naming()
_PROOFS: Final = _proving()
_ISSUES: Final = _issuing()
_STANDING: Final[Any] = union_all(
    select(literal("materialised").label("kind"), col(Materialised.issue_id).label("found")).where(
        col(Materialised.token_id) == bindparam("token", type_=_MINT.c.token_id.type)
    ),
    select(literal("recalled"), col(Recalled.issue_id)).where(
        (_RECALL.c.item == bindparam("item_id"))
        | (_RECALL.c.issue_id.in_(bindparam("issues", expanding=True)) & (_RECALL.c.item == ZERO_HASH))
    ),
    select(literal("head"), cast(col(MirrorState.head_number), String)),
)
