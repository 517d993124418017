"""Many logs of one event as the columns of its table, straight from hexadecimal text.

Gives what `indexer.decode` gives for each log by itself, or raises Unusual and leaves all of them to it: it
takes the encodings that a compiler writes, in one pass for each column.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Final, get_type_hints

from chain.abi_words import Unusual, members_of, sized
from chain.codec import Event, checksum

Values = dict[str, list[Any]]
"""column -> values, log by log"""
_Read = Callable[[str], Any]
"""a word of 64 hexadecimal digits -> value; raises Unusual"""
_ZEROS: Final = "0" * 64
_DIGITS: Final = 64
_BYTES: Final = frozenset({"bytes", "string"})


@dataclass(frozen=True, slots=True)
class _Member:
    """A value of an event: a word to `read`, a text that a word points to, or a struct with `members`."""

    column: str
    abi: str
    read: _Read
    members: tuple["_Member", ...] = ()

    @property
    def pointed(self) -> bool:
        """Whether its head is a pointer."""
        return self.abi in _BYTES or any(one.pointed for one in self.members)

    @property
    def digits(self) -> int:
        """Length of its head."""
        return _DIGITS if self.pointed or not self.members else sum(one.digits for one in self.members)


_PARAMETERS: dict[type[Event], tuple[list[_Member], list[_Member]]] = {}


def columns_of(event: type[Event], topics: Sequence[Sequence[str]], data: Sequence[str]) -> Values:
    """The values of many logs of an event by column, from their topics and data as 0x-hexadecimal text; all
    data is of one length. Raises Unusual."""
    if "[" in event.SIGNATURE:  # lists are rare, and each is of another length
        raise Unusual
    indexed, others = _parameters(event)
    found: Values = {}
    for place, member in enumerate(indexed, 1):
        _put(found, member.column, _words(member, [one[place][2:] for one in topics]))
    _read_members(found, others, [one[2:] for one in data], 0)
    return found


def _parameters(event: type[Event]) -> tuple[list[_Member], list[_Member]]:
    """Topics, and what stands in the data."""
    if event not in _PARAMETERS:
        hints = get_type_hints(event)
        members = [(_member(name, abi, hints[name]), indexed) for name, abi, indexed in event.PARAMETERS]
        topics = [one for one, indexed in members if indexed]
        _PARAMETERS[event] = topics, [one for one, indexed in members if not indexed]
    return _PARAMETERS[event]


def _member(name: str, abi: str, hint: Any) -> _Member:
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        parts = zip(fields(hint), members_of(abi), strict=True)
        return _Member(name, abi, _never, tuple(_member(f.name, part, hints[f.name]) for f, part in parts))
    if abi in _BYTES:
        return _Member(name, abi, _never)
    return _Member(name, abi, _enum(hint, _word(abi)) if issubclass(hint, Enum) else _word(abi))


def _read_members(found: Values, members: Sequence[_Member], data: Sequence[str], start: int) -> None:
    """`start`: place of the members' heads in digits, from which their pointers count."""
    at = start
    heads = sum(one.digits for one in members)
    if at + heads > len(data[0]):
        raise Unusual
    for member in members:
        words = [one[at : at + _DIGITS] for one in data]
        target = start + _pointer(words, heads) if member.pointed else at
        if member.members:
            _read_members(found, member.members, data, target)
        elif member.pointed:
            _put(found, member.column, _texts(member, data, target))
        else:
            _put(found, member.column, _words(member, words))
        at += member.digits


def _put(found: Values, column: str, values: list[Any]) -> None:
    if found.setdefault(column, values) != values:  # a struct's member repeats a parameter
        raise Unusual


def _words(member: _Member, words: Sequence[str]) -> list[Any]:
    values = {word: member.read(word) for word in set(words)}
    return [values[word] for word in words]


def _pointer(words: Sequence[str], heads: int) -> int:
    """Where the words point to, in digits: the same place in all logs, behind the heads."""
    if len(set(words)) != 1:
        raise Unusual
    target = 2 * int(words[0], 16)
    if target < heads:
        raise Unusual
    return target


def _texts(member: _Member, data: Sequence[str], at: int) -> list[str]:
    """Bytes as 0x-hexadecimal text, or strings, of each log; their length stands before them."""
    if at + _DIGITS > len(data[0]):
        raise Unusual
    start = at + _DIGITS
    texts = []
    for one in data:
        end = start + 2 * int(one[at:start], 16)
        filled = end + (start - end) % _DIGITS
        if filled > len(one) or one[end:filled].strip("0"):
            raise Unusual
        texts.append(one[start:end])
    if member.abi == "bytes":
        return ["0x" + text for text in texts]
    try:
        return [bytes.fromhex(text).decode() for text in texts]
    except UnicodeDecodeError:
        raise Unusual from None


# -- words -----------------------------------------------------------------------------------------------


def _never(_word: str) -> None:
    """For what is no word."""
    raise Unusual


def _word(abi: str) -> _Read:
    if abi in _PLAIN:
        return _PLAIN[abi]
    kind, size = sized(abi)
    return {"uint": _uint, "int": _int, "bytes": _fixed}[kind](size)


def _uint(bits: int) -> _Read:
    def read(word: str) -> int:
        value = int(word, 16)
        if value >> bits:
            raise Unusual
        return value

    return read


def _int(bits: int) -> _Read:
    half = 1 << bits - 1

    def read(word: str) -> int:
        value = int(word, 16)
        value -= value >> 255 << 256
        if not -half <= value < half:
            raise Unusual
        return value

    return read


def _fixed(size: int) -> _Read:
    digits = 2 * size
    filling = _ZEROS[digits:]

    def read(word: str) -> str:
        if word[digits:] != filling:
            raise Unusual
        return "0x" + word[:digits]

    return read


def _address(word: str) -> str:
    if word[:24] != _ZEROS[:24]:
        raise Unusual
    return checksum(word[24:])


def _bool(word: str) -> bool:
    value = int(word, 16)
    if value > 1:
        raise Unusual
    return value == 1


def _enum(kind: type[Enum], read: _Read) -> _Read:
    known = {member.value for member in kind}

    def read_enum(word: str) -> int:
        value: int = read(word)
        if value not in known:
            raise Unusual
        return value

    return read_enum


_PLAIN: Final[dict[str, _Read]] = {"address": _address, "bool": _bool}
