"""How people name things on the command line: Digital Link, EPC URN, or the short `GTIN/SERIAL`."""

import re
from dataclasses import dataclass
from typing import Final

from cli.failure import Exit, Failure

_KEY: Final = re.compile(r"(00|253|255|401|402|414|417|8003|8004|8006|8010|8017|8018)/[!-~]{1,90}", re.ASCII)
_OTHER_EPCS: Final = ("urn:epc:id:bic:", "urn:epc:id:imovn:", "urn:epc:id:adi:")
"""things that travel and have no GS1 key"""
_SHORT: Final = re.compile(r"([0-9]{8}|[0-9]{12,14})/(.{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ItemName:
    """One serialised item. `gtin` has 14 digits, `serial` is plain, `uri` the canonical Digital Link."""

    gtin: str
    serial: str
    uri: str

    @property
    def path(self) -> str:
        """`/01/{gtin}/21/{serial}`, percent-encoded: what a QR code has behind the public URL."""
        return self.uri.removeprefix("https://id.gs1.org")

    @property
    def page(self) -> str:
        """`/items/{gtin}/{serial}`, percent-encoded: the item's place in the API."""
        return f"/items/{self.gtin}/{self.path.rpartition('/')[2]}"


def link_of(text: str, field: str = "item") -> str:
    """Canonical Digital Link of a Digital Link on any host, an EPC URN or `GTIN/SERIAL`. Raises Failure."""
    from epcis.digital_link import DigitalLinkError, canonical, item_uri
    from epcis.gs1 import Gs1KeyError

    short = _SHORT.fullmatch(text)
    try:
        return item_uri(short[1], short[2]) if short else canonical(text)
    except (DigitalLinkError, Gs1KeyError) as error:
        raise Failure(f"{field}: {error}", Exit.UNCHECKED) from None


def item_of(text: str) -> ItemName:
    """One item with GTIN and serial. Raises Failure for anything else, a shipment or a class included."""
    from epcis.digital_link import parse

    uri = link_of(text)
    link = parse(uri)
    serial = link.qualifier("21")
    if link.ai != "01" or serial is None:
        raise Failure(f"item {text!r}: must be a GTIN with a serial number", Exit.UNCHECKED)
    return ItemName(link.value, serial, uri)


def shipment_link(text: str, field: str = "shipment") -> str:
    """Canonical Digital Link of a shipment: SSCC of 18 digits, Digital Link or EPC URN. Raises Failure."""
    from epcis.digital_link import sscc_uri
    from epcis.gs1 import Gs1KeyError

    if text.isascii() and text.isdigit():
        try:
            return sscc_uri(text)
        except Gs1KeyError as error:
            raise Failure(f"{field}: {error}", Exit.UNCHECKED) from None
    return link_of(text, field)


def subject_id(text: str, field: str = "subject") -> bytes:
    """Identity on the chain of what a name stands for (docs/protocol.md §4), 32 bytes. Raises Failure."""
    from hashlib import sha256

    return sha256(shipment_link(text, field).encode("ascii")).digest()


def thing_link(text: str, field: str = "thing") -> str:
    """Canonical Digital Link of anything with a GS1 key: as `shipment_link`, or the short `AI/VALUE`.

    Other URNs, such as those of freight containers, stay as they are. Raises Failure.
    """
    from epcis.digital_link import DigitalLinkError, parse

    if _KEY.fullmatch(text) is not None:
        try:
            return parse(f"https://id.gs1.org/{text}").canonical
        except DigitalLinkError as error:
            raise Failure(f"{field}: {error}", Exit.UNCHECKED) from None
    if text.startswith(_OTHER_EPCS) or (text.startswith("urn:") and not text.startswith("urn:epc:")):
        return text
    return shipment_link(text, field)
