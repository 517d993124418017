"""GS1 Digital Link URIs: read, write canonically, reach from EPC URNs (GS1 Digital Link: URI Syntax 1.x).

Canonical form here: `https://id.gs1.org/{key AI}/{key}[/{qualifier AI}/{qualifier}]` with numeric AIs, a GTIN
of 14 digits, only the finest qualifier (CBV 2.0, section 8.9: a serial makes lot and variant redundant), no
query, no fragment. In values, every byte that RFC 3986 does not call unreserved is `%XX` in upper case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from epcis.epc_urn import EpcUrnError, from_urn, is_epc_urn
from epcis.gs1 import PRIMARY_KEYS, Gs1KeyError, parse_gln, parse_gtin, parse_serial, parse_sscc, parse_value

CANONICAL_HOST: Final = "id.gs1.org"
_BASE: Final = f"https://{CANONICAL_HOST}"

_SHORT_NAMES: Final = MappingProxyType(
    {
        "sscc": "00", "gtin": "01", "gdti": "253", "gcn": "255", "ginc": "401", "gsin": "402", "gln": "414",
        "party": "417", "grai": "8003", "giai": "8004", "itip": "8006", "cpid": "8010", "gsrnp": "8017",
        "gsrn": "8018", "lot": "10", "ser": "21", "cpv": "22", "cpsn": "8011", "glnx": "254", "srin": "8019",
    }
)  # fmt: skip
"""Convenience alphabet of Digital Link 1.1; withdrawn since, still met in the field."""

_QUALIFIERS_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "01": ("22", "10", "21", "235"),
        "8006": ("22", "10", "21"),
        "414": ("254", "7040"),
        "417": ("7040",),
        "8010": ("8011",),
        "8017": ("8019",),
        "8018": ("8019",),
    }
)
"""key AI -> qualifiers in the only order the standard allows, coarse to fine"""

_LONGEST: Final = 2 * (1 + max(map(len, _QUALIFIERS_OF.values())))
"""segments of a key with all its qualifiers"""

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class DigitalLinkError(ValueError):
    """A URI that is no GS1 Digital Link, or one whose key is wrong (`__cause__` is then a Gs1KeyError)."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(f"Digital Link {uri!r}: {reason}")
        self.uri = uri
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """A GS1 key with its qualifiers; values are plain (not percent-encoded) and have been checked."""

    ai: str
    value: str
    qualifiers: tuple[tuple[str, str], ...] = ()
    """(AI, value) pairs as given, coarse to fine"""

    @property
    def canonical(self) -> str:
        """Canonical URI, ASCII."""
        uri = f"{_BASE}/{self.ai}/{_encode(self.value)}"
        finest = self._finest()
        return uri if finest is None else f"{uri}/{finest[0]}/{_encode(finest[1])}"

    def qualifier(self, ai: str) -> str | None:
        """Value of the qualifier `ai`, or None."""
        return dict(self.qualifiers).get(ai)

    def is_instance(self) -> bool:
        """Whether the key names one thing, rather than a class of things."""
        given = dict(self.qualifiers)
        if self.ai in ("01", "8006"):
            return "21" in given or "235" in given
        if self.ai == "8010":
            return "8011" in given
        if self.ai in ("8003", "253", "255"):
            return len(self.value) > PRIMARY_KEYS[self.ai].digits
        return self.ai != "8013"

    def _finest(self) -> tuple[str, str] | None:
        # a variant alone names no coarser or finer trade item than its GTIN
        kept = [pair for pair in self.qualifiers if pair[0] != "22"]
        return kept[-1] if kept else None


def _encode(value: str) -> str:
    return quote(value, safe="-._~")


def _decode(uri: str, segment: str) -> str:
    if _PERCENT.search(segment):
        raise DigitalLinkError(uri, f"bad percent-encoding in {segment!r}")
    try:
        return unquote_to_bytes(segment).decode("ascii")
    except UnicodeDecodeError:
        raise DigitalLinkError(uri, f"{segment!r} is not ASCII") from None


def parse(uri: str) -> DigitalLink:
    """Read a Digital Link on any host, with AIs as numbers or short names; query and fragment are left out.

    Raises DigitalLinkError, whose cause is a Gs1KeyError where a key or check digit is wrong.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise DigitalLinkError(uri, str(error)) from None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise DigitalLinkError(uri, "is not an http(s) URI")
    segments = parts.path.split("/")[1:]
    if segments and segments[-1] == "":
        segments.pop()
    numbers = [_SHORT_NAMES.get(s, s) for s in segments]
    # elsewhere a path of the host's own, which may hold numbers, can stand before the key
    last = 1 if parts.hostname == CANONICAL_HOST else len(segments) - 1
    # but no further before the end than a key with all its qualifiers reaches
    earliest = 0 if parts.hostname == CANONICAL_HOST else max(0, len(segments) - _LONGEST)
    starts = [i for i in range(earliest, last) if numbers[i] in PRIMARY_KEYS and (len(segments) - i) % 2 == 0]
    first_failure = DigitalLinkError(uri, "its path holds no GS1 key")
    for start in starts:
        pairs = [(numbers[i], _decode(uri, segments[i + 1])) for i in range(start, len(segments), 2)]
        try:
            return _from_pairs(uri, pairs)
        except DigitalLinkError as failure:
            if start == starts[0]:
                first_failure = failure
    raise first_failure


def _from_pairs(uri: str, pairs: list[tuple[str, str]]) -> DigitalLink:
    key, *rest = pairs
    allowed = _QUALIFIERS_OF.get(key[0], ())
    ranks = []
    for ai, _ in rest:
        if ai not in allowed:
            raise DigitalLinkError(uri, f"({ai}) does not qualify ({key[0]})")
        ranks.append(allowed.index(ai))
    if ranks != sorted(set(ranks)):
        raise DigitalLinkError(uri, f"qualifiers of ({key[0]}) must come once each, in the order {allowed}")
    try:
        return DigitalLink(key[0], parse_value(*key), tuple((ai, parse_value(ai, v)) for ai, v in rest))
    except Gs1KeyError as error:
        raise DigitalLinkError(uri, str(error)) from error


def from_epc_urn(urn: str) -> DigitalLink:
    """Key behind an EPC pure identity, class or pattern URN (EPC Tag Data Standard, sections 6 and 8).

    Raises DigitalLinkError for URNs that are malformed or have no GS1 key (gid, usdod, adi, bic, imovn).
    """
    try:
        pairs = [(ai, value.plain) for ai, value in from_urn(urn).pairs]
    except EpcUrnError as error:
        raise DigitalLinkError(urn, error.reason) from None
    return _from_pairs(urn, pairs)


def canonical(uri_or_parts: str | DigitalLink) -> str:
    """Canonical URI of a Digital Link, an EPC URN or an already parsed link; raises DigitalLinkError."""
    if isinstance(uri_or_parts, DigitalLink):
        return uri_or_parts.canonical
    if is_epc_urn(uri_or_parts):
        return from_epc_urn(uri_or_parts).canonical
    return parse(uri_or_parts).canonical


def normalise(identifier: str) -> str:
    """Canonical Digital Link of an EPC URN or Digital Link; any other identifier comes back unchanged."""
    try:
        return canonical(identifier)
    except DigitalLinkError:
        return identifier


def item_uri(gtin: str, serial: str) -> str:
    """Canonical link of one item: GTIN of 8, 12, 13 or 14 digits and serial; raises Gs1KeyError."""
    return DigitalLink("01", parse_gtin(gtin), (("21", parse_serial(serial)),)).canonical


def sscc_uri(sscc: str) -> str:
    """Canonical link of a logistic unit; raises Gs1KeyError."""
    return DigitalLink("00", parse_sscc(sscc)).canonical


def gln_uri(gln: str) -> str:
    """Canonical link of a party, AI (417); raises Gs1KeyError."""
    return DigitalLink("417", parse_gln(gln)).canonical


def location_uri(gln: str) -> str:
    """Canonical link of a physical location, AI (414); raises Gs1KeyError."""
    return DigitalLink("414", parse_gln(gln)).canonical


def item_id(uri: str) -> bytes:
    """Identity of a thing on the chain: SHA-256 of its canonical link's ASCII bytes, 32 bytes.

    `uri`: Digital Link or EPC URN; raises DigitalLinkError for anything else.
    """
    return sha256(canonical(uri).encode("ascii")).digest()
