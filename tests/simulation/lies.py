"""Well-formed answers that are wrong: what a node that lags, caches, or sits on another fork may say.

Which lies are told is bounded by what any client of one node can find out: a node that makes up a receipt's
status inside the right block, or another calldata result, cannot be told from an honest one.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.boundary import Boundary

Past = list[Any]
Lie = Callable[[Any, Past, Random], Any]
_KEPT = 12


class History:
    """Earlier answers to the same questions, which a stale node gives again."""

    def __init__(self) -> None:
        self._known: defaultdict[str, Past] = defaultdict(list)
        self.receipts: Past = []

    def note(self, asked: dict[str, Any], result: Any) -> Past:
        """Remember an answer; gives the earlier ones that differ from it."""
        past = self._known[json.dumps([asked["method"], asked["params"]])]
        others = [one for one in past if one != result]
        if result not in past:
            past.append(result)
            del past[:-_KEPT]
        if asked["method"] == "eth_getTransactionReceipt" and result is not None:
            self.receipts.append(result)
            del self.receipts[:-_KEPT]
        return others


NOTHING = object()


def falsify(asked: Any, answer: Any, history: History, boundary: Boundary) -> Any | None:
    """The answer with one result made wrong, None where it is left as it is."""
    questions = {one["id"]: one for one in (asked if isinstance(asked, list) else [asked])}
    answers = answer if isinstance(answer, list) else [answer]
    changed = False
    for one in answers:
        question = questions.get(one.get("id"))
        if question is None or "result" not in one:
            continue
        past = history.note(question, one["result"])
        method = question["method"]
        if method in LIES and boundary.may_lie(method):
            past = [*past, *history.receipts] if method == "eth_getTransactionReceipt" else past
            lie = LIES[method](json.loads(json.dumps(one["result"])), past, boundary.dice)
            if lie is not NOTHING and lie != one["result"]:
                one["result"] = lie
                changed = True
    return answer if changed else None


def _stale(_true: Any, past: Past, dice: Random) -> Any:
    return dice.choice(past) if past else NOTHING


def _stale_or_null(_true: Any, past: Past, dice: Random) -> Any:
    return dice.choice([*past, None])


def _nonce(true: Any, past: Past, dice: Random) -> Any:
    number = int(true, 16)
    return dice.choice([*past, hex(max(0, number - 1)), hex(number + 1), "0x0"])


def _receipt(true: Any, past: Past, dice: Random) -> Any:
    made = [*past, None]
    if true is not None:
        elsewhere = dice.randbytes(32).hex()
        made += [
            true | {"blockHash": f"0x{elsewhere}"},
            true | {"blockNumber": hex(int(true["blockNumber"], 16) + 1)},
            true | {"blockNumber": hex(max(0, int(true["blockNumber"], 16) - 1))},
            true | {"transactionHash": f"0x{elsewhere}"},
        ]
    return dice.choice(made)


def _logs(true: Any, past: Past, dice: Random) -> Any:
    made = list(past)
    if true:
        place = dice.randrange(len(true))
        one = true[place]
        other = one | {"blockHash": "0x" + dice.randbytes(32).hex()}
        moved = one | {"blockNumber": hex(int(one["blockNumber"], 16) + dice.choice([-1, 1]))}
        foreign = one | {"address": "0x" + dice.randbytes(20).hex()}
        made += [
            [],
            true[:place] + true[place + 1 :],
            [*true, one],
            [*true[:place], other, *true[place + 1 :]],
            [*true[:place], moved, *true[place + 1 :]],
            [*true, foreign | {"logIndex": hex(int(one["logIndex"], 16) + 1000)}],
            [*true[:place], one | {"removed": True}, *true[place + 1 :]],
        ]
    return dice.choice(made) if made else NOTHING


def _estimate(true: Any, _past: Past, dice: Random) -> Any:
    return hex(int(int(true, 16) * dice.choice([0.3, 0.9, 10, 1000])))


def _sent(true: Any, _past: Past, dice: Random) -> Any:
    return "0x" + dice.randbytes(32).hex()


def _price(true: Any, _past: Past, dice: Random) -> Any:
    return hex(int(true, 16) * dice.choice([0, 1000, 10**6]) + dice.choice([0, 1]))


LIES: dict[str, Lie] = {
    "eth_getBlockByNumber": _stale_or_null,
    "eth_getBlockByHash": _stale_or_null,
    "eth_getTransactionCount": _nonce,
    "eth_getTransactionReceipt": _receipt,
    "eth_getLogs": _logs,
    "eth_estimateGas": _estimate,
    "eth_call": _stale,
    "eth_sendRawTransaction": _sent,
    "eth_maxPriorityFeePerGas": _price,
    "eth_gasPrice": _price,
}
