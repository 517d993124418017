"""Files that commands read and write: each failure names the file."""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from cli.failure import Exit, Failure
from epcis import canonical
from epcis.canonical import refuse_deep

LARGEST: Final = 64 * 1024 * 1024
"""bytes of a file that a command reads"""


class Fractional(str):
    """Text of a number with a fraction or exponent that stood without quotes in a file."""

    __slots__ = ()


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """A file's bytes. Raises Failure where it cannot be read or is larger than `largest` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}", Exit.UNCHECKED) from None
    if len(content) > largest:
        raise Failure(f"{path}: has more than {largest} bytes", Exit.UNCHECKED)
    return content


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, without what surrounds them. Raises Failure."""
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Failure(f"{path}: is not text: {error.reason}", Exit.UNCHECKED) from None
    return [line.strip() for line in lines if line.strip()]


def read_table(path: Path) -> dict[str, Any]:
    """The object in a JSON or TOML file, told apart by the name's end. Raises Failure.

    Numbers with a fraction come as `Fractional` text: no amount may pass through a float.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8")
        if path.suffix.lower() == ".toml":
            found: Any = tomllib.loads(text, parse_float=Fractional)
        else:
            canonical.refuse_deep(text)
            refuse_deep(text)
            found = json.loads(text, parse_float=Fractional, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path}: cannot be read: {error}", Exit.UNCHECKED) from None
    if not isinstance(found, dict):
        raise Failure(f"{path}: must hold one object", Exit.UNCHECKED)
    return found


def write_text(path: Path, text: str) -> None:
    """Write a file so that a failure leaves the old one or none. Raises Failure."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failure(f"{path}: {error.strerror or error}", Exit.UNCHECKED) from None


def write_json(path: Path, value: object) -> None:
    """Write a JSON document, indented."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
