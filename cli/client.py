"""The service as the command line talks to it."""

import json
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import httpx

from chain.requests import Request
from cli.failure import Exit, Failure
from cli.home import Home
from cli.json_http import JsonClient
from cli.reasons import reason_text
from cli.settings import Settings

_WAIT: Final = 25
"""Seconds that the service may wait for the chain before it answers."""


class ApiClient(JsonClient):
    """Talks to one TradeSeal service."""

    def __init__(self, base_url: str) -> None:
        super().__init__("service", base_url, _WAIT + 15.0)
        self.clock: datetime | None = None
        """the service's own time, in whole seconds, at its last answer"""

    @classmethod
    def of(cls, settings: Settings, home: Home) -> Self:
        """The service named by TRADESEAL_API_URL, else the one that runs in the home folder."""
        if settings.api_url is not None:
            return cls(str(settings.api_url))
        service = home.read_service()
        if service is None or not home.served:
            raise Failure(
                f"no service runs in {home.root}: start it with `tradeseal up`, or set TRADESEAL_API_URL",
                Exit.UNREACHABLE,
            )
        return cls(str(service["url"]))

    def submit(self, path: str, request: Request) -> dict[str, Any]:
        """Post a request and wait for its operation to end. Raises Failure with the contract's own reason."""
        answer = self.post(path, json.dumps(request.to_json()).encode())
        if not isinstance(answer, dict):
            raise Failure(f"{self.base_url}{path}: answered with no operation", Exit.UNREACHABLE)
        return self.settled(answer)

    def post(
        self,
        path: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """JSON of a POST. Raises Failure."""
        sent = {"Content-Type": content_type, "Prefer": f"wait={_WAIT}", **(headers or {})}
        return self._json(self._send("POST", path, content=body, headers=sent))

    def settled(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation once it ended well. Raises Failure where it did not, or not yet."""
        error = operation.get("error")
        if error:
            raise Failure(
                f"{operation.get('purpose')}: "
                f"{reason_text(error) or error.get('text') or error.get('error')}",
                problem=operation,
            )
        if operation.get("status") != "mined":
            raise Failure(
                f"operation {operation.get('id')} is still {operation.get('status')}; it goes on: "
                f"look again with `tradeseal operation {operation.get('id')}`",
                Exit.UNREACHABLE,
                operation,
            )
        return operation

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = super()._send(method, path, **options)
        with suppress(ValueError):
            self.clock = parsedate_to_datetime(response.headers.get("Date", ""))
        return response
