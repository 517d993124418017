from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis import digital_link
from epcis.digital_link import DigitalLinkError, canonical, parse
from epcis.gs1 import CHARSET_82, Gs1KeyError, check_digit
from tests.epcis.vectors import load, unhex

VECTORS = load("digital_link.json")
SERIALS = st.text("".join(sorted(CHARSET_82)), min_size=1, max_size=20)
GTINS = st.text("0123456789", min_size=13, max_size=13).map(lambda d: d + str(check_digit(d)))


@pytest.mark.parametrize("row", VECTORS["links"], ids=lambda row: str(row["input"]))
def test_canonical_form_and_item_id(row: dict[str, str]) -> None:
    assert digital_link.canonical(row["input"]) == row["canonical"]
    assert digital_link.normalise(row["input"]) == row["canonical"]
    assert digital_link.item_id(row["input"]) == unhex(row["itemId"])
    assert digital_link.canonical(row["canonical"]) == row["canonical"]


@pytest.mark.parametrize("text", VECTORS["unchanged"])
def test_other_identifiers_come_back_unchanged(text: str) -> None:
    assert digital_link.normalise(text) == text
    with pytest.raises(DigitalLinkError):
        digital_link.item_id(text)


@pytest.mark.parametrize("row", VECTORS["refused"], ids=lambda row: str(row["input"]))
def test_wrong_links_are_refused_saying_why(row: dict[str, Any]) -> None:
    with pytest.raises(DigitalLinkError, match=row["names"]) as caught:
        digital_link.parse(row["input"])
    assert row["input"] in str(caught.value)


def test_a_wrong_key_is_told_from_a_wrong_shape() -> None:
    with pytest.raises(DigitalLinkError) as caught:
        digital_link.parse("https://id.gs1.org/01/04012345111117")
    assert isinstance(caught.value.__cause__, Gs1KeyError)
    with pytest.raises(DigitalLinkError) as caught:
        digital_link.parse("https://id.gs1.org/voc/Product")
    assert caught.value.__cause__ is None


def test_parts_are_kept_as_given() -> None:
    link = digital_link.parse("https://shop.example/p/01/4012345111118/22/2A/10/L%2F1/21/9876?3103=000195")
    assert (link.ai, link.value) == ("01", "04012345111118")
    assert link.qualifiers == (("22", "2A"), ("10", "L/1"), ("21", "9876"))
    assert link.qualifier("10") == "L/1"
    assert link.is_instance()
    assert not digital_link.parse("https://id.gs1.org/01/04012345111118/10/L1").is_instance()


def test_the_canonical_host_has_no_path_before_the_key() -> None:
    with pytest.raises(DigitalLinkError):
        digital_link.parse("https://id.gs1.org/x/01/04012345111118")
    assert digital_link.normalise("https://shop.example/x/01/04012345111118").endswith("/01/04012345111118")


@settings(derandomize=True)
@given(GTINS, SERIALS)
def test_every_serial_survives_the_link(gtin: str, serial: str) -> None:
    uri = digital_link.item_uri(gtin, serial)
    assert uri.isascii()
    assert digital_link.canonical(uri) == uri
    assert digital_link.parse(uri).qualifier("21") == serial
    assert digital_link.item_id(uri) == sha256(uri.encode()).digest()


@settings(derandomize=True)
@given(GTINS, SERIALS, st.integers(6, 12))
def test_urn_and_link_of_one_item_meet(gtin: str, serial: str, prefix_length: int) -> None:
    escaped = "".join(f"%{ord(c):02X}" if c in '"%&/<>?' else c for c in serial)
    company, reference = gtin[1 : 1 + prefix_length], gtin[1 + prefix_length : 13]
    urn = f"urn:epc:id:sgtin:{company}.{gtin[0]}{reference}.{escaped}"
    assert digital_link.normalise(urn) == digital_link.item_uri(gtin, serial)


@pytest.mark.parametrize(
    "urn",
    [
        "urn:epc:id:sgtin:4012345.01111.9876",
        "urn:epc:id:sgtin:40123.0111111.9876",
        "urn:epc:id:sgtin:4012345.011111.",
        "urn:epc:id:sgtin:4012345.011111.a b",
        "urn:epc:id:sgtin:4012345.011111.a/b",
        "urn:epc:id:sscc:4012345.000000111",
        "urn:epc:id:sgln:4012345.00005",
        "urn:epc:idpat:sgtin:*.*.*",
        "urn:epc:id:cpi:4012345.ABC",
        "urn:epc:tag:sgtin-96:3.4012345.011111.9876",
        "urn:epc:id:",
        "",
    ],
)
def test_malformed_urns_are_refused(urn: str) -> None:
    with pytest.raises(DigitalLinkError):
        digital_link.from_epc_urn(urn)
    assert digital_link.normalise(urn) == urn


def test_builders() -> None:
    assert digital_link.sscc_uri("040123450000011111") == "https://id.gs1.org/00/040123450000011111"
    assert digital_link.gln_uri("4012345000054") == "https://id.gs1.org/417/4012345000054"
    assert digital_link.location_uri("4012345000054") == "https://id.gs1.org/414/4012345000054"
    with pytest.raises(Gs1KeyError):
        digital_link.item_uri("4012345111118", "ü")


def test_a_path_of_nothing_but_keys_ends_quickly() -> None:
    with pytest.raises(DigitalLinkError):
        parse("https://example.org" + "/01/01" * 200_000)
    long_way = "https://example.org" + "/01/01" * 1000 + "/01/09506000134352/22/v/10/l/21/s"
    assert canonical(long_way) == "https://id.gs1.org/01/09506000134352/21/s"
