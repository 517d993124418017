"""The sealed document, its identity, and the disclosure kept apart from it.

Sealed document = RFC 8785 bytes of the event with `@context` = the effective context list, without its
`recordTime`, every personal value replaced by `{"tradeseal:commitment": …}`. The bytes are what is signed,
stored and proven; the disclosure joins the values back while it exists.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from epcis import canonical, cbv_hash
from epcis.contexts import Context, as_list
from epcis.personal import PersonalDataError, PersonalValue, personal_paths, refuse_personal

__all__ = [
    "COMMITMENT",
    "PersonalDataError",
    "PersonalValue",
    "SealError",
    "Sealed",
    "commitment",
    "effective_context",
    "join",
    "personal_paths",
    "refuse_personal",
    "seal",
    "seal_id",
]

COMMITMENT: Final = cbv_hash.COMMITMENT
RESERVED: Final = "tradeseal:"
DISCLOSURE_TYPE: Final = "TradeSealDisclosure"
DISCLOSURE_VERSION: Final = 1
SALT_SIZE: Final = 32

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_RESERVED_NAME: Final = f'"{RESERVED}'.encode("ascii")
"""as any text or name that begins so is written canonically"""
_SEAL_TAG = b"tradeseal/seal/v1\x00"
_COMMITMENT_TAG = b"tradeseal/commitment/v1\x00"


class SealError(ValueError):
    """An event that cannot be sealed, or a document and disclosure that do not fit; `path`: JSON Pointer."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'document'}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed event. `disclosure` is None where nothing is personal; it is never part of a repr."""

    document: bytes
    """RFC 8785 bytes"""
    seal_id: bytes
    """32 bytes"""
    event_hash: bytes
    """CBV event hash of the sealed form, 32 bytes"""
    disclosure: dict[str, Any] | None = field(default=None, repr=False)


def effective_context(document_context: Any, event_context: Any) -> Context:
    """The document's `@context` entries followed by the event's own; None stands for an absent member.

    Raises ContextError for entries that are neither URLs nor objects.
    """
    return [
        entry for given in (document_context, event_context) if given is not None for entry in as_list(given)
    ]


def seal_id(document: bytes) -> bytes:
    """SHA-256("tradeseal/seal/v1" || 0x00 || document): an event's identity on the chain, 32 bytes."""
    return sha256(_SEAL_TAG + document).digest()


def commitment(salt: bytes, value: Any) -> str:
    """Unpadded base64url of SHA-256("tradeseal/commitment/v1" || 0x00 || salt(32) || JCS(value))."""
    if len(salt) != SALT_SIZE:
        raise SealError("", f"a salt must have {SALT_SIZE} bytes, has {len(salt)}")
    return _base64url(sha256(_COMMITMENT_TAG + salt + canonical.dumps(value)).digest())


def seal(event: dict[str, Any], context: Context, salts: Callable[[], bytes] | None = None) -> Sealed:
    """Seal one event under its effective context.

    `salts` gives a fresh secret salt of 32 bytes per personal value; None refuses personal data
    (PersonalDataError). Raises SealError for an empty context or a member name that begins with `tradeseal:`.
    """
    if not context:
        raise SealError("/@context", "an event needs a context to be sealed")
    form = {name: value for name, value in event.items() if name != "recordTime"}
    form["@context"] = context
    document = canonical.dumps(form)
    if _RESERVED_NAME in document:
        _refuse_reserved(form, "")
    disclosed = []
    for value in personal_paths(form, context):
        if salts is None:
            raise PersonalDataError(value.path, value.term)
        salt = salts()
        form = _replaced(form, _tokens(value.path), {COMMITMENT: commitment(salt, value.value)})
        disclosed.append({"path": value.path, "salt": _base64url(salt), "value": value.value})
    if disclosed:
        document = canonical.dumps(form)
    identity = seal_id(document)
    disclosure = {
        "type": DISCLOSURE_TYPE,
        "version": DISCLOSURE_VERSION,
        "sealId": "0x" + identity.hex(),
        "values": disclosed,
    }
    return Sealed(document, identity, cbv_hash.event_hash(form, context), disclosure if disclosed else None)


def join(document: bytes, disclosure: dict[str, Any] | None) -> dict[str, Any]:
    """The event behind a sealed document, with every disclosed value checked against its commitment.

    It carries the effective `@context` and no `recordTime`. Without a disclosure, or where a value is missing
    from it (erased), the commitment stays. Raises SealError where bytes, sealId, path or value do not fit.
    """
    event = canonical.loads(document)
    if not isinstance(event, dict) or canonical.dumps(event) != document:
        raise SealError("", "a sealed document must be one object in canonical form (RFC 8785)")
    if disclosure is None:
        return event
    joined = event
    seen = set()
    for path, salt, value in _disclosed(document, disclosure):
        if path in seen:
            raise SealError(path, "is disclosed twice")
        seen.add(path)
        held = _at(event, path)
        if not isinstance(held, dict) or set(held) != {COMMITMENT}:
            raise SealError(path, "the sealed document holds no commitment here")
        if held[COMMITMENT] != commitment(salt, value):
            raise SealError(path, "the disclosed value is not the one committed to")
        joined = _replaced(joined, _tokens(path), value)
    return joined


def _disclosed(document: bytes, disclosure: dict[str, Any]) -> list[tuple[str, bytes, Any]]:
    kind = disclosure.get("type"), disclosure.get("version")
    if kind != (DISCLOSURE_TYPE, DISCLOSURE_VERSION):
        raise SealError("", f"disclosure must be {DISCLOSURE_TYPE} version {DISCLOSURE_VERSION}, is {kind}")
    if disclosure.get("sealId") != "0x" + seal_id(document).hex():
        raise SealError("", f"disclosure is of another document: sealId {disclosure.get('sealId')!r}")
    values = disclosure.get("values")
    if not isinstance(values, list):
        raise SealError("", "disclosure must have a list of values")
    out = []
    for i, entry in enumerate(values):
        if not isinstance(entry, dict) or set(entry) != {"path", "salt", "value"}:
            raise SealError("", f"disclosure value {i} must have path, salt and value")
        if not isinstance(entry["path"], str) or not isinstance(entry["salt"], str):
            raise SealError("", f"disclosure value {i} must have a path and a salt in text")
        out.append((entry["path"], _salt(entry["path"], entry["salt"]), entry["value"]))
    return out


def _salt(path: str, text: str) -> bytes:
    try:
        salt = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        salt = b""
    if len(salt) != SALT_SIZE or _base64url(salt) != text:
        raise SealError(path, f"its salt must be unpadded base64url of {SALT_SIZE} bytes")
    return salt


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _refuse_reserved(node: Any, path: str) -> None:
    if isinstance(node, dict):
        for name, value in node.items():
            where = canonical.pointer(path, name)
            if name.startswith(RESERVED):
                raise SealError(where, f"member names beginning with {RESERVED!r} are reserved")
            _refuse_reserved(value, where)
    elif isinstance(node, list):
        for i, item in enumerate(node):
            _refuse_reserved(item, canonical.pointer(path, i))


def _tokens(path: str) -> list[str]:
    if not path.startswith("/"):
        raise SealError(path, "must be a JSON Pointer to a member (RFC 6901)")
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def _child(node: Any, token: str, path: str) -> Any:
    if isinstance(node, dict) and token in node:
        return node[token]
    if isinstance(node, list) and _INDEX.fullmatch(token) and int(token) < len(node):
        return node[int(token)]
    raise SealError(path, "the sealed document holds nothing here")


def _at(node: Any, path: str) -> Any:
    for token in _tokens(path):
        node = _child(node, token, path)
    return node


def _replaced(node: Any, tokens: list[str], value: Any) -> Any:
    """Copy of a tree with the value at a path replaced; the original keeps its parts."""
    if not tokens:
        return value
    head, *rest = tokens
    if isinstance(node, dict):
        return {**node, head: _replaced(node[head], rest, value)}
    copy = list(node)
    copy[int(head)] = _replaced(copy[int(head)], rest, value)
    return copy
