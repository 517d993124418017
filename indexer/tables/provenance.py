"""What event ledger and product passport emit.

One append-only table per event: members of structs are columns, lists JSON, bytes 0x-hexadecimal text.
"""

from typing import ClassVar

from sqlalchemy import BigInteger
from sqlmodel import Field

from indexer.columns import ChainText, Uint64, Uint128, Uint256
from indexer.tables.base import EventRow


class Anchored(EventRow, table=True):
    """`member` anchored a batch."""

    __tablename__ = "anchored"
    EVENT: ClassVar[str] = "Anchored/3"

    member: int = Field(sa_type=Uint64, index=True)
    root: str = Field(index=True)
    size: int = Field(sa_type=Uint64)
    cid: str
    signer: str


class Attested(EventRow, table=True):
    """`member` attested one event."""

    __tablename__ = "attested"
    EVENT: ClassVar[str] = "Attested/4"

    member: int = Field(sa_type=Uint64, index=True)
    seal_id: str = Field(index=True)
    subject: str = Field(index=True)
    signer: str
    event_hash: str
    biz_step: str
    disposition: str
    place: int = Field(sa_type=Uint64)
    event_time: int = Field(sa_type=Uint64)
    quantity: int = Field(sa_type=Uint128)
    unit: str
    order: str
    milestone: int = Field(sa_type=BigInteger)
    cid: str
    consumer: str
    extension: str
    deadline: int = Field(sa_type=Uint64)


class EffectApplied(EventRow, table=True):
    """The consumer named by an attestation acted on it."""

    __tablename__ = "effect_applied"
    EVENT: ClassVar[str] = "EffectApplied/4"

    member: int = Field(sa_type=Uint64, index=True)
    seal_id: str = Field(index=True)
    consumer: str = Field(index=True)


class EffectFailed(EventRow, table=True):
    """The consumer named by an attestation failed; `reason` is the start of its revert data."""

    __tablename__ = "effect_failed"
    EVENT: ClassVar[str] = "EffectFailed/4"

    member: int = Field(sa_type=Uint64, index=True)
    seal_id: str = Field(index=True)
    consumer: str = Field(index=True)
    reason: str


class ErrorDeclared(EventRow, table=True):
    """`member` declared its own attestation erroneous; the attestation stays."""

    __tablename__ = "error_declared"
    EVENT: ClassVar[str] = "ErrorDeclared/4"

    member: int = Field(sa_type=Uint64, index=True)
    seal_id: str = Field(index=True)
    declaration: str = Field(index=True)
    reason: str
    signer: str


class Issued(EventRow, table=True):
    """A maker issued `size` items of `gtin`."""

    __tablename__ = "issued"
    EVENT: ClassVar[str] = "Issued/4"

    issue_id: str = Field(index=True)
    maker: int = Field(sa_type=Uint64, index=True)
    gtin: int = Field(sa_type=Uint64, index=True)
    root: str
    size: int = Field(sa_type=Uint64)
    licence: str
    cid: str
    signer: str


class Materialised(EventRow, table=True):
    """An issued item became a token."""

    __tablename__ = "materialised"
    EVENT: ClassVar[str] = "Materialised/3"

    issue_id: str = Field(index=True)
    token_id: int = Field(sa_type=Uint256, index=True)
    index: int = Field(sa_type=Uint64)
    serial: str = Field(sa_type=ChainText)
    to: str


class Recalled(EventRow, table=True):
    """An item, or the whole issue where `item` is zero, was stopped by member `by`."""

    __tablename__ = "recalled"
    EVENT: ClassVar[str] = "Recalled/4"

    issue_id: str = Field(index=True)
    item: str = Field(index=True)
    by: int = Field(sa_type=Uint64, index=True)
    evidence: str
    seizure: bool


class PassportTransfer(EventRow, table=True):
    """ERC-721: a passport changed hands; from zero it was minted."""

    __tablename__ = "passport_transfer"
    EVENT: ClassVar[str] = "Transfer/4"

    from_: str = Field(index=True)
    to: str = Field(index=True)
    token_id: int = Field(sa_type=Uint256, index=True)


class PassportApproval(EventRow, table=True):
    """ERC-721: an account may move one passport."""

    __tablename__ = "passport_approval"
    EVENT: ClassVar[str] = "Approval/4"

    owner: str = Field(index=True)
    approved: str = Field(index=True)
    token_id: int = Field(sa_type=Uint256, index=True)


class PassportApprovalForAll(EventRow, table=True):
    """ERC-721: an account may, or no longer may, move all of an owner's passports."""

    __tablename__ = "passport_approval_for_all"
    EVENT: ClassVar[str] = "ApprovalForAll/3"

    owner: str = Field(index=True)
    operator: str = Field(index=True)
    approved: bool


class MetadataUpdate(EventRow, table=True):
    """ERC-4906: metadata of a token changed."""

    __tablename__ = "metadata_update"
    EVENT: ClassVar[str] = "MetadataUpdate/1"

    token_id: int = Field(sa_type=Uint256)


class BatchMetadataUpdate(EventRow, table=True):
    """ERC-4906: metadata of a range of tokens changed."""

    __tablename__ = "batch_metadata_update"
    EVENT: ClassVar[str] = "BatchMetadataUpdate/1"

    from_token_id: int = Field(sa_type=Uint256)
    to_token_id: int = Field(sa_type=Uint256)
