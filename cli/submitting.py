"""A client of a member's gateway: documents posted, several at a time, waiting where the spool is full."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from cli.failure import Failure
from cli.files import read_bytes
from cli.json_http import JsonClient
from cli.session import Session
from epcis.canonical import refuse_deep

DEFAULT_URL: Final = "http://127.0.0.1:8438"
_AT_ONCE: Final = 8
"""documents under way together: they share a transaction of the spool"""
_LEAST_PAUSE: Final = 0.1  # seconds: also where none is asked for, nobody is asked without a breath
_JSON: Final = {"Content-Type": "application/json"}


class GatewayClient(JsonClient):
    """Talks to one gateway."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        super().__init__(
            "gateway", base_url, 60.0, {} if token is None else {"Authorization": f"Bearer {token}"}
        )

    @classmethod
    def of(cls, session: Session, given: str | None) -> Self:
        """The gateway named, else TRADESEAL_GATEWAY_URL, else the usual one of this machine."""
        secret = session.settings.gateway_token
        token = None if secret is None else secret.get_secret_value()
        return cls(given or str(session.settings.gateway_url or DEFAULT_URL), token)

    def submit(self, document: bytes, urgent: bool = False, patience: float = 60.0) -> dict[str, Any]:
        """Receipts of a document; a full spool is waited for, `patience` seconds at most. Raises Failure."""
        until = time.monotonic() + patience
        path = "/epcis/capture?urgent=true" if urgent else "/epcis/capture"
        while True:
            response = self._send("POST", path, content=document, headers=_JSON)
            pause = response.headers.get("retry-after", "")
            left = until - time.monotonic()
            if response.status_code != 503 or not pause.isdecimal() or left <= 0:
                found: dict[str, Any] = self._json(response)
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
