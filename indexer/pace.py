"""How many blocks to ask a node for at once: nodes differ in what they answer, refuse, or cut in silence."""

import re
from typing import Final

from chain.errors import ChainError, NodeNonsense, NodeUnreachable, RpcError

LOGS_AT_ONCE: Final = 5_000
"""logs that a span should hold: memory follows their number, not that of blocks"""
_FIRST: Final = 64
_GROWTH: Final = 4
_RECOVERS_AFTER: Final = 50
"""answers after which a limit that a node once named is tried again"""
_ROUND: Final = (500, 1024)
_RANGE: Final = re.compile(r"\[\s*(0x[0-9a-fA-F]{1,16}|\d{1,18})\s*,\s*(0x[0-9a-fA-F]{1,16}|\d{1,18})\s*\]")
_BLOCKS: Final = re.compile(
    r"(?:max\w*|limit\w*|up to|exceeds?|than|only)\D{0,40}?(\d[\d,_]{0,11})(k?)[ -]{0,2}block", re.IGNORECASE
)
_SPAN: Final = re.compile(r"(?:range|blocks?|span)\D{0,40}?(\d[\d,_]{0,11})(k?)\b", re.IGNORECASE)


class Pace:
    """The length of the next span, in blocks, learnt from the node's answers and refusals."""

    def __init__(self, max_span: int) -> None:
        self.span = max(1, min(_FIRST, max_span))
        self._max_span = max_span
        self._limit = max_span
        self._easy = 0
        self._trusted = 0
        self._cap: int | None = None

    def answered(self, blocks: int, logs: int) -> None:
        """The node gave so many logs for so many blocks."""
        self._easy += 1
        if self._easy >= _RECOVERS_AFTER and self._limit < self._max_span:
            self._easy, self._limit = 0, min(self._max_span, self._limit * 2)
        wanted = LOGS_AT_ONCE if self._cap is None else min(LOGS_AT_ONCE, self._cap // 2)
        if logs > wanted:
            self._set(blocks * wanted // logs)
        elif blocks >= self.span:
            self._set(min(blocks * _GROWTH, blocks * wanted // max(logs, 1)))

    def refused(self, error: ChainError, first: int, last: int) -> bool:
        """The node did not give the logs of a span: whether to ask for less (`span`) instead of giving up.

        A node that refuses says so (RpcError), cuts the answer off or gives an error page (NodeNonsense), or
        does not finish in time (NodeUnreachable). Whether it is there at all is for the caller to find out.
        """
        if not isinstance(error, RpcError | NodeNonsense | NodeUnreachable) or last == first:
            self._set(1)
            return False
        named = suggested(error.message, first, last) if isinstance(error, RpcError) else None
        self._easy = 0
        self._limit = max(1, min(named or (last - first + 1) // 2, last - first))
        self._set(self._limit)
        return True

    def doubtful(self, logs: int) -> bool:
        """Whether an answer of so many logs may have been cut in silence: a round number, or as many as were
        cut before, and more than the node ever gave in full."""
        if self._cap is not None and logs >= self._cap:
            return True
        return logs > self._trusted and any(logs >= one and logs % one == 0 for one in _ROUND)

    def trusted(self, logs: int) -> None:
        """The node gave so many logs, and they were all."""
        self._trusted = max(self._trusted, logs)
        if self._cap is not None and logs >= self._cap:
            self._cap = None

    def cut(self, logs: int, first: int, last: int) -> None:
        """The node gave so many logs of a span, and they were not all."""
        self._cap = logs
        self._set((last - first + 1) // 2)

    def _set(self, span: int) -> None:
        self.span = max(1, min(span, self._limit))


def suggested(message: str, first: int, last: int) -> int | None:
    """The number of blocks that a refusal of blocks `first` to `last` names, if it names fewer than asked.

    As providers write it: "Try with this block range [0x1, 0x2f]", "limited to a 10,000 block range",
    "exceed maximum block range: 5000", "block range should be less than 1k blocks".
    """
    found = _RANGE.search(message)
    if found:
        start, end = (int(one, 0) if one.startswith("0x") else int(one) for one in found.groups())
        if start == first and first <= end < last:
            return end - first + 1
    for pattern in (_BLOCKS, _SPAN):
        found = pattern.search(message)
        if found:
            number = int(found[1].replace(",", "").replace("_", "")) * (1000 if found[2] else 1)
            if 1 <= number <= last - first:
                return number
    return None
