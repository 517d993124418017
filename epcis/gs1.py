"""GS1 identification keys and their check digits (GS1 General Specifications, sections 3 and 7.9).

A key is known here by its application identifier (AI). `parse_key` checks length, character set and check
digit and returns the key in its one normal form; everything else in the room builds on it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CHARSET_82: Final = frozenset(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
"""GS1 AI encodable character set 82 (General Specifications, figure 7.11-1)."""

CHARSET_39: Final = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""GS1 AI encodable character set 39 (General Specifications, figure 7.11-2)."""

_DIGITS: Final = re.compile(r"[0-9]+")


class Gs1KeyError(ValueError):
    """A GS1 key that breaks its own rules; `field` names the kind of key, `value` is what was given."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(f"{field} {value!r}: {reason}")
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """Shape of one AI's value: a run of digits (perhaps with a check digit), then characters of a set."""

    ai: str
    name: str
    digits: int = 0
    """length of the leading numeric part, its check digit included"""
    checked: bool = False
    """whether that part ends in a check digit"""
    charset: frozenset[str] = frozenset()
    """what may follow the numeric part"""
    minimum: int = 0
    maximum: int = 0


_N: Final = frozenset("0123456789")
_FORMATS: Final = (
    KeyFormat("00", "SSCC", 18, True),
    KeyFormat("01", "GTIN", 14, True),
    KeyFormat("253", "GDTI", 13, True, CHARSET_82, 0, 17),
    KeyFormat("255", "GCN", 13, True, _N, 0, 12),
    KeyFormat("401", "GINC", 0, False, CHARSET_82, 1, 30),
    KeyFormat("402", "GSIN", 17, True),
    KeyFormat("414", "GLN of a location", 13, True),
    KeyFormat("417", "GLN of a party", 13, True),
    KeyFormat("8003", "GRAI", 14, True, CHARSET_82, 0, 16),
    KeyFormat("8004", "GIAI", 0, False, CHARSET_82, 1, 30),
    KeyFormat("8006", "ITIP", 14, True, _N, 4, 4),
    KeyFormat("8010", "CPID", 0, False, CHARSET_39, 1, 30),
    KeyFormat("8013", "GMN", 0, False, CHARSET_82, 1, 25),
    KeyFormat("8017", "GSRN of a provider", 18, True),
    KeyFormat("8018", "GSRN of a recipient", 18, True),
)
PRIMARY_KEYS: Final[Mapping[str, KeyFormat]] = MappingProxyType({f.ai: f for f in _FORMATS})
"""AI of a primary key -> its format."""

QUALIFIERS: Final[Mapping[str, KeyFormat]] = MappingProxyType(
    {
        f.ai: f
        for f in (
            KeyFormat("10", "batch or lot", 0, False, CHARSET_82, 1, 20),
            KeyFormat("21", "serial number", 0, False, CHARSET_82, 1, 20),
            KeyFormat("22", "consumer product variant", 0, False, CHARSET_82, 1, 20),
            KeyFormat("235", "third-party serial number", 0, False, CHARSET_82, 1, 28),
            KeyFormat("254", "GLN extension", 0, False, CHARSET_82, 1, 20),
            KeyFormat("7040", "UIC with extension", 1, False, CHARSET_82, 3, 3),
            KeyFormat("8011", "CPID serial number", 0, False, _N, 1, 12),
            KeyFormat("8019", "service relation instance", 0, False, _N, 1, 10),
        )
    }
)
"""AI of a key qualifier -> its format."""


def check_digit(digits: str) -> int:
    """Check digit, 0..9, that follows `digits` (General Specifications, section 7.9.1: weights 3, 1, 3, …).

    Raises Gs1KeyError when `digits` is empty or holds anything but ASCII digits.
    """
    if not _DIGITS.fullmatch(digits):
        raise Gs1KeyError("digits", digits, "must be one or more digits 0-9")
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return -total % 10


def _check(field: str, digits: str, shown: str) -> None:
    expected = check_digit(digits[:-1])
    if int(digits[-1]) != expected:
        raise Gs1KeyError(field, shown, f"check digit is {digits[-1]}, should be {expected}")


def _numeric(field: str, text: str, lengths: tuple[int, ...], width: int) -> str:
    if not _DIGITS.fullmatch(text):
        raise Gs1KeyError(field, text, "must hold digits 0-9 only")
    if len(text) not in lengths:
        wanted = " or ".join(map(str, lengths))
        raise Gs1KeyError(field, text, f"must have {wanted} digits, has {len(text)}")
    _check(field, text, text)
    return text.zfill(width)


def parse_gtin(text: str) -> str:
    """GTIN-8, -12, -13 or -14 as 14 digits, zero-padded on the left; raises Gs1KeyError."""
    return _numeric("GTIN", text, (8, 12, 13, 14), 14)


def parse_gln(text: str) -> str:
    """GLN of 13 digits; raises Gs1KeyError."""
    return _numeric("GLN", text, (13,), 13)


def parse_sscc(text: str) -> str:
    """SSCC of 18 digits; raises Gs1KeyError."""
    return _numeric("SSCC", text, (18,), 18)


def parse_serial(text: str) -> str:
    """Serial number, AI (21): 1 to 20 characters of set 82, unchanged; raises Gs1KeyError."""
    return parse_value("21", text)


def parse_value(ai: str, text: str) -> str:
    """Value of a primary key or key qualifier in normal form (a GTIN gets 14 digits).

    `ai`: application identifier as in PRIMARY_KEYS or QUALIFIERS. Raises Gs1KeyError naming the key.
    """
    known = PRIMARY_KEYS.get(ai) or QUALIFIERS.get(ai)
    if known is None:
        raise Gs1KeyError("application identifier", ai, "is not a GS1 key or key qualifier")
    if ai == "01":
        return parse_gtin(text)
    field = f"{known.name} ({ai})"
    head, tail = text[: known.digits], text[known.digits :]
    if known.digits:
        if len(head) < known.digits or not _DIGITS.fullmatch(head):
            raise Gs1KeyError(field, text, f"must begin with {known.digits} digits")
        if known.checked:
            _check(field, head, text)
        if ai == "8003" and head[0] != "0":
            raise Gs1KeyError(field, text, "must begin with 0")
    if not known.minimum <= len(tail) <= known.maximum:
        low, high = known.digits + known.minimum, known.digits + known.maximum
        wanted = str(low) if low == high else f"{low} to {high}"
        raise Gs1KeyError(field, text, f"must have {wanted} characters, has {len(text)}")
    bad = next((c for c in tail if c not in known.charset), None)
    if bad is not None:
        raise Gs1KeyError(field, text, f"must not hold the character {bad!r}")
    return text
