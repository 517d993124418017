"""A gateway's way to the network's service over HTTP."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from evidence.gateway import (
    Accepted,
    DeadlinePassed,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
    Unsettled,
)
from evidence.signature_header import NAME

_K = TypeVar("_K")
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
"""seconds; a large document takes the service a while to read"""
_WHOLE_SECONDS: Final = 120.0
"""for one whole answer, however slowly it comes"""
_MOST_BYTES: Final = 8 * 1024 * 1024
"""of one answer: who sends more must not fill this machine's memory"""
_PATIENCE: Final = frozenset({429, 503})
_JOB_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_MINIMAL: Final = {"Prefer": "return=minimal", "Accept": "application/json"}
_JSON: Final = {"Content-Type": "application/json", **_MINIMAL}


class HttpDoor:
    """An `evidence.gateway.Door` to one service. Threads may share it."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url.rstrip("/"), timeout=_TIMEOUT, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def capture(self, document: bytes, header: str) -> Accepted:
        """`POST /epcis/capture`."""
        return _job(self._ask("POST", "/epcis/capture", document, {**_JSON, NAME: header}))

    def attest(self, request: bytes) -> Accepted:
        """`POST /attestations`."""
        answer = self._ask("POST", "/attestations", request, _JSON)
        return _job(answer.get("capture") if isinstance(answer, dict) else None)

    def job(self, job_id: str) -> Accepted | None:
        """`GET /epcis/capture/{id}`."""
        found = self._ask("GET", f"/epcis/capture/{job_id}", None, _MINIMAL)
        return None if found is None else _job(found)

    def proof(
        self, member: str, seal_id: str, kind: str | None = None, root: str | None = None
    ) -> Mapping[str, Any] | None:
        """`GET /epcis/events/{sealId}/proof`."""
        asked = {"member": member, "kind": kind, "root": root}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        found = self._ask("GET", f"/epcis/events/{seal_id}/proof?{query}", None, _MINIMAL)
        return found if isinstance(found, dict) else None

    def _ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Any:
        """JSON of the answer; None for a GET of what is not there. Raises DoorError."""
        try:
            response, received = self._answer(method, path, content, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ServiceAway(str(error) or type(error).__name__, unsent=True) from error
        except httpx.HTTPError as error:
            # it may be this very document that it breaks off at
            raise Unsettled(f"{path}: {str(error) or type(error).__name__}") from error
        status = response.status_code
        try:
            body = orjson.loads(received)  # which bounds nesting by itself
        except ValueError:
            if status in _PATIENCE:
                raise ServiceAway(f"{status}: from {path}", _retry_after(response), answered=True) from None
            raise Unsettled(f"{path} answered {status} without JSON") from None
        if response.is_success:
            return body
        if status == 404 and method == "GET":
            return None
        raise _failure(response, body if isinstance(body, dict) else {})

    def _answer(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[httpx.Response, bytes]:
        """An answer as far as it is of any use: in time, and of a size that a job may have."""
        until = time.monotonic() + _WHOLE_SECONDS
        received = bytearray()
        with self._http.stream(method, path, content=content, headers=dict(headers)) as response:
            for part in response.iter_bytes():
                received += part
                if len(received) > _MOST_BYTES:
                    raise Unsettled(f"{path} answered with more than {_MOST_BYTES} bytes")
                if time.monotonic() > until:
                    raise Unsettled(f"{path} took more than {_WHOLE_SECONDS:.0f} s for its answer")
        return response, bytes(received)


def _failure(response: httpx.Response, problem: Mapping[str, Any]) -> Exception:
    """What an RFC 9457 problem means for a batch."""
    status = response.status_code
    reason = str(problem.get("detail") or problem.get("title") or f"the service answered {status}")
    if status == 403:
        return SignerRejected(reason)
    if status == 410:
        return DeadlinePassed(reason)
    if status == 413:
        return TooMuch(reason)
    if status in (400, 422):
        events: dict[int, str] = {}
        errors = problem.get("errors")
        for one in errors if isinstance(errors, list) else []:
            if isinstance(one, dict) and type(one.get("event")) is int:
                said = f"{one.get('pointer', '')}: {one.get('detail', '')}"
                events[one["event"]] = f"{events[one['event']]}; {said}" if one["event"] in events else said
        return Refusal(reason, events)
    if status in _PATIENCE:
        return ServiceAway(f"{status}: {reason}", _retry_after(response), answered=True)
    return Unsettled(f"{status}: {reason}")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of `Retry-After` (RFC 9110, section 10.2.3), given as such or as a time."""
    text = response.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):  # no time, or one without a zone
        return None


def _job(body: Any) -> Accepted:
    """A capture job. Raises Unsettled for what is none."""
    try:
        seals = body.get("seals") or [{}]
        root, transaction = body.get("root"), body.get("transaction") or seals[0].get("transaction")
        return Accepted(
            job_id=_job_id(body["captureID"]),
            running=_of(body["running"], bool),
            success=_of(body["success"], bool),
            root=None if root is None else bytes.fromhex(_of(root, str)[2:]),
            transaction=None if transaction is None else _of(transaction, str),
            errors=tuple(str(one.get("detail")) for one in body.get("errors") or []),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise Unsettled("the service answered with no capture job") from None


def _job_id(given: Any) -> str:
    if not _JOB_ID.fullmatch(given):
        raise ValueError(f"captureID: {given!r} cannot stand in a path")
    return str(given)


def _of(given: Any, kind: type[_K]) -> _K:
    if not isinstance(given, kind):
        raise TypeError(f"{given!r} is no {kind.__name__}")
    return given
