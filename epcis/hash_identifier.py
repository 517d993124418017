"""Identifiers in the form that the CBV event hash wants (CBV 2.0, section 8.9: constrained canonical links).

It differs from `digital_link.canonical` in its escaping, and it never judges check digits: the hash must be
the one that a partner's reference implementation finds, also for odd input. Escapes stay as written,
and a link that still needs one after shortening is left as it stood.
"""

import re
from functools import lru_cache
from operator import add
from types import MappingProxyType
from typing import Any, Final

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

_SSCC: Final = re.compile(r"urn:epc:id:sscc:([0-9]{6,12})\.([0-9])([0-9]{4,10})")
_PLAIN_PART: Final = r"[\"'\-.0-9;->A-Z_a-z]{1,20}"
_SHORT_PART: Final = r"[\"'\-.0-9;->A-Z_a-z]{1,16}"
_USUAL_KEYS: Final = (
    rf"01/[0-9]{{14}}(?:/(?:21|10)/{_PLAIN_PART})?|00/[0-9]{{18}}|414/[0-9]{{13}}(?:/254/{_PLAIN_PART})?"
    rf"|417/[0-9]{{13}}|8004/[0-9]{{5}}{_PLAIN_PART}|8003/[0-9]{{14}}(?:{_SHORT_PART})?"
    rf"|253/[0-9]{{13}}(?:{_SHORT_PART})?"
)
_CANONICAL: Final = re.compile(rf"{re.escape(_HOST)}/(?:{_USUAL_KEYS})")
_ON_A_HOST: Final = re.compile(rf"https?://[^/?#\s]*\.[^/?#\s]*/({_USUAL_KEYS})")
_PLAIN_RUN: Final = re.compile("[0-9A-Za-z_.;=-]*")
"""serials and lots that are written alike in a URN and in a link"""
_SSCC_HEAD: Final = re.compile(r"urn:epc:id:sscc:([0-9]{6,12})\.")
_URN_HEAD: Final = re.compile(
    r"urn:epc:(?:(id:sgtin|class:lgtin)|(id:gdti)|id:grai):[0-9]{6,12}\.[0-9]{0,7}|urn:epc:id:giai:[0-9]{6,12}"
)
_LINK_HEAD: Final = re.compile(r"https?://[^/?#\s]*\.[^/?#\s]*/(01/[0-9]{14}/(?:21|10)|414/[0-9]{13}/254)")
_LONG_LIST: Final = 16
_LONGEST_SERIAL: Final = 20
_LONG_TEXT: Final = 200
"""characters above which a text is not remembered"""


def usual_forms(texts: list[Any]) -> list[str] | None:
    """`usual_form` of a whole list at once, None where it is not one of usual forms alone."""
    try:
        if len(texts) >= _LONG_LIST and (known := _many_forms(texts)) is not None:
            return known
        forms = [usual_form(text) for text in texts]
    except (TypeError, AttributeError):  # not all are texts
        return None
    return None if None in forms else forms  # type: ignore[return-value]


def _many_forms(texts: list[Any]) -> list[str] | None:
    """Events that are large are large by such lists: one test is made for all serials."""
    first = texts[0]
    if first.startswith("urn:epc:id:sscc:"):
        cut = first.find(".") + 1
    elif first.startswith("urn:epc:id:sgtin:"):
        cut = 32
    elif first.startswith("http"):
        cut = first.rfind("/") + 1
    else:
        return None
    serials = [text[cut:] for text in texts]
    heads = [text[:cut] for text in texts]
    run = "".join(serials)
    sizes = set(map(len, serials))
    if not cut or min(sizes) < 1 or max(sizes) > _LONGEST_SERIAL or not _PLAIN_RUN.fullmatch(run):
        return None
    if first.startswith("urn:epc:id:sscc:"):
        return _ssccs(set(heads), serials, run) if len(sizes) == 1 else None
    links: dict[str, str] = {}
    for head in set(heads):
        found = _serialised(head[:-1])
        if found is None or found[1] < _LONGEST_SERIAL:
            return None
        links[head] = found[0]
    if all(head == link for head, link in links.items()):
        return list(texts)
    return list(map(add, map(links.__getitem__, heads), serials))


def usual_form(text: str) -> str | None:
    """`hash_form` of the identifiers that are met most, found quickly; None for every other text."""
    if text.startswith("urn:epc:"):
        head, _, serial = text.rpartition(".")
    elif text.startswith("http"):
        head, _, serial = text.rpartition("/")
    else:
        return None
    if len(text) > _LONG_TEXT:
        return None
    found = _serialised(head)
    if found is not None:
        link, longest = found
        if len(serial) <= longest and (
            (serial.isalnum() and serial.isascii()) or (serial and _PLAIN_RUN.fullmatch(serial))
        ):
            return link + serial
    if text[0] == "u":
        match = _SSCC.fullmatch(text)
        return _sscc(match[2] + match[1] + match[3]) if match else None
    return _usual_link(text)


@lru_cache(maxsize=4096)
def _usual_link(text: str) -> str | None:
    if _CANONICAL.fullmatch(text):
        return text
    match = _ON_A_HOST.fullmatch(text)
    return f"{_HOST}/{match[1]}" if match else None


@lru_cache(maxsize=4096)
def _serialised(head: str) -> tuple[str, int] | None:
    """Canonical link as far as its serial, of a URN or link as far as the dot or slash before its serial; and
    the most characters that the serial may have."""
    if match := _LINK_HEAD.fullmatch(head):
        return f"{_HOST}/{match[1]}/", _LONGEST_SERIAL
    match = _URN_HEAD.fullmatch(head)
    form = _from_urn(head + ".1") if match else ""
    if match is None or not form.startswith(_HOST):
        return None
    if "giai" in head:
        longest = 30 - (len(form) - len(_HOST + "/8004/1"))
    else:
        longest = _LONGEST_SERIAL if match[1] else 17 if match[2] else 16
    return form[:-1], longest


_TRIPLED: Final = bytes(3 * (code - 48) % 10 if 48 <= code < 58 else 0 for code in range(256))
_SINGLE: Final = bytes(code - 48 if 48 <= code < 58 else 0 for code in range(256))
_CHECK_DIGITS: Final = bytes(48 + -total % 10 for total in range(256))


def _ssccs(heads: set[str], serials: list[str], run: str) -> list[str] | None:
    """Links of SSCCs under one company prefix, `run` being their serial references, of one length, together.

    Check digits of all are found at once: a column of digits is one large number, a byte for each SSCC, and
    17 digits modulo ten cannot overflow a byte.
    """
    (head,) = heads if len(heads) == 1 else ("",)
    match = _SSCC_HEAD.fullmatch(head)
    size = len(serials[0])
    if match is None or len(match[1]) + size != 17 or not run.isdecimal():
        return None
    prefix, digits = match[1], run.encode("ascii")
    constant = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(prefix)) % 10
    weights = [_TRIPLED, *(_SINGLE if (len(prefix) + at) % 2 else _TRIPLED for at in range(1, size))]
    columns = [digits[at::size].translate(weight) for at, weight in enumerate(weights)]
    columns.append(bytes([constant]) * len(serials))
    totals = sum(int.from_bytes(column, "big") for column in columns).to_bytes(len(serials), "big")
    checks = totals.translate(_CHECK_DIGITS).decode("ascii")
    starts = {digit: f"{_HOST}/00/{digit}{prefix}" for digit in "0123456789"}
    return [f"{starts[serial[0]]}{serial[1:]}{check}" for serial, check in zip(serials, checks, strict=True)]


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
