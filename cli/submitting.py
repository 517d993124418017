"""A client of a member's gateway: documents posted, several at a time, waiting where the spool is full."""

import json
import sys
import time
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

import httpx

from cli.client import problem_text
from cli.failure import Exit, Failure
from cli.files import read_bytes
from cli.session import Session
from epcis.canonical import refuse_deep

DEFAULT_URL: Final = "http://127.0.0.1:8438"
_AT_ONCE: Final = 8
"""documents under way together: they share a transaction of the spool"""
_LEAST_PAUSE: Final = 0.1  # seconds: also where none is asked for, nobody is asked without a breath
_UNREACHABLE: Final = frozenset({502, 503, 504})


class GatewayClient:
    """Talks to one gateway. Threads may share it."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.base_url, headers=headers, timeout=httpx.Timeout(60.0, connect=5.0), trust_env=False
        )
        weakref.finalize(self, self._http.close)  # a command ends where it ends; its connections end with it

    @classmethod
    def of(cls, session: Session, given: str | None) -> Self:
        """The gateway named, else TRADESEAL_GATEWAY_URL, else the usual one of this machine."""
        secret = session.settings.gateway_token
        token = None if secret is None else secret.get_secret_value()
        return cls(given or str(session.settings.gateway_url or DEFAULT_URL), token)

    def get(self, path: str) -> Any:
        """JSON of a GET. Raises Failure."""
        return self._read(self._send("GET", path))

    def submit(self, document: bytes, urgent: bool = False, patience: float = 60.0) -> dict[str, Any]:
        """Receipts of a document; a full spool is waited for, `patience` seconds at most. Raises Failure."""
        until = time.monotonic() + patience
        path = "/epcis/capture?urgent=true" if urgent else "/epcis/capture"
        while True:
            response = self._send("POST", path, content=document)
            pause = response.headers.get("retry-after", "")
            left = until - time.monotonic()
            if response.status_code != 503 or not pause.isdecimal() or left <= 0:
                found: dict[str, Any] = self._read(response)
                return found
            time.sleep(min(max(float(pause), _LEAST_PAUSE), left))

    def submit_all(
        self, documents: Iterable[bytes], urgent: bool, patience: float
    ) -> Iterator[tuple[int, dict[str, Any] | Failure]]:
        """(number from 1, receipts or failure) of each document, in order, several of them under way."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            waiting: list[tuple[int, Future[dict[str, Any]]]] = []
            for place, document in enumerate(documents, 1):
                waiting.append((place, pool.submit(self.submit, document, urgent, patience)))
                if len(waiting) >= 2 * _AT_ONCE:
                    yield _outcome(*waiting.pop(0))
            for place, future in waiting:
                yield _outcome(place, future)

    def _send(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            return self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Failure(f"gateway {self.base_url} cannot be reached: {reason}", Exit.UNREACHABLE) from error

    def _read(self, response: httpx.Response) -> Any:
        try:
            refuse_deep(response.text)
            content = json.loads(response.content)
        except ValueError:
            raise Failure(
                f"{response.url} answered {response.status_code} without JSON", Exit.UNREACHABLE
            ) from None
        if response.is_success:
            return content
        code = Exit.UNREACHABLE if response.status_code in _UNREACHABLE else Exit.REFUSED
        raise Failure(
            problem_text(content, response.status_code), code, content if isinstance(content, dict) else None
        )


def _outcome(place: int, future: "Future[dict[str, Any]]") -> tuple[int, dict[str, Any] | Failure]:
    try:
        return place, future.result()
    except Failure as failure:
        return place, failure


def documents_of(name: str) -> Iterator[bytes]:
    """The documents of a file, or of standard input (`-`): the whole of it, or one a line (NDJSON).

    A first line that is JSON by itself, with another one after it, makes it NDJSON. Raises Failure.
    """
    if name == "-":
        yield from _parts(iter(sys.stdin.buffer))
        return
    yield from _parts(iter(read_bytes(Path(name)).splitlines(keepends=True)))


def _parts(lines: Iterator[bytes]) -> Iterator[bytes]:
    first = next((line for line in lines if line.strip()), b"")
    try:
        refuse_deep(first.decode("utf-8"))
        json.loads(first)
    except ValueError:
        yield first + b"".join(lines)
        return
    yield first
    for line in lines:
        if line.strip():
            yield line
