"""A log as a row: the event is decoded by the generated bindings and laid flat into its table's columns."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from chain.abi_events import decode_log
from chain.blocks import Log
from chain.codec import Event, checksum
from chain.fields import hex_text
from indexer.tables import EVENT_TABLES, EventRow


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
    for name, value in _members(event).items():
        flat = _members(value) if is_dataclass(value) else {name: value}
        for column, part in flat.items():
            plain = _plain(part)
            if values.setdefault(column, plain) != plain:
                raise UndecodableError(f"{event.NAME}.{column}: {values[column]!r} and {plain!r} in one log")
    return values


def event_row(log: Log, block_time: int) -> EventRow:
    """The derived row of a log. Raises UndecodableError, whatever is wrong with the log."""
    try:
        event = decode_log(log.topics, log.data)
        table = EVENT_TABLES.get(key_of(event)) if event else None
        columns = columns_of(event) if event else {}
    except UndecodableError:
        raise
    except Exception as error:  # one bad log must never stop those behind it
        raise UndecodableError(f"{type(error).__name__}: {error}") from error
    if event is None:
        raise UndecodableError("no event of the contracts has this topic")
    if table is None:
        raise UndecodableError(f"event {event.SIGNATURE} has no table")
    return table(
        block_hash=hex_text(log.block_hash),
        log_index=log.log_index,
        block_number=log.block_number,
        block_time=block_time,
        address=checksum(log.address),
        **columns,
    )


def _members(value: Any) -> Mapping[str, Any]:
    return {member.name: getattr(value, member.name) for member in fields(value)}


def _plain(value: Any) -> Any:
    """A value as SQL and JSON can hold it."""
    if isinstance(value, bytes):
        return hex_text(value)
    if isinstance(value, Enum):
        return int(value.value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {name: _plain(member) for name, member in _members(value).items()}
    return value
