"""However an item is named, it is the same item; what names none is refused with the reason."""

from hashlib import sha256

import pytest

from cli.failure import Exit, Failure
from cli.item_names import item_of, link_of, shipment_link, subject_id

URI = "https://id.gs1.org/01/09506000134352/21/A%2F1"


@pytest.mark.parametrize(
    "text",
    [
        URI,
        "https://shop.example/x/01/09506000134352/10/LOT/21/A%2F1?utm=1",
        "9506000134352/A/1",
        "09506000134352/A/1",
        "urn:epc:id:sgtin:9506000.013435.A%2F1",
    ],
)
def test_all_names_of_an_item_are_one(text: str) -> None:
    name = item_of(text)
    assert (name.gtin, name.serial, name.uri) == ("09506000134352", "A/1", URI)
    assert name.path == "/01/09506000134352/21/A%2F1"
    assert name.page == "/items/09506000134352/A%2F1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("09506000134353/A1", "check digit"),
        ("nonsense", "not an http"),
        ("https://id.gs1.org/01/09506000134352", "with a serial number"),
        ("https://id.gs1.org/00/095060001343522226", "with a serial number"),
        ("09506000134352/" + "x" * 21, "20"),
    ],
)
def test_what_is_no_item_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Failure, match=reason) as caught:
        item_of(text)
    assert caught.value.code is Exit.UNCHECKED


def test_a_shipment_is_named_by_its_bare_sscc_too() -> None:
    uri = "https://id.gs1.org/00/095060001343522226"
    assert shipment_link("095060001343522226") == shipment_link(uri) == link_of(uri) == uri
    assert subject_id("095060001343522226") == sha256(uri.encode()).digest()
    with pytest.raises(Failure, match=r"^shipment: SSCC"):
        shipment_link("095060001343522227")
