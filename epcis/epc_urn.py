"""EPC URNs split into GS1 keys (EPC Tag Data Standard 1.13, sections 6 to 8).

The company prefix's length is known in a URN and lost in the key, so the way back does not exist offline.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from epcis.gs1 import check_digit

_PREFIX: Final = re.compile(r"[0-9]{6,12}")
_NUMERIC: Final = re.compile(r"[0-9]*")
_GRAPHIC: Final = (
    r"(?:%2[125-9A-Fa-f]|%3[0-9A-Fa-f]|%4[1-9A-Fa-f]|%5[0-9AaFf]|%6[1-9A-Fa-f]|%7[0-9Aa]"
    r"|[!')(*+,.0-9:;=A-Za-z_-])"
)
_CPREF: Final = r"(?:%2[3dfDF]|%3[0-9]|%4[1-9A-Fa-f]|%5[0-9Aa]|[0-9A-Z-])"


class EpcUrnError(ValueError):
    """A URN that is not an EPC URN with a GS1 key; `reason` says why."""

    def __init__(self, urn: str, reason: str) -> None:
        super().__init__(f"EPC URN {urn!r}: {reason}")
        self.urn = urn
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UrnValue:
    """An AI's value as the URN writes it (`raw`, escapes kept) and as it is (`plain`)."""

    raw: str

    @property
    def plain(self) -> str:
        """Value with escapes resolved."""
        return unquote(self.raw)


@dataclass(frozen=True, slots=True)
class EpcUrn:
    """GS1 key of a URN: (AI, value) pairs, the key first, at most one qualifier."""

    pairs: tuple[tuple[str, UrnValue], ...]


def is_epc_urn(text: str) -> bool:
    """Whether the text is an EPC pure identity, class or pattern URN (perhaps a malformed one)."""
    return text.startswith(("urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:"))


class _Reader:
    """The body of one URN, taken apart from the left."""

    def __init__(self, urn: str, body: str, pattern: bool) -> None:
        self.urn, self.body, self.pattern = urn, body, pattern

    def fail(self, reason: str) -> EpcUrnError:
        return EpcUrnError(self.urn, reason)

    def split(self, count: int) -> list[str]:
        """Company prefix and `count - 1` further fields; the last one may hold dots."""
        fields = self.body.split(".", count - 1)
        if len(fields) != count:
            raise self.fail(f"must have {count} fields separated by dots")
        if not _PREFIX.fullmatch(fields[0]):
            raise self.fail(f"company prefix {fields[0]!r} must have 6 to 12 digits")
        return fields

    def joined(self, prefix: str, reference: str, total: int) -> str:
        if not _NUMERIC.fullmatch(reference) or len(prefix) + len(reference) != total:
            raise self.fail(f"{prefix}.{reference} must have {total} digits together")
        return prefix + reference

    def serial(self, text: str, limit: int, unit: str = _GRAPHIC) -> str:
        if not re.fullmatch(f"{unit}{{1,{limit}}}", text):
            raise self.fail(f"{text!r} must have 1 to {limit} characters, escaped as the standard says")
        return text

    def end(self, text: str, limit: int, unit: str = _GRAPHIC) -> str | None:
        """Last field: a serial, or `*` in a pattern (then None)."""
        if self.pattern:
            if text != "*":
                raise self.fail(f"the pattern's last field must be *, is {text!r}")
            return None
        return self.serial(text, limit, unit)

    def gtin(self, prefix: str, item: str) -> str:
        self.joined(prefix, item, 13)
        return _with_check(item[0] + prefix + item[1:])


def _with_check(digits: str) -> str:
    return digits + str(check_digit(digits))


def _pairs(ai: str, value: str, qualifier: str = "", text: str | None = None) -> EpcUrn:
    key = (ai, UrnValue(value))
    return EpcUrn((key,) if text is None else (key, (qualifier, UrnValue(text))))


def _sgtin(r: _Reader) -> EpcUrn:
    prefix, item, serial = r.split(3)
    return _pairs("01", r.gtin(prefix, item), "21", r.end(serial, 20))


def _upui(r: _Reader) -> EpcUrn:
    prefix, item, serial = r.split(3)
    return _pairs("01", r.gtin(prefix, item), "235", r.end(serial, 28))


def _lgtin(r: _Reader) -> EpcUrn:
    prefix, item, lot = r.split(3)
    return _pairs("01", r.gtin(prefix, item), "10", r.serial(lot, 20))


def _itip(r: _Reader) -> EpcUrn:
    prefix, item, piece, total, serial = r.split(5)
    if not re.fullmatch("[0-9]{2}", piece) or not re.fullmatch("[0-9]{2}", total):
        raise r.fail(f"piece {piece!r} and total {total!r} must have two digits each")
    return _pairs("8006", r.gtin(prefix, item) + piece + total, "21", r.end(serial, 20))


def _sscc(r: _Reader) -> EpcUrn:
    prefix, serial = r.split(2)
    r.joined(prefix, serial, 17)
    return _pairs("00", _with_check(serial[0] + prefix + serial[1:]))


def _gln(r: _Reader, prefix: str, reference: str) -> str:
    return _with_check(r.joined(prefix, reference, 12))


def _sgln(r: _Reader) -> EpcUrn:
    prefix, location, extension = r.split(3)
    text = r.serial(extension, 20)
    return _pairs("414", _gln(r, prefix, location), "254", None if text == "0" else text)


def _pgln(r: _Reader) -> EpcUrn:
    prefix, party = r.split(2)
    return _pairs("417", _gln(r, prefix, party))


def _compound(ai: str, lead: str, limit: int, unit: str = _GRAPHIC) -> Callable[[_Reader], EpcUrn]:
    """Keys whose serial is part of the key itself: GRAI, GDTI, GCN."""

    def read(r: _Reader) -> EpcUrn:
        prefix, reference, serial = r.split(3)
        digits = _with_check(lead + r.joined(prefix, reference, 12))
        return _pairs(ai, digits + (r.end(serial, limit, unit) or ""))

    return read


def _prefixed(ai: str) -> Callable[[_Reader], EpcUrn]:
    """Keys that are a company prefix and any reference, 30 characters together: GIAI, GINC."""

    def read(r: _Reader) -> EpcUrn:
        prefix, reference = r.split(2)
        return _pairs(ai, prefix + r.serial(reference, 30 - len(prefix)))

    return read


def _numbered(ai: str, total: int) -> Callable[[_Reader], EpcUrn]:
    """Keys that are a company prefix, a numeric reference and a check digit: GSRN, GSIN."""

    def read(r: _Reader) -> EpcUrn:
        prefix, reference = r.split(2)
        return _pairs(ai, _with_check(r.joined(prefix, reference, total)))

    return read


def _cpi(r: _Reader) -> EpcUrn:
    prefix, rest = r.split(2)
    reference, dot, serial = rest.rpartition(".")
    if not dot:
        raise r.fail("must have 3 fields separated by dots")
    key = prefix + r.serial(reference, 30 - len(prefix), _CPREF)
    return _pairs("8010", key, "8011", r.end(serial, 12, "[0-9]"))


_KINDS: Final[dict[str, Callable[[_Reader], EpcUrn]]] = {
    "sgtin": _sgtin,
    "upui": _upui,
    "itip": _itip,
    "sscc": _sscc,
    "sgln": _sgln,
    "pgln": _pgln,
    "grai": _compound("8003", "0", 16),
    "gdti": _compound("253", "", 17),
    "sgcn": _compound("255", "", 12, "[0-9]"),
    "giai": _prefixed("8004"),
    "ginc": _prefixed("401"),
    "gsrn": _numbered("8018", 17),
    "gsrnp": _numbered("8017", 17),
    "gsin": _numbered("402", 16),
    "cpi": _cpi,
}
_PATTERNS: Final = frozenset({"sgtin", "upui", "itip", "grai", "gdti", "sgcn", "cpi"})


def from_urn(urn: str) -> EpcUrn:
    """GS1 key of an EPC URN of the families id, idpat and class; raises EpcUrnError."""
    parts = urn.split(":", 4)
    if len(parts) != 5 or parts[:2] != ["urn", "epc"]:
        raise EpcUrnError(urn, "is not urn:epc:{id,idpat,class}:…")
    family, scheme, body = parts[2:]
    if family == "class" and scheme == "lgtin":
        return _lgtin(_Reader(urn, body, False))
    if (family == "id" and scheme in _KINDS) or (family == "idpat" and scheme in _PATTERNS):
        return _KINDS[scheme](_Reader(urn, body, family == "idpat"))
    raise EpcUrnError(urn, f"{family}:{scheme} has no GS1 key")
