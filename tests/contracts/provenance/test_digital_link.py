"""DigitalLink against epcis/digital_link.py: one canonical link for an item in both languages."""

import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from epcis.digital_link import item_id, item_uri
from epcis.gs1 import CHARSET_82, Gs1KeyError, check_digit, parse_gtin, parse_serial
from tests.contracts.evm import Contract, Reverted
from tests.contracts.provenance.scene import VECTORS

gtins = st.integers(1, 10**13 - 1).map(lambda body: f"{body:013d}{check_digit(f'{body:013d}')}")
serials = st.text(st.sampled_from(sorted(CHARSET_82)), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(gtin=gtins, serial=serials)
@example(gtin="00000000000017", serial="".join(sorted(CHARSET_82))[:20])
@example(gtin="09521321000018", serial="%" * 20)
@example(gtin="99999999999997", serial="0")
def test_links_are_those_of_epcis(libraries: Contract, passport: Contract, gtin: str, serial: str) -> None:
    uri, token = passport.call("itemOf", int(gtin), serial)
    assert uri == item_uri(gtin, serial)
    assert token.to_bytes(32, "big") == item_id(uri)
    assert libraries.call("canonical", int(gtin), serial) == (uri, True)


def test_every_character_alone(libraries: Contract) -> None:
    for code in range(256):
        raw = bytes([code])
        accepted = chr(code) in CHARSET_82
        # Bytes beyond ASCII are no UTF-8 text; the ABI carries them all the same.
        head = (9521321000018).to_bytes(32, "big") + (64).to_bytes(32, "big") + (1).to_bytes(32, "big")
        data = libraries.selector("canonical") + head + raw.ljust(32, b"\x00")
        if accepted:
            assert libraries.call("canonical", 9521321000018, chr(code))[0] == item_uri(
                "09521321000018", chr(code)
            )
        else:
            with pytest.raises((Reverted, UnicodeDecodeError)):
                libraries.evm.simulate(libraries.address, data, libraries.address)


@pytest.mark.parametrize("serial", ["", "x" * 21, "a b", "ä", "a#b", "a\x00", "~"])
def test_serials_that_ai_21_cannot_hold(passport: Contract, serial: str) -> None:
    with pytest.raises(Gs1KeyError):
        parse_serial(serial)
    with pytest.raises(Reverted) as refused:
        passport.call("itemOf", 9521321000018, serial)
    assert (refused.value.name, refused.value.values) == ("SerialInvalid", {"serial": serial})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(number=st.integers(0, 2**64 - 1) | st.integers(0, 10**14 - 1))
@example(number=0)
@example(number=10**14)
@example(number=10**14 + 9521321000018)
def test_check_digits_are_those_of_epcis(libraries: Contract, number: int) -> None:
    try:
        parse_gtin(f"{number:014d}")
        valid = number != 0
    except Gs1KeyError:
        valid = False
    if valid:
        libraries.call("requireGtin", number)
    else:
        with pytest.raises(Reverted) as refused:
            libraries.call("requireGtin", number)
        assert (refused.value.name, refused.value.values) == ("GtinInvalid", {"gtin": number})


@settings(max_examples=20, deadline=None, derandomize=True)
@given(gtin=gtins)
def test_gtins_with_a_right_check_digit(libraries: Contract, gtin: str) -> None:
    libraries.call("requireGtin", int(gtin))
    wrong = int(gtin) - int(gtin) % 10 + (int(gtin) + 1) % 10
    with pytest.raises(Reverted, match="GtinInvalid"):
        libraries.call("requireGtin", wrong)


def test_vectors(passport: Contract) -> None:
    vectors = json.loads((VECTORS / "digital_link.json").read_text(encoding="utf-8"))
    items = [link for link in vectors["links"] if "/01/" in link["canonical"] and "/21/" in link["canonical"]]
    assert items
    for link in items:
        gtin, serial = re.fullmatch(r".*/01/(\d{14})/21/(.*)", link["canonical"]).groups()  # type: ignore[union-attr]
        uri, token = passport.call("itemOf", int(gtin), unquote(serial))
        assert (uri, f"0x{token:064x}") == (link["canonical"], link["itemId"])
