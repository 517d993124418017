"""Identifiers in the form that the CBV event hash wants (CBV 2.0, section 8.9: constrained canonical links).

It differs from `digital_link.canonical` in its escaping, and it never judges check digits: the hash must be
the one that a partner's reference implementation finds, also for odd input. Escapes stay as written,
and a link that still needs one after shortening is left as it stood.
"""

import re
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from epcis.epc_urn import EpcUrnError, from_urn, is_epc_urn

_HOST: Final = "https://id.gs1.org"
_ESCAPES: Final = str.maketrans({c: f"%{ord(c):02X}" for c in "!()*+,:"})

# order matters: it is the order in which a path is searched for its key
_KEYS: Final = (
    "00", "01", "253", "255", "401", "402", "414", "417", "8003", "8004", "8006", "8010", "8017", "8018",
)  # fmt: skip
_SHORT_NAMES: Final = MappingProxyType(
    {
        "gtin": "01", "itip": "8006", "cpid": "8010", "gln": "414", "party": "417", "gsrnp": "8017",
        "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402",
        "grai": "8003", "giai": "8004", "cpv": "22", "lot": "10", "ser": "21",
    }
)  # fmt: skip

_KEY_NAMES: Final = "|".join((*_KEYS, *(n for n, ai in _SHORT_NAMES.items() if ai in _KEYS)))
_HAS_KEY: Final = re.compile(rf"https?:[^?#]*/({_KEY_NAMES})/[0-9]{{4}}[^/]")
_CANONICAL_KEY: Final = re.compile(rf"{re.escape(_HOST)}/({'|'.join(_KEYS)})/[0-9]{{4}}[^/]")
_SHORT_NAME: Final = re.compile(rf"(?<=/)({'|'.join(_SHORT_NAMES)})(?=/)")

_CHAR: Final = r"[\"'\-.0-9;-?A-Z_a-z]"
_TRADE_ITEM: Final = rf"{_HOST}/(?:8006/[0-9]{{18}}|01/[0-9]{{14}})"
_VARIANT: Final = re.compile(rf"({_TRADE_ITEM})/22/(?:{_CHAR}{{0,20}}$|(?=(?:/|{_CHAR}){{0,20}}$)[^/]*(/.*))")
_LOT_AND_SERIAL: Final = re.compile(rf"({_TRADE_ITEM})/10/{_CHAR}{{0,20}}(/21/{_CHAR}{{0,20}})")
_SHAPES: Final = tuple(
    re.compile(re.escape(_HOST) + "/" + shape)
    for shape in (
        "00/[0-9]{18}",
        f"01/[0-9]{{14}}(?:/(?:21|10)/{_CHAR}{{0,20}}|/235/{_CHAR}{{0,28}})?",
        f"253/[0-9]{{13}}{_CHAR}{{0,17}}",
        "255/[0-9]{13}[0-9]{0,12}",
        f"(?:401|8004)/{_CHAR}{{0,30}}",
        "402/[0-9]{17}",
        f"414/[0-9]{{13}}(?:/254/{_CHAR}{{0,20}})?",
        "417/[0-9]{13}",
        f"8003/[0-9]{{14}}{_CHAR}{{0,16}}",
        f"8006/[0-9]{{18}}(?:/(?:21|10)/{_CHAR}{{0,20}})?",
        r"8010/[#\-/0-9A-Z]{0,30}(?:/8011/[0-9]{0,12})?",
        "(?:8017|8018)/[0-9]{18}",
    )
)

_PLAIN: Final = "[0-9A-Za-z_.;=-]{1,20}"
"""a serial or lot that is written alike in a URN and in a link"""
_SERIALISED: Final = re.compile(rf"(urn:epc:(?:id:sgtin|class:lgtin):[0-9.]{{14}}\.)({_PLAIN})")
_SSCC: Final = re.compile(r"urn:epc:id:sscc:([0-9]{6,12})\.([0-9])([0-9]{4,10})")
_PLAIN_PART: Final = r"[\"'\-.0-9;->A-Z_a-z]{1,20}"
_USUAL_KEYS: Final = (
    rf"01/[0-9]{{14}}(?:/(?:21|10)/{_PLAIN_PART})?|00/[0-9]{{18}}|414/[0-9]{{13}}(?:/254/{_PLAIN_PART})?"
    "|417/[0-9]{13}"
)
_CANONICAL: Final = re.compile(rf"{re.escape(_HOST)}/(?:{_USUAL_KEYS})")
_ON_A_HOST: Final = re.compile(rf"https?://[^/?#\s]*\.[^/?#\s]*/({_USUAL_KEYS})")
_CANONICAL_LINES: Final = re.compile(rf"(?:{_CANONICAL.pattern}\n)+")
_SERIALISED_LINES: Final = (
    (re.compile(rf"(?:urn:epc:id:sgtin:[0-9.]{{14}}\.{_PLAIN}\n)+"), 32),
    (re.compile(rf"(?:urn:epc:class:lgtin:[0-9.]{{14}}\.{_PLAIN}\n)+"), 35),
)
"""lines that are all URNs of one kind, and where their serials begin"""
_LONG_LIST: Final = 8
_LONG_TEXT: Final = 200
"""characters above which a text is not remembered"""


def usual_forms(texts: list[str]) -> list[str] | None:
    """`usual_form` of a whole list at once, None where it has to be found one by one.

    Events that are large are large by such lists: one test for all of a list is several times faster.
    """
    if len(texts) < _LONG_LIST:
        return None
    lines = "\n".join(texts) + "\n"
    if lines.count("\n") != len(texts):
        return None
    if lines.startswith(_HOST):
        return texts if _CANONICAL_LINES.fullmatch(lines) else None
    for pattern, cut in _SERIALISED_LINES:
        if pattern.fullmatch(lines):
            links = {head: _link_head(head) for head in {text[:cut] for text in texts}}
            return None if None in links.values() else [f"{links[text[:cut]]}{text[cut:]}" for text in texts]
    return None


def usual_form(text: str) -> str | None:
    """`hash_form` of the identifiers that are met most, found quickly; None for every other text."""
    if text.startswith("urn:epc:"):
        if match := _SERIALISED.fullmatch(text):
            head = _link_head(match[1])
            return None if head is None else head + match[2]
        match = _SSCC.fullmatch(text)
        return _sscc(match[2] + match[1] + match[3]) if match else None
    if text.startswith("http"):
        if _CANONICAL.fullmatch(text):
            return text
        match = _ON_A_HOST.fullmatch(text)
        return f"{_HOST}/{match[1]}" if match else None
    return None


@lru_cache(maxsize=4096)
def _link_head(urn_head: str) -> str | None:
    """What stands before the serial in the link, by what stands before it in the URN."""
    form = _from_urn(urn_head + "1")
    return None if form.startswith("urn:") else form[:-1]


def _sscc(digits: str) -> str | None:
    if len(digits) != 17:
        return None
    code = digits.encode("ascii")
    # weights 3, 1, 3, … on the characters' codes, each of which is 48 more than its digit
    total = 3 * sum(code[::2]) + sum(code[1::2]) - 48 * (3 * 9 + 8)
    return f"{_HOST}/00/{digits}{-total % 10}"


def hash_form(text: str) -> str:
    """Identifier as it stands in a pre-hash string; text that is no GS1 key comes back unchanged."""
    if not text.startswith(("urn:epc:", "http")):
        return text
    return _remembered(text) if len(text) <= _LONG_TEXT else _hash_form(text)


def _hash_form(text: str) -> str:
    if is_epc_urn(text):
        return _from_urn(text)
    return _from_link(text) if _HAS_KEY.match(text) and "." in text else text


_remembered: Final = lru_cache(maxsize=4096)(_hash_form)
"""places and parties come again in event after event"""


def _from_urn(urn: str) -> str:
    try:
        pairs = from_urn(urn).pairs
    except EpcUrnError:
        return urn
    return _HOST + "".join(f"/{ai}/{value.raw.translate(_ESCAPES)}" for ai, value in pairs)


def _from_link(uri: str) -> str:
    link = _SHORT_NAME.sub(lambda m: _SHORT_NAMES[m[1]], uri.partition("?")[0])
    if not _CANONICAL_KEY.match(link):
        start = next((at for ai in _KEYS if (at := link.find(f"/{ai}/")) >= 0), -1)
        if start >= 0:
            link = _HOST + link[start:]
    for digits in (14, 13, 12, 8):
        if re.match(rf"{re.escape(_HOST)}/01/[0-9]{{{digits}}}", link):
            link = link.replace("/01/", "/01/" + "0" * (14 - digits))
            break
    if variant := _VARIANT.fullmatch(link):
        link = variant[1] + (variant[2] or "")
    if both := _LOT_AND_SERIAL.fullmatch(link):
        link = both[1] + both[2]
    return link if any(shape.fullmatch(link) for shape in _SHAPES) else uri
