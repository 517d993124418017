"""An item's record in the words of its page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Final

from api.item_record import CheckAnswer, CustomsAnswer, EventAnswer, ItemRecord, SensorAnswer
from epcis.digital_link import DigitalLinkError, parse
from epcis.vocabulary import GS1_VOC, MEASUREMENT_TYPES
from evidence.report import Status

_STEPS: Final = {
    "commissioning": "Made and given this serial number",
    "inspecting": "Inspected",
    "packing": "Packed",
    "unpacking": "Unpacked",
    "loading": "Loaded",
    "unloading": "Unloaded",
    "shipping": "Shipped",
    "departing": "Departed",
    "transporting": "In transport",
    "arriving": "Arrived",
    "receiving": "Received",
    "accepting": "Accepted",
    "storing": "Stored",
    "retail_selling": "Sold",
    "decommissioning": "Taken out of use",
    "destroying": "Destroyed",
    "sensor_reporting": "Measured",
}
_UNITS: Final = {"CEL": "°C", "FAH": "°F", "KEL": "K", "P1": "%", "KGM": "kg", "MTR": "m", "A97": "hPa"}
_SHOWN: Final = {
    Status.VERIFIED: "holds",
    Status.CONTRADICTED: "does not hold",
    Status.UNCHECKED: "not checked",
}
_LINKS: Final = {
    "bundle": "The record as a whole",
    "network": "The chain asked is the one named",
    "contracts": "The contracts are the ones named",
    "document": "The event's document is valid and unchanged",
    "subject": "The event is about this item",
    "disclosure": "Disclosed values are those committed to",
    "inclusion": "The event is in its batch",
    "anchor": "The batch was anchored by the organisation",
    "attestation": "The event was attested by the organisation",
    "signed fields": "What was signed is what the document says",
    "transaction": "The transaction named records it",
    "issue": "The item was issued by its maker",
    "serial": "The serial number is in the issue",
    "licence": "The licence it was issued under was looked up",
    "recall": "Recalls were looked up",
    "mirror": "This server's database says what the chain says",
    "vault": "Stored documents are unchanged",
}
_MEASUREMENTS: Final = {
    "0x" + sha256(form.encode()).hexdigest(): name
    for name in MEASUREMENT_TYPES
    for form in (GS1_VOC + name, f"{GS1_VOC}MeasurementType-{name}", f"gs1:{name}", name)
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One kind of check, with how many of it came out how."""

    title: str
    status: str
    word: str
    count: int
    details: list[str]


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the time line. `tone` is good, bad, unsure or plain."""

    title: str
    tone: str
    when: str
    when_local: str | None
    sort: datetime
    where: list[str]
    who: list[tuple[str, str]]
    notes: list[str]
    warnings: list[str]
    anchored: list[str]
    checks: list[CheckLine]
    kind: str = "event"


@dataclass(frozen=True, slots=True)
class ItemView:
    """What the template shows beside the record itself."""

    tone: str
    stopped: str | None
    happenings: list[Happening]
    proven: list[CheckLine]
    unproven: list[CheckLine]
    places: list[str] = field(default_factory=list)


def item_view(record: ItemRecord) -> ItemView:
    """The page's view of a record."""
    lines = _lines(record.checks)
    tones = {Status.VERIFIED: "good", Status.CONTRADICTED: "bad", Status.UNCHECKED: "unsure"}
    stopped = _stopped(record)
    tone = tones[Status(record.status.verdict)]
    return ItemView(
        # a recalled item's record may well be consistent; nothing about it should look like good news
        tone="plain" if stopped and tone == "good" else tone,
        stopped=stopped,
        happenings=_happenings(record),
        proven=[line for line in lines if line.status == Status.VERIFIED.value],
        unproven=[line for line in lines if line.status != Status.VERIFIED.value],
    )


def _stopped(record: ItemRecord) -> str | None:
    if any(one.seizure for one in record.recalls):
        return "Seized by an authority"
    if record.recalls:
        return "Recalled"
    latest = {one.country: one.decision for one in sorted(record.customs, key=lambda one: one.decided_at)}
    return "Seized by customs" if "seized" in latest.values() else None


def _happenings(record: ItemRecord) -> list[Happening]:
    found = [_of_event(event) for event in record.events]
    found += [_of_decision(decision) for decision in record.customs]
    found += [_of_window(window) for window in record.sensors]
    return sorted(found, key=lambda one: one.sort)


def _of_decision(decision: CustomsAnswer) -> Happening:
    return Happening(
        title=f"Customs {decision.country}: {decision.decision}",
        tone="good" if decision.decision == "released" else "bad",
        when=utc(decision.decided_at),
        when_local=None,
        sort=decision.decided_at,
        where=[],
        who=[(_name(one.name), one.gln) for one in decision.signed_by],
        notes=_through(decision.through),
        warnings=[],
        anchored=[f"Reported by a quorum in {short(decision.transaction)}, {utc(decision.recorded_at)}"],
        checks=[],
        kind="customs",
    )


def _of_window(window: SensorAnswer) -> Happening:
    mean = f"Mean {_value(window.mean, window.unit)} of {window.count} readings"
    return Happening(
        title=_measured(window),
        tone="plain",
        when=_span(window.start, window.end),
        when_local=None,
        sort=window.end,
        where=[],
        who=[(_name(one.name), one.gln) for one in window.signed_by],
        notes=[mean, *_through(window.through)],
        warnings=[],
        anchored=[f"Reported by a quorum in {short(window.transaction)}"],
        checks=[],
        kind="sensor",
    )


def _of_event(event: EventAnswer) -> Happening:
    if event.event_time is None:
        return Happening(
            title="An event whose document cannot be read",
            tone="bad" if event.state in ("corrupt", "contradicts") else "unsure",
            when=f"recorded {utc(event.record_time)}",
            when_local=None,
            sort=event.record_time,
            where=[],
            who=[(_name(event.member.name), event.member.gln)],
            notes=[],
            warnings=[f"The document is {event.state}" + (f": {event.reason}" if event.reason else "")],
            anchored=_anchored(event),
            checks=_lines(event.checks),
        )
    errors = [
        f"Declared erroneous on {utc(one.declared_at)}" + (f": {_word(one.reason)}" if one.reason else "")
        for one in event.errors
    ]
    statuses = {check.status for check in event.checks}
    tone = "bad" if Status.CONTRADICTED.value in statuses or errors else "good"
    if tone == "good" and (not event.checks or Status.UNCHECKED.value in statuses):
        tone = "unsure"
    notes = []
    if event.packs is not None:
        verb = "Taken out of" if event.action == "DELETE" else "Put into"
        notes.append(f"{verb} {key_text(event.packs)}")
    notes += _through(event.through)
    if event.disposition is not None:
        notes.append(f"State: {_word(event.disposition)}")
    return Happening(
        title=_title(event),
        tone=tone,
        when=utc(event.event_time),
        when_local=local(event.event_time, event.offset),
        sort=event.event_time,
        where=_where(event),
        who=[(_name(event.member.name), event.member.gln)],
        notes=notes,
        warnings=errors + _late_keys(event),
        anchored=_anchored(event),
        checks=_lines(event.checks),
    )


def _late_keys(event: EventAnswer) -> list[str]:
    dead = any(proof.key_live is False for proof in event.proofs)
    return ["The signature key was not live when this was recorded"] if dead else []


def _title(event: EventAnswer) -> str:
    if event.biz_step is None:
        return {"ADD": "Added", "DELETE": "Ended"}.get(event.action or "", "Observed")
    name = event.biz_step.rpartition("-")[2] if "BizStep-" in event.biz_step else event.biz_step
    return _STEPS.get(name) or _word(event.biz_step).capitalize()


def _where(event: EventAnswer) -> list[str]:
    """The business location, and where it was read if that is another place."""
    found = [] if event.biz_location is None else [f"at {key_text(event.biz_location)}"]
    if event.read_point not in (None, event.biz_location):
        found.append(f"{'read ' if found else ''}at {key_text(str(event.read_point))}")
    return found


def _anchored(event: EventAnswer) -> list[str]:
    words = {"batch": "Anchored in a batch", "attestation": "Attested by itself"}
    return [
        f"{words.get(proof.kind, proof.kind)}, block {proof.block}, {utc(proof.recorded_at)}, "
        f"key {short(proof.signer)}" + (" (live then)" if proof.key_live else "")
        for proof in event.proofs
    ]


def _through(unit: str | None) -> list[str]:
    return [] if unit is None else [f"while it was in {key_text(unit)}"]


def _span(start: datetime, end: datetime) -> str:
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.date() == last.date():
        return f"{day(first)}, {first:%H:%M} to {last:%H:%M} UTC"
    return f"{utc(first)} to {utc(last)}"


def _measured(window: SensorAnswer) -> str:
    name = _MEASUREMENTS.get(window.measurement, "Measurement")
    low, high = _value(window.minimum, window.unit), _value(window.maximum, window.unit)
    return f"{name}: {low} to {high}"


def _value(millionths: int, unit: str) -> str:
    number = (Decimal(millionths) / 1_000_000).quantize(Decimal("0.01")).normalize()
    return f"{number:f} {_UNITS.get(unit, unit)}"


def _lines(checks: list[CheckAnswer]) -> list[CheckLine]:
    """Checks of one kind and outcome as one line, in the order of the chain of evidence."""
    grouped: dict[tuple[str, str], list[CheckAnswer]] = {}
    for check in checks:
        grouped.setdefault((check.link, check.status), []).append(check)
    return [
        CheckLine(
            title=_LINKS.get(link, link),
            status=status,
            word=_SHOWN[Status(status)],
            count=len(group),
            details=list(dict.fromkeys(check.detail for check in group))[:20],
        )
        for (link, status), group in grouped.items()
    ]


def key_text(uri: str) -> str:
    """A GS1 key as people know it: its kind and number."""
    try:
        link = parse(uri)
    except DigitalLinkError:
        return uri
    names = {"00": "shipping unit SSCC", "414": "place GLN", "417": "party GLN", "01": "GTIN"}
    text = f"{names.get(link.ai, f'({link.ai})')} {link.value}"
    return text + "".join(f" · {names.get(ai, f'({ai})')} {value}" for ai, value in link.qualifiers)


def _word(iri: str) -> str:
    return iri.rstrip("/").rpartition("/")[2].rpartition("-")[2].rpartition("#")[2].replace("_", " ")


def _name(name: str | None) -> str:
    return name or "Unknown organisation"


def utc(moment: datetime) -> str:
    """A time in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC")


def day(moment: datetime) -> str:
    """A day in UTC."""
    return moment.astimezone(UTC).strftime("%-d %B %Y")


def local(moment: datetime, offset: str | None) -> str | None:
    """The same time at the event's own offset; None where that is UTC or unreadable."""
    if offset is None or len(offset) != 6 or offset[0] not in "+-" or offset in ("+00:00", "-00:00"):
        return None
    try:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        zone = timezone(timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1))
    except ValueError:
        return None
    there = moment.astimezone(zone)
    same_day = there.date() == moment.astimezone(UTC).date()
    return there.strftime("%H:%M" if same_day else "%-d %B, %H:%M") + f" local time ({offset})"


def short(hexadecimal: str) -> str:
    """A hash or address, shortened for the eye."""
    return hexadecimal if len(hexadecimal) <= 14 else f"{hexadecimal[:8]}…{hexadecimal[-4:]}"
