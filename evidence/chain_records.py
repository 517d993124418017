"""Identities and records as the contracts compute them (protocol, section 8)."""

from typing import Final

from chain.codec import keccak256

EFFECT_APPLIED: Final = 1
EFFECT_MASK: Final = (1 << 256) - 2
"""of what the ledger keeps of an attestation: the lowest bit tells whether its effect was applied"""


def attestation_record(struct_hash: bytes, member: int, recorded_at: int) -> int:
    """What the ledger keeps of an attestation (protocol, section 8); its lowest bit means something else."""
    encoded = struct_hash + member.to_bytes(32, "big") + recorded_at.to_bytes(32, "big")
    return int.from_bytes(keccak256(encoded), "big")


def issue_id_of(maker: int, root: bytes) -> bytes:
    """Id of an issue (protocol, section 8): keccak256(abi.encode(maker, root))."""
    return keccak256(maker.to_bytes(32, "big") + root)
