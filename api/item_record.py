"""Everything that is known of one item, as one record: for programs as JSON, for people as a page."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlmodel import Session

from api.wire import Answer, Moment, Named
from epcis import digital_link
from epcis.digital_link import DigitalLinkError
from evidence.report import Report, Status
from evidence.signed_fields import things
from indexer import read
from indexer.read import (
    CustomsDecision,
    ItemHistory,
    Licence,
    SensorWindow,
    customs_decisions,
    licence,
    sensor_windows,
)
from indexer.read.items import history_of
from indexer.read.members import Member, members
from indexer.read.trace import Trace

TITLES: Final = {
    Status.VERIFIED: "This record is consistent",
    Status.CONTRADICTED: "Something here contradicts",
    Status.UNCHECKED: "Not everything could be checked",
}
_TEXTS: Final = {
    Status.VERIFIED: "Every link between this record, its documents and the chain was checked just now "
    "and holds.",
    Status.CONTRADICTED: "At least one link between this record, its documents and the chain does not hold. "
    "Do not rely on it before that is explained.",
    Status.UNCHECKED: "At least one link could not be checked just now. What is missing is listed below.",
}


class StatusAnswer(Answer):
    """The verdict on the record; it is never one on the goods."""

    verdict: str
    title: str
    text: str


class LicenceStanding(Answer):
    """The licence an item was issued under, and how it stands now."""

    id: str
    brand: str | None
    licensor: Named
    territories: list[str]
    valid_from: Moment
    valid_until: Moment
    revoked_at: Moment | None
    live: bool


class ProductAnswer(Answer):
    """What the issue says that the item is."""

    gtin: str
    serial: str
    maker: Named
    issue_id: str
    issue_size: int
    issued_at: Moment
    transaction: str
    licence: LicenceStanding | None


class PassportAnswer(Answer):
    """The item's token and who holds it now."""

    owner: str
    holder: Named | None
    materialised_at: Moment


class RecallAnswer(Answer):
    """A stop of the item, or of its whole issue; a seizure was an authority's."""

    by: Named
    seizure: bool
    whole_issue: bool
    evidence: str
    recalled_at: Moment


class CheckAnswer(Answer):
    """One link of the chain of evidence and what became of it."""

    link: str
    status: str
    detail: str
    place: str | None


class ProofAnswer(Answer):
    """Where an event hangs on the chain."""

    kind: str
    signer: str
    block: int
    transaction: str
    recorded_at: Moment
    key_live: bool | None
    """whether the registry had the signer's key live then; null where the key is not known here"""
    effect: str | None


class ErrorAnswer(Answer):
    """A declaration that the event is erroneous."""

    declaration: str
    reason: str | None
    declared_at: Moment


class EventAnswer(Answer):
    """One event of the item's story. `through`: the unit it travelled in, where the event names only that."""

    seal_id: str
    type: str | None
    biz_step: str | None
    disposition: str | None
    event_time: Moment | None
    offset: str | None
    record_time: Moment
    biz_location: str | None
    read_point: str | None
    member: Named
    through: str | None
    state: str
    reason: str | None
    packs: str | None
    """the unit that this event puts the item into or takes it out of"""
    action: str | None
    proofs: list[ProofAnswer]
    errors: list[ErrorAnswer]
    checks: list[CheckAnswer]
    document: dict[str, Any] | None


class CustomsAnswer(Answer):
    """A customs decision on the item or a unit it travelled in (`through`)."""

    report: str
    through: str | None
    country: str
    decision: str
    decided_at: Moment
    recorded_at: Moment
    signed_by: list[Named]
    transaction: str


class SensorAnswer(Answer):
    """What a device measured; values in millionths of `unit` (UN/ECE Rec 20)."""

    report: str
    through: str | None
    measurement: str
    unit: str
    minimum: int
    maximum: int
    mean: int
    count: int
    start: Moment
    end: Moment
    signed_by: list[Named]
    transaction: str


class ItemRecord(Answer):
    """An item: what it is, how its record stands, what happened, what was checked."""

    item: str
    gtin: str
    serial: str
    status: StatusAnswer
    notices: list[str]
    product: ProductAnswer | None
    passport: PassportAnswer | None
    recalls: list[RecallAnswer]
    events: list[EventAnswer]
    units: list[str]
    customs: list[CustomsAnswer]
    sensors: list[SensorAnswer]
    checks: list[CheckAnswer]
    checked_at: Moment


@dataclass(frozen=True, slots=True)
class RecordRows:
    """What the mirror says of an item and of those who told of it."""

    history: ItemHistory
    members: dict[str, Member]
    """by GLN"""
    licence: Licence | None
    customs: list[CustomsDecision]
    sensors: list[SensorWindow]


def record_rows(found: Trace, session: Session) -> RecordRows:
    """What a record tells beside the rows that were verified."""
    everybody = members(session)
    history = history_of(session, found, everybody)
    subjects = list(_subjects(history))
    return RecordRows(
        history=history,
        members={one.gln: one for one in everybody},
        licence=licence(session, history.issues[0].licence) if history.issues else None,
        customs=customs_decisions(session, *subjects),
        sensors=sensor_windows(session, *subjects),
    )


def _subjects(history: ItemHistory) -> dict[str, str | None]:
    """Item ids whose reports concern the item, each with the unit that it stands for."""
    found: dict[str, str | None] = {history.item_id: None}
    for uri in history.units:
        try:
            found.setdefault("0x" + digital_link.item_id(uri).hex(), uri)
        except DigitalLinkError:
            continue
    return found


def item_record(rows: RecordRows, gtin: str, serial: str, report: Report) -> ItemRecord:
    """The record of an item with what a verification of it found just now."""
    return _Recorder(rows, report).record(gtin, serial)


class _Recorder:
    def __init__(self, rows: RecordRows, report: Report) -> None:
        self._rows = rows
        self._report = report
        self._members = rows.members
        self._keys = {key.address: key for one in self._members.values() for key in one.keys}

    def record(self, gtin: str, serial: str) -> ItemRecord:
        history = self._rows.history
        subjects = _subjects(history)
        verdict = self._report.verdict
        return ItemRecord(
            item=history.uri,
            gtin=gtin,
            serial=serial,
            status=StatusAnswer(verdict=verdict.value, title=TITLES[verdict], text=_TEXTS[verdict]),
            notices=list(self._report.notices),
            product=self._product(history),
            passport=self._passport(history),
            recalls=[
                RecallAnswer(
                    by=self._named(one.by),
                    seizure=one.seizure,
                    whole_issue=one.whole_issue,
                    evidence=one.evidence,
                    recalled_at=one.recalled_at,
                )
                for one in history.recalls
            ],
            events=[self._event(one, history) for one in history.events],
            units=history.units,
            customs=[self._decision(one, subjects[one.subject]) for one in self._rows.customs],
            sensors=[self._window(one, subjects[one.subject]) for one in self._rows.sensors],
            checks=[_check(one) for one in self._report.checks],
            checked_at=datetime.now(UTC),
        )

    def _named(self, gln: str) -> Named:
        known = self._members.get(gln)
        return Named(gln=gln, name=None if known is None else known.name)

    def _product(self, history: ItemHistory) -> ProductAnswer | None:
        if not history.issues:
            return None
        issue = history.issues[0]
        terms = self._rows.licence
        return ProductAnswer(
            gtin=issue.gtin,
            serial=issue.serial,
            maker=self._named(issue.maker),
            issue_id=issue.issue_id,
            issue_size=issue.size,
            issued_at=issue.issued_at,
            transaction=issue.transaction,
            licence=None
            if terms is None
            else LicenceStanding(
                id=terms.id,
                brand=None if terms.mark is None else terms.mark.name,
                licensor=self._named(terms.licensor),
                territories=terms.territories,
                valid_from=terms.valid_from,
                valid_until=terms.valid_until,
                revoked_at=terms.revoked_at,
                live=terms.live_at(datetime.now(UTC)),
            ),
        )

    def _passport(self, history: ItemHistory) -> PassportAnswer | None:
        found = history.passport
        if found is None:
            return None
        return PassportAnswer(
            owner=found.owner,
            holder=None if found.owner_gln is None else self._named(found.owner_gln),
            materialised_at=found.materialised_at,
        )

    def _event(self, event: read.Event, history: ItemHistory) -> EventAnswer:
        named = things(event.body or {})
        own = bytes.fromhex(history.item_id[2:])
        inside = [uri for uri in named.values() if uri in history.units]
        through = None if own in named or not inside else inside[0]
        packing = event.type in ("AggregationEvent", "AssociationEvent") and through is None
        return EventAnswer(
            seal_id=event.seal_id,
            type=event.type,
            biz_step=event.biz_step,
            disposition=event.disposition,
            event_time=event.event_time,
            offset=event.event_time_offset,
            record_time=event.record_time,
            biz_location=event.biz_location,
            read_point=event.read_point,
            member=self._named(event.member),
            through=through,
            state=event.state,
            reason=event.reason,
            packs=inside[0] if packing and inside else None,
            action=event.action,
            proofs=[self._proof(one) for one in event.proofs],
            errors=[ErrorAnswer.model_validate(one) for one in event.errors],
            checks=[_check(one) for one in self._report.checks if one.place == event.seal_id],
            document=event.body,
        )

    def _proof(self, proof: read.Proof) -> ProofAnswer:
        key = self._keys.get(proof.signer)
        return ProofAnswer(
            kind=proof.kind,
            signer=proof.signer,
            block=proof.block_number,
            transaction=proof.transaction,
            recorded_at=proof.recorded_at,
            key_live=None if key is None else key.live_at(proof.recorded_at),
            effect=proof.effect,
        )

    def _decision(self, one: CustomsDecision, unit: str | None) -> CustomsAnswer:
        return CustomsAnswer(
            report=one.report,
            through=unit,
            country=one.country,
            decision=one.decision,
            decided_at=one.decided_at,
            recorded_at=one.recorded_at,
            signed_by=[self._named(gln) for gln in one.members],
            transaction=one.transaction,
        )

    def _window(self, one: SensorWindow, unit: str | None) -> SensorAnswer:
        return SensorAnswer(
            report=one.report,
            through=unit,
            measurement=one.measurement,
            unit=one.unit,
            minimum=one.minimum,
            maximum=one.maximum,
            mean=one.mean,
            count=one.count,
            start=one.start,
            end=one.end,
            signed_by=[self._named(gln) for gln in one.members],
            transaction=one.transaction,
        )


def _check(check: Any) -> CheckAnswer:
    return CheckAnswer(
        link=check.link.value, status=check.status.value, detail=check.detail, place=check.place
    )
