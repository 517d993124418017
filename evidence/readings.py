"""What a sealed document says by itself: worked out once for the same bytes, however often they are read."""

from dataclasses import dataclass, field
from typing import Any, Final

from chain.bindings.types import Attestation
from chain.fields import hex_text
from epcis import canonical
from epcis.sealed import Sealed
from evidence.documents import Refused, read_sealed
from evidence.signed_fields import Difference, compare, things
from indexer.document import ContradictionError, Document, read_document

_PACKING: Final = ("AggregationEvent", "AssociationEvent")


@dataclass(slots=True)
class Reading:
    """A sealed document as JSON with all that follows from it alone. `sealed` None: it is no EPCIS event,
    and `refusal` says why."""

    document: dict[str, Any]
    weight: int
    """bytes of the content it was read from"""
    sealed: Sealed | None
    refusal: str = ""
    things: dict[bytes, str] = field(default_factory=dict)
    """item id -> Digital Link of what the event names"""
    unit: frozenset[bytes] = frozenset()
    """what the event puts things into"""
    inside: frozenset[bytes] = frozenset()
    """what it puts there"""
    _compared: tuple[Attestation, list[Difference]] | None = None
    _mirrored: Document | str | None = None

    def compared(self, signed: Attestation) -> list[Difference]:
        """Signed fields that the document contradicts; it must be a valid event."""
        if self.sealed is None:
            raise ValueError(f"document: is no EPCIS event: {self.refusal}")
        if self._compared is None or self._compared[0] != signed:
            self._compared = signed, compare(signed, self.sealed, self.document)
        return self._compared[1]

    def mirrored(self) -> Document:
        """What a mirror must say of the event. Raises ContradictionError where it can say nothing."""
        if self._mirrored is None:
            self._mirrored = self._read_mirrored()
        if isinstance(self._mirrored, str):
            raise ContradictionError(self._mirrored)
        return self._mirrored

    def _read_mirrored(self) -> Document | str:
        if self.sealed is None:
            return f"document: {self.refusal}"
        try:
            return read_document(
                self.sealed.document, hex_text(self.sealed.seal_id), hex_text(self.sealed.event_hash)
            )
        except ContradictionError as error:
            return str(error)


def reading_of(document: dict[str, Any], weight: int = 0) -> Reading:
    """Read a sealed document that somebody else gives; nothing is raised for what it holds."""
    try:
        sealed = read_sealed(document)
    except Refused as error:
        return Reading(document, weight, None, str(error)[:500])
    packs = document.get("type") in _PACKING and document.get("action") != "DELETE"
    named = things(document)
    parent = frozenset(things({"parentID": document.get("parentID")})) if packs else frozenset[bytes]()
    inside = frozenset(things({**document, "parentID": None})) if packs else frozenset[bytes]()
    return Reading(document, weight, sealed, things=named, unit=parent, inside=inside)


def read_content(content: bytes) -> Reading | str:
    """Read content of the vault; text where it is no JSON object."""
    try:
        document = canonical.loads(content)
    except canonical.JsonError as error:
        return str(error)
    return reading_of(document, len(content)) if isinstance(document, dict) else "is no JSON object"
