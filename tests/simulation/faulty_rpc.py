"""A transport between the product's `Rpc` and a real node: it loses, cuts, spoils and falsifies answers."""

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from chain.rpc import Rpc
from tests.simulation.boundary import CALM, Boundary
from tests.simulation.lies import History, falsify

BEFORE = ("refused", "connect timeout", "HTTP 429", "HTTP 503", "HTTP 500 text", "node error", "limit")
AFTER = ("read timeout", "reset in the answer", "truncated", "HTTP 502 after", "wrong id", "batch")


class FaultyTransport(httpx.BaseTransport):
    """Requests that cross a boundary on their way to the node and back."""

    def __init__(self, boundary: Boundary, inner: httpx.BaseTransport, history: History) -> None:
        self._boundary = boundary
        self._inner = inner
        self._history = history

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        boundary = self._boundary
        asked = json.loads(request.read())
        where = "rpc batch" if isinstance(asked, list) else f"rpc {asked['method']}"
        fault = boundary.cross(where, boundary.weather.rpc, BEFORE)
        if fault != CALM:
            return _before(fault, asked)
        response = self._inner.handle_request(request)
        content = response.read()
        response.close()
        fault = boundary.cross(f"{where} answered", boundary.weather.rpc, AFTER)
        if fault != CALM:
            return _after(fault, content)
        if boundary.weather.lie:
            lie = falsify(asked, json.loads(content), self._history, boundary)
            if lie is not None:
                return _json(lie)
        return httpx.Response(response.status_code, content=content)


class PlainRpc(Rpc):
    """The product's client on a shared connection, without disasters."""

    def __init__(self, url: str, transport: httpx.BaseTransport) -> None:
        super().__init__(url)
        self._client.close()
        self._client = httpx.Client(transport=transport)


class FaultyRpc(PlainRpc):
    """The product's client, its transport replaced."""

    def __init__(self, url: str, boundary: Boundary, inner: httpx.BaseTransport, history: History) -> None:
        super().__init__(url, FaultyTransport(boundary, inner, history))


class NodeTransport(httpx.BaseTransport):
    """One kept connection to the node for all clients of a story; cheaper than httpx's own."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        for last in (False, True):
            try:
                self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
                response = self._connection.getresponse()
                return httpx.Response(response.status, content=response.read())
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                # A kept connection ends with the node that it led to: the next one is a new one.
                if last or isinstance(error, ConnectionRefusedError):
                    raise httpx.ConnectError(str(error)) from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Nothing: clients share it; see `end`."""

    def end(self) -> None:
        """Close the connection."""
        self._connection.close()


class _Cut(httpx.SyncByteStream):
    """A body that ends in a reset."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content[: len(self._content) // 2]
        raise httpx.ReadError("connection reset by peer")


def _json(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body).encode())


def _before(fault: str, asked: Any) -> httpx.Response:
    if fault == "refused":
        raise httpx.ConnectError("connection refused")
    if fault == "connect timeout":
        raise httpx.ConnectTimeout("timed out")
    if fault == "HTTP 429":
        return httpx.Response(429, content=b"slow down")
    if fault == "HTTP 503":
        return httpx.Response(503, content=b"")
    if fault == "HTTP 500 text":
        return httpx.Response(500, content=b"<html>Internal Server Error</html>")
    error = (
        {"code": -32005, "message": "limit exceeded"}
        if fault == "limit"
        else {"code": -32603, "message": "internal error"}
    )
    if isinstance(asked, list):
        return _json([{"jsonrpc": "2.0", "id": one["id"], "error": error} for one in asked])
    return _json({"jsonrpc": "2.0", "id": asked["id"], "error": error})


def _wrong_id(content: bytes) -> httpx.Response:
    answer = json.loads(content)
    for one in answer if isinstance(answer, list) else [answer]:
        one["id"] = one["id"] - 1
    return _json(answer)


def _half_batch(content: bytes) -> httpx.Response:
    answer = json.loads(content)
    if isinstance(answer, list):
        return _json(list(reversed(answer))[1:])
    return _json([answer])


def _read_timeout(content: bytes) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


_AFTER: dict[str, Callable[[bytes], httpx.Response]] = {
    "read timeout": _read_timeout,
    "reset in the answer": lambda content: httpx.Response(200, stream=_Cut(content)),
    "truncated": lambda content: httpx.Response(200, content=content[: -1 - len(content) // 3]),
    "HTTP 502 after": lambda content: httpx.Response(502, content=b"bad gateway"),
    "wrong id": _wrong_id,
    "batch": _half_batch,
}


def _after(fault: str, content: bytes) -> httpx.Response:
    return _AFTER[fault](content)
