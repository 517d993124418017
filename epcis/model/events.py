"""The five event types and extended events (EPCIS 2.0, section 7.4), with what each type requires."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from epcis.contexts import ActiveContext, Context
from epcis.model.parts import (
    BizTransaction,
    Destination,
    ErrorDeclaration,
    Ilmd,
    Location,
    Part,
    PersistentDisposition,
    QuantityElement,
    SensorElement,
    Source,
    member_problems,
)
from epcis.model.problems import Problem, from_validation
from epcis.model.values import Action, BizStep, Disposition, Offset, Time, UniqueUris, Uri, UriOrUris


def _combination(field: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("combination", "{reason}", {"reason": reason, "at": (field,)})


class Event(Part):
    """What every event has."""

    any_name: ClassVar[frozenset[str]] = frozenset({"@context"})

    type: str
    event_time: Time
    event_time_zone_offset: Offset
    record_time: Time | None = None
    event_id: Uri | None = Field(default=None, alias="eventID")
    certification_info: UriOrUris | None = None
    error_declaration: ErrorDeclaration | None = None


class ExtendedEvent(Event):
    """An event type of another namespace; its further members are extensions."""

    type: Uri


class _BusinessEvent(Event):
    """What the five standard types share."""

    biz_step: BizStep | None = None
    disposition: Disposition | None = None
    read_point: Location | None = None
    biz_location: Location | None = None
    biz_transaction_list: list[BizTransaction] | None = None
    source_list: list[Source] | None = None
    destination_list: list[Destination] | None = None
    sensor_element_list: list[SensorElement] | None = None


class ObjectEvent(_BusinessEvent):
    """Something happened to things (section 7.4.2)."""

    type: Literal["ObjectEvent"]
    action: Action
    epc_list: UniqueUris | None = None
    quantity_list: list[QuantityElement] | None = None
    persistent_disposition: PersistentDisposition | None = None
    ilmd: Ilmd | None = None

    @model_validator(mode="after")
    def _required(self) -> Self:
        sensed = self.sensor_element_list and self.read_point
        if self.epc_list is None and not self.quantity_list and not sensed:
            raise _combination(
                "epcList",
                "is required, unless there is a quantityList, or a sensorElementList with a readPoint",
            )
        if self.ilmd is not None and self.action != "ADD":
            raise _combination("ilmd", "may stand only where action is ADD")
        return self


class _ParentEvent(_BusinessEvent):
    action: Action
    child_epcs: list[Uri] | None = Field(default=None, alias="childEPCs")
    child_quantity_list: list[QuantityElement] | None = None

    @model_validator(mode="after")
    def _required(self) -> Self:
        if self.action != "DELETE" and not self.child_epcs and not self.child_quantity_list:
            raise _combination(
                "childEPCs", "is required, unless there is a childQuantityList or action is DELETE"
            )
        return self


class AggregationEvent(_ParentEvent):
    """Things were put together, for a time (section 7.4.3)."""

    type: Literal["AggregationEvent"]
    parent_id: Uri | None = Field(default=None, alias="parentID")


class AssociationEvent(_ParentEvent):
    """Things were joined to an asset or place (section 7.4.6)."""

    type: Literal["AssociationEvent"]
    parent_id: Uri = Field(alias="parentID")


class TransactionEvent(_BusinessEvent):
    """Things were tied to business transactions (section 7.4.4)."""

    type: Literal["TransactionEvent"]
    action: Action
    biz_transaction_list: list[BizTransaction] = Field(min_length=1)
    parent_id: Uri | None = Field(default=None, alias="parentID")
    epc_list: list[Uri] | None = None
    quantity_list: list[QuantityElement] | None = None

    @model_validator(mode="after")
    def _required(self) -> Self:
        if self.action != "DELETE" and self.epc_list is None and not self.quantity_list:
            raise _combination("epcList", "is required, unless there is a quantityList or action is DELETE")
        return self


class TransformationEvent(_BusinessEvent):
    """Things were made from others (section 7.4.5)."""

    type: Literal["TransformationEvent"]
    input_epc_list: UniqueUris | None = Field(default=None, alias="inputEPCList")
    input_quantity_list: list[QuantityElement] | None = None
    output_epc_list: UniqueUris | None = Field(default=None, alias="outputEPCList")
    output_quantity_list: list[QuantityElement] | None = None
    transformation_id: Uri | None = Field(default=None, alias="transformationID")
    persistent_disposition: PersistentDisposition | None = None
    ilmd: Ilmd | None = None

    @model_validator(mode="after")
    def _required(self) -> Self:
        taken = self.input_epc_list or self.input_quantity_list
        made = self.output_epc_list or self.output_quantity_list
        if not taken and not (self.transformation_id and made):
            raise _combination(
                "inputEPCList", "or inputQuantityList is required, unless transformationID ties the halves"
            )
        if not made and not (self.transformation_id and taken):
            raise _combination(
                "outputEPCList", "or outputQuantityList is required, unless transformationID ties the halves"
            )
        return self


EVENT_TYPES: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent, AssociationEvent)
    }
)


def read_event(event: Any, context: Context, path: str) -> tuple[Event | None, list[Problem]]:
    """Typed view of an event under its effective context, or every problem found."""
    if not isinstance(event, dict):
        return None, [Problem(path, event, "must be an object")]
    kind = event.get("type")
    cls = EVENT_TYPES.get(kind, ExtendedEvent) if isinstance(kind, str) else Event
    problems = member_problems(cls, event, ActiveContext.of(context), path)
    try:
        typed = cls.model_validate(event)
    except ValidationError as error:
        seen = {problem.path for problem in problems}
        problems = [p for p in from_validation(error, path) if p.path not in seen] + problems
        return None, problems
    return (None if problems else typed), problems
