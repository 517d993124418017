"""JSON read strictly (RFC 8259, RFC 7493) and written canonically (RFC 8785).

What `loads` accepts, `dumps` can write and another reader understands in the same way: no member twice, no
number that a double cannot hold, no string that is not Unicode.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
import rfc8785
from pydantic_core import from_json

MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**53 - 1

_SHOWN = 80
_BLANKS: Final = b" \t\r\n"
_PLAIN: Final = frozenset({str, int, bool, type(None)})
_FINEST: Final = 1e-4
"""orjson writes smaller numbers with an exponent, RFC 8785 those below 1e-6"""
_ABOVE_THE_SURROGATES: Final = re.compile(b"[\xee-\xff]")
"""bytes of characters from U+E000 on"""
_BRACKETS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""strings, so that what looks like brackets inside them is passed over, and brackets"""

Place = tuple["Place", str | int] | None
"""Where a value stands, innermost token first: a JSON Pointer is made of it only for an error, since one that
is made for every value costs its length each time, and names come from strangers."""


class JsonError(ValueError):
    """JSON that cannot be taken: `path` is a JSON Pointer (RFC 6901), `value` the offending text, cut."""

    def __init__(self, path: str, value: str, reason: str) -> None:
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
        super().__init__(f"{path or 'document'}: {reason}" + (f": {shown!a}" if shown else ""))
        self.path = path
        self.value = shown
        self.reason = reason


class _Number(str):
    """A number as it was written: it is judged where its place in the document is known."""

    __slots__ = ()


class _Members(list[tuple[str, Any]]):
    """An object's members as they were written, repeated names included."""

    __slots__ = ()


def pointer(path: str, token: str | int) -> str:
    """JSON Pointer of a child: `path` followed by the escaped `token` (RFC 6901, section 3)."""
    return f"{path}/{str(token).replace('~', '~0').replace('/', '~1')}"


def loads(data: bytes | str) -> Any:
    """Value of a JSON text.

    Raises JsonError for: invalid UTF-8, a byte order mark, malformed JSON, NaN or infinities, a member name
    that repeats, unpaired surrogates, nesting deeper than 64, integers (in whatever notation) outside
    ±(2^53-1), and decimals that a double does not hold exactly as written.
    """
    try:
        return _read_plainly(data)
    except (_NotPlainError, TypeError, ValueError):
        return _read_closely(data)


class _NotPlainError(Exception):
    """The quick way cannot tell."""


def _read_plainly(data: bytes | str) -> Any:
    """Value of a text that comes out the same, blanks apart, when it is written again.

    Then no member was dropped for repeating, and every number is written as the double that holds it.
    """
    value = orjson.loads(data)
    written = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    given = data.encode("utf-8") if isinstance(data, str) else data
    if written != given and not _is_indented(value, given) and _dense(written) != _dense(given):
        raise _NotPlainError
    if any(abs(number) > MAX_INTEGER for number in _plain_numbers(value)):
        raise _NotPlainError
    return value


def _dense(text: bytes) -> bytes:
    return text.translate(None, _BLANKS)


def _is_indented(value: Any, given: bytes) -> bool:
    """Whether a text is the value written with two blanks for each level, as most tools write it."""
    return given[1:2] == b"\n" and given == orjson.dumps(
        value, option=orjson.OPT_STRICT_INTEGER | orjson.OPT_INDENT_2
    )


def _plain_numbers(value: Any) -> list[float]:
    """Numbers that are no integers in a value of plain JSON types; raises _NotPlainError for other types."""
    numbers: list[float] = []
    level, depth = [value], 0
    if value.__class__ is not dict and value.__class__ is not list:
        raise _NotPlainError
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _NotPlainError
        inner = [
            one
            for node in level
            for one in (node.values() if node.__class__ is dict else node)
            if one.__class__ not in _PLAIN
        ]
        level = []
        for one in inner:
            if one.__class__ is float:
                numbers.append(one)
            elif one.__class__ is dict or one.__class__ is list:
                level.append(one)
            else:
                raise _NotPlainError
    return numbers


def _read_closely(data: bytes | str) -> Any:
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JsonError("", "", f"invalid UTF-8 at byte {error.start}") from None
    else:
        text = data
    refuse_deep(text)
    try:
        raw = json.loads(
            text, object_pairs_hook=_Members, parse_float=_Number, parse_int=_Number, parse_constant=_Number
        )
    except json.JSONDecodeError as error:
        reason = f"malformed JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise JsonError("", "", reason) from None
    return _settle(raw, None, 0)


def refuse_deep(text: str) -> None:
    """Raise JsonError for JSON nested so deeply that the standard library's reader would be in danger.

    That recurses in C as deep as the interpreter lets it, and a package that raises the limit (py_ecc, below
    eth_account) turns deep input into a crash of the process.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    try:
        from_json(text, cache_strings="none")
    except ValueError:
        # too deep for it as well, or wrong in a way that the standard library may take (a lone surrogate)
        depth = 0
        for match in _BRACKETS.finditer(text):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
            if depth > MAX_DEPTH:
                raise JsonError("", "", f"nested deeper than {MAX_DEPTH}") from None


def pointer_of(place: Place) -> str:
    """JSON Pointer of a place (RFC 6901)."""
    tokens = []
    while place is not None:
        place, token = place
        tokens.append(token)
    path = ""
    for token in reversed(tokens):
        path = pointer(path, token)
    return path


def _settle(raw: Any, place: Place, depth: int) -> Any:
    if isinstance(raw, _Number):
        return _number(str(raw), place)
    if isinstance(raw, str):
        return _text(raw, place)
    if isinstance(raw, list):
        if depth >= MAX_DEPTH:
            raise JsonError(pointer_of(place), "", f"nested deeper than {MAX_DEPTH}")
        if not isinstance(raw, _Members):
            return [_settle(item, (place, i), depth + 1) for i, item in enumerate(raw)]
        members: dict[str, Any] = {}
        for name, value in raw:
            _text(name, place)
            if name in members:
                raise JsonError(pointer_of((place, name)), name, "member name repeats")
            members[name] = _settle(value, (place, name), depth + 1)
        return members
    return raw


def _text(text: str, place: Place) -> str:
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise JsonError(pointer_of(place), text, "text holds an unpaired surrogate")
    return text


def _number(literal: str, place: Place) -> int | float:
    if literal in ("NaN", "Infinity", "-Infinity"):
        raise JsonError(pointer_of(place), literal, "JSON has no such number")
    if not any(c in literal for c in ".eE"):
        if len(literal) > 17 or abs(int(literal)) > MAX_INTEGER:
            raise JsonError(pointer_of(place), literal, f"integer outside ±{MAX_INTEGER}")
        return int(literal)
    value = float(literal)
    mantissa = literal.lower().partition("e")[0]
    if value == 0 and any("1" <= c <= "9" for c in mantissa):
        raise JsonError(pointer_of(place), literal, "number too small for a double")
    if value in (float("inf"), float("-inf")):
        raise JsonError(pointer_of(place), literal, "number too large for a double")
    try:
        exact = value == 0 or Decimal(literal) == Decimal(repr(value))
    except InvalidOperation:
        exact = False
    if not exact:
        raise JsonError(pointer_of(place), literal, f"a double holds {value!r} instead")
    if value.is_integer() and abs(value) > MAX_INTEGER:
        # written canonically it would be an integer that `loads` refuses
        raise JsonError(pointer_of(place), literal, f"integer outside ±{MAX_INTEGER}")
    return value


def dumps(value: Any) -> bytes:
    """Canonical UTF-8 bytes of a JSON value (RFC 8785); raises JsonError for what JSON cannot hold."""
    try:
        return _write_plainly(value)
    except (_NotPlainError, TypeError, RecursionError):
        pass
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError, TypeError, RecursionError) as error:
        raise JsonError("", "", f"cannot be written as canonical JSON: {error}") from None


def _write_plainly(value: Any) -> bytes:
    """What orjson writes as RFC 8785 does: plain types, and numbers that both write without an exponent.

    It sorts names by code points, RFC 8785 by UTF-16 units: these differ above the surrogates alone.
    """
    for number in _plain_numbers(value):
        if not _FINEST <= abs(number) <= MAX_INTEGER or number.is_integer():
            raise _NotPlainError
    written = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    if _ABOVE_THE_SURROGATES.search(written):
        raise _NotPlainError
    return written
