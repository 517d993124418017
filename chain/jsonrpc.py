"""JSON-RPC 2.0 over one kept HTTP connection: requests, batches, and what an answer may look like."""

import itertools
import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic_core import from_json

from chain.blocks import Malformed, mapping, sequence
from chain.errors import NodeNonsense, NodeUnreachable, RpcError

T = TypeVar("T")

BATCH_SIZE: Final = 100
MAX_ANSWER: Final = 256 * 1024 * 1024
"""bytes of one HTTP answer"""
_MAX_MESSAGE: Final = 2000
_AWAY: Final = frozenset({408, 429, 502, 503, 504})


class JsonRpc:
    """A node at an http(s) URL; `timeout` in seconds bounds connecting, and each wait for bytes.

    Raises ValueError for a URL that is none.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError("rpc url: cannot be read as a URL") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(
                f"rpc url: scheme {parsed.scheme!r} with host {parsed.host!r}, http(s) is needed"
            )
        self.node = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
        """The node as errors name it: without path, query and credentials, which often are secrets."""
        self._url = parsed
        self._refuses_batches = False
        self._ids = itertools.count(1)
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            trust_env=False,  # a proxy of the environment must not come between a member and its node
            headers={"Content-Type": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.node})"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # -- transport ---------------------------------------------------------------------------------------

    def request(self, method: str, params: Sequence[object] = ()) -> Any:
        """One call; gives `result` as JSON. Raises NodeUnreachable, NodeNonsense, RpcError."""
        number = next(self._ids)
        answer = self._post(method, _body(number, method, params))
        result = self._result(method, answer, number)
        if isinstance(result, RpcError):
            raise result
        return result

    def batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Many calls in few HTTP requests; results in the order asked, an RpcError standing for its call.

        Raises NodeUnreachable, NodeNonsense.
        """
        results: list[Any] = []
        for start in range(0, len(requests), BATCH_SIZE):
            results += self._batch(requests[start : start + BATCH_SIZE])
        return results

    def _batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        if len(requests) == 1 or self._refuses_batches:
            return [self._one(method, params) for method, params in requests]
        numbers = [next(self._ids) for _ in requests]
        bodies = [_body(n, method, params) for n, (method, params) in zip(numbers, requests, strict=True)]
        answers = self._post("batch", bodies)
        if isinstance(answers, dict) and isinstance(self._result("batch", answers, None), RpcError):
            self._refuses_batches = True
            return self._batch(requests)
        by_id: dict[int, object] = {}
        for answer in self._read("batch", answers, lambda value: sequence(value, "batch")):
            number = self._read("batch", answer, lambda value: mapping(value, "answer")).get("id")
            if isinstance(number, int):  # what has another was not asked for
                by_id[number] = answer
        for number, (method, _) in zip(numbers, requests, strict=True):
            if number not in by_id:
                raise self._nonsense(method, f"id {number} has no answer")
        return [
            self._result(method, by_id[number], number)
            for number, (method, _) in zip(numbers, requests, strict=True)
        ]

    def _one(self, method: str, params: Sequence[object]) -> Any:
        try:
            return self.request(method, params)
        except RpcError as error:
            return error

    def _post(self, method: str, body: object) -> object:
        content = bytearray()
        try:
            with self._client.stream("POST", self._url, content=json.dumps(body)) as response:
                if response.status_code in _AWAY:
                    raise NodeUnreachable(self.node, f"{method}: HTTP status {response.status_code}")
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER:  # counted unpacked: a small one may be packed
                        raise self._nonsense(method, f"the answer has more than {MAX_ANSWER} bytes")
        except httpx.HTTPError as error:
            raise NodeUnreachable(self.node, f"{method}: {type(error).__name__}: {error}") from error
        try:
            # Not the standard library's: its depth is bounded by Python's recursion limit alone, which
            # cryptography packages raise so far that deeply nested JSON ends the process.
            return from_json(content, allow_inf_nan=False)
        except ValueError as error:
            reason = f"HTTP status {response.status_code}, body is not JSON"
            raise self._nonsense(method, reason) from error

    def _result(self, method: str, answer: object, number: int | None) -> Any:
        """The `result` of one answer, or its error as RpcError (not raised)."""
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            raise self._nonsense(method, "not a JSON-RPC 2.0 answer")
        error = answer.get("error")
        if error is not None:
            code, message = (
                (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
            )
            if not isinstance(code, int) or not isinstance(message, str):
                raise self._nonsense(method, "error lacks code or message")
            return RpcError(method, code, message[:_MAX_MESSAGE], error.get("data"))
        if number is not None and answer.get("id") != number:
            raise self._nonsense(method, f"id is {answer.get('id')!r} instead of {number}")
        if "result" not in answer:
            raise self._nonsense(method, "neither result nor error")
        return answer["result"]

    def _nonsense(self, method: str, reason: str) -> NodeNonsense:
        return NodeNonsense(self.node, method, reason)

    def _read(self, method: str, value: object, read: Callable[[object], T]) -> T:
        try:
            return read(value)
        except Malformed as error:
            raise self._nonsense(method, str(error)) from error


def _body(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
