"""Proof bundle and trust anchor as JSON (protocol, section 10), read strictly: both come from strangers.

A bundle proves nothing by being well formed; see evidence.verify.
"""

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from chain.bindings.types import Attestation
from chain.fields import Address, Bytes32
from chain.messages import MessageJson
from epcis import canonical
from epcis.digital_link import DigitalLinkError
from epcis.digital_link import canonical as canonical_link
from evidence.fields import Count, Gln, Record, explain

MAX_BUNDLE: Final = 64 * 1024 * 1024
"""bytes"""
MAX_EVENTS: Final = 100_000
_MAX_PATH: Final = 64
_MAX_TRUST: Final = 64 * 1024
_SHOWN_ERRORS: Final = 5
T = TypeVar("T", bound=Record)


class BundleError(ValueError):
    """A file that is no proof bundle or trust anchor; `errors` are (JSON Pointer, reason) pairs."""

    def __init__(self, what: str, errors: list[tuple[str, str]]) -> None:
        shown = "; ".join(f"{path or 'document'}: {reason}" for path, reason in errors[:_SHOWN_ERRORS])
        more = len(errors) - _SHOWN_ERRORS
        super().__init__(f"{what}: {shown}" + (f" and {more} more" if more > 0 else ""))
        self.errors = errors


def _whole(value: object) -> object:
    # to Python, and so to Literal, 1 == True == 1.0
    if type(value) is not int:
        raise ValueError("must be an integer")
    return value


Version = Annotated[Literal[1], BeforeValidator(_whole)]


class ChainName(Record):
    """Which network: chain id and hash of its first block (protocol, section 8)."""

    chain_id: Count
    first_block: Bytes32


class ContractNames(Record):
    """Addresses that the bundle speaks about; checked against the trust anchor, never trusted."""

    registry: Address
    ledger: Address
    passport: Address


Path = Annotated[list[Bytes32], Field(max_length=_MAX_PATH)]


class BatchProof(Record):
    """An event is a leaf of a batch that its member anchored."""

    kind: Literal["batch"]
    root: Bytes32
    size: Annotated[Count, Field(ge=1)]
    index: Count
    salt: Bytes32
    path: Path
    transaction: Bytes32


class AttestationProof(Record):
    """An event was attested by itself; `recorded_at` is block time, Unix seconds."""

    kind: Literal["attestation"]
    attestation: Annotated[Attestation, MessageJson(Attestation)]
    recorded_at: Count
    transaction: Bytes32


class EventProof(Record):
    """One sealed event and how it hangs on the chain."""

    document: dict[str, Any]
    disclosure: dict[str, Any] | None
    seal_id: Bytes32
    event_hash: Bytes32
    member: Gln
    proof: Annotated[BatchProof | AttestationProof, Field(discriminator="kind")]


class PassportProof(Record):
    """The item is a leaf of an issue. `maker`, `root`, `size` and `gtin` make it checkable without a node."""

    issue_id: Bytes32
    maker: Gln
    gtin: Annotated[str, Field(pattern=r"^[0-9]{14}$")]
    root: Bytes32
    size: Annotated[Count, Field(ge=1)]
    index: Count
    serial: Annotated[str, Field(min_length=1, max_length=20)]
    path: Path
    transaction: Bytes32


class Bundle(Record):
    """All that is known about one item, to be checked against a node one trusts."""

    type: Literal["TradeSealProof"]
    version: Version
    item: Annotated[str, Field(max_length=2048)]
    chain: ChainName
    contracts: ContractNames
    passport: PassportProof | None
    events: Annotated[list[EventProof], Field(max_length=MAX_EVENTS)]


class Trust(Record):
    """The trust anchor: from a file got out of band, or the installation's own deployment."""

    type: Literal["TradeSealTrust"]
    version: Version
    chain_id: Count
    first_block: Bytes32
    registry: Address
    ledger: Address
    passport: Address


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle file. Raises BundleError for whatever is not exactly one."""
    if len(data) > MAX_BUNDLE:
        raise BundleError("proof bundle", [("", f"has {len(data)} bytes, {MAX_BUNDLE} are allowed")])
    bundle = _read("proof bundle", Bundle, data)
    check_item(bundle)
    return bundle


def bundle_from(value: object) -> Bundle:
    """As `read_bundle`, of JSON that was parsed already."""
    bundle = _validated("proof bundle", Bundle, value)
    check_item(bundle)
    return bundle


def check_item(bundle: Bundle) -> None:
    """Raise BundleError where a bundle's item is not a canonical Digital Link."""
    try:
        canonical_form = canonical_link(bundle.item)
    except (DigitalLinkError, ValueError) as error:
        raise BundleError("proof bundle", [("/item", str(error)[:300])]) from None
    if canonical_form != bundle.item:
        raise BundleError("proof bundle", [("/item", f"is not canonical, {canonical_form} would be")])


def read_trust(data: bytes) -> Trust:
    """Read a trust file. Raises BundleError for whatever is not exactly one."""
    if len(data) > _MAX_TRUST:
        raise BundleError("trust anchor", [("", f"has {len(data)} bytes, {_MAX_TRUST} are allowed")])
    return _read("trust anchor", Trust, data)


def _read(what: str, model: type[T], data: bytes) -> T:
    try:
        value = canonical.loads(data)
    except canonical.JsonError as error:
        raise BundleError(what, [(error.path, f"{error.reason} {error.value}".strip())]) from None
    return _validated(what, model, value)


def _validated(what: str, model: type[T], value: object) -> T:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise BundleError(what, explain(error)) from None
