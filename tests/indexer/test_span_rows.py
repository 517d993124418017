"""Logs read by columns say what each of them says by itself, whatever stands in them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.blocks import Block, Log, Malformed
from chain.fields import hex_text
from chain.logs import LogColumns
from indexer.bulk import rows_of
from indexer.decode import UndecodableError, derived
from indexer.fetch import Span
from indexer.span_rows import rows_of_span
from tests.indexer.test_tables import logs

pytestmark = pytest.mark.slow

TIME = 1_700_000_000
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def span_of(found: list[Log]) -> Span:
    numbers = {log.block_number for log in found}
    blocks = {
        number: Block(number, bytes([number]) * 32, b"\0" * 32, TIME + number, 0, None) for number in numbers
    }
    return Span(1, blocks[max(numbers)], blocks, LogColumns.of(found))


def expected(log: Log) -> tuple[str, dict[str, Any]] | str:
    try:
        table, row = derived(log, hex_text(log.block_hash), TIME + log.block_number)
    except UndecodableError as error:
        return str(error)
    return table.__name__, row


def spoilt(log: Log, place: int, value: int) -> Log:
    """The same log with one byte of topics or data changed."""
    topics, data = [bytearray(topic) for topic in log.topics], bytearray(log.data)
    parts = [*topics[1:], data] if data else topics
    part = parts[place % len(parts)]
    part[place // len(parts) % len(part)] = value
    return replace(log, topics=tuple(map(bytes, topics)), data=bytes(data))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(
    samples=st.lists(st.tuples(logs(), st.integers(1, 4)), min_size=1, max_size=4),
    spoil=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 2000), st.integers(0, 255)),
    cut=st.none() | st.integers(0, 64),
)
def test_columns_say_what_single_logs_say(
    samples: list[tuple[tuple[Any, Log, Any], int]],
    spoil: tuple[int, int, int] | None,
    cut: int | None,
) -> None:
    found = [log for (_, log, _), times in samples for _ in range(times)]
    if spoil is not None:
        place = spoil[0] % len(found)
        found[place] = spoilt(found[place], *spoil[1:])
    if cut is not None:
        found[-1] = replace(found[-1], data=found[-1].data[: -cut or None])
    found = [
        replace(log, block_number=1 + i // 3, block_hash=bytes([1 + i // 3]) * 32, log_index=i)
        for i, log in enumerate(found)
    ]
    rows = rows_of_span(span_of(found))
    places = {
        row["log_index"]: (table.__name__, row)
        for table, columns in rows.events.items()
        for row in rows_of(columns)
    }
    raw = {row["log_index"]: row for row in rows_of(rows.logs)}
    assert len(raw) == len(found)
    for log in found:
        wanted = expected(log)
        if isinstance(wanted, str):
            assert log.log_index not in places
            assert raw[log.log_index]["decode_error"] == wanted.replace("\0", "\\0")
        else:
            assert places[log.log_index] == wanted
            assert raw[log.log_index].get("decode_error") is None
        assert json.loads(raw[log.log_index]["topics"]) == [hex_text(topic) for topic in log.topics]
    assert rows.failed == len(found) - len(places)


def test_single_logs_come_back_from_their_columns() -> None:
    log = Log("0x" + "ab" * 20, (b"\1" * 32, b"\2" * 32), b"\3", 7, b"\7" * 32, b"\4" * 32, 5, 3)
    other = replace(log, log_index=2, topics=(), data=b"")
    columns = LogColumns.of([log, other])
    assert [columns[place] for place in range(len(columns))] == [other, log]


FIELDS = {
    "address": "0x" + "ab" * 20,
    "topics": ["0x" + "01" * 32],
    "data": "0x0203",
    "blockNumber": "0x7",
    "blockHash": "0x" + "07" * 32,
    "transactionHash": "0x" + "04" * 32,
    "transactionIndex": "0x5",
    "logIndex": "0x3",
    "removed": False,
}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            None,
            True,
            1,
            [],
            {},
            "",
            "0x",
            "0x0",
            "0xab",
            "0xa",
            "0xAB",
            "0x ab",
            "ab",
            "0xzz",
            "0x" + "AB" * 20,
        ),
        *("0x" + "ab" * 20 + "\n", "0x" + "AB" * 32, "0x" + "ab" * 31, "0x" + "ab" * 33, ["0x" + "AB" * 32]),
        *(["0x" + "ab" * 32] * 5, [None], "0x" + "0" * 64 + "1", "0X7", "7", "0x" + "ab" * 32 + "\n"),
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(sorted(FIELDS)), st.just("gone") | ODD), max_size=2
    ),
    order=st.permutations([0, 1, 2]),
)
def test_answers_are_taken_and_refused_as_single_logs_are(
    changes: list[tuple[int, str, Any]], order: list[int]
) -> None:
    answer: list[dict[str, Any]] = [{**FIELDS, "logIndex": hex(index)} for index in order]
    for place, name, value in changes:
        answer[place][name] = value
        if value == "gone":
            del answer[place][name]
    try:
        wanted = sorted(map(Log.read, answer), key=lambda log: (log.block_number, log.log_index))
    except Malformed:
        with pytest.raises(Malformed):
            LogColumns.read(answer)
        return
    columns = LogColumns.read(answer)
    assert [columns[place] for place in range(len(columns))] == wanted


@pytest.mark.parametrize("answer", [None, {}, [None], [[]], ["0x"], [{**FIELDS}, 3]])
def test_what_is_no_list_of_logs_is_refused(answer: object) -> None:
    with pytest.raises(Malformed):
        LogColumns.read(answer)
