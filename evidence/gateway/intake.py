"""What a gateway takes: plain EPCIS becomes sealed events, each with the lane that it travels in."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, Final

from pydantic import Field

from chain.fields import Address, Bytes32, HexBytes
from epcis import canonical
from epcis.contexts import Context
from epcis.model import CapturedEvent, SignedFieldsError, signed_fields
from evidence.documents import EventError, Refused, read_event, read_events
from evidence.fields import Record
from evidence.signed_fields import ZERO32, ZERO_ADDRESS
from vault.unixfs import cid_of

_CONTEXT: Final = b'{"@context":['
_URGENT: Final = frozenset({"recalled", "stolen"})
"""CBV 2.0 dispositions on which others stop goods: such an event is not kept waiting for company"""


class Lane(IntEnum):
    """How an event travels; the lower, the sooner."""

    EFFECT = 0
    """attested singly, since a contract acts on it"""
    URGENT = 1
    """in a batch that closes at once"""
    BULK = 2
    """in a batch that closes by size or age"""


class Effect(Record):
    """What a contract is to do on an event: what the signer adds to its signed fields (protocol, section 7).

    `subject`: EPC URN or Digital Link that occurs in the event, by default its parent or only thing.
    """

    subject: str | None = None
    order: Bytes32 = ZERO32
    milestone: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    consumer: Address = ZERO_ADDRESS
    consumer_data: HexBytes = b""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as the spool takes it. `head`: first entry of its `@context`; `document`: RFC 8785 bytes."""

    seal_id: bytes
    event_hash: bytes
    cid: bytes
    document: bytes
    head: bytes
    lane: Lane
    effect: str | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes while it waits."""
        return len(self.document) + len(self.effect or "")


def read(document: bytes, most_events: int, urgent: bool = False) -> list[NewEvent]:
    """The events of an EPCIS 2.0 document, or a bare event, in order.

    Raises Refused naming every bad event, TooManyEvents (epcis.model).
    """
    heads: dict[int, tuple[Context, bytes]] = {}  # kept, so that no id is given twice
    found = []
    for captured, sealed in read_events(document, most_events):
        context = captured.context
        known = heads.get(id(context))
        if known is None:
            known = heads[id(context)] = context, canonical.dumps(context[0])
        soon = urgent or _stops_goods(captured.event.get("disposition"))
        found.append(
            NewEvent(
                sealed.seal_id,
                sealed.event_hash,
                bytes(cid_of(sealed.document)),
                sealed.document,
                known[1],
                Lane.URGENT if soon else Lane.BULK,
            )
        )
    return found


def read_effect(event: bytes | dict[str, Any], effect: Effect) -> NewEvent:
    """One event that a contract is to act on. Raises Refused, also where a signed field cannot be told."""
    captured, sealed = read_event(event)
    try:
        signed_fields(captured.event, captured.context, effect.subject)
    except SignedFieldsError as error:
        raise Refused([EventError(0, captured.path, f"{error.field}: {error.reason}")]) from None
    return NewEvent(
        sealed.seal_id,
        sealed.event_hash,
        bytes(cid_of(sealed.document)),
        sealed.document,
        _head(captured),
        Lane.EFFECT,
        effect.model_dump_json(by_alias=True),
    )


def _stops_goods(disposition: Any) -> bool:
    """Also where it is written as a URN or as a Web URI."""
    return isinstance(disposition, str) and disposition.replace(":", "-").rpartition("-")[2] in _URGENT


def _head(captured: CapturedEvent) -> bytes:
    return canonical.dumps(captured.context[0])


def join(head: bytes, documents: Sequence[bytes], created: str) -> bytes:
    """An EPCIS document of sealed events whose contexts begin with `head`; the same input, the same bytes.

    Read again, each event has the sealed form that it came from. `created`: ISO 8601, UTC.
    """
    events = b",".join(_without_head(head, document) for document in documents)
    return b"".join(
        (
            b'{"@context":[',
            head,
            b'],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"',
            created.encode("ascii"),
            b'","epcisBody":{"eventList":[',
            events,
            b"]}}",
        )
    )


def _without_head(head: bytes, document: bytes) -> bytes:
    start = _CONTEXT + head
    if document.startswith(start):
        rest = document[len(start) :]
        # "]," ends a context that the document says; "," leaves entries of the event's own
        if rest.startswith(b"],"):
            return b"{" + rest[2:]
        if rest.startswith(b","):
            return _CONTEXT + rest[1:]
    event = canonical.loads(document)  # a name that sorts before "@context" stands first
    own = event.pop("@context")[1:]
    return canonical.dumps({**event, "@context": own} if own else event)
