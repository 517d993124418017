"""Money as people write it, to integer minor units and back: exact, never through a float."""

import re
from typing import Final

from cli.failure import Exit, Failure

_AMOUNT: Final = re.compile(r"([0-9]{1,78})(?:\.([0-9]{1,30}))?")
_LARGEST: Final = (1 << 256) - 1


def parse_amount(text: str, decimals: int, field: str = "amount") -> int:
    """Minor units of `text`, such as `1250.00` where `decimals` is 2 (ISO 4217). Raises Failure.

    Digits and one point only: no sign, no thousands separators, no exponent, and never more decimals than the
    currency has, so that nothing is rounded.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise Failure(
            f"{field} {text[:80]!r}: must be digits with a decimal point, as 1250.00", Exit.UNCHECKED
        )
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > decimals:
        raise Failure(
            f"{field} {text!r}: the currency has {decimals} decimals, {len(fraction)} are given",
            Exit.UNCHECKED,
        )
    minor = int(whole + fraction.ljust(decimals, "0"))
    if minor > _LARGEST:
        raise Failure(f"{field} {text!r}: is beyond what a token can hold", Exit.UNCHECKED)
    return minor


def format_amount(minor: int, decimals: int) -> str:
    """Minor units as decimal text: 125000 with 2 decimals is `1250.00`."""
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(decimals + 1, "0")
    return sign + (digits if decimals == 0 else f"{digits[:-decimals]}.{digits[-decimals:]}")


def format_money(minor: int, decimals: int, currency: str) -> str:
    """Amount and ISO 4217 code: `1250.00 EUR`."""
    return f"{format_amount(minor, decimals)} {currency}"
