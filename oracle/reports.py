"""Reports for the quorum: what customs offices decided and what devices measured.

Endorsers sign the same message only if they start from the same facts, so it follows from the facts alone.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Underflow
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final

from chain.bindings.types import CustomsDecision, SensorWindow
from epcis.digital_link import DigitalLinkError, item_id, normalise
from epcis.tree import Tree

_MILLION: Final = Decimal(1_000_000)
_INT128: Final = 1 << 127
_UINT64: Final = 1 << 64
_DIGITS: Final = 50
_EXACT: Final = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, Overflow, Underflow])
"""Refuses to round: what endorsers sign is what was measured, to the last digit."""
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,9})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT: Final = re.compile(r"[A-Z0-9]{2,3}")
_READING_TAG: Final = b"\x03"


class ReportError(ValueError):
    """Facts that make no report; names the field and the value."""


class Decision(IntEnum):
    """What a customs office decided (IQuorumReports.CustomsDecision.decision)."""

    RELEASED = 1
    HELD = 2
    REFUSED = 3
    SEIZED = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """One raw measurement: `time_ms` Unix milliseconds, `value` millionths of the window's unit."""

    time_ms: int
    value: int

    @property
    def leaf(self) -> bytes:
        """Leaf data in the window's tree (docs/protocol.md §5)."""
        return _READING_TAG + self.time_ms.to_bytes(8, "big") + self.value.to_bytes(16, "big", signed=True)


def text_id(text: str) -> bytes:
    """SHA-256 of a Digital Link's canonical form, or of the text where it is none. Raises ReportError."""
    return _digest(normalise(text))


def _digest(text: str) -> bytes:
    try:
        return sha256(text.encode("utf-8")).digest()
    except UnicodeEncodeError:  # JSON can write half of a surrogate pair
        raise ReportError(f"{text[:80]!a} is not Unicode text") from None


def subject_id(link: str) -> bytes:
    """Item id of a report's subject. Raises ReportError."""
    try:
        return item_id(link)
    except DigitalLinkError as error:
        raise ReportError(f"subject: {error}") from error


def millis(text: str, field: str) -> int:
    """Unix milliseconds of an ISO 8601 time with offset. Raises ReportError."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ReportError(f"{field}: {text!r} is not an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise ReportError(f"{field}: {text!r} has no offset from UTC")
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    if milliseconds < 0:
        raise ReportError(f"{field}: {text!r} is before 1970")
    return milliseconds


def millionths(value: Any, field: str) -> int:
    """A decimal number, or text of a JSON number, in millionths, exactly. Raises ReportError."""
    if isinstance(value, int) and abs(value) >= _INT128:  # too long for text, perhaps
        raise ReportError(f"{field}: an integer of {value.bit_length()} bits is too large")
    text = str(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise ReportError(f"{field}: {text[:80]!r} is not a number")
    try:
        scaled = _EXACT.multiply(_EXACT.create_decimal(text), _MILLION)
        whole = int(scaled) if scaled.adjusted() < _DIGITS else _INT128
    except ArithmeticError:  # it has more digits than an int128, or a power out of reach
        whole, scaled = _INT128, _MILLION
    if whole != scaled or not -_INT128 <= whole < _INT128:
        raise ReportError(f"{field}: {text[:80]!r} is finer than a millionth or too large")
    return whole


def customs_decision(
    *,
    subject: str,
    country: str,
    decision: Decision,
    declaration: str,
    decided_at: str,
    deadline: int,
    cid: bytes = b"",
) -> CustomsDecision:
    """A decision on `subject` (Digital Link); `declaration` is the declaration's reference (e.g. an MRN).

    Raises ReportError.
    """
    if not re.fullmatch("[A-Z]{2}", country):
        raise ReportError(f"country: {country!r} is not an ISO 3166-1 alpha-2 code")
    if not declaration:
        raise ReportError("declaration: is empty")
    if decision not in list(Decision):
        raise ReportError(f"decision: {decision!r} is none of {', '.join(one.name for one in Decision)}")
    return CustomsDecision(
        subject=subject_id(subject),
        country=country.encode("ascii"),
        decision=int(decision),
        declaration=_digest(declaration),
        decided_at=millis(decided_at, "decidedAt"),
        cid=cid,
        deadline=deadline,
    )


def sensor_window(
    readings: Sequence[Reading],
    *,
    subject: str,
    device: str,
    measurement: str,
    unit: str,
    deadline: int,
    cid: bytes = b"",
) -> SensorWindow:
    """The aggregate of raw readings, in order of time; the mean is cut towards zero to a millionth.

    `measurement` is the IRI of the measurement type, `unit` a UN/ECE Rec 20 code. Raises ReportError.
    """
    if not readings:
        raise ReportError("readings: there are none")
    if not _UNIT.fullmatch(unit):
        raise ReportError(f"unit: {unit!r} is not a UN/ECE Recommendation 20 code")
    for place, reading in enumerate(readings):
        if not 0 <= reading.time_ms < _UINT64:
            raise ReportError(f"readings/{place}/time: {reading.time_ms} is not Unix milliseconds")
        if not -_INT128 <= reading.value < _INT128:
            raise ReportError(f"readings/{place}/value: {reading.value} is outside int128")
    times = [reading.time_ms for reading in readings]
    if any(late <= early for early, late in itertools.pairwise(times)):
        raise ReportError("readings: their times do not grow")
    values = [reading.value for reading in readings]
    total = sum(values)
    mean = abs(total) // len(values) * (1 if total >= 0 else -1)
    return SensorWindow(
        subject=subject_id(subject),
        device=text_id(device),
        measurement=_digest(measurement),
        unit=unit.encode("ascii").ljust(3, b"\0"),
        minimum=min(values),
        maximum=max(values),
        mean=mean,
        count=len(values),
        start_time=times[0],
        end_time=times[-1],
        readings_root=Tree([reading.leaf for reading in readings]).root,
        cid=cid,
        deadline=deadline,
    )


def read_readings(record: Any) -> list[Reading]:
    """Raw readings of a JSON list `[{"time": ISO 8601, "value": number}, …]`. Raises ReportError."""
    if not isinstance(record, list):
        raise ReportError("readings: must be a list")
    found = []
    for place, one in enumerate(record):
        if not isinstance(one, dict) or set(one) != {"time", "value"}:
            raise ReportError(f"readings/{place}: must have `time` and `value`")
        found.append(
            Reading(
                millis(one["time"], f"readings/{place}/time"),
                millionths(one["value"], f"readings/{place}/value"),
            )
        )
    return found
