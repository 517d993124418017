"""Content identifiers: CIDv1 over SHA-256, codecs raw and dag-pb, as multiformats/cid specifies.

Only what the vault writes is accepted: one version, one hash, two codecs and lower-case base32 text. Any
other CID names content this system never stored, so parsing refuses it instead of guessing.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

RAW: Final = 0x55
DAG_PB: Final = 0x70
CODECS: Final = {RAW: "raw", DAG_PB: "dag-pb"}

_VERSION: Final = 0x01
_SHA2_256: Final = 0x12
_DIGEST_SIZE: Final = 32
BINARY_SIZE: Final = 4 + _DIGEST_SIZE
_TEXT_SIZE: Final = 1 + 58  # multibase letter, then 36 bytes in unpadded base32


class InvalidCid(ValueError):
    """A text or byte string that is not a CID this system can hold."""

    def __init__(self, value: object, reason: str) -> None:
        super().__init__(f"cid {value!r}: {reason}")
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """A CIDv1: `codec` is 0x55 (raw block) or 0x70 (dag-pb), `digest` the 32 bytes of SHA-256."""

    codec: int
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise InvalidCid(self.codec, "codec is neither raw (0x55) nor dag-pb (0x70)")
        if len(self.digest) != _DIGEST_SIZE:
            raise InvalidCid(
                self.digest.hex(), f"digest has {len(self.digest)} bytes instead of {_DIGEST_SIZE}"
            )

    @classmethod
    def of_block(cls, block: bytes, codec: int = RAW) -> "Cid":
        """CID of one block as it stands (no chunking)."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> "Cid":
        """Read the text form (`bafk…`, `bafy…`: multibase `b`, lower-case base32 without padding).

        Raises InvalidCid. The text must be canonical: unused trailing bits are zero.
        """
        if len(text) != _TEXT_SIZE or not text.startswith("b"):
            raise InvalidCid(text, "text is not 59 characters of multibase base32 ('b…')")
        body = text[1:]
        if body != body.lower():
            raise InvalidCid(text, "base32 is not in lower case")
        try:
            binary = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
        except ValueError as error:
            raise InvalidCid(text, "text is not base32") from error
        cid = cls.from_bytes(binary)
        if str(cid) != text:
            raise InvalidCid(text, "base32 is not canonical")
        return cid

    @classmethod
    def from_bytes(cls, binary: bytes) -> "Cid":
        """Read the binary form: version, codec, hash function, digest length, digest; 36 bytes.

        Raises InvalidCid.
        """
        if len(binary) != BINARY_SIZE:
            raise InvalidCid(binary.hex(), f"binary form has {len(binary)} bytes instead of {BINARY_SIZE}")
        if binary[0] != _VERSION:
            raise InvalidCid(binary.hex(), f"version is {binary[0]} instead of 1")
        if binary[2] != _SHA2_256 or binary[3] != _DIGEST_SIZE:
            raise InvalidCid(binary.hex(), "multihash is not sha2-256 of 32 bytes")
        return cls(binary[1], binary[4:])

    def __bytes__(self) -> bytes:
        return bytes((_VERSION, self.codec, _SHA2_256, _DIGEST_SIZE)) + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(bytes(self)).decode("ascii").rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self})"

    def verifies(self, block: bytes) -> bool:
        """Whether one block (a raw leaf, or an encoded dag-pb node) is what this CID names."""
        return hashlib.sha256(block).digest() == self.digest
