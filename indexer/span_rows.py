"""What a span of logs becomes in the mirror: rows, column by column, made without the database."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chain.abi_words import Unusual
from chain.blocks import Block
from chain.codec import checksum
from chain.fields import hex_text, raw_bytes
from chain.logs import LogColumns
from indexer.bulk import Columns, JsonTexts
from indexer.decode import UndecodableError, derived, table_of_log
from indexer.decode_columns import Values, columns_of
from indexer.fetch import Span
from indexer.tables import EventRow

_PLACE: Final = ("block_hash", "log_index", "block_number", "address")


@dataclass(frozen=True, slots=True)
class SpanRows:
    """Rows of blocks `first` to `last.number`."""

    first: int
    last: Block
    blocks: Columns
    logs: Columns
    """raw logs"""
    events: dict[type[EventRow], Values]
    """derived rows by table"""
    failed: int
    """logs that nobody can decode"""


def rows_of_span(span: Span) -> SpanRows:
    """Lay out a span; logs that cannot be decoded say why in their row."""
    logs = span.logs
    known = {address: checksum(address) for address in set(logs.address)}
    raw: Values = {
        "block_hash": logs.block_hash,
        "log_index": logs.log_index,
        "block_number": logs.block_number,
        "address": [known[address] for address in logs.address],
        "topics": JsonTexts(map(_json, logs.topics)),
        "data": logs.data,
        "tx_hash": logs.transaction_hash,
    }
    places: Values = {name: raw[name] for name in _PLACE}
    places["block_time"] = [span.blocks[number].timestamp for number in logs.block_number]
    events: dict[type[EventRow], Values] = {}
    errors: dict[int, str] = {}
    for alike in _alike(logs):
        try:
            _decode_alike(events, logs, alike, places)
        except Unusual:
            _decode_each(events, logs, alike, places, errors)
    if errors:
        raw["decode_error"] = [errors.get(place) for place in range(len(logs))]
    headers = span.blocks.values()
    blocks: Values = {
        "hash": [hex_text(header.hash) for header in headers],
        "number": [header.number for header in headers],
        "parent_hash": [hex_text(header.parent_hash) for header in headers],
        "timestamp": [header.timestamp for header in headers],
    }
    return SpanRows(span.first, span.last, blocks, raw, events, len(errors))


def _json(topics: Sequence[str]) -> str:
    return '["' + '", "'.join(topics) + '"]' if topics else "[]"


def _alike(logs: LogColumns) -> list[list[int]]:
    """Places of logs that have first topic, number of topics and length of data in common."""
    found: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for place, (topics, data) in enumerate(zip(logs.topics, logs.data, strict=True)):
        found[topics[0] if topics else "", len(topics), len(data)].append(place)
    return list(found.values())


def _decode_alike(
    events: dict[type[EventRow], Values], logs: LogColumns, alike: Sequence[int], places: Values
) -> None:
    """Add the derived rows of logs that are alike. Raises Unusual, with nothing added."""
    topics = [logs.topics[place] for place in alike]
    if not topics[0]:
        raise Unusual
    found = table_of_log(raw_bytes(topics[0][0]), len(topics[0]))
    if found is None:
        raise Unusual
    event, table = found
    values = columns_of(event, topics, [logs.data[place] for place in alike])
    _add(
        events, table, values | {name: [column[place] for place in alike] for name, column in places.items()}
    )


def _decode_each(
    events: dict[type[EventRow], Values],
    logs: LogColumns,
    alike: Sequence[int],
    places: Values,
    errors: dict[int, str],
) -> None:
    """Add the derived rows of logs one by one, or why there is none."""
    for place in alike:
        try:
            table, row = derived(logs[place], logs.block_hash[place], places["block_time"][place])
        except UndecodableError as error:
            errors[place] = str(error).replace("\0", "\\0")
        else:
            _add(events, table, {name: [value] for name, value in row.items()})


def _add(events: dict[type[EventRow], Values], table: type[EventRow], values: Values) -> None:
    known = events.setdefault(table, {name: [] for name in values})
    for name, column in known.items():
        column += values[name]
