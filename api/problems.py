"""RFC 9457 problems: every answer that is no success, whoever found the fault.

What a problem says is for the caller: which field, which value, which rule. What went wrong inside goes to
the log and never into an answer.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from chain.abi_errors import Revert, decode_revert
from chain.deployment import DeploymentError
from chain.errors import CallReverted, ChainError, NodeNonsense, NodeUnreachable, RpcError
from chain.outbox import KeyReused, UnknownOperation
from epcis.canonical import JsonError
from epcis.digital_link import DigitalLinkError
from epcis.gs1 import Gs1KeyError
from evidence import errors as capture
from evidence.documents import Refused
from evidence.fields import explain
from evidence.signature_header import HeaderError

_log = logging.getLogger(__name__)

BASE: Final = "https://tradeseal.example/problems/"
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""of every answer, unless its route sets them otherwise"""
MEDIA_TYPE: Final = "application/problem+json"
TITLES: Final[Mapping[str, str]] = {
    "malformed-json": "The body is not JSON that can be taken",
    "invalid-document": "The document is not valid",
    "invalid-request": "The request is not valid",
    "signature-required": "A signature is required",
    "signature-invalid": "The signature does not fit",
    "signer-unknown": "The signer is not known",
    "key-not-live": "The signer's key may not act now",
    "wrong-network": "The request is of another network",
    "not-authorised": "Authorisation is required",
    "not-found": "There is no such thing here",
    "method-not-allowed": "This method is not for this path",
    "not-acceptable": "No representation asked for can be given",
    "conflict": "The request is at odds with an earlier one",
    "deadline-expired": "The signed deadline is over",
    "body-too-large": "The body is too large",
    "unsupported-media-type": "The body's media type is not taken",
    "contract-refused": "The contract refuses",
    "internal": "Something went wrong in the service",
    "node-nonsense": "The chain's node gave an unusable answer",
    "node-unreachable": "The chain's node cannot be reached",
    "not-ready": "The service cannot answer now",
    "not-settled": "The operation has not ended yet",
}
_MAX_ERRORS: Final = 100
_MAX_SAFE: Final = (1 << 53) - 1

# what these contract errors say has a name of its own among the problems
_SIGNATURE_ERRORS: Final = frozenset(
    {
        "SignatureInvalid",
        "ERC3009InvalidSignature",
        "ERC2612InvalidSigner",
        "ECDSAInvalidSignature",
        "ECDSAInvalidSignatureLength",
        "ECDSAInvalidSignatureS",
    }
)
_EXPIRED_ERRORS: Final = frozenset({"DeadlineExpired", "ERC2612ExpiredSignature"})


class Problem(Exception):
    """An answer in the making: a `slug` of `TITLES`, a status, a sentence, and what the slug may carry."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        contract: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = list(errors)
        self.contract = contract
        self.headers = dict(headers or {})
        self.members = members

    def to_json(self, instance: str) -> dict[str, Any]:
        """The problem's JSON object; `instance` is the path that was asked for."""
        body: dict[str, Any] = {
            "type": BASE + self.slug,
            "title": TITLES[self.slug],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors[:_MAX_ERRORS]]
            if len(self.errors) > _MAX_ERRORS:
                body["errorsLeftOut"] = len(self.errors) - _MAX_ERRORS
        if self.contract is not None:
            body["contract"] = dict(self.contract)
        return body | self.members


def invalid(pointer: str, detail: str, value: object = None, slug: str = "invalid-request") -> Problem:
    """400 about one member or parameter."""
    error = {"pointer": pointer, "detail": detail} | ({} if value is None else {"value": _shown(value)})
    return Problem(400, slug, f"{pointer}: {detail}", errors=[error])


def not_found(what: str, value: object) -> Problem:
    """404 naming what was looked for."""
    return Problem(404, "not-found", f"{what} {_shown(value)} is not known here")


def invalid_model(error: ValidationError) -> Problem:
    """400 with everything that a request's model found."""
    errors = [{"pointer": pointer, "detail": reason} for pointer, reason in explain(error)]
    first = errors[0]
    return Problem(400, "invalid-request", f"{first['pointer'] or 'body'}: {first['detail']}", errors=errors)


def malformed(error: JsonError) -> Problem:
    """400 for a body that is not JSON, or holds what JSON does not have."""
    entry = {"pointer": error.path, "detail": error.reason} | ({"value": error.value} if error.value else {})
    return Problem(400, "malformed-json", str(error), errors=[entry])


# -- the contract's own reasons --------------------------------------------------------------------------


def contract_reason(data: bytes | None, text: str | None = None) -> dict[str, Any]:
    """`{"error", "arguments", "text"}` of revert data, where the contracts' errors are known by name."""
    revert = Revert(text or "reverted without a reason", b"") if not data else decode_revert(data)
    return _reason(revert)


def _reason(revert: Revert) -> dict[str, Any]:
    return {"error": _name(revert), "arguments": _arguments(revert), "text": revert.reason}


def refused(reason: Mapping[str, Any], **members: Any) -> Problem:
    """What a contract refused, as the problem that says it best."""
    name, text = reason["error"], str(reason["text"])
    status, slug = 422, "contract-refused"
    if name in _SIGNATURE_ERRORS:
        status, slug = 403, "signature-invalid"
        text += ": the signer did not sign exactly this message for this chain id and contract"
    elif name in ("KeyNotLive", "MemberNotActive"):
        status, slug = 403, _key_slug(reason)
    elif name in _EXPIRED_ERRORS:
        status, slug = 410, "deadline-expired"
    return Problem(status, slug, text, contract=reason, **members)


def _key_slug(reason: Mapping[str, Any]) -> str:
    """The registry has no member, which is GLN 0, for a key that it never saw."""
    unknown = reason["error"] == "KeyNotLive" and reason["arguments"].get("gln") == 0
    return "signer-unknown" if unknown else "key-not-live"


def _name(revert: Revert) -> str | None:
    return None if revert.error is None else revert.error.NAME


def _arguments(revert: Revert) -> dict[str, Any]:
    if revert.error is None:
        return {}
    named = dataclasses.fields(revert.error)  # type: ignore[arg-type]  # generated errors are dataclasses
    return {_camel(one.name): plain(getattr(revert.error, one.name)) for one in named}


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def plain(value: object) -> Any:
    """A contract's value as JSON: bytes as hexadecimal, integers beyond 2^53 as decimal text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_SAFE:
        return str(value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


# -- from what the rooms raise ---------------------------------------------------------------------------


def _of_signer(error: capture.SignerRefused) -> Problem:
    reason = _reason(error.revert)
    return Problem(403, _key_slug(reason), str(error), contract=reason, signer=error.signer)


def _of_document(error: Refused) -> Problem:
    entries = [
        {"pointer": one.path, "detail": one.reason}
        | ({} if one.event is None else {"event": one.event})
        | ({} if one.term is None else {"term": one.term})
        for one in error.errors
    ]
    malformed_json = len(entries) == 1 and "malformed JSON" in str(entries[0]["detail"])
    slug = "malformed-json" if malformed_json else "invalid-document"
    more = f" (and {len(entries) - 1} more)" if len(entries) > 1 else ""
    return Problem(400, slug, f"{error.errors[0]}{more}", errors=entries)


def _of_header(error: HeaderError) -> Problem:
    pointer = "/header/TradeSeal-Capture" + ("" if error.parameter is None else f"/{error.parameter}")
    return invalid(pointer, error.reason)


def _of_request(error: RequestValidationError) -> Problem:
    entries = [
        {"pointer": "/" + "/".join(str(part) for part in one["loc"]), "detail": str(one["msg"])}
        | ({} if isinstance(one.get("input"), dict | None) else {"value": _shown(one["input"])})
        for one in error.errors()
    ]
    return Problem(400, "invalid-request", f"{entries[0]['pointer']}: {entries[0]['detail']}", errors=entries)


def _of_http(error: HTTPException) -> Problem:
    slugs = {404: "not-found", 405: "method-not-allowed", 406: "not-acceptable", 413: "body-too-large"}
    slug = slugs.get(error.status_code, "invalid-request" if error.status_code < 500 else "internal")
    detail = {404: "there is nothing at this path", 405: "this method is not for this path"}
    said = detail.get(error.status_code) or HTTPStatus(error.status_code).phrase
    return Problem(error.status_code, slug, said, headers=error.headers)


def _of_chain(error: ChainError) -> Problem:
    if isinstance(error, NodeUnreachable):
        _log.warning("%s", error)
        return Problem(
            503, "node-unreachable", "the chain's node does not answer", headers={"Retry-After": "5"}
        )
    if isinstance(error, NodeNonsense):
        _log.warning("%s", error)
        return Problem(502, "node-nonsense", f"the chain's node answered {error.method} with nonsense")
    if isinstance(error, RpcError):
        _log.warning("%s", error)
        return Problem(502, "node-nonsense", f"the chain's node failed at {error.method}")
    if isinstance(error, CallReverted):
        return refused(contract_reason(error.data, str(error)))
    if isinstance(error, KeyReused):
        return Problem(409, "conflict", str(error))
    if isinstance(error, UnknownOperation):
        return Problem(404, "not-found", str(error))
    if isinstance(error, DeploymentError):
        return Problem(404, "not-found", str(error))
    _log.error("%s: %s", type(error).__name__, error)
    return Problem(503, "not-ready", "the chain cannot be used now")


def _of_capture(error: capture.CaptureError) -> Problem:
    if isinstance(error, capture.TooLarge):
        return Problem(413, "body-too-large", str(error), limit=error.limit)
    if isinstance(error, capture.SignatureRequired):
        return Problem(403, "signature-required", str(error), way=error.way)
    if isinstance(error, capture.RequestInvalid):
        entries = [{"pointer": pointer, "detail": reason} for pointer, reason in error.errors]
        return Problem(400, "invalid-request", str(error), errors=entries)
    if isinstance(error, capture.SignerRefused):
        return _of_signer(error)
    if isinstance(error, capture.DeadlineOver):
        return Problem(410, "deadline-expired", str(error), needed=error.needed)
    if isinstance(error, capture.SignatureMismatch):
        return Problem(
            403, "signature-invalid", str(error), signer=error.signer, expected=plain_message(error.message)
        )
    if isinstance(error, capture.FieldsDiffer):
        entries = [
            {
                "pointer": f"/attestation/{_camel(one.field)}",
                "detail": f"the document says {one.document}",
                "value": _shown(one.signed),
            }
            for one in error.differences
        ]
        return Problem(400, "invalid-request", str(error), errors=entries)
    if isinstance(error, capture.ContractRefused):
        return refused({"error": error.name, "arguments": {}, "text": error.reason})
    if isinstance(error, capture.UnknownJob):
        return Problem(404, "not-found", str(error))
    _log.error("%s: %s", type(error).__name__, error)
    return Problem(500, "internal", "the capture failed for a reason that is in the log")


def plain_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """An EIP-712 message as it may stand in JSON."""
    return {name: plain(value) for name, value in message.items()}


def _of_key(error: DigitalLinkError | Gs1KeyError) -> Problem:
    return Problem(400, "invalid-request", str(error), errors=[{"pointer": "", "detail": error.reason}])


DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)
"""no connection, none any more, or none free in time"""


def _of_database(error: SQLAlchemyError) -> Problem:
    _log.error("database: %s", getattr(error, "orig", None) or error)
    return Problem(503, "not-ready", "the service's database does not answer", headers={"Retry-After": "5"})


def _of_anything(error: Exception) -> Problem:
    _log.error("unexpected error", exc_info=error)
    return Problem(500, "internal", "the reason is in the service's log")


_READERS: Final[list[tuple[type[Exception], Callable[[Any], Problem]]]] = [
    (Problem, lambda error: error),
    (RequestValidationError, _of_request),
    (HTTPException, _of_http),
    (JsonError, malformed),
    (ValidationError, invalid_model),
    (ChainError, _of_chain),
    (capture.CaptureError, _of_capture),
    (Refused, _of_document),
    (HeaderError, _of_header),
    (DigitalLinkError, _of_key),
    (Gs1KeyError, _of_key),
    *((kind, _of_database) for kind in DATABASE_AWAY),
    (Exception, _of_anything),
]


def answer(request: Request, problem: Problem) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(
        problem.to_json(request.url.path),
        problem.status,
        SECURITY_HEADERS | problem.headers,
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Let the application answer every error with a problem."""
    for kind, read in _READERS:
        app.add_exception_handler(kind, _handler(read))


def _handler(read: Callable[[Any], Problem]) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return answer(request, read(error))

    return handle


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"
