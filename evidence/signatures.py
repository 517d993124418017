"""Whose signature it is: recovered where a key signed, asked of the chain where a contract did (ERC-1271)."""

from typing import Final, Protocol

from chain.codec import checksum, encode, keccak256
from chain.errors import CallReverted

_MAGIC: Final = bytes.fromhex("1626ba7e")
_MAGIC_WORD: Final = _MAGIC + bytes(28)
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_SIZE: Final = 65


class ChainReader(Protocol):
    """What is asked of a chain; `chain.rpc.Rpc` is one."""

    def call(self, to: str, data: bytes, block: str | int = "latest") -> bytes:
        """`eth_call`. Raises CallReverted."""
        ...

    def get_code(self, address: str, block: str | int = "latest") -> bytes:
        """Code at an address."""
        ...


def recover(digest: bytes, signature: bytes) -> str | None:
    """Address that made a signature (65 bytes r, s, v; s in the lower half), or None where it is none."""
    from coincurve import PublicKey

    if len(signature) != _SIZE or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception:
        return None
    return checksum("0x" + keccak256(key.format(compressed=False)[1:])[12:].hex())


def is_signed_by(chain: ChainReader, signer: str, digest: bytes, signature: bytes) -> bool:
    """Whether `signer` signed `digest`, as the contracts judge it.

    Raises ChainError where the node has to be asked and cannot be.
    """
    if recover(digest, signature) == checksum(signer):
        return True
    if not chain.get_code(signer):
        return False
    call = _MAGIC + encode(("bytes32", "bytes"), (digest, signature))
    try:
        answer = chain.call(signer, call)
    except CallReverted:
        return False
    return answer[:32] == _MAGIC_WORD
