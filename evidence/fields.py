"""Field types of the JSON that this room reads from strangers: strict, bounded, named when they are wrong."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from epcis.canonical import MAX_INTEGER
from epcis.gs1 import Gs1KeyError, parse_gln


class Record(BaseModel):
    """Base of the JSON objects of the protocol: camelCase names, no others, no conversions between types."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def to_json(self) -> dict[str, Any]:
        """The object as JSON values, named as in the protocol."""
        return self.model_dump(by_alias=True)


def _gln(value: object) -> int:
    """A GLN on the chain is a number; in JSON it is 13 digits of text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**13:
        value = f"{value:013d}"
    if not isinstance(value, str) or len(value) != 13:
        raise ValueError("must be a GLN of 13 digits")
    try:
        return int(parse_gln(value))
    except Gs1KeyError as error:
        raise ValueError(str(error)) from None


def time_text(unix: int) -> str:
    """A block's time (Unix seconds) in UTC as ISO 8601; as it is where no calendar has it (9999 is the last).

    Bundles of strangers name such times, so that none may fail.
    """
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"Unix time {unix}"


def gln_text(gln: int) -> str:
    """A GLN as GS1 writes it: 13 digits."""
    return f"{gln:013d}"


Gln = Annotated[int, BeforeValidator(_gln), PlainSerializer(gln_text, return_type=str)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
"""A plain JSON number"""


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """(JSON Pointer, reason) of everything that was wrong; reasons never repeat what was given."""
    found = []
    for entry in error.errors(include_url=False, include_input=False):
        path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in entry["loc"])
        found.append((path, entry["msg"].removeprefix("Value error, ")))
    return found
