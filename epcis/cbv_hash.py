"""The event hash of CBV 2.0, section 8.9, for events in JSON.

An event is brought into the shape its XML form would have, its fields are strung together in a fixed order
with extensions sorted behind them, and the string's SHA-256 is the hash. recordTime, eventID and
errorDeclaration take no part. Nothing is ever fetched: contexts count as far as they stand in the document.

One rule of ours: a committed value (see `epcis.sealed`) stands in the pre-hash as its commitment, verbatim.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from epcis.canonical import JsonError
from epcis.contexts import ActiveContext, Context
from epcis.hash_identifier import hash_form
from epcis.vocabulary import FIELDS, modernise

COMMITMENT: Final = "tradeseal:commitment"

MAX_PREHASH: Final = 64 * 1024 * 1024
"""Characters of a pre-hash: names and namespaces stand in it once for every value, so that a small document
may ask for a pre-hash of any size."""

_IGNORED_ANYWHERE: Final = frozenset({"@context", "rdfs:comment", "comment"})
_IGNORED_IN_EVENT: Final = frozenset({"recordTime", "eventID", "type", "errorDeclaration"})
_PAIRED_LISTS: Final = {
    "bizTransactionList": "bizTransaction",
    "sourceList": "source",
    "destinationList": "destination",
}
_QUANTITY_NAMES: Final = frozenset({"inputQuantity", "outputQuantity", "childQuantity"})


@dataclass(slots=True)
class _Node:
    """An element as in XML: name, text, children. `verbatim` text is not normalised."""

    name: str
    text: str = ""
    children: "list[_Node]" = field(default_factory=list)
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class _Order:
    """An ordered field, with the order inside it."""

    name: str
    inside: "tuple[_Order, ...]" = ()


def _fields(names: str) -> tuple[_Order, ...]:
    return tuple(_Order(name) for name in names.split())


_EPCS = (_Order("epc"),)
_QUANTITIES = (_Order("quantityElement", _fields("epcClass quantity uom")),)
_ID = (_Order("id"),)
_ORDER: Final = (
    *_fields("eventTime eventTimeZoneOffset certificationInfo parentID"),
    _Order("epcList", _EPCS),
    _Order("inputEPCList", _EPCS),
    _Order("childEPCs", _EPCS),
    _Order("quantityList", _QUANTITIES),
    _Order("childQuantityList", _QUANTITIES),
    _Order("inputQuantityList", _QUANTITIES),
    _Order("outputEPCList", _EPCS),
    _Order("outputQuantityList", _QUANTITIES),
    *_fields("action transformationID bizStep disposition"),
    _Order("persistentDisposition", _fields("set unset")),
    _Order("readPoint", _ID),
    _Order("bizLocation", _ID),
    _Order(
        "sensorElementList",
        (
            _Order(
                "sensorElement",
                (
                    _Order(
                        "sensorMetadata",
                        _fields(
                            "time startTime endTime deviceID deviceMetadata rawData "
                            "dataProcessingMethod bizRules"
                        ),
                    ),
                    _Order(
                        "sensorReport",
                        _fields(
                            "type exception deviceID deviceMetadata rawData dataProcessingMethod time "
                            "microorganism chemicalSubstance value component stringValue booleanValue "
                            "hexBinaryValue uriValue minValue maxValue meanValue sDev percRank percValue uom "
                            "coordinateReferenceSystem"
                        ),
                    ),
                ),
            ),
        ),
    ),
)
"""Order of fields in the pre-hash (CBV 2.0, section 8.9.2). Business transactions, sources and destinations
stand among the extensions, as the reference implementation and its published vectors have it."""


def ni(event_hash: bytes) -> str:
    """Named information URI of an event hash: `ni:///sha-256;<64 hex digits>?ver=CBV2.0`."""
    return f"ni:///sha-256;{event_hash.hex()}?ver=CBV2.0"


def event_hash(event: dict[str, Any], context: Context) -> bytes:
    """CBV event hash, 32 bytes: SHA-256 of the pre-hash string in UTF-8."""
    return sha256(prehash(event, context).encode("utf-8")).digest()


def prehash(event: dict[str, Any], context: Context) -> str:
    """Pre-hash string of an event under its effective context (CBV 2.0, section 8.9.2).

    `event`: a valid EPCIS event as read from JSON. Works offline on any nesting `canonical.loads` allows.
    Raises JsonError where the string would be longer than `MAX_PREHASH`.
    """
    children = _Builder(ActiveContext.of(context)).members(event, "")
    ordered = _in_order(children, _ORDER)
    rest = [child for child in children if child.name not in _IGNORED_IN_EVENT]
    return f"eventType={event.get('type', '')}{ordered}{_sorted_text(rest)}"


class _Builder:
    """JSON to the element tree of the XML form."""

    def __init__(self, active: ActiveContext) -> None:
        self._active = active
        self._left = MAX_PREHASH

    def members(self, node: dict[str, Any], holder: str) -> list[_Node]:
        """Children of an object that is the value of member `holder` ("" for the event)."""
        children: list[_Node] = []
        lists: dict[str, _Node] = {}
        child_epcs = _Node("childEPCs")
        for name, value in node.items():
            if name in _IGNORED_ANYWHERE:
                continue
            if name in _PAIRED_LISTS:
                pairs = [self._pair(name, item) for item in (value if isinstance(value, list) else [value])]
                if pairs:
                    children.append(_Node(name, children=pairs))
                continue
            for child in self._elements(self._qualified(name), value, holder, name):
                if child.name == "childEPCs":
                    child_epcs.children.append(_Node("epc", child.text, [], child.verbatim))
                elif child.name.endswith("List"):
                    held = lists.setdefault(child.name, _Node(child.name))
                    held.children.append(_renamed(child, child.name.removesuffix("List")))
                else:
                    children.append(_renamed(child, child.name))
        children.extend(lists.values())
        if child_epcs.children:
            children.append(child_epcs)
        return children

    def _pair(self, name: str, item: Any) -> _Node:
        """A business transaction, source or destination: type first, whatever the member order was."""
        node = _Node("")
        if isinstance(item, dict):
            for member in ("type", _PAIRED_LISTS[name]):
                if member in item:
                    node.children.extend(self._elements(member, item[member], name, member))
        return node

    def _elements(self, name: str, value: Any, holder: str, member: str) -> list[_Node]:
        if isinstance(value, list):
            return [node for item in value for node in self._elements(name, item, holder, member)]
        if isinstance(value, dict):
            if set(value) == {COMMITMENT}:
                return [self._leaf(name, str(value[COMMITMENT]), verbatim=True)]
            self._spend(len(name))
            return [_Node(name, children=self.members(value, member))]
        if value is None:
            return []
        if isinstance(value, bool):
            return [self._leaf(name, "true" if value else "false")]
        if not isinstance(value, str):
            return [self._leaf(name, str(value))]
        vocabulary = FIELDS.get((holder, member))
        known = vocabulary.iri(value) if vocabulary else value
        return [self._leaf(name, self._full(known))]

    def _leaf(self, name: str, text: str, verbatim: bool = False) -> _Node:
        self._spend(len(name) + len(text))
        return _Node(name, text, [], verbatim)

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise JsonError("", "", f"its CBV event hash is over more than {MAX_PREHASH} characters")

    def _qualified(self, name: str) -> str:
        prefix, colon, rest = name.partition(":")
        namespace = self._active.prefix(prefix) if colon else None
        return name if namespace is None else f"{{{namespace}}}{rest}"

    def _full(self, text: str) -> str:
        prefix, colon, rest = text.partition(":")
        namespace = self._active.prefix(prefix) if colon else None
        return text if namespace is None else namespace + rest


def _renamed(node: _Node, name: str) -> _Node:
    """Member names of JSON that are called otherwise in XML."""
    if name in ("inputEPC", "outputEPC"):
        name = "epc"
    elif name in _QUANTITY_NAMES or (name == "quantity" and node.children):
        name = "quantityElement"
    return _Node(name, node.text, node.children, node.verbatim)


def _in_order(children: list[_Node], order: tuple[_Order, ...]) -> str:
    """Text of the ordered fields; what was written out is taken from `children`, the rest stays."""
    extensions = _extensions(children)
    out = []
    for wanted in order:
        found = [c for c in children if c.name == wanted.name]
        if not found:
            continue
        out.extend(sorted([_field_text(child, wanted.inside) for child in found]))
        # one pass, since a list may hold hundreds of thousands
        children[:] = [c for c in children if c.name != wanted.name or c.children]
    return "".join(out) + _sorted_text(extensions)


def _extensions(children: list[_Node]) -> list[_Node]:
    """Take the extensions out of an inner element: they follow its own fields, not the event's.

    Event level (told by eventTime or action) and elements with one member keep theirs, and so do namespaces
    that do not end in a slash: such extensions land behind the whole event. It is the reference's behaviour,
    and hashes must agree.
    """
    if len(children) <= 1 or any("eventTime" in c.name or "action" in c.name for c in children):
        return []
    found = [c for c in children if _is_extension(c)]
    children[:] = [c for c in children if not _is_extension(c)]
    return found


def _is_extension(node: _Node) -> bool:
    return "{" in node.name and "/}" in node.name


def _field_text(node: _Node, inside: tuple[_Order, ...]) -> str:
    within = _in_order(node.children, inside) if inside else ""
    lowered = node.name.lower()
    is_time = "time" in lowered and "offset" not in lowered
    value = _value_text(node, _time if is_time else _canonical)
    return node.name + value + within if value or within else ""


def _value_text(node: _Node, normalise: Callable[[str], str]) -> str:
    if node.verbatim:
        return "=" + node.text
    text = node.text.strip()
    if text:
        text = normalise(text)
    return "=" + text if text else ""


def _sorted_text(children: list[_Node]) -> str:
    """Text of unordered elements: each name, value, content; sorted as strings."""
    texts = []
    for child in children:
        if child.name:
            texts.append(child.name + _value_text(child, _canonical) + _sorted_text(child.children))
        else:  # a pair keeps its order: type, then identifier
            texts.append("".join(part.name + _value_text(part, _canonical) for part in child.children))
    return "".join(sorted(texts))


def _canonical(text: str) -> str:
    return hash_form(_number(modernise(text)))


def _number(text: str) -> str:
    """Numbers without leading or trailing zeros and signs; anything that reads as a number counts as one."""
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return str(int(value)) if value.is_integer() else str(value)


_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def _time(text: str) -> str:
    """UTC with milliseconds, rounded half to even; text that is no RFC 3339 time stays as it is."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return text
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    micros = int((match[7] or "").ljust(6, "0")[:6])
    offset = timedelta(hours=int(match[10] or 0), minutes=int(match[11] or 0))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        moment += timedelta(milliseconds=round(micros, -3) // 1000) + (offset if match[9] == "-" else -offset)
    except (ValueError, OverflowError):
        return text
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
