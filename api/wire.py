"""How values go over the wire: camelCase members, UTC times with Z, money as text, checked parameters."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from chain.codec import FieldError, address
from epcis.gs1 import Gs1KeyError, parse_gln, parse_gtin, parse_serial

_TIME_EXAMPLE: Final = "2026-11-05T09:15:00Z"


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC with Z; milliseconds where there are some."""
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(time_text, return_type=str),
    Field(json_schema_extra={"format": "date-time"}, examples=[_TIME_EXAMPLE]),
]


class Answer(BaseModel):
    """Base of all answers: camelCase JSON, made from the records of the rooms below."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, from_attributes=True
    )

    def to_json(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return self.model_dump(mode="json", by_alias=True)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must have a time zone, such as Z")
    return moment


def _key(parse: Any) -> AfterValidator:
    def check(text: str) -> str:
        try:
            return str(parse(text))
        except Gs1KeyError as error:
            raise ValueError(str(error)) from None

    return AfterValidator(check)


def _account(value: object) -> str:
    try:
        return address("address", value)
    except FieldError as error:
        raise ValueError(str(error)[:200]) from None


def _decoded(text: str) -> str:
    """A path segment's text; api.limits.EncodedPaths leaves it encoded."""
    try:
        return unquote_to_bytes(text).decode("ascii")
    except UnicodeError:
        raise ValueError("must be ASCII once percent-decoded") from None


def _lower(text: str) -> str:
    return text.lower()


Gln = Annotated[str, _key(parse_gln), Field(examples=["9521300000015"])]
Gtin = Annotated[str, _key(parse_gtin), Field(examples=["09521234000174"])]
Serial = Annotated[str, _key(parse_serial), Field(examples=["ALP-0001"])]
Hash = Annotated[
    str, Field(pattern="^0x[0-9a-fA-F]{64}$", examples=["0x" + "ab" * 32]), AfterValidator(_lower)
]
Account = Annotated[
    str, BeforeValidator(_account), Field(examples=["0x00000000000000000000000000000000000000A1"])
]
Time = Annotated[datetime, AfterValidator(_aware), Field(examples=[_TIME_EXAMPLE])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]

GlnPath = Annotated[Gln, Path(description="GLN of 13 digits")]
GtinPath = Annotated[Gtin, Path(description="GTIN of 8, 12, 13 or 14 digits")]
SerialPath = Annotated[
    Serial, BeforeValidator(_decoded), Path(description="Serial number, AI (21), percent-encoded")
]
HashPath = Annotated[Hash, Path(description="32 bytes, hexadecimal with 0x")]
GlnQuery = Annotated[Gln | None, Query(description="GLN of 13 digits")]
TimeQuery = Annotated[Time | None, Query(description="ISO 8601 with time zone")]


class Money(Answer):
    """An amount in minor units, as text: JSON's doubles cannot hold all of them."""

    amount: Annotated[str, Field(pattern="^[0-9]+$", examples=["125000"])]
    currency: str
    decimals: int


class Named(Answer):
    """An organisation by GLN, with its name where the registry has it."""

    gln: str
    name: str | None = None
