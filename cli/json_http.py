"""A client of JSON over HTTP: what keeps an answer away and RFC 9457 problems become failures."""

import json
import weakref
from collections.abc import Mapping
from typing import Any, Final, Self

import httpx

from cli.failure import Exit, Failure
from cli.reasons import reason_text
from epcis.canonical import refuse_deep

_TROUBLE: Final = frozenset({502, 503, 504})


class JsonClient:
    """Talks to one server, called `what` where it cannot be reached. Threads may share it."""

    def __init__(
        self, what: str, base_url: str, timeout: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """`timeout` in seconds is for an answer; a connection has five."""
        self.base_url = base_url.rstrip("/")
        self._what = what
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=httpx.Timeout(timeout, connect=5.0),
            headers={"Accept": "application/json", **(headers or {})},
            trust_env=False,
        )
        weakref.finalize(self, self._http.close)  # a command ends where it ends; its connections end with it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """JSON of a GET; parameters that are None are left out. Raises Failure."""
        chosen = {name: value for name, value in parameters.items() if value is not None}
        return self._json(self._send("GET", path, params=chosen))

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            text = f"{self._what} {self.base_url} cannot be reached: {reason}"
            raise Failure(text, Exit.UNREACHABLE) from error

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
            Exit.UNREACHABLE if response.status_code in _TROUBLE else Exit.REFUSED,
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
