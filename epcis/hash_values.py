"""Single values as they stand in a pre-hash string (CBV 2.0, section 8.9): numbers, times, identifiers."""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from epcis.hash_identifier import hash_form, usual_form
from epcis.vocabulary import modernise

_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_USUAL_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d):([0-5]\d:[0-5]\d)(\.\d{3})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
NEVER_A_NUMBER: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz:/#%")
"""first characters of texts that are no finite number"""
_TRANSACTION: Final = re.compile("urn:epcglobal:cbv:bt:[^:]*:[^:]*")
_OF_IDENTIFIERS: Final = frozenset("uh")
"""first characters of URNs and links"""


def canonical_value(text: str) -> str:
    """Text without surrounding blanks in its one form: CBV 2.0's IRIs, plain numbers, canonical links."""
    first = text[:1]
    if first in _OF_IDENTIFIERS:
        found = usual_form(text)
        if found is not None:
            return found
    if "urn:epcglobal:cbv:" in text and not _TRANSACTION.fullmatch(text):
        text = modernise(text)
        first = text[:1]
    if first in NEVER_A_NUMBER:
        return hash_form(text) if first in _OF_IDENTIFIERS else text
    return hash_form(_number(text))


def number_value(value: float) -> str:
    """A JSON number as its text would be brought into form."""
    if value.__class__ is int and -(2**53) <= value <= 2**53:
        return str(value)
    if value.__class__ is float and not value.is_integer() and math.isfinite(value):
        return str(value)
    return _number(str(value))


def _number(text: str) -> str:
    """Numbers without leading or trailing zeros and signs; anything that reads as a number counts as one."""
    if ":" in text:
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return str(int(value)) if value.is_integer() else str(value)


def time_value(text: str) -> str:
    """UTC with milliseconds, rounded half to even; text that is no RFC 3339 time stays as it is."""
    match = _USUAL_TIME.fullmatch(text)
    if match is None:
        return _other_time(text)
    hour, clock, fraction, offset = match.groups()
    known = _utc_hour(hour, offset)
    return _other_time(text) if known is None else f"{known}{clock}{fraction or '.000'}Z"


@lru_cache(maxsize=4096)
def _utc_hour(hour: str, offset: str) -> str | None:
    """Date and hour in UTC, a colon behind them; None for a time that is none and offsets of half hours."""
    try:
        moment = datetime.fromisoformat(f"{hour}:00:00{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if moment.minute else moment.isoformat()[:14]


def _other_time(text: str) -> str:
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return text
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    micros = int((match[7] or "").ljust(6, "0")[:6])
    offset = timedelta(hours=int(match[10] or 0), minutes=int(match[11] or 0))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        moment += timedelta(milliseconds=round(micros, -3) // 1000) + (offset if match[9] == "-" else -offset)
    except (ValueError, OverflowError):
        return text
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
