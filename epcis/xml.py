"""The event hash of CBV 2.0, section 8.9, for EPCIS 2.0 documents and events in XML.

An event in XML has the pre-hash of the same event in JSON (`epcis.cbv_hash`): its attributes and elements are
the fields, namespaces stand in braces before names, and the prefixes `gs1:` and `cbv:` of a value mean GS1's
vocabularies. `extension` and `baseExtension` of EPCIS 1.x are as if they were not there.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final
from xml.etree.ElementTree import Element

from epcis.hash_identifier import usual_forms
from epcis.hash_order import EVENT, IGNORED_IN_EVENT, PAIRS, Order, Slot
from epcis.hash_terms import Budget
from epcis.hash_values import canonical_value, time_value
from epcis.vocabulary import CBV, GS1_VOC
from epcis.xml_reader import XmlError, read

__all__ = ["XmlError", "event_hashes", "is_xml", "prehashes"]

_WRAPPERS: Final = frozenset({"extension", "baseExtension"})
_PAIR_MEMBERS: Final = frozenset(PAIRS.values())
_EVENT_TYPES: Final = frozenset(
    {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}
)
_QUERY_RESULTS: Final = ("QueryResults", "resultsBody")


def is_xml(data: bytes) -> bool:
    """Whether bytes are meant as XML, rather than JSON."""
    return data[:256].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def event_hashes(data: bytes) -> list[bytes]:
    """CBV event hashes, 32 bytes each, of the events of a document or of a bare event, in document order.

    Raises XmlError, and JsonError where a pre-hash would be longer than `cbv_hash.MAX_PREHASH`.
    """
    return [sha256(text.encode("utf-8")).digest() for text in prehashes(data)]


def prehashes(data: bytes) -> list[str]:
    """Pre-hash strings of the events of an EPCIS 2.0 XML document (UTF-8), or of a bare event.

    An event is hashed as it stands, valid or not. Raises as `event_hashes`; XmlError too where there is no
    EventList.
    """
    wrapped = any(name.encode() in data for name in _WRAPPERS)
    return [_prehash(event, wrapped) for event in _events(read(data))]


def _events(root: Element) -> list[Element]:
    if root.tag in _EVENT_TYPES:
        return [root]
    body = next(_unwrapped_named(root, "EPCISBody"), None)
    for name in _QUERY_RESULTS:
        inner = None if body is None else next(_unwrapped_named(body, name), None)
        body = body if inner is None else inner
    listed = None if body is None else next(_unwrapped_named(body, "EventList"), None)
    if listed is None:
        raise XmlError(1, _local(root.tag), "is no event and holds no EPCISBody with an EventList")
    return list(_inside(listed))


def _unwrapped_named(element: Element, name: str) -> Iterator[Element]:
    return (one for one in _inside(element) if _local(one.tag) == name)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _inside(element: Element) -> Iterator[Element]:
    """Elements in an element, without EPCIS 1.x's wrappers round them."""
    for one in element:
        if one.tag in _WRAPPERS and not one.keys():
            yield from _inside(one)
        else:
            yield one


def _prehash(event: Element, wrapped: bool) -> str:
    ordered, rest = _Event(wrapped).ordered(event, EVENT, IGNORED_IN_EVENT)
    rest.sort()
    return f"eventType={event.tag}{ordered}{''.join(rest)}"


class _Event:
    """Texts of one event's fields: what `cbv_hash` does for members of JSON, for elements and attributes."""

    __slots__ = ("_budget", "_wrapped")

    def __init__(self, wrapped: bool) -> None:
        self._wrapped = wrapped
        self._budget = Budget()

    def ordered(
        self, element: Element, order: Order, ignored: frozenset[str] = frozenset()
    ) -> tuple[str, list[str]]:
        """Text of an element's ordered fields, and the unordered texts of what has no place among them."""
        placed: list[tuple[int, str]] = []
        rest: list[str] = []
        extensions: list[str] = []
        slots = order.slots
        for name, value in element.items():
            slot = slots.get(name)
            if slot is not None:
                if text := _value(value, slot.is_time):
                    placed.append((slot.index, name + text))
            elif _is_extension(name):
                extensions.append(self._leaf(name, value))
            elif name not in ignored:
                rest.append(self._leaf(name, value))
        for one in self._inside(element):
            name = one.tag
            slot = slots.get(name)
            if slot is not None:
                if len(one) or one.keys():
                    self._place(slot, one, placed, rest)
                elif (given := one.text) and (text := _value(given, slot.is_time)):
                    placed.append((slot.index, name + text))
            elif name in _PAIR_MEMBERS:
                return "", _pairs(element)
            elif _is_extension(name):
                extensions.append(self._element(one))
            elif name not in ignored:
                rest.append(self._element(one))
        placed.sort()
        own = "".join([text for _, text in placed])
        if extensions:
            names = [*element.keys(), *(one.tag for one in self._inside(element))]
            if len(names) > 1 and not any("eventTime" in name or "action" in name for name in names):
                return own + "".join(sorted(extensions)), rest
        rest += extensions
        return own, rest

    def _place(self, slot: Slot, element: Element, placed: list[tuple[int, str]], rest: list[str]) -> None:
        """Write an element where it belongs, and what remains of it into `rest`."""
        text = self._own(element, slot.is_time)
        if slot.inside is None:
            within, left = "", self._members(element)
        elif "epc" in slot.inside.slots and (known := _usual(element)) is not None:
            known.sort()
            within, left = "epc=" + "epc=".join(known), []
        else:
            within, left = self.ordered(element, slot.inside)
        if text or within:
            placed.append((slot.index, slot.name + text + within))
        if left:
            rest.append(slot.name + self._own(element, False) + "".join(sorted(left)))

    def _inside(self, element: Element) -> Iterable[Element]:
        return _inside(element) if self._wrapped else element

    def _own(self, element: Element, is_time: bool) -> str:
        """Value of an element that holds others: mostly blanks before the first of them."""
        text = _text(element) if self._wrapped else element.text
        return "" if not text or text.isspace() else _value(text, is_time)

    def _members(self, element: Element) -> list[str]:
        """Texts of attributes and elements where nothing has a place."""
        texts = [self._leaf(name, value) for name, value in element.items()]
        for one in self._inside(element):
            if one.tag in _PAIR_MEMBERS:
                return _pairs(element)
            texts.append(self._element(one))
        return texts

    def _element(self, element: Element) -> str:
        if not len(element) and not element.keys():
            return self._leaf(element.tag, element.text or "")
        self._budget.spend(len(element.tag))
        own = element.tag + self._own(element, False)
        return own + "".join(sorted(self._members(element)))

    def _leaf(self, name: str, value: str) -> str:
        self._budget.spend(len(name) + len(value))
        return name + _value(value, False)


def _is_extension(name: str) -> bool:
    return "{" in name and "/}" in name


def _text(element: Element) -> str:
    """Text before an element's first child; what stands behind a child is nobody's value."""
    text = element.text or ""
    if len(element) and element[0].tag in _WRAPPERS and not element[0].keys():
        return text + _text(element[0])
    return text


def _expanded(text: str) -> str:
    if text.startswith("gs1:"):
        return text.replace("gs1:", GS1_VOC)
    return text.replace("cbv:", CBV) if text.startswith("cbv:") else text


def _value(given: str, is_time: bool) -> str:
    """`=` and the value in its one form; nothing for blank text."""
    if given.isalpha():
        return "=" + given
    text = given.strip()
    if not text:
        return ""
    if text[0] in "gc":
        text = _expanded(text)
    return "=" + (time_value(text) if is_time else canonical_value(text))


def _pairs(element: Element) -> list[str]:
    """Business transactions, sources or destinations, type first; what stands beside them does not count."""
    texts = []
    for one in _inside(element):
        if one.tag in _PAIR_MEMBERS:
            kind, own = (one.get("type") or "").strip(), _text(one).strip()
            if kind.startswith("cbv:"):  # `gs1:` is left, as the reference implementation has it
                kind = kind.replace("cbv:", CBV)
            text = "" if one.get("type") is None else "type"
            text += f"={canonical_value(kind)}" if kind else ""
            texts.append(text + one.tag + (f"={canonical_value(own)}" if own else ""))
    return texts


def _usual(element: Element) -> list[str] | None:
    """EPCs of a list of nothing else, where all are of the usual forms."""
    if element.keys():
        return None
    texts = [one.text or "" for one in element if one.tag == "epc" and not len(one) and not one.keys()]
    return usual_forms(texts) if len(texts) == len(element) else None
