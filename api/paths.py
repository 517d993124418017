"""Paths of this service that other modules point to."""

from urllib.parse import quote

from epcis.digital_link import CANONICAL_HOST


def item_path(gtin: str, serial: str) -> str:
    """The page of an item; every reserved character of the serial is percent-encoded."""
    return f"/items/{gtin}/{quote(serial, safe='-._~')}"


def item_uri(gtin: str, serial: str) -> str:
    """The canonical Digital Link of an item."""
    return f"https://{CANONICAL_HOST}/01/{gtin}/21/{quote(serial, safe='-._~')}"
