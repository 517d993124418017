"""What a single attestation signs of an event, so that contracts can act on it without reading it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from epcis.contexts import ActiveContext, Context
from epcis.digital_link import DigitalLinkError, canonical, from_epc_urn, item_id, normalise, parse
from epcis.epc_urn import is_epc_urn
from epcis.model.values import parse_time
from epcis.vocabulary import BIZ_STEP, DISPOSITION, Vocabulary, modernise

ABSENT: Final = bytes(32)
MILLIONTHS: Final = 1_000_000
MAX_QUANTITY: Final = 2**128 - 1

_EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


class SignedFieldsError(ValueError):
    """An event from which a field to be signed cannot be told; `field` names it."""

    def __init__(self, field: str, value: Any, reason: str) -> None:
        super().__init__(f"{field} {value!r}: {reason}" if value is not None else f"{field}: {reason}")
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedFields:
    """Fields of one event as they are signed."""

    biz_step: bytes
    """SHA-256 of the CBV IRI's ASCII bytes, 32 zero bytes where absent"""
    disposition: bytes
    """likewise"""
    place: int
    """13-digit GLN, 0 where no location is a GLN"""
    event_time_ms: int
    """milliseconds since the Unix epoch, UTC, cut off"""
    subject: bytes
    """item id, 32 bytes"""
    subject_uri: str
    """canonical Digital Link behind `subject`; not signed"""
    quantity: int
    """millionths of `unit`"""
    unit: str
    """UN/ECE Recommendation 20 code, empty for counted things"""


def signed_fields(event: dict[str, Any], context: Context, subject: str | None = None) -> SignedFields:
    """Derive the signed fields of a valid event under its effective context.

    `subject`: identifier of the thing attested, which must occur in the event; by default the event's parent,
    else its only EPC, else its only class of things. Raises SignedFieldsError where the subject is ambiguous,
    missing or no GS1 key, and for quantities that are negative, finer than a millionth or above 2^128-1.
    """
    active = ActiveContext.of(context)
    uri = _subject(event, subject)
    quantity, unit = _quantity(event, uri)
    return SignedFields(
        biz_step=_term(event.get("bizStep"), BIZ_STEP, active),
        disposition=_term(event.get("disposition"), DISPOSITION, active),
        place=_place(event),
        event_time_ms=_milliseconds(event.get("eventTime")),
        subject=item_id(uri),
        subject_uri=uri,
        quantity=quantity,
        unit=unit,
    )


def _term(value: Any, vocabulary: Vocabulary, active: ActiveContext) -> bytes:
    if value is None:
        return ABSENT
    iri = vocabulary.iri(str(value))
    if iri == value:
        iri = active.expand(modernise(iri)) or iri
    if not iri.isascii():
        raise SignedFieldsError(vocabulary.label, value, "must be ASCII")
    return sha256(iri.encode("ascii")).digest()


def _place(event: dict[str, Any]) -> int:
    for name in ("bizLocation", "readPoint"):
        location = event.get(name)
        identifier = location.get("id") if isinstance(location, dict) else None
        if not isinstance(identifier, str):
            continue
        try:
            link = from_epc_urn(identifier) if is_epc_urn(identifier) else parse(identifier)
        except DigitalLinkError:
            continue
        if link.ai == "414":
            return int(link.value)
    return 0


def _milliseconds(value: Any) -> int:
    try:
        moment = parse_time(str(value))
    except ValueError as error:
        raise SignedFieldsError("eventTime", value, str(error)) from None
    millis = round(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
    if millis < 0:
        raise SignedFieldsError("eventTime", value, "must not lie before 1970")
    return millis


def _elements(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _QUANTITY_LISTS:
        yield from event.get(name) or ()


def _identifiers(event: dict[str, Any]) -> Iterator[str]:
    """Identifiers of the things an event names. A sealed one may hold a commitment in the place of any."""
    given = [event.get("parentID")]
    for name in _EPC_LISTS:
        given += event.get(name) or ()
    given += [element["epcClass"] for element in _elements(event)]
    return (identifier for identifier in given if isinstance(identifier, str))


def _subject(event: dict[str, Any], named: str | None) -> str:
    chosen = _default_subject(event) if named is None else named
    uri = normalise(chosen)
    if named is not None and uri not in {normalise(identifier) for identifier in _identifiers(event)}:
        raise SignedFieldsError("subject", named, "does not occur in the event")
    try:
        return canonical(uri)
    except DigitalLinkError as error:
        raise SignedFieldsError("subject", chosen, error.reason) from None


def _default_subject(event: dict[str, Any]) -> str:
    if "parentID" in event:
        return str(event["parentID"])
    epcs = event.get("epcList") or []
    classes = [element["epcClass"] for element in event.get("quantityList") or ()]
    if len(epcs) == 1:
        return str(epcs[0])
    if not epcs and len(classes) == 1:
        return str(classes[0])
    things = len(list(_identifiers(event)))
    reason = f"the event names {things} things; say which is meant" if things else "the event names no thing"
    raise SignedFieldsError("subject", None, reason)


def _quantity(event: dict[str, Any], uri: str) -> tuple[int, str]:
    found = [
        element
        for element in _elements(event)
        if isinstance(element["epcClass"], str) and normalise(element["epcClass"]) == uri
    ]
    if len(found) > 1:
        raise SignedFieldsError("quantity", uri, "the event gives more than one quantity of the subject")
    if not found or "quantity" not in found[0]:
        return 0, ""
    given = found[0]["quantity"]
    # repr of a float is the shortest decimal that reads back as it, which is what was captured
    scaled = Decimal(repr(given)) * MILLIONTHS
    if scaled != scaled.to_integral_value():
        raise SignedFieldsError("quantity", given, "must not be finer than a millionth")
    amount = int(scaled)
    if not 0 <= amount <= MAX_QUANTITY:
        raise SignedFieldsError("quantity", given, f"must be between 0 and {MAX_QUANTITY} millionths")
    return amount, str(found[0].get("uom", ""))
