"""Events in JSON written as EPCIS 2.0 XML, so that both forms can be hashed and compared."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from epcis.contexts import ActiveContext, Context
from epcis.hash_order import PAIRS
from epcis.vocabulary import FIELDS

EPC_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
IN_ATTRIBUTES = ("sensorMetadata", "sensorReport")


def to_document(events: list[dict[str, Any]], context: Context) -> bytes:
    """An EPCISDocument of the events, in order."""
    root = Element(
        "{urn:epcglobal:epcis:xsd:2}EPCISDocument",
        schemaVersion="2.0",
        creationDate="2026-07-22T06:45:00.000Z",
    )
    listed = SubElement(SubElement(root, "EPCISBody"), "EventList")
    listed.extend(to_event(event, context) for event in events)
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def to_event(event: dict[str, Any], context: Context) -> Element:
    """One event; its type must be of the standard."""
    element = Element(event["type"])
    _Writer(ActiveContext.of(context)).members(element, {k: v for k, v in event.items() if k != "type"}, "")
    return element


class _Writer:
    def __init__(self, active: ActiveContext) -> None:
        self._active = active

    def members(self, parent: Element, node: dict[str, Any], holder: str) -> None:
        for name, value in node.items():
            if name not in ("@context", "rdfs:comment", "comment"):
                self._member(parent, name, value, holder)

    def _member(self, parent: Element, name: str, value: Any, holder: str) -> None:
        if value == []:
            return
        if name in PAIRS:
            listed = SubElement(parent, name)
            for pair in value:
                one = SubElement(listed, PAIRS[name])
                if "type" in pair:
                    one.set("type", self._text(pair["type"], name, "type"))
                one.text = self._text(pair[PAIRS[name]], name, PAIRS[name])
        elif name in EPC_LISTS:
            self._each(SubElement(parent, name), "epc", value, name)
        elif name in QUANTITY_LISTS:
            self._each(SubElement(parent, name), "quantityElement", value, name)
        elif name.endswith("List"):
            qualified = self._qualified(name)
            self._each(SubElement(parent, qualified), qualified.removesuffix("List"), value, name, holder)
        elif holder in IN_ATTRIBUTES and ":" not in name:
            parent.set(name, self._text(value, holder, name))
        else:
            self._each(parent, self._qualified(name), value, name, holder)

    def _each(self, parent: Element, tag: str, value: Any, member: str, holder: str = "") -> None:
        for one in value if isinstance(value, list) else [value]:
            element = SubElement(parent, tag)
            if isinstance(one, dict):
                self.members(element, one, member)
            else:
                element.text = self._text(one, holder, member)

    def _qualified(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        namespace = self._active.prefix(prefix) if colon else None
        return name if namespace is None else f"{{{namespace}}}{local}"

    def _text(self, value: Any, holder: str, member: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            return str(value)
        vocabulary = FIELDS.get((holder, member))
        text = vocabulary.iri(value) if vocabulary else value
        prefix, colon, rest = text.partition(":")
        namespace = self._active.prefix(prefix) if colon else None
        return text if namespace is None else namespace + rest


def wrapped(document: bytes, wrap: Callable[[Element], bool]) -> bytes:
    """A document with some of its fields in the `extension` of EPCIS 1.x."""
    root = fromstring(document)  # noqa: S314 - written above
    for event in root[0][0]:
        for child in list(event):
            if wrap(child):
                holder = SubElement(event, "extension")
                event.remove(child)
                holder.append(child)
    data: bytes = tostring(root, encoding="utf-8")
    return data
