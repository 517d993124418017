"""What the generated bindings stand on: field checks, the ABI codec, EIP-712 hashing, and their base classes.

eth_abi and keccak are imported at their first use: together they cost more than the rest of a CLI's start.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from chain.abi_words import Unusual, reader

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z")


class FieldError(ValueError):
    """A value does not fit the ABI type of the field it was given for."""


class DecodeError(ValueError):
    """Bytes from a chain are not the ABI encoding that the contract promises."""


class Caller(Protocol):
    """Whoever can ask a chain: the only thing that generated view functions need."""

    def call(self, to: str, data: bytes, block: str | int = "latest") -> bytes:
        """Result of `eth_call` to a contract at a block (number or tag); a revert is raised by the caller."""
        ...


@cache
def _hasher() -> Any:
    from eth_hash.auto import keccak

    return keccak


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it, 32 bytes."""
    digest: bytes = _hasher()(data)
    return digest


@lru_cache(maxsize=65536)
def checksum(address: str) -> str:
    """The EIP-55 form of an address in hexadecimal, whatever its letters' case was."""
    lower = address.lower().removeprefix("0x")
    digest = keccak256(lower.encode("ascii")).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(lower, digest, strict=False))


def address(field: str, value: object) -> str:
    """Check an address and give its EIP-55 form; a mixed-case address must have the right checksum."""
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise FieldError(f"field {field}: {value!r} is not an address (0x and 40 hexadecimal digits)")
    proper = checksum(value)
    digits = value[2:]
    if value != proper and digits != digits.lower() and digits != digits.upper():
        raise FieldError(f"field {field}: address {value} has a wrong EIP-55 checksum")
    return proper


def uint(field: str, value: object, bits: int) -> None:
    """Raise FieldError unless the value is an integer of uint`bits`."""
    # bool is an int to Python, never to Solidity.
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError(f"field {field}: {value!r} is not an integer")
    if not 0 <= value < 1 << bits:
        raise FieldError(f"field {field}: {value} is outside uint{bits}")


def sint(field: str, value: object, bits: int) -> None:
    """Raise FieldError unless the value is an integer of int`bits`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError(f"field {field}: {value!r} is not an integer")
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise FieldError(f"field {field}: {value} is outside int{bits}")


def fixed_bytes(field: str, value: object, length: int) -> None:
    """Raise FieldError unless the value is exactly `length` bytes."""
    if not isinstance(value, bytes):
        raise FieldError(f"field {field}: {value!r} is not bytes")
    if len(value) != length:
        raise FieldError(f"field {field}: {len(value)} bytes given, bytes{length} wanted")


def instance(field: str, value: object, kind: type) -> None:
    """Raise FieldError unless the value is of the Python type that the ABI type is carried as."""
    if not isinstance(value, kind):
        raise FieldError(f"field {field}: {value!r} is not {kind.__name__}")


def items(field: str, value: object, length: int | None = None) -> None:
    """Raise FieldError unless the value is a tuple (frozen data holds no lists), of `length` if given."""
    if not isinstance(value, tuple):
        raise FieldError(f"field {field}: {value!r} is not a tuple")
    if length is not None and len(value) != length:
        raise FieldError(f"field {field}: {len(value)} items given, {length} wanted")


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """ABI-encode values as a tuple of those types (Solidity ABI specification, "Formal Specification")."""
    from eth_abi.abi import encode as abi_encode

    return abi_encode(types, values)


def decode(types: Sequence[str], data: bytes, what: str) -> tuple[Any, ...]:
    """ABI-decode a tuple of those types; raises DecodeError naming `what` was being read."""
    if not types:
        return ()
    try:
        return reader(tuple(types))(data)
    except Unusual:
        pass
    from eth_abi.abi import decode as abi_decode
    from eth_abi.exceptions import DecodingError

    try:
        return abi_decode(types, data)
    except (DecodingError, OverflowError, ValueError) as error:
        raise DecodeError(f"{what}: {len(data)} bytes are not ({','.join(types)}): {error}") from error


class reading:  # noqa: N801 - a context manager that reads as a function
    """Turn a value that its own class refuses (an enum's unknown member) into a DecodeError."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, ValueError) and not isinstance(error, DecodeError):
            raise DecodeError(f"{self._what}: {error}") from error


# EIP-712, "Definition of encodeData": every member is 32 bytes.


def word(value: int) -> bytes:
    """A uint, int, bool or enum as its 32 bytes, two's complement."""
    return (value % (1 << 256)).to_bytes(32, "big")


def address_word(value: str) -> bytes:
    """An address as its 32 bytes."""
    return bytes.fromhex(value[2:]).rjust(32, b"\0")


def bytes_word(value: bytes) -> bytes:
    """bytes1 to bytes32 as 32 bytes, filled up on the right."""
    return value.ljust(32, b"\0")


@dataclass(frozen=True, slots=True)
class Domain:
    """EIP-712 domain of one contract on one chain."""

    name: str
    version: str
    chain_id: int
    verifying_contract: str

    def __post_init__(self) -> None:
        uint("Domain.chain_id", self.chain_id, 256)
        object.__setattr__(
            self, "verifying_contract", address("Domain.verifying_contract", self.verifying_contract)
        )

    @property
    def separator(self) -> bytes:
        """`domainSeparator` of EIP-712, 32 bytes."""
        return _separator(self)


@lru_cache(maxsize=256)
def _separator(domain: Domain) -> bytes:
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    return keccak256(
        keccak256(kind.encode())
        + keccak256(domain.name.encode())
        + keccak256(domain.version.encode())
        + word(domain.chain_id)
        + address_word(domain.verifying_contract)
    )


_DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


class TypedMessage:
    """Base of every struct that is signed by EIP-712. Subclasses are generated."""

    __slots__ = ()
    PRIMARY_TYPE: ClassVar[str]
    TYPE: ClassVar[str]
    TYPE_HASH: ClassVar[bytes]
    MEMBERS: ClassVar[Mapping[str, Sequence[tuple[str, str]]]]

    def struct_hash(self) -> bytes:
        """`hashStruct` of EIP-712, 32 bytes."""
        raise NotImplementedError

    def message(self) -> dict[str, Any]:
        """The members as EIP-712 JSON."""
        raise NotImplementedError

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """What wallets and eth_account sign (`eth_signTypedData_v4`).

        Bytes are 0x-hexadecimal; integers of more than 48 bits are decimal strings, since JSON readers in
        browsers hold them as doubles.
        """
        types = {
            name: [{"name": member, "type": kind} for member, kind in members]
            for name, members in self.MEMBERS.items()
        }
        return {
            "types": {"EIP712Domain": _DOMAIN_TYPE, **types},
            "primaryType": self.PRIMARY_TYPE,
            "domain": {
                "name": domain.name,
                "version": domain.version,
                "chainId": domain.chain_id,
                "verifyingContract": domain.verifying_contract,
            },
            "message": self.message(),
        }

    def signing_hash(self, domain: Domain) -> bytes:
        """The digest that is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash)."""
        return keccak256(b"\x19\x01" + domain.separator + self.struct_hash())


def _show(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


class Event:
    """Base of every decoded contract event. Subclasses are generated."""

    __slots__ = ()
    NAME: ClassVar[str]
    SIGNATURE: ClassVar[str]
    TOPIC0: ClassVar[bytes]
    TOPICS: ClassVar[int]
    PARAMETERS: ClassVar[Sequence[tuple[str, str, bool]]]
    """attribute, canonical ABI type, and whether it is a topic, in the order of the declaration"""

    @classmethod
    def decode(cls, topics: Sequence[bytes], data: bytes) -> Self:
        """Read a log's topics (32 bytes each) and data; raises DecodeError where it is not this event."""
        raise NotImplementedError

    @classmethod
    def _check_topics(cls, topics: Sequence[bytes]) -> None:
        if len(topics) != cls.TOPICS or topics[0] != cls.TOPIC0:
            shown = ", ".join("0x" + topic.hex() for topic in topics)
            raise DecodeError(f"event {cls.SIGNATURE}: topics [{shown}] are not its {cls.TOPICS}")


class ContractError:
    """Base of every custom error of the contracts: data, not exceptions. Subclasses are generated."""

    __slots__ = ()
    NAME: ClassVar[str]
    SIGNATURE: ClassVar[str]
    SELECTOR: ClassVar[bytes]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read revert data with its selector; raises DecodeError where it is not this error."""
        raise NotImplementedError

    @classmethod
    def _arguments(cls, data: bytes) -> bytes:
        if data[:4] != cls.SELECTOR:
            raise DecodeError(f"error {cls.SIGNATURE}: revert data begins with 0x{data[:4].hex()}")
        return data[4:]

    def __str__(self) -> str:
        shown = ", ".join(f"{f.name}={_show(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]  # subclasses are dataclasses
        return f"{self.NAME}({shown})"
