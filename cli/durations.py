"""Durations (`7d`, `48h`) and points in time (ISO 8601 with an offset) as people write them."""

import re
from datetime import UTC, datetime
from typing import Final

from cli.failure import Exit, Failure

_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART: Final = re.compile(r"([0-9]{1,12})([wdhms])")
_DURATION: Final = re.compile(r"(?:[0-9]{1,12}[wdhms])+")


def parse_duration(text: str, field: str = "duration") -> int:
    """Seconds of `7d`, `48h`, `1d12h`, `90m`, `0s` or `0`. Raises Failure.

    Units are weeks, days of 24 hours, hours, minutes, seconds, each once and from large to small.
    """
    if text == "0":
        return 0
    if not _DURATION.fullmatch(text):
        raise Failure(
            f"{field} {text[:60]!r}: must be a number with w, d, h, m or s, as 7d, 48h or 1d12h",
            Exit.UNCHECKED,
        )
    parts = _PART.findall(text)
    order = [list(_UNITS).index(unit) for _, unit in parts]
    if order != sorted(set(order)):
        raise Failure(f"{field} {text!r}: units must come once each, from large to small", Exit.UNCHECKED)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds: int) -> str:
    """The shortest text that `parse_duration` reads as these seconds: 129600 is `1d12h`."""
    parts, left = [], seconds
    for unit, size in _UNITS.items():
        if unit != "w" and left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts) or "0s"


def parse_time(text: str, field: str = "time") -> datetime:
    """A point in time, UTC, of ISO 8601 text with an offset from UTC. Raises Failure."""
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        moment = None
    if moment is None or "T" not in text.upper():
        raise Failure(
            f"{field} {str(text)[:60]!r}: must be an ISO 8601 time, as 2027-03-31T18:00:00+02:00",
            Exit.UNCHECKED,
        )
    if moment.tzinfo is None:
        raise Failure(f"{field} {text!r}: needs an offset from UTC, as Z or +02:00", Exit.UNCHECKED)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Failure(f"{field} {text!r}: is outside the calendar", Exit.UNCHECKED) from None


def unix_seconds(text: str, field: str = "time") -> int:
    """Unix seconds of ISO 8601 text; a fraction of a second is refused, since block time has none."""
    moment = parse_time(text, field)
    if moment.microsecond:
        raise Failure(f"{field} {text!r}: must be whole seconds", Exit.UNCHECKED)
    return int(moment.timestamp())


def unix_millis(text: str, field: str = "time") -> int:
    """Unix milliseconds of ISO 8601 text; finer fractions are cut (docs/protocol.md §7)."""
    moment = parse_time(text, field)
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000


def format_time(seconds: int) -> str:
    """Unix seconds as ISO 8601 text, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
