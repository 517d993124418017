"""Operations of the outbox as values: what was asked, what was signed, what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from chain.blocks import Receipt


class Status(StrEnum):
    """Where an operation stands."""

    QUEUED = "queued"
    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    REVERTED = "reverted"
    REFUSED = "refused"
    """Its gas estimate reverted: never signed, no nonce used."""
    DISPLACED = "displaced"
    """Its nonce was used by a transaction that this outbox did not sign."""


class Priority(IntEnum):
    """What goes first among operations that wait to be signed. Within one priority the order is strict."""

    PROMPT = 0
    """somebody waits for it, or a contract acts on it: attestations and their effects, funding, refunds"""
    BULK = 1
    """anchors of batches: independent of one another, and no contract acts on them"""


OPEN: Final = (Status.SIGNED, Status.SENT)
SETTLED: Final = (Status.MINED, Status.REVERTED, Status.REFUSED, Status.DISPLACED)


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """A chain for good: its id, and the hash of its first block, which a wiped chain does not keep."""

    chain_id: int
    first_block_hash: bytes

    def __str__(self) -> str:
        return f"{self.chain_id}/0x{self.first_block_hash.hex()}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one process to send for an account; `token` fences off former holders."""

    owner: str
    token: int
    ttl: float


@dataclass(frozen=True, slots=True)
class Version:
    """A signed transaction of an operation. `fee` and `tip` are wei per gas; `tip` None: legacy."""

    hash: bytes
    number: int
    raw: bytes = field(repr=False)
    gas: int
    fee: int
    tip: int | None
    signed_ms: int
    sent_ms: int | None


@dataclass(frozen=True, slots=True)
class Operation:
    """A request to send, as it stands. `value` is in wei, `to` None creates a contract."""

    id: int
    key: str
    purpose: str
    status: Status
    to: str | None
    data: bytes = field(repr=False)
    value: int
    priority: Priority
    gas: int | None
    nonce: int | None
    transaction_hash: bytes | None
    """Of the version that was mined."""
    block_number: int | None
    block_hash: bytes | None
    gas_used: int | None
    contract_address: str | None
    final: bool
    error: str | None
    """Why it was reverted, refused or displaced, decoded where the contracts are known."""
    error_name: str | None
    error_data: bytes | None
    problem: str | None
    """What keeps it from going on, for the moment."""
    created: datetime
    updated: datetime
    versions: tuple[Version, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether it ended, well or not (a chain that loses blocks may still undo it)."""
        return self.status in SETTLED

    @property
    def succeeded(self) -> bool:
        """Whether it was mined and did not revert."""
        return self.status == Status.MINED


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an operation failed: text for people, the custom error's name, the raw revert data."""

    text: str
    name: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the chain says of an operation with a nonce: mined with `receipt`, displaced, or not there."""

    operation_id: int
    receipt: Receipt | None = None
    reason: Reason | None = None
    displaced: bool = False
