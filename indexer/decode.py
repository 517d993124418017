"""A log as a row: the event is decoded by the generated bindings and laid flat into its table's columns."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from chain.abi_events import decode_log, event_of
from chain.blocks import Log
from chain.codec import Event, checksum
from chain.fields import hex_text
from indexer.tables import EVENT_TABLES, EventRow

_AS_THEY_ARE: Final = frozenset({int, str, bool})
_NAMES: dict[type[Any], tuple[str, ...]] = {}
"""dataclass -> names of its members"""


class UndecodableError(ValueError):
    """A log of our contracts that no table can hold; the message says why."""


def key_of(event: type[Event] | Event) -> str:
    """Name under which an event's table is found."""
    return f"{event.NAME}/{event.TOPICS}"


def columns_of(event: Event) -> dict[str, Any]:
    """An event's values by column: members of structs beside the parameters, bytes as 0x-hexadecimal text.

    Raises UndecodableError where a parameter and a struct's member of the same name differ.
    """
    values: dict[str, Any] = {}
    for name in _names(type(event)):
        value = getattr(event, name)
        if type(value) in _AS_THEY_ARE and name not in values:
            values[name] = value
            continue
        parts = [(name, value)]
        if is_dataclass(value):
            parts = [(column, getattr(value, column)) for column in _names(type(value))]
        for column, part in parts:
            plain = _plain(part)
            if values.setdefault(column, plain) != plain:
                raise UndecodableError(f"{event.NAME}.{column}: {values[column]!r} and {plain!r} in one log")
    return values


def derived(log: Log, block_hash: str, block_time: int) -> tuple[type[EventRow], dict[str, Any]]:
    """Table and values of a log's derived row. Raises UndecodableError, whatever is wrong with the log."""
    try:
        event = decode_log(log.topics, log.data)
        table, columns = _laid_flat(event)
    except UndecodableError:
        raise
    except Exception as error:  # one bad log must never stop those behind it
        raise UndecodableError(f"{type(error).__name__}: {error}") from error
    columns["block_hash"] = block_hash
    columns["log_index"] = log.log_index
    columns["block_number"] = log.block_number
    columns["block_time"] = block_time
    columns["address"] = checksum(log.address)
    return table, columns


def table_of_log(topic0: bytes, topics: int) -> tuple[type[Event], type[EventRow]] | None:
    """The event with that first topic and number of topics, and its table; None where there is none."""
    event = event_of(topic0, topics)
    table = None if event is None else EVENT_TABLES.get(key_of(event))
    return None if event is None or table is None else (event, table)


def event_row(log: Log, block_time: int) -> EventRow:
    """The derived row of a log. Raises UndecodableError, whatever is wrong with the log."""
    table, columns = derived(log, hex_text(log.block_hash), block_time)
    return table(**columns)


def _laid_flat(event: Event | None) -> tuple[type[EventRow], dict[str, Any]]:
    if event is None:
        raise UndecodableError("no event of the contracts has this topic")
    table = EVENT_TABLES.get(key_of(event))
    if table is None:
        raise UndecodableError(f"event {event.SIGNATURE} has no table")
    return table, columns_of(event)


def _names(kind: type[Any]) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(member.name for member in fields(kind))
    return found


def _plain(value: Any) -> Any:
    """A value as SQL and JSON can hold it."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Enum):
        return int(value.value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    return value
