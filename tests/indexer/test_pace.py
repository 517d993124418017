"""How spans follow what a node answers, refuses, and leaves out."""

import pytest

from chain.errors import NodeNonsense, NodeUnreachable, RpcError
from indexer.pace import LOGS_AT_ONCE, Pace, suggested


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        ("query returned more than 10000 results. Try with this block range [0x64, 0x12b].", 200),
        ("Log response size exceeded. this block range should work: [100, 149]", 50),
        ("eth_getLogs is limited to a 1,000 block range", 1000),
        ("exceed maximum block range: 500", 500),
        ("block range should be less than 2k blocks", 2000),
        ("query exceeds max block range 5000", 5000),
        ("up to a 800 blocks range", 800),
        ("query exceeds the limit", None),
        ("this block range should work: [0x0, 0x12b]", None),
        ("eth_getLogs is limited to a 10,000 block range", None),
    ],
)
def test_refusals_name_what_would_be_answered(message: str, blocks: int | None) -> None:
    assert suggested(message, 100, 100 + 6_000) == blocks


def test_spans_grow_while_there_is_little_and_shrink_when_there_is_much() -> None:
    pace = Pace(10_000)
    seen = []
    for _ in range(6):
        seen.append(pace.span)
        pace.answered(pace.span, 0)
    assert seen == [64, 256, 1024, 4096, 10_000, 10_000]
    pace.answered(10_000, 4 * LOGS_AT_ONCE)
    assert pace.span == 2_500
    pace.answered(10, 0)  # the end of the chain says nothing about what a node can
    assert pace.span == 2_500


@pytest.mark.parametrize(
    "error",
    [
        RpcError("eth_getLogs", -32005, "query exceeds the limit"),
        NodeUnreachable("node", "ReadTimeout"),
        NodeNonsense("node", "eth_getLogs", "HTTP status 413, body is not JSON"),
    ],
)
def test_refusal_shrinks_until_one_block_is_left(error: Exception) -> None:
    pace = Pace(10_000)
    tries = 0
    while pace.refused(error, 1, pace.span):  # type: ignore[arg-type]  # all are ChainError
        tries += 1
    assert (pace.span, tries) == (1, 6)


def test_limit_is_tried_again_after_a_while() -> None:
    pace = Pace(1_000)
    assert pace.refused(RpcError("eth_getLogs", -32005, "limited to a 10 block range"), 1, 64)
    spans = []
    for _ in range(60):
        spans.append(pace.span)
        pace.answered(pace.span, 0)
    assert spans[0] == spans[40] == 10
    assert spans[-1] == 20


def test_round_number_is_doubted_once() -> None:
    pace = Pace(10_000)
    assert not pace.doubtful(499)
    assert not pace.doubtful(777)
    assert pace.doubtful(1000)
    pace.trusted(1000)
    assert not pace.doubtful(1000)
    assert not pace.doubtful(500)
    assert pace.doubtful(10_000)
    pace.cut(10_000, 1, 64)
    assert pace.span == 32
    assert pace.doubtful(10_000)
    assert pace.doubtful(10_001)
    assert not pace.doubtful(9_999)
