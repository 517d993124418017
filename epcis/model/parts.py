"""Parts of an event (EPCIS 2.0, sections 7.3 and 7.4)."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from epcis.canonical import pointer
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
    return list(islice(_member_problems(cls, node, active, path), MAX_PROBLEMS))


def _member_problems(
    cls: type[Part], node: dict[str, Any], active: ActiveContext, path: str
) -> Iterator[Problem]:
    known = cls.members().keys() | cls.any_name
    for name, value in node.items():
        where = pointer(path, name)
        if name in known:
            if value is None:
                yield Problem(where, "null", "must not be null")
            elif name in _NESTED and name in cls.members():
                for inner_path, inner in _objects(value, where):
                    yield from _member_problems(_NESTED[name], inner, active, inner_path)
        elif not cls.extensible or ":" not in name:
            yield Problem(where, value, "is not a field of EPCIS 2.0 here")
        elif not active.declares(name):
            yield Problem(where, value, _undeclared(name))
        else:
            yield from _extension_problems(value, active, where)


def _undeclared(name: str) -> str:
    return f"prefix {name.partition(':')[0]!r} is not declared in the document's @context"


def _objects(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    items = (
        ((pointer(path, i), v) for i, v in enumerate(value)) if isinstance(value, list) else [(path, value)]
    )
    return ((where, item) for where, item in items if isinstance(item, dict))


def _extension_problems(value: Any, active: ActiveContext, path: str) -> Iterator[Problem]:
    """Inside an extension only prefixes are looked at: its plain names are its author's affair."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            if isinstance(item, list | dict):
                yield from _extension_problems(item, active, pointer(path, i))
    elif isinstance(value, dict):
        inner = active.extended(value["@context"]) if "@context" in value else active
        for name, item in value.items():
            where = pointer(path, name)
            if name == "@context":
                continue
            if ":" in name and not inner.declares(name):
                yield Problem(where, item, _undeclared(name))
            else:
                yield from _extension_problems(item, inner, where)
