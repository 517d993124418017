"""Types of single values: as strict as GS1's JSON schema for EPCIS 2.0, and stricter only on check digits."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from epcis.digital_link import CANONICAL_HOST, DigitalLinkError, parse
from epcis.gs1 import Gs1KeyError, parse_value
from epcis.vocabulary import (
    ALERT_TYPE,
    BIZ_STEP,
    COMPONENT,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT_TYPE,
    PARTY_TYPE,
    TRANSACTION_TYPE,
    Vocabulary,
)

_PART: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})"
"""what may stand anywhere after the scheme (RFC 3986, sections 2 and 3)"""
_AUTHORITY: Final = (
    rf"(?:{_PART}*@)?(?:\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+\]"
    r"|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
_URI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://{_AUTHORITY}(?=[/?#]|\Z)|(?!//))(?:{_PART}|[/@])*"
    rf"(?:\?(?:{_PART}|[/@?])*)?(?:#(?:{_PART}|[/@?])*)?"
)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_USUAL_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{3}|\d{6}))?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
"""what `datetime.fromisoformat` reads in the same way"""
_OFFSET: Final = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")


def parse_time(text: str) -> datetime:
    """RFC 3339 date-time with its offset, further digits than microseconds cut off; raises ValueError."""
    if _USUAL_TIME.fullmatch(text):
        return datetime.fromisoformat(text)
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(
            "must be a date and time with offset, as in 2026-07-22T06:45:00.000+02:00 (RFC 3339)"
        )
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    micros = int((match[7] or "").ljust(6, "0")[:6])
    zone = UTC
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:
            raise ValueError(f"offset {match[8]}{match[9]}:{match[10]} does not exist")
        offset = timedelta(hours=hours, minutes=minutes)
        zone = timezone(-offset if match[8] == "-" else offset)
    return datetime(year, month, day, hour, minute, second, micros, zone)


def is_uri(text: str) -> bool:
    """Whether the text is an absolute URI (RFC 3986, section 4.3, fragment allowed)."""
    return _URI.fullmatch(text) is not None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("text", "must be text")
    return value


_LINK: Final = re.compile(
    rf"https://{re.escape(CANONICAL_HOST)}/(?:(01/[0-9]{{14}})(?:/(?:21|10)/[0-9A-Za-z_.-]{{1,20}})?"
    r"|(00/[0-9]{18}|414/[0-9]{13}|417/[0-9]{13}))"
)
"""links of the most frequent kinds, right but perhaps for the check digit"""


@lru_cache(maxsize=4096)
def _is_right(key: str) -> bool:
    ai, _, value = key.partition("/")
    try:
        parse_value(ai, value)
    except Gs1KeyError:
        return False
    return True


def _uri(text: str) -> str:
    if text.startswith("https:") and (usual := _LINK.fullmatch(text)) and _is_right(usual[1] or usual[2]):
        return text
    if not is_uri(text):
        raise PydanticCustomError("uri", "must be an absolute URI (RFC 3986)")
    if "//" not in text:
        return text
    try:
        hosted = urlsplit(text).hostname == CANONICAL_HOST
    except ValueError:
        raise PydanticCustomError("uri", "must be an absolute URI (RFC 3986)") from None
    if hosted:
        try:
            parse(text)
        except DigitalLinkError as error:
            # other paths under the host are GS1's business; a GS1 key must be right
            if isinstance(error.__cause__, Gs1KeyError):
                raise PydanticCustomError("gs1_key", "{reason}", {"reason": error.reason}) from None
    return text


def _time(value: Any) -> datetime:
    try:
        return parse_time(_text(value))
    except ValueError as error:
        raise PydanticCustomError("time", "{reason}", {"reason": str(error)}) from None


def _matching(pattern: re.Pattern[str], reason: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not pattern.fullmatch(_text(value)):
            raise PydanticCustomError("pattern", "{reason}", {"reason": reason})
        return str(value)

    return check


def _of(vocabulary: Vocabulary) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = _text(value)
        if text in vocabulary.names:
            return text
        if text.startswith(vocabulary.reserved):
            reason = f"must be written as the standard {vocabulary.label}'s bare name"
            raise PydanticCustomError("vocabulary", "{reason}", {"reason": reason})
        if not is_uri(text):
            reason = f"is neither a standard {vocabulary.label} nor a URI"
            raise PydanticCustomError("vocabulary", "{reason}", {"reason": reason})
        return text

    return check


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PydanticCustomError("number", "must be a number")
    return value


def _unique(values: list[str]) -> list[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise PydanticCustomError("unique", "must not repeat {value}", {"value": value})
        seen.add(value)
    return values


def _one_or_many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Uri = Annotated[str, BeforeValidator(_text), AfterValidator(_uri)]
Time = Annotated[datetime, BeforeValidator(_time)]
Number = Annotated[Any, BeforeValidator(_number)]
"""int or float, as written"""
Offset = Annotated[
    str, BeforeValidator(_matching(_OFFSET, "must be an offset from UTC between -14:00 and +14:00"))
]
Uom = Annotated[
    str, BeforeValidator(_matching(re.compile("[A-Z0-9]{2,3}"), "must be a UN/ECE Recommendation 20 code"))
]
HexBinary = Annotated[
    str, BeforeValidator(_matching(re.compile("[A-Fa-f0-9]+"), "must be hexadecimal digits"))
]
Version = Annotated[
    str, BeforeValidator(_matching(re.compile(r"[0-9]+(\.[0-9]+)*"), "must be a version such as 2.0"))
]
Action = Literal["OBSERVE", "ADD", "DELETE"]

BizStep = Annotated[str, BeforeValidator(_of(BIZ_STEP))]
Disposition = Annotated[str, BeforeValidator(_of(DISPOSITION))]
TransactionType = Annotated[str, BeforeValidator(_of(TRANSACTION_TYPE))]
PartyType = Annotated[str, BeforeValidator(_of(PARTY_TYPE))]
ErrorReason = Annotated[str, BeforeValidator(_of(ERROR_REASON))]
Component = Annotated[str, BeforeValidator(_of(COMPONENT))]
MeasurementType = Annotated[str, BeforeValidator(_of(MEASUREMENT_TYPE))]
AlertType = Annotated[str, BeforeValidator(_of(ALERT_TYPE))]

UniqueUris = Annotated[list[Uri], AfterValidator(_unique)]
UniqueDispositions = Annotated[list[Disposition], AfterValidator(_unique)]
UriOrUris = Annotated[list[Uri], BeforeValidator(_one_or_many)]
"""one URI or a list of them, as a list"""
