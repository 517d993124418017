"""The HTTP client of the command line: one service, its problems turned into failures."""

import json
import weakref
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx

from chain.requests import Request
from cli.failure import Exit, Failure
from cli.home import Home
from cli.reasons import reason_text
from cli.settings import Settings
from epcis.canonical import refuse_deep

_WAIT: Final = 25
"""Seconds that the service may wait for the chain before it answers."""
_NODE_TROUBLE: Final = frozenset({502, 503, 504})


class ApiClient:
    """Talks to one TradeSeal service."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=httpx.Timeout(_WAIT + 15.0, connect=5.0),
            headers={"Accept": "application/json"},
            trust_env=False,
        )
        self.clock: datetime | None = None
        """the service's own time, in whole seconds, at its last answer"""
        weakref.finalize(self, self._http.close)  # a command ends where it ends; its connections end with it

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """JSON of a GET. Raises Failure."""
        chosen = {name: value for name, value in parameters.items() if value is not None}
        return self._json(self._send("GET", path, params=chosen))

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
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Failure(f"service {self.base_url} cannot be reached: {reason}", Exit.UNREACHABLE) from error
        with suppress(ValueError):
            self.clock = parsedate_to_datetime(response.headers.get("Date", ""))
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            text = response.content.decode("utf-8")
            refuse_deep(text)
            content = json.loads(text)
        except ValueError:
            raise Failure(
                f"{response.url} answered {response.status_code} without JSON", Exit.UNREACHABLE
            ) from None
        if response.is_success:
            return content
        raise Failure(
            problem_text(content, response.status_code),
            Exit.UNREACHABLE if response.status_code in _NODE_TROUBLE else Exit.REFUSED,
            content if isinstance(content, dict) else None,
        )


def problem_text(problem: Any, status: int) -> str:
    """An RFC 9457 problem as text: its detail, then each error with its pointer."""
    if not isinstance(problem, dict):
        return f"the service answered {status}"
    contract = problem.get("contract")
    said = reason_text(contract)
    if said is None and str(problem.get("type", "")).endswith("/signer-unknown") and "signer" in problem:
        said = f"key {problem['signer']} belongs to no member of this network"
    lines = [said or str(problem.get("detail") or problem.get("title") or f"the service answered {status}")]
    if (
        said is None
        and isinstance(contract, dict)
        and contract.get("text")
        and str(contract["text"]) not in lines[0]
    ):
        lines.append(f"  contract: {contract['text']}")
    lines += [
        f"  {error.get('pointer', '')}: {error.get('detail', '')}"
        for error in problem.get("errors") or []
        if isinstance(error, dict)
    ]
    return "\n".join(lines)
