"""A gateway's way to the network's service over HTTP."""

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from evidence.gateway import (
    Accepted,
    DeadlinePassed,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
)
from evidence.signature_header import NAME

_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)
"""seconds; a large document takes the service a while to read"""
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

    def proof(self, member: str, seal_id: str) -> Mapping[str, Any] | None:
        """`GET /epcis/events/{sealId}/proof`."""
        found = self._ask("GET", f"/epcis/events/{seal_id}/proof?member={member}", None, _MINIMAL)
        return found if isinstance(found, dict) else None

    def _ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Any:
        """JSON of the answer; None for a GET of what is not there. Raises DoorError."""
        try:
            response = self._http.request(method, path, content=content, headers=dict(headers))
            body = json.loads(response.content)
        except httpx.HTTPError as error:
            raise ServiceAway(str(error) or type(error).__name__) from error
        except ValueError:
            raise ServiceAway(f"{path} answered {response.status_code} without JSON") from None
        if response.is_success:
            return body
        if response.status_code == 404 and method == "GET":
            return None
        raise _failure(response, body if isinstance(body, dict) else {})


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
        for one in problem.get("errors") or []:
            if isinstance(one, dict) and isinstance(one.get("event"), int):
                said = f"{one.get('pointer', '')}: {one.get('detail', '')}"
                events[one["event"]] = f"{events[one['event']]}; {said}" if one["event"] in events else said
        return Refusal(reason, events)
    return ServiceAway(f"{status}: {reason}", _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of `Retry-After` (RFC 9110, section 10.2.3), given as such or as a time."""
    text = response.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds())


def _job(body: Any) -> Accepted:
    """A capture job. Raises ServiceAway for what is none."""
    try:
        seals = body.get("seals") or [{}]
        root, transaction = body.get("root"), body.get("transaction") or seals[0].get("transaction")
        return Accepted(
            job_id=str(body["captureID"]),
            running=bool(body["running"]),
            success=bool(body["success"]),
            root=None if root is None else bytes.fromhex(root[2:]),
            transaction=transaction,
            errors=tuple(str(one.get("detail")) for one in body.get("errors") or []),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ServiceAway("the service answered with no capture job") from None
