"""What an attestation's signed fields must be, given the event (protocol, section 7, "Signed fields").

Contracts act on the signed fields and never see the document; whoever sees both compares them here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from epcis.contexts import ActiveContext, as_list
from epcis.digital_link import DigitalLink, DigitalLinkError, from_epc_urn, item_id, parse
from epcis.epc_urn import is_epc_urn
from epcis.sealed import Sealed
from epcis.vocabulary import BIZ_STEP, DISPOSITION, Vocabulary, modernise
from evidence.attestation_fields import ZERO32, AttestationFields
from vault.unixfs import cid_of

THINGS: Final = ("epcList", "parentID", "childEPCs", "inputEPCList", "outputEPCList")
CLASSES: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
NO_UNIT: Final = bytes(3)

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_MILLIONTHS: Final = 10**6
_MAX_QUANTITY: Final = 1 << 128


class SignedFieldError(ValueError):
    """An event from which a signed field cannot be taken: `field` of the attestation, `path` in the event."""

    def __init__(self, field: str, path: str, reason: str) -> None:
        super().__init__(f"{field}: {path}: {reason}")
        self.field = field
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Difference:
    """A signed field that is not what the document says; both as text."""

    field: str
    signed: str
    document: str

    def __str__(self) -> str:
        return f"{self.field}: signed {self.signed}, the document says {self.document}"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a document says of the signed fields, as the contract holds them."""

    biz_step: bytes
    disposition: bytes
    place: int
    event_time: int
    """Unix milliseconds"""
    subjects: frozenset[bytes]
    """item ids of everything the event names"""
    quantities: dict[bytes, tuple[int, bytes]]
    """item id of a class with one quantity -> (millionths, unit)"""

    def quantity_of(self, subject: bytes) -> tuple[int, bytes]:
        """Quantity and unit of a subject; zeros where it is no class with one quantity."""
        return self.quantities.get(subject, (0, NO_UNIT))


def claims(document: dict[str, Any]) -> Claims:
    """Read an event's claims; raises SignedFieldError where the contract could not hold a value."""
    active = ActiveContext.of(as_list(document.get("@context", [])))
    named, quantities = _things(document)
    return Claims(
        biz_step=_term(document, "bizStep", BIZ_STEP, active),
        disposition=_term(document, "disposition", DISPOSITION, active),
        place=_place(document),
        event_time=_milliseconds(document.get("eventTime")),
        subjects=frozenset(named),
        quantities=quantities,
    )


def compare(fields: AttestationFields, sealed: Sealed, document: dict[str, Any]) -> list[Difference]:
    """Every signed field that the document contradicts, in the order of the protocol's table.

    `document` is `sealed.document` parsed. A field that cannot be taken from the document differs too, and so
    does an `extension` that is not zero.
    """
    found: list[Difference] = []

    def check(name: str, signed: bytes | int, said: bytes | int) -> None:
        if signed != said:
            found.append(Difference(name, _text(signed), _text(said)))

    check("sealId", fields.seal_id, sealed.seal_id)
    check("eventHash", fields.event_hash, sealed.event_hash)
    try:
        said = claims(document)
    except SignedFieldError as error:
        found.append(Difference(error.field, "a value", f"none that can be signed ({error.reason})"))
    else:
        if fields.subject not in said.subjects:
            found.append(Difference("subject", _text(fields.subject), "other things"))
        check("bizStep", fields.biz_step, said.biz_step)
        check("disposition", fields.disposition, said.disposition)
        check("place", fields.place, said.place)
        check("eventTime", fields.event_time, said.event_time)
        quantity, unit = said.quantity_of(fields.subject)
        check("quantity", fields.quantity, quantity)
        check("unit", fields.unit, unit)
    check("cid", fields.cid, bytes(cid_of(sealed.document)))
    if fields.extension != ZERO32:
        found.append(Difference("extension", _text(fields.extension), "nothing: version 1 has no extensions"))
    return found


def link_of(identifier: Any) -> DigitalLink | None:
    """The GS1 key behind an EPC URN or Digital Link; None for every other identifier."""
    if not isinstance(identifier, str):
        return None
    try:
        return from_epc_urn(identifier) if is_epc_urn(identifier) else parse(identifier)
    except DigitalLinkError:
        return None


def _text(value: bytes | int) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _term(document: dict[str, Any], name: str, vocabulary: Vocabulary, active: ActiveContext) -> bytes:
    """H(IRI), or zeros where the event has no such member."""
    given = document.get(name)
    if given is None:
        return ZERO32
    if not isinstance(given, str):
        raise SignedFieldError(name, f"/{name}", "is no text")
    iri = vocabulary.iri(given)
    if iri == given:
        iri = modernise(active.expand(given) or given)
    return sha256(iri.encode("utf-8")).digest()


def _place(document: dict[str, Any]) -> int:
    for name in ("bizLocation", "readPoint"):
        held = document.get(name)
        link = link_of(held.get("id") if isinstance(held, dict) else None)
        if link is not None and link.ai == "414":
            return int(link.value)
    return 0


def _milliseconds(text: Any) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise SignedFieldError("eventTime", "/eventTime", "is no date and time with an offset")
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
        seconds = int((moment - _EPOCH).total_seconds())
    except (ValueError, OverflowError) as error:
        raise SignedFieldError("eventTime", "/eventTime", str(error)) from None
    if seconds < 0:
        raise SignedFieldError("eventTime", "/eventTime", f"{text} is before 1970")
    return seconds * 1000 + int(((fraction or "") + "000")[:3])


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _things(document: dict[str, Any]) -> tuple[set[bytes], dict[bytes, tuple[int, bytes]]]:
    named: set[bytes] = set()
    for name in THINGS:
        held = document.get(name)
        for identifier in held if isinstance(held, list) else [held]:
            if (identity := _identity(identifier)) is not None:
                named.add(identity)
    elements: dict[bytes, list[tuple[str, dict[str, Any]]]] = {}
    for name in CLASSES:
        held = document.get(name)
        for position, element in enumerate(held if isinstance(held, list) else []):
            if isinstance(element, dict) and (identity := _identity(element.get("epcClass"))) is not None:
                elements.setdefault(identity, []).append((f"/{name}/{position}", element))
    quantities = {}
    for identity, found in elements.items():
        named.add(identity)
        path, element = found[0]
        if len(found) == 1 and element.get("quantity") is not None:
            quantities[identity] = _quantity(path, element)
    return named, quantities


def _identity(identifier: Any) -> bytes | None:
    link = link_of(identifier)
    return None if link is None else item_id(link.canonical)


def _quantity(path: str, element: dict[str, Any]) -> tuple[int, bytes]:
    given, unit = element["quantity"], element.get("uom", "")
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        raise SignedFieldError("quantity", f"{path}/quantity", f"{given!r} is no quantity")
    amount = int(Decimal(repr(given)) * _MILLIONTHS)
    if amount >= _MAX_QUANTITY:
        raise SignedFieldError("quantity", f"{path}/quantity", f"{given!r} is beyond uint128 millionths")
    if not isinstance(unit, str) or not unit.isascii() or len(unit) > len(NO_UNIT):
        raise SignedFieldError("unit", f"{path}/uom", f"{unit!r} is no UN/ECE Rec 20 code")
    return amount, unit.encode("ascii").ljust(len(NO_UNIT), b"\0")
