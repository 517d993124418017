"""The `TradeSeal-Capture` header: a member's signature beside an EPCIS document (protocol, section 9).

An RFC 9651 dictionary, so that the document in the body stays the standard's own:

    TradeSeal-Capture: v=1, signer="0x…", seed=:base64:, deadline=1790000000, signature=:base64:
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import http_sf

NAME: Final = "TradeSeal-Capture"
VERSION: Final = 1
SEED_SIZE: Final = 32
MAX_SIGNATURE: Final = 4096
"""bytes; 65 for a key, ERC-1271 contracts may want more"""

_MAX_HEADER: Final = 8192
_PARAMETERS: Final = ("v", "signer", "seed", "deadline", "signature")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


class HeaderError(ValueError):
    """A header that cannot be read; `parameter` is the one to blame, or None where it is the whole."""

    def __init__(self, parameter: str | None, reason: str) -> None:
        place = NAME if parameter is None else f"{NAME}, parameter {parameter}"
        super().__init__(f"{place}: {reason}")
        self.parameter = parameter
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """Who signed a batch, with the seed of its salts (32 bytes) and the deadline (Unix seconds)."""

    signer: str
    seed: bytes
    deadline: int
    signature: bytes

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.signer):
            raise HeaderError(
                "signer", f"{self.signer[:80]!r} is not an address (0x and 40 hexadecimal digits)"
            )
        if len(self.seed) != SEED_SIZE:
            raise HeaderError("seed", f"has {len(self.seed)} bytes instead of {SEED_SIZE}")
        if self.deadline <= 0:
            raise HeaderError("deadline", f"{self.deadline} is no time in Unix seconds")
        if not 0 < len(self.signature) <= MAX_SIGNATURE:
            raise HeaderError(
                "signature", f"has {len(self.signature)} bytes, 65 are usual, {MAX_SIGNATURE} the most"
            )

    def serialise(self) -> str:
        """The header's value, as RFC 9651, section 4.1, writes it."""
        return http_sf.ser(
            {
                "v": VERSION,
                "signer": self.signer,
                "seed": self.seed,
                "deadline": self.deadline,
                "signature": self.signature,
            }
        )


def parse(value: str) -> SignatureHeader:
    """Read the header's value (RFC 9651, section 4.2).

    Raises HeaderError for what is no dictionary, and for parameters that are missing, unknown, given twice,
    of another type than the protocol's, or of a size or range it does not allow.
    """
    if len(value) > _MAX_HEADER:
        raise HeaderError(None, f"has {len(value)} characters, {_MAX_HEADER} are allowed")
    repeated: list[str] = []
    try:
        data = value.encode("ascii")
    except UnicodeEncodeError:
        raise HeaderError(None, "holds characters outside ASCII") from None
    try:
        found = http_sf.parse(
            data, tltype="dictionary", on_duplicate_key=lambda key, _context: repeated.append(key)
        )
    except http_sf.StructuredFieldError as error:
        raise HeaderError(None, f"is no RFC 9651 dictionary: {error}") from None
    if not isinstance(found, dict):
        raise HeaderError(None, "is no RFC 9651 dictionary")
    if repeated:
        raise HeaderError(repeated[0], "is given twice")
    for name in found:
        if name not in _PARAMETERS:
            raise HeaderError(name, f"is unknown; version {VERSION} has {', '.join(_PARAMETERS)}")
    # the version first: another one may have other parameters
    version = _bare(found, "v", int)
    if version != VERSION:
        raise HeaderError("v", f"is {version}, only version {VERSION} is known")
    return SignatureHeader(
        signer=_bare(found, "signer", str),
        seed=_bare(found, "seed", bytes),
        deadline=_bare(found, "deadline", int),
        signature=_bare(found, "signature", bytes),
    )


_KINDS: Final = {int: "an integer", str: 'a string ("…")', bytes: "a byte sequence (:base64:)"}


def _bare(found: dict[str, Any], name: str, kind: type) -> Any:
    """Value of a parameter without its own RFC 9651 parameters, of which the protocol has none."""
    if name not in found:
        raise HeaderError(name, f"is missing; {_KINDS[kind]} is needed")
    entry = found[name]
    value, attached = entry if isinstance(entry, tuple) else (entry, {})
    if type(value) is not kind:
        raise HeaderError(name, f"is not {_KINDS[kind]}")
    if attached:
        raise HeaderError(name, f"carries an RFC 9651 parameter {next(iter(attached))!r}, none is known")
    return value
