"""Report files of the oracle commands: customs decisions and sensor windows as people write them."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cli import acts
from cli.durations import unix_millis
from cli.failure import Exit, Failure
from cli.item_names import subject_id

if TYPE_CHECKING:
    from chain.bindings.types import CustomsDecision, SensorWindow

_DECISIONS: Final = {"released": 1, "held": 2, "refused": 3, "seized": 4}
_DECIMAL: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,6})?")
_MAX_READINGS: Final = 100_000
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_alias=True)


class CustomsFile(_Report):
    """A customs decision: `declaration` is the customs declaration's reference, which is hashed."""

    subject: Text
    country: Text
    decision: Literal["released", "held", "refused", "seized"]
    declaration: Text
    decided_at: Text


class Reading(_Report):
    """One raw reading of a device, `value` in the window's unit."""

    time: Text
    value: Text | int


class SensorFile(_Report):
    """What a device measured; minimum, maximum, mean, count and the readings' root follow from `readings`."""

    subject: Text
    device: Text
    measurement: Text
    unit: Annotated[str, Field(pattern="^[A-Z0-9]{2,3}$")]
    readings: Annotated[list[Reading], Field(min_length=1, max_length=_MAX_READINGS)]


T = TypeVar("T", bound=_Report)


def _read(kind: type[T], record: Mapping[str, Any]) -> T:
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        faults = [
            f"/{'/'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise Failure("report file: " + "; ".join(faults[:10]), Exit.UNCHECKED) from None


def millionths(text: str | int, field: str) -> int:
    """A decimal as an integer of millionths: `-4.5` is -4500000. Raises Failure; nothing is rounded."""
    written = str(text)
    if not _DECIMAL.fullmatch(written):
        raise Failure(f"{field} {written[:60]!r}: must be a decimal with six places at most", Exit.UNCHECKED)
    whole, _, fraction = written.lstrip("-").partition(".")
    value = int(whole + fraction.ljust(6, "0"))
    return -value if written.startswith("-") else value


def customs_decision(record: Mapping[str, Any], deadline: int) -> "CustomsDecision":
    """The decision that customs offices sign; `deadline` in Unix seconds. Raises Failure."""
    from hashlib import sha256

    from chain.bindings.types import CustomsDecision

    file = _read(CustomsFile, record)
    return CustomsDecision(
        subject=subject_id(file.subject),
        country=acts.country(file.country),
        decision=_DECISIONS[file.decision],
        declaration=sha256(file.declaration.encode()).digest(),
        decided_at=unix_millis(file.decided_at, "decidedAt"),
        cid=b"",
        deadline=deadline,
    )


def sensor_window(record: Mapping[str, Any], deadline: int) -> "SensorWindow":
    """The window that oracles sign; `deadline` in Unix seconds. Raises Failure.

    `measurement` is a GS1 type such as `Temperature`, or its IRI. `readingsRoot` is the RFC 9162 root whose
    leaf data are the readings' times (u64, Unix milliseconds) and values (two's complement, 16 bytes,
    millionths), in order of time.
    """
    from hashlib import sha256

    from chain.bindings.types import SensorWindow
    from chain.codec import FieldError
    from epcis.tree import Tree

    file = _read(SensorFile, record)
    readings = sorted(
        (unix_millis(one.time, f"readings/{place}/time"), millionths(one.value, f"readings/{place}/value"))
        for place, one in enumerate(file.readings)
    )
    values = [value for _, value in readings]
    measurement = file.measurement if ":" in file.measurement else f"https://gs1.org/voc/{file.measurement}"
    try:
        return SensorWindow(
            subject=subject_id(file.subject),
            device=sha256(_device(file.device).encode()).digest(),
            measurement=sha256(measurement.encode()).digest(),
            unit=file.unit.encode().ljust(3, b"\0"),
            minimum=min(values),
            maximum=max(values),
            mean=sum(values) // len(values),
            count=len(values),
            start_time=readings[0][0],
            end_time=readings[-1][0],
            readings_root=Tree(
                [at.to_bytes(8, "big") + value.to_bytes(16, "big", signed=True) for at, value in readings]
            ).root,
            cid=b"",
            deadline=deadline,
        )
    except (FieldError, OverflowError) as error:
        raise Failure(f"report file: {error}", Exit.UNCHECKED) from None


def _device(text: str) -> str:
    from epcis.digital_link import normalise

    return normalise(text)
