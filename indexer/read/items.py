"""The history of one thing: its events, those of the units it travelled in, its passport, its recalls."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from epcis import digital_link, tree
from indexer.read.events import Event, hydrate
from indexer.read.members import Member, members
from indexer.read.transactions import transactions
from indexer.read.values import ZERO_HASH, chunks, digest, gln, gtin, in_order, latest, seconds
from indexer.tables.content import EventEpc, IssuedItem, SealedEvent
from indexer.tables.provenance import Attested, Issued, Materialised, PassportTransfer, Recalled

_DEPTH: Final = 5
_REMOVED: Final = "DELETE"
_FOREVER: Final = 1 << 62
Spell = tuple[str, int, int]
"""item id of a unit, and from when until when (Unix milliseconds) its events count"""


@dataclass(frozen=True, slots=True)
class Issuance:
    """An issue that holds the item. `first` is the one that counts where several do."""

    issue_id: str
    maker: str
    gtin: str
    licence: str
    root: str
    size: int
    index: int
    serial: str
    signer: str
    issued_at: datetime
    transaction: str
    first: bool


@dataclass(frozen=True, slots=True)
class Passport:
    """The item's token; `owner` is the account that holds it now."""

    token_id: int
    issue_id: str
    index: int
    serial: str
    owner: str
    owner_gln: str | None
    materialised_at: datetime


@dataclass(frozen=True, slots=True)
class Recall:
    """The item, or its whole issue, was stopped by a member; a seizure was an authority's."""

    issue_id: str
    whole_issue: bool
    by: str
    evidence: str
    seizure: bool
    recalled_at: datetime


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """All that is recorded of one thing. `events` are in the order of event time; those without a readable
    document, known by their signed subject only, come last. `units` are the containers it travelled in."""

    uri: str
    item_id: str
    events: list[Event]
    units: list[str]
    issues: list[Issuance]
    passport: Passport | None
    recalls: list[Recall]
    members: dict[str, Member]
    """by GLN: those who attested, made or recalled"""

    @property
    def known(self) -> bool:
        """Whether anything at all is recorded of it."""
        return bool(self.events or self.issues or self.passport or self.recalls)


def item_history(session: Session, identifier: str) -> ItemHistory:
    """History of what a Digital Link or EPC URN names. Raises DigitalLinkError where it is neither."""
    uri = digital_link.canonical(identifier)
    item_id = "0x" + digital_link.item_id(uri).hex()
    spells, units = _travels(session, item_id)
    rows = _events_of(session, spells)
    found = hydrate(session, rows)
    issues = _issues(session, item_id)
    passport = _passport(session, item_id)
    known = [one.issue_id for one in issues] + ([passport.issue_id] if passport else [])
    recalls = _recalls(session, item_id, known)
    by_gln = {one.gln: one for one in members(session)}
    named = [one.member for one in found] + [one.maker for one in issues] + [one.by for one in recalls]
    return ItemHistory(
        uri=uri,
        item_id=item_id,
        events=found,
        units=units,
        issues=issues,
        passport=passport,
        recalls=recalls,
        members={name: by_gln[name] for name in dict.fromkeys(named) if name in by_gln},
    )


def issue_path(session: Session, issuance: Issuance) -> list[str]:
    """Inclusion path of an item's serial in its issue's root (RFC 9162, section 2.1.3.1), lowest first."""
    query = (
        select(col(IssuedItem.serial))
        .join(
            Issued,
            (col(Issued.block_hash) == col(IssuedItem.block_hash))
            & (col(Issued.log_index) == col(IssuedItem.log_index)),
        )
        .where(col(Issued.issue_id) == issuance.issue_id)
        .order_by(col(IssuedItem.position))
    )
    leaves = [tree.item_leaf(serial) for serial in session.scalars(query)]
    return ["0x" + node.hex() for node in tree.proof(leaves, issuance.index)]


def _travels(session: Session, item_id: str) -> tuple[list[Spell], list[str]]:
    """The item for ever, and every unit it was in for as long as it was in it, units of units included."""
    spells: dict[Spell, None] = {(item_id, -_FOREVER, _FOREVER): None}
    units: dict[str, None] = {}
    level = list(spells)
    for _ in range(_DEPTH):
        above: dict[Spell, None] = {}
        for child, start, end in level:
            for uri, parent, since, until in _units_of(session, child):
                spell = parent, max(start, since), min(end, until)
                if spell[1] < spell[2] and spell not in spells:
                    above[spell] = None
                    units[uri] = None
        if not above:
            break
        spells |= above
        level = list(above)
    return list(spells), list(units)


def _units_of(session: Session, child: str) -> list[tuple[str, str, int, int]]:
    """Units a thing was put into: link, item id, and the time between ADD and DELETE."""
    joined = (col(EventEpc.member) == col(SealedEvent.member)) & (
        col(EventEpc.seal_id) == col(SealedEvent.seal_id)
    )
    # TransformationEvents have no childEPCs, AssociationEvents and AggregationEvents do
    packed = (
        select(SealedEvent)
        .join(EventEpc, joined)
        .where(col(EventEpc.item_id) == child, col(EventEpc.role) == "childEPCs")
    )
    entries: list[tuple[int, bool, str, str]] = []
    parents: dict[str, str] = {}
    for row in session.scalars(packed):
        unit = _parent(session, row)
        if unit is not None and row.event_time is not None:
            entries.append((row.event_time, row.action == _REMOVED, *unit))
            parents[unit[1]] = unit[0]
    for parent, uri in parents.items():
        emptied = (
            select(SealedEvent)
            .join(EventEpc, joined)
            .where(
                col(EventEpc.item_id) == parent,
                col(EventEpc.role) == "parentID",
                col(SealedEvent.action) == _REMOVED,
            )
        )
        for row in session.scalars(emptied):
            # a DELETE without children takes all of them out (EPCIS 2.0, section 7.4.2)
            body = row.body if isinstance(row.body, dict) else {}
            if row.event_time is not None and not body.get("childEPCs") and not body.get("childQuantityList"):
                entries.append((row.event_time, True, uri, parent))
    spells: list[tuple[str, str, int, int]] = []
    by_unit: defaultdict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    for time, removed, uri, parent in sorted(entries):
        by_unit[uri, parent].append((time, removed))
    for (uri, parent), changes in by_unit.items():
        since: int | None = None
        for time, removed in changes:
            if removed and since is not None:
                spells.append((uri, parent, since, time + 1))
                since = None
            elif not removed and since is None:
                since = time
        if since is not None:
            spells.append((uri, parent, since, _FOREVER))
    return sorted(spells, key=lambda spell: (spell[2], spell[0]))


def _parent(session: Session, row: SealedEvent) -> tuple[str, str] | None:
    query = select(EventEpc).where(
        col(EventEpc.member) == row.member,
        col(EventEpc.seal_id) == row.seal_id,
        col(EventEpc.role) == "parentID",
    )
    found = session.scalars(query).first()
    return None if found is None or found.item_id is None else (found.uri, found.item_id)


def _events_of(session: Session, spells: list[Spell]) -> list[SealedEvent]:
    found: dict[tuple[int, str], SealedEvent] = {}
    for item_id, start, end in spells:
        named = (
            select(SealedEvent)
            .join(
                EventEpc,
                (col(EventEpc.member) == col(SealedEvent.member))
                & (col(EventEpc.seal_id) == col(SealedEvent.seal_id)),
            )
            .where(col(EventEpc.item_id) == item_id)
        )
        attested = (
            select(SealedEvent)
            .join(
                Attested,
                (col(Attested.member) == col(SealedEvent.member))
                & (col(Attested.seal_id) == col(SealedEvent.seal_id)),
            )
            .where(col(Attested.subject) == item_id)
        )
        for query in (named, attested):
            for row in session.scalars(query):
                if start <= row.event_time < end if row.event_time is not None else item_id == spells[0][0]:
                    found[row.member, row.seal_id] = row
    return sorted(found.values(), key=_chronological)


def _chronological(row: SealedEvent) -> tuple[int, int, int, str]:
    time = _FOREVER if row.event_time is None else row.event_time
    return time, row.block_number, row.log_index, row.seal_id


def _issues(session: Session, item_id: str) -> list[Issuance]:
    query = (
        select(IssuedItem, Issued)
        .join(
            Issued,
            (col(Issued.block_hash) == col(IssuedItem.block_hash))
            & (col(Issued.log_index) == col(IssuedItem.log_index)),
        )
        .where(col(IssuedItem.item_id) == item_id)
        .order_by(col(Issued.block_number), col(Issued.log_index), col(IssuedItem.position))
    )
    pairs = [(row[0], row[1]) for row in session.execute(query)]
    sent = transactions(session, [(issue.block_hash, issue.log_index) for _, issue in pairs])
    return [
        Issuance(
            issue_id=issue.issue_id,
            maker=gln(issue.maker),
            gtin=gtin(issue.gtin),
            licence=issue.licence,
            root=issue.root,
            size=issue.size,
            index=item.position,
            serial=item.serial,
            signer=issue.signer,
            issued_at=seconds(issue.block_time),
            transaction=sent[issue.block_hash, issue.log_index],
            first=position == 0,
        )
        for position, (item, issue) in enumerate(pairs)
    ]


def _passport(session: Session, item_id: str) -> Passport | None:
    token = int(item_id, 16)
    made = latest(session, Materialised, col(Materialised.token_id) == token)
    if made is None:
        return None
    moved = latest(session, PassportTransfer, col(PassportTransfer.token_id) == token)
    owner = moved.to if moved else made.to
    holder = next((one.gln for one in members(session) if one.account == owner), None)
    return Passport(
        token_id=token,
        issue_id=made.issue_id,
        index=made.index,
        serial=made.serial,
        owner=owner,
        owner_gln=holder,
        materialised_at=seconds(made.block_time),
    )


def _recalls(session: Session, item_id: str, issue_ids: list[str]) -> list[Recall]:
    """What stops an item, as the passport contract decides.

    A seizure stops it whoever issued it; a recall stops it in every issue of its maker, or the whole issue.
    """
    makers = {
        (row.maker, row.gtin)
        for part in chunks(list(dict.fromkeys(issue_ids)))
        for row in session.scalars(select(Issued).where(col(Issued.issue_id).in_(part)))
    }
    rows: list[Recalled] = []
    for part in chunks(list(dict.fromkeys(issue_ids))):
        rows += in_order(session, Recalled, col(Recalled.issue_id).in_(part), col(Recalled.item) == ZERO_HASH)
    for row in in_order(session, Recalled, col(Recalled.item) == item_id):
        named = session.scalars(select(Issued).where(col(Issued.issue_id) == row.issue_id)).first()
        if row.seizure or (named is not None and (named.maker, named.gtin) in makers):
            rows.append(row)
    rows.sort(key=lambda row: (row.block_number, row.log_index))
    return [
        Recall(
            issue_id=row.issue_id,
            whole_issue=digest(row.item) is None,
            by=gln(row.by),
            evidence=row.evidence,
            seizure=row.seizure,
            recalled_at=seconds(row.block_time),
        )
        for row in rows
    ]
