"""Bounds of requests, kept while bodies arrive: nobody makes the service hold more than it said it takes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import SECURITY_HEADERS, Problem, answer

_SECURITY: Final = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_DISCARDED: Final = 4  # times the limit
_DISCARD_SECONDS: Final = 5.0
_DISCARD_PAUSE: Final = 0.5  # seconds without anything: whoever still sends has paused


class BodyLimit:
    """ASGI middleware: bodies above `limit` bytes get 413, announced or not; their connection ends."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its announced length is over the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            await self._discard(receive)
            await answer(Request(scope), self._problem(int(announced)))(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    if message.get("more_body", False):
                        await self._discard(receive)
                    raise self._problem(None)
            return message

        await self._app(scope, counted, send)

    async def _discard(self, receive: Receive) -> None:
        """Read on for a while: clients that are cut off while they send never see the answer."""
        left, until = _DISCARDED * self._limit, time.monotonic() + _DISCARD_SECONDS
        with suppress(TimeoutError):
            while left > 0 and time.monotonic() < until:
                message = await asyncio.wait_for(receive(), _DISCARD_PAUSE)
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return

    def _problem(self, size: int | None) -> Problem:
        given = "more" if size is None else f"{size} bytes"
        return Problem(
            413,
            "body-too-large",
            f"the body has {given}, {self._limit} bytes are allowed",
            # what is still under way would be read as the next request
            headers={"Connection": "close"},
            limit=self._limit,
        )


class Slots:
    """At most `count` at a time of what costs much before anybody is known to have signed it.

    Others wait up to `patience` seconds for their turn. One event loop has one of it.
    """

    def __init__(self, count: int = 2, patience: float = 5.0) -> None:
        self._free = asyncio.Semaphore(count)
        self._patience = patience

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a slot. Raises Problem (503 with Retry-After) where none came free in time."""
        try:
            await asyncio.wait_for(self._free.acquire(), self._patience)
        except TimeoutError:
            raise Problem(
                503,
                "not-ready",
                "too many documents are being read right now",
                headers={"Retry-After": "5"},
            ) from None
        try:
            yield
        finally:
            self._free.release()


class HeadRequests:
    """ASGI middleware: HEAD is GET without the content (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the same with GET and keep the content back."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_content(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_content)


class EncodedPaths:
    """ASGI middleware: paths of items reach their routes as they were sent, percent-encoded.

    Serial numbers may hold every character that separates segments, `/` and `%` included (GS1 General
    Specifications, figure 7.11-1), so that only what is not yet decoded can be taken apart.
    """

    _PREFIXES = (b"/01/", b"/items/")

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the raw path to the routes where it matters."""
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw and raw.startswith(self._PREFIXES):
            scope = {**scope, "path": raw.partition(b"?")[0].decode("ascii", "replace")}
        await self._app(scope, receive, send)


class SecurityHeaders:
    """ASGI middleware: headers that every answer carries unless its route set them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + [pair for pair in _SECURITY if pair[0] not in present]
            await send(message)

        await self._app(scope, receive, completed)
