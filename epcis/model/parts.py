"""Parts of an event (EPCIS 2.0, sections 7.3 and 7.4)."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from epcis.canonical import Place, pointer_of
from epcis.contexts import ActiveContext
from epcis.model.problems import MAX_PROBLEMS, Problem
from epcis.model.values import (
    AlertType,
    Component,
    ErrorReason,
    HexBinary,
    MeasurementType,
    Number,
    PartyType,
    Time,
    TransactionType,
    UniqueDispositions,
    Uom,
    Uri,
)


class Part(BaseModel):
    """An object of the standard. Its own members are typed; extensions stay in `model_extra`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", alias_generator=to_camel)

    extensible: ClassVar[bool] = True
    """whether GS1's schema lets members of other namespaces stand here"""
    any_name: ClassVar[frozenset[str]] = frozenset()
    """further member names that are known here without being typed"""

    @classmethod
    @cache
    def members(cls) -> dict[str, str]:
        """JSON member name -> attribute name."""
        return {info.alias or name: name for name, info in cls.model_fields.items()}


class QuantityElement(Part):
    extensible = False

    epc_class: Uri
    quantity: Number = None
    uom: Uom | None = None


class BizTransaction(Part):
    extensible = False

    type: TransactionType | None = None
    biz_transaction: Uri


class Source(Part):
    extensible = False

    type: PartyType
    source: Uri


class Destination(Part):
    extensible = False

    type: PartyType
    destination: Uri


class Location(Part):
    """Read point or business location."""

    id: Uri


class PersistentDisposition(Part):
    extensible = False

    set: UniqueDispositions | None = Field(default=None, min_length=1)
    unset: UniqueDispositions | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.set is None and self.unset is None:
            raise PydanticCustomError("combination", "must have set or unset")
        return self


class ErrorDeclaration(Part):
    declaration_time: Time
    reason: ErrorReason | None = None
    corrective_event_ids: list[Uri] | None = Field(default=None, alias="correctiveEventIDs")


class SensorMetadata(Part):
    time: Time | None = None
    device_id: Uri | None = Field(default=None, alias="deviceID")
    device_metadata: Uri | None = None
    raw_data: Uri | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    data_processing_method: Uri | None = None
    biz_rules: Uri | None = None


class SensorReport(Part):
    type: MeasurementType
    exception: AlertType | None = None
    device_id: Uri | None = Field(default=None, alias="deviceID")
    device_metadata: Uri | None = None
    raw_data: Uri | None = None
    data_processing_method: Uri | None = None
    biz_rules: Uri | None = None
    time: Time | None = None
    microorganism: Uri | None = None
    chemical_substance: Uri | None = None
    coordinate_reference_system: Uri | None = None
    value: Number = None
    component: Component | None = None
    string_value: str | None = None
    boolean_value: bool | None = None
    hex_binary_value: HexBinary | None = None
    uri_value: Uri | None = None
    min_value: Number = None
    max_value: Number = None
    mean_value: Number = None
    s_dev: Number = None
    perc_rank: Number = None
    perc_value: Number = None
    uom: str | None = None


class SensorElement(Part):
    sensor_metadata: SensorMetadata | None = None
    sensor_report: list[SensorReport] = Field(min_length=1)


class Ilmd(Part):
    """Instance or lot master data: extensions only."""


_NESTED: Final[dict[str, type[Part]]] = {
    "quantityList": QuantityElement,
    "childQuantityList": QuantityElement,
    "inputQuantityList": QuantityElement,
    "outputQuantityList": QuantityElement,
    "bizTransactionList": BizTransaction,
    "sourceList": Source,
    "destinationList": Destination,
    "readPoint": Location,
    "bizLocation": Location,
    "persistentDisposition": PersistentDisposition,
    "errorDeclaration": ErrorDeclaration,
    "sensorElementList": SensorElement,
    "sensorMetadata": SensorMetadata,
    "sensorReport": SensorReport,
    "ilmd": Ilmd,
}


def member_problems(cls: type[Part], node: dict[str, Any], active: ActiveContext, path: str) -> list[Problem]:
    """Members that are not the standard's nor an extension of a namespace that the context declares.

    A null has no place in the standard's own members: GS1's schema knows no null type there.
    """
    return [
        Problem(path + pointer_of(place), value, reason)
        for place, value, reason in islice(_member_problems(cls, node, active, None), MAX_PROBLEMS)
    ]


_Fault = tuple[Place, Any, str]
"""place below the object that is looked at, value, reason"""


@cache
def _known(cls: type[Part]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that may stand in a part, and those of them whose objects are looked into."""
    own = cls.members().keys()
    return frozenset(own | cls.any_name), frozenset(own & _NESTED.keys())


def _member_problems(
    cls: type[Part], node: dict[str, Any], active: ActiveContext, place: Place
) -> Iterator[_Fault]:
    known, nested = _known(cls)
    for name, value in node.items():
        if name in known:
            if value is None:
                yield (place, name), "null", "must not be null"
            elif name in nested:
                yield from _nested_problems(_NESTED[name], value, active, (place, name))
        elif not cls.extensible or ":" not in name:
            yield (place, name), value, "is not a field of EPCIS 2.0 here"
        elif not active.declares(name):
            yield (place, name), value, _undeclared(name)
        elif isinstance(value, list | dict):
            yield from _extension_problems(value, active, (place, name))


def _undeclared(name: str) -> str:
    return f"prefix {name.partition(':')[0]!r} is not declared in the document's @context"


def _nested_problems(cls: type[Part], value: Any, active: ActiveContext, place: Place) -> Iterator[_Fault]:
    if isinstance(value, dict):
        yield from _member_problems(cls, value, active, place)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, dict):
                yield from _member_problems(cls, item, active, (place, i))


def _extension_problems(value: Any, active: ActiveContext, place: Place) -> Iterator[_Fault]:
    """Inside an extension only prefixes are looked at: its plain names are its author's affair."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, list | dict):
                yield from _extension_problems(item, active, (place, i))
    elif isinstance(value, dict):
        inner = active.extended(value["@context"]) if "@context" in value else active
        for name, item in value.items():
            if name == "@context":
                continue
            if ":" in name and not inner.declares(name):
                yield (place, name), item, _undeclared(name)
            elif isinstance(item, list | dict):
                yield from _extension_problems(item, inner, (place, name))
