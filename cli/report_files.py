"""Report files of the oracle commands: the facts from which every endorser makes the same report."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cli.failure import Exit, Failure

if TYPE_CHECKING:
    from chain.bindings.types import CustomsDecision, SensorWindow

_GS1_VOCABULARY: Final = "https://gs1.org/voc/"
_MAX_READINGS: Final = 100_000
_LISTED: Final = 10
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_alias=True)


class CustomsFacts(_Facts):
    """A customs decision: `subject` is a Digital Link, EPC URN or SSCC, `declaration` a reference (MRN)."""

    subject: Text
    country: Text
    decision: Literal["released", "held", "refused", "seized"]
    declaration: Text
    decided_at: Text


class SensorFacts(_Facts):
    """What a device measured: `measurement` is a GS1 type such as `Temperature`, or its IRI."""

    subject: Text
    device: Text
    measurement: Text
    unit: Text
    readings: Annotated[list[Any], Field(min_length=1, max_length=_MAX_READINGS)]


T = TypeVar("T", bound=_Facts)


def _read(kind: type[T], record: Mapping[str, Any]) -> T:
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        faults = [
            f"/{'/'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise Failure("report file: " + "; ".join(faults[:_LISTED]), Exit.UNCHECKED) from None


def customs_decision(record: Mapping[str, Any], deadline: int) -> "CustomsDecision":
    """The decision that customs offices sign; `deadline` in Unix seconds. Raises Failure."""
    from cli.item_names import shipment_link
    from oracle import reports

    facts = _read(CustomsFacts, record)
    try:
        return reports.customs_decision(
            subject=shipment_link(facts.subject, "subject"),
            country=facts.country,
            decision=reports.Decision[facts.decision.upper()],
            declaration=facts.declaration,
            decided_at=facts.decided_at,
            deadline=deadline,
        )
    except reports.ReportError as error:
        raise Failure(f"report file: {error}", Exit.UNCHECKED) from None


def sensor_window(record: Mapping[str, Any], deadline: int) -> "SensorWindow":
    """The window that oracles sign; `deadline` in Unix seconds. Raises Failure."""
    from cli.item_names import shipment_link
    from oracle import reports

    facts = _read(SensorFacts, record)
    named = facts.measurement if ":" in facts.measurement else _GS1_VOCABULARY + facts.measurement
    try:
        return reports.sensor_window(
            reports.read_readings(facts.readings),
            subject=shipment_link(facts.subject, "subject"),
            device=facts.device,
            measurement=named,
            unit=facts.unit,
            deadline=deadline,
        )
    except reports.ReportError as error:
        raise Failure(f"report file: {error}", Exit.UNCHECKED) from None
