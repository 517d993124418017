"""Whether an attestation's signed fields are what its document says (protocol, section 7).

Contracts act on the signed fields and never see the document; whoever sees both compares them here.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

from chain.bindings.types import Attestation
from epcis.contexts import as_list
from epcis.digital_link import DigitalLinkError, canonical, item_id
from epcis.model import SignedFields, SignedFieldsError, signed_fields
from epcis.sealed import Sealed
from vault.unixfs import cid_of

THINGS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
CLASSES: Final = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
ZERO32: Final = bytes(32)
ZERO_ADDRESS: Final = "0x" + "00" * 20
_UNIT_SIZE: Final = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """A signed field that is not what the document says; both as text."""

    field: str
    signed: str
    document: str

    def __str__(self) -> str:
        return f"{self.field}: signed {self.signed}, the document says {self.document}"


def things(event: dict[str, Any]) -> dict[bytes, str]:
    """Everything a valid event names by a GS1 key: item id (32 bytes) -> canonical Digital Link."""
    identifiers = [event.get("parentID")]
    for name in THINGS:
        identifiers += event.get(name) or []
    for name in CLASSES:
        identifiers += [element.get("epcClass") for element in event.get(name) or []]
    found = {}
    for identifier in identifiers:
        if not isinstance(identifier, str):  # absent, or a commitment
            continue
        try:
            uri = canonical(identifier)
        except DigitalLinkError:
            continue
        found[item_id(uri)] = uri
    return found


def unit_bytes(unit: str) -> bytes:
    """A UN/ECE Rec 20 code as the contract holds it, 3 bytes; raises SignedFieldsError for a longer one."""
    if not unit.isascii() or len(unit) > _UNIT_SIZE:
        raise SignedFieldsError("unit", unit, "is no UN/ECE Recommendation 20 code")
    return unit.encode("ascii").ljust(_UNIT_SIZE, b"\0")


def fields_of(
    sealed: Sealed, said: SignedFields, *, order: bytes, milestone: int, consumer: str, deadline: int
) -> Attestation:
    """The fields to be signed for an event, given what the document says and what the signer adds."""
    return Attestation(
        seal_id=sealed.seal_id,
        event_hash=sealed.event_hash,
        subject=said.subject,
        biz_step=said.biz_step,
        disposition=said.disposition,
        place=said.place,
        event_time=said.event_time_ms,
        quantity=said.quantity,
        unit=unit_bytes(said.unit),
        order=order,
        milestone=milestone,
        cid=bytes(cid_of(sealed.document)),
        consumer=consumer,
        extension=ZERO32,
        deadline=deadline,
    )


def compare(signed: Attestation, sealed: Sealed, event: dict[str, Any]) -> list[Difference]:
    """Every signed field that the document contradicts, in the order of the protocol's table.

    `event` is `sealed.document` parsed, a valid event. A field that cannot be told from the document differs
    too, and so does an `extension` that is not zero.
    """
    extension = (
        []
        if signed.extension == ZERO32
        else [Difference("extension", _text(signed.extension), "nothing: version 1 has none")]
    )
    uri = things(event).get(signed.subject)
    if uri is None:
        return [Difference("subject", _text(signed.subject), "other things"), *extension]
    try:
        said = signed_fields(event, as_list(event.get("@context", [])), uri)
        wanted = fields_of(
            sealed,
            said,
            order=signed.order,
            milestone=signed.milestone,
            consumer=signed.consumer,
            deadline=signed.deadline,
        )
    except SignedFieldsError as error:
        return [Difference(error.field, "a value", f"none that can be signed ({error.reason})"), *extension]
    names = [one.name for one in fields(Attestation) if one.name != "extension"]
    found = [
        Difference(name, _text(getattr(signed, name)), _text(getattr(wanted, name)))
        for name in names
        if getattr(signed, name) != getattr(wanted, name)
    ]
    return found + extension


def _text(value: bytes | int | str) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
