"""The history of one thing: its events, those of the units it travelled in, its passport, its recalls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import Session, col

from epcis import digital_link, tree
from epcis.tree import TreeError
from indexer.read.events import Event, told
from indexer.read.members import Member, members
from indexer.read.tiles import proven_path
from indexer.read.trace import Trace, TracedIssue, issues_of, standing_of, trace
from indexer.read.values import ZERO_HASH, chunks, digest, gln, gtin, in_order, latest, seconds
from indexer.tables.provenance import Issued, Materialised, PassportTransfer, Recalled


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
    return history_of(session, trace(session, identifier), members(session))


def history_of(session: Session, found: Trace, everybody: Sequence[Member]) -> ItemHistory:
    """The history that these rows tell, with what else the mirror says of them; `everybody`: all members."""
    issues = [_issuance(one, first=number == 0) for number, one in enumerate(found.issues)]
    passport = _passport(session, found.item_id, everybody)
    events = told(session, found.events)
    stops = _recalls(session, found, passport)
    by_gln = {one.gln: one for one in everybody}
    named = [one.member for one in events] + [one.maker for one in issues] + [one.by for one in stops]
    return ItemHistory(
        uri=found.uri,
        item_id=found.item_id,
        events=events,
        units=found.units,
        issues=issues,
        passport=passport,
        recalls=stops,
        members={name: by_gln[name] for name in dict.fromkeys(named) if name in by_gln},
    )


@dataclass(frozen=True, slots=True)
class IssuePlace:
    """An item's place in the issue that counts; `path` is why there is none where the tiles give none."""

    issuance: Issuance
    path: list[str] | TreeError
    materialised: bool


def issue_place(session: Session, identifier: str) -> IssuePlace | None:
    """The item's place in its issue, as Materialise takes it; None where it was never issued.

    Raises DigitalLinkError where `identifier` is neither an EPC URN nor a Digital Link.
    """
    item_id = "0x" + digital_link.item_id(digital_link.canonical(identifier)).hex()
    issues = issues_of(session, item_id)
    if not issues:
        return None
    first = issues[0]
    standing = standing_of(session, item_id, [])
    path: list[str] | TreeError
    try:
        path = _path_of(session, first)
    except TreeError as error:
        path = error
    return IssuePlace(_issuance(first, first=True), path, standing.materialised is not None)


def _path_of(session: Session, found: TracedIssue) -> list[str]:
    item, issue = found.item, found.log
    place = issue["block_hash"], issue["log_index"]
    leaf = tree.item_leaf(item["serial"])
    path = proven_path(session, *place, leaf, item["position"], issue["size"], issue["root"])
    return ["0x" + node.hex() for node in path]


def _issuance(found: TracedIssue, first: bool) -> Issuance:
    item, issue = found.item, found.log
    return Issuance(
        issue_id=issue["issue_id"],
        maker=gln(issue["maker"]),
        gtin=gtin(issue["gtin"]),
        licence=issue["licence"],
        root=issue["root"],
        size=issue["size"],
        index=item["position"],
        serial=item["serial"],
        signer=issue["signer"],
        issued_at=seconds(issue["block_time"]),
        transaction=found.transaction or "",
        first=first,
    )


def _passport(session: Session, item_id: str, everybody: Sequence[Member]) -> Passport | None:
    token = int(item_id, 16)
    made = latest(session, Materialised, col(Materialised.token_id) == token)
    if made is None:
        return None
    moved = latest(session, PassportTransfer, col(PassportTransfer.token_id) == token)
    owner = moved.to if moved else made.to
    holder = next((one.gln for one in everybody if one.account == owner), None)
    return Passport(
        token_id=token,
        issue_id=made.issue_id,
        index=made.index,
        serial=made.serial,
        owner=owner,
        owner_gln=holder,
        materialised_at=seconds(made.block_time),
    )


def _recalls(session: Session, found: Trace, passport: Passport | None) -> list[Recall]:
    """What stops an item, as the passport contract decides.

    A seizure stops it whoever issued it; a recall stops it in every issue of its maker, or the whole issue.
    """
    listed = [one.log["issue_id"] for one in found.issues]
    own = list(dict.fromkeys([*listed, *([] if passport is None else [passport.issue_id])]))
    if not found.standing.recalls and len(own) == len(listed):
        return []
    concerned = col(Recalled.item) == found.item_id
    stops = in_order(
        session, Recalled, or_(concerned, col(Recalled.issue_id).in_(own) & (col(Recalled.item) == ZERO_HASH))
    )
    makers = {
        row.issue_id: (row.maker, row.gtin)
        for part in chunks(list(dict.fromkeys([*own, *(row.issue_id for row in stops)])))
        for row in session.scalars(select(Issued).where(col(Issued.issue_id).in_(part)))
    }
    mine = {makers[issue] for issue in own if issue in makers}
    rows = [row for row in stops if row.item == ZERO_HASH or row.seizure or makers.get(row.issue_id) in mine]
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
