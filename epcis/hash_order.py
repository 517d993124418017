"""Which fields of an event stand where in the pre-hash string (CBV 2.0, section 8.9.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from epcis.vocabulary import FIELDS, Vocabulary

COMMITMENT: Final = "tradeseal:commitment"
"""member that stands alone in an object in place of a committed value"""
IGNORED_ANYWHERE: Final = frozenset({"@context", "rdfs:comment", "comment"})
"""JSON members that take no part"""
IGNORED_IN_EVENT: Final = frozenset({"recordTime", "eventID", "type", "errorDeclaration"})
"""fields of the event itself that take no part"""
PAIRS: Final[Mapping[str, str]] = MappingProxyType(
    {"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"}
)
"""list of (type, identifier) pairs -> name of the identifier"""
QUANTITY_NAMES: Final = frozenset({"inputQuantity", "outputQuantity", "childQuantity"})
"""what a member of a list of quantities would be called, were it not called quantityElement"""


@dataclass(frozen=True, slots=True)
class Slot:
    """Place of one field; `inside` is None for a value."""

    name: str
    index: int
    is_time: bool
    is_list: bool
    """whether JSON writes what is in it as a list"""
    inside: "Order | None"
    vocabulary: Vocabulary | None


@dataclass(frozen=True, slots=True)
class Order:
    """Fields of one element, each in its place."""

    slots: dict[str, Slot]


def _order(holder: str, *fields: "str | tuple[str, Order]") -> Order:
    """`fields`: names of values in order, parted by blanks, and elements with the order inside them."""
    flat: list[tuple[str, Order | None]] = []
    for field in fields:
        flat += [(name, None) for name in field.split()] if isinstance(field, str) else [field]
    slots = {}
    for index, (name, inside) in enumerate(flat):
        lowered = name.lower()
        is_time = "time" in lowered and "offset" not in lowered
        is_list = name.endswith("List") or name == "childEPCs"
        slots[name] = Slot(name, index, is_time, is_list, inside, FIELDS.get((holder, name)))
    return Order(slots)


EPCS: Final = _order("epcList", "epc")
_QUANTITIES: Final = _order("quantityList", ("quantityElement", _order("", "epcClass quantity uom")))
_ID: Final = _order("readPoint", "id")
_NOTHING: Final = _order("")
_METADATA: Final = _order(
    "sensorMetadata", "time startTime endTime deviceID deviceMetadata rawData dataProcessingMethod bizRules"
)
_REPORT: Final = _order(
    "sensorReport",
    "type exception deviceID deviceMetadata rawData dataProcessingMethod time microorganism "
    "chemicalSubstance value component stringValue booleanValue hexBinaryValue uriValue minValue maxValue "
    "meanValue sDev percRank percValue uom coordinateReferenceSystem",
)
_SENSOR: Final = _order("sensorElementList", ("sensorMetadata", _METADATA), ("sensorReport", _REPORT))

EVENT: Final = _order(
    "",
    "eventTime eventTimeZoneOffset certificationInfo parentID",
    ("epcList", EPCS),
    ("inputEPCList", EPCS),
    ("childEPCs", EPCS),
    ("quantityList", _QUANTITIES),
    ("childQuantityList", _QUANTITIES),
    ("inputQuantityList", _QUANTITIES),
    ("outputEPCList", EPCS),
    ("outputQuantityList", _QUANTITIES),
    "action transformationID bizStep disposition",
    ("persistentDisposition", _order("persistentDisposition", "set unset")),
    ("readPoint", _ID),
    ("bizLocation", _ID),
    *((name, _NOTHING) for name in PAIRS),
    ("sensorElementList", _order("", ("sensorElement", _SENSOR))),
)
"""Order of an event's fields. What lists of business transactions, sources and destinations hold stands among
the extensions, as the reference implementation and its published vectors have it."""
