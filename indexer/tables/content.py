"""What the vault holds behind the logs: manifests, sealed events, their proofs and the things they name.

Each row names the first log that led to it, and goes when that log's block goes.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, Text, text
from sqlmodel import Field

from indexer.columns import ChainText, Uint64
from indexer.tables.base import MirrorTable

PENDING, PRESENT, MISSING, CORRUPT = "pending", "present", "missing", "corrupt"
CONTRADICTS = "contradicts"
"""the bytes are those that the CID names, but they are not what the log says of them"""

_TRANSFORMS = text("transformation_id IS NOT NULL")
_NO_KEY = text("item_id IS NULL")


class ContentRow(MirrorTable):
    """The log that a row comes from."""

    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True, sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)


class Content(MirrorTable, table=True):
    """One piece of content that the chain or a manifest names, with the first log that led to it."""

    __tablename__ = "content"

    cid: str = Field(primary_key=True)
    block_hash: str
    log_index: int = Field(sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)
    state: str = Field(default=PENDING, index=True)
    """pending, present, missing or corrupt"""


class ContentQueue(MirrorTable, table=True):
    """CIDs still to be read, or to be read again; no part of what is mirrored."""

    __tablename__ = "content_queue"

    cid: str = Field(primary_key=True)
    attempts: int = 0
    next_attempt: int = Field(default=0, sa_type=BigInteger, index=True)
    """Unix milliseconds of the indexer's own clock; the block's number where it was never tried"""
    reason: str | None = Field(default=None, sa_type=ChainText)


class Manifest(ContentRow, table=True):
    """The manifest of a batch (`Anchored`) or issue (`Issued`), one row per log.

    `state` is the content's, or `contradicts` where member, size, GTIN or root differ from the log's.
    """

    __tablename__ = "manifest"

    kind: str
    """batch or issue"""
    cid: str = Field(index=True)
    member: int = Field(sa_type=Uint64)
    root: str = Field(index=True)
    size: int = Field(sa_type=Uint64)
    state: str = Field(default=PENDING, index=True)
    reason: str | None = Field(default=None, sa_type=ChainText)


class EventProof(ContentRow, table=True):
    """One reason to believe that `member` attested `seal_id`: a leaf of a batch, or an attestation.

    `event_hash` and `salt` are the leaf's; an attestation has no root, size and salt, and position 0.
    """

    __tablename__ = "event_proof"

    position: int = Field(primary_key=True, sa_type=BigInteger)
    """index of the leaf"""
    kind: str
    """batch or attestation"""
    member: int = Field(sa_type=Uint64)
    seal_id: str = Field(index=True)
    event_hash: str
    cid: str = Field(index=True, sa_type=ChainText)
    signer: str
    block_time: int = Field(sa_type=BigInteger)
    """Unix seconds"""
    root: str | None = None
    size: int | None = Field(default=None, sa_type=Uint64)
    salt: str | None = None


class SealedEvent(MirrorTable, table=True):
    """One event of one member, however many proofs it has; columns after `state` are its document's."""

    __tablename__ = "sealed_event"
    __table_args__ = (
        Index("ix_sealed_event_time", "event_time", "seal_id"),
        # a hash on PostgreSQL, whose trees refuse a long text
        Index(
            "ix_sealed_event_transformation",
            "transformation_id",
            sqlite_where=_TRANSFORMS,
            postgresql_where=_TRANSFORMS,
            postgresql_using="hash",
        ),
    )

    member: int = Field(primary_key=True, sa_type=Uint64)
    seal_id: str = Field(primary_key=True)
    block_hash: str
    """of the first proof, with log_index and position"""
    log_index: int = Field(sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)
    position: int = Field(sa_type=BigInteger)
    record_time: int = Field(sa_type=BigInteger, index=True)
    """block time of the first proof, Unix seconds"""
    event_hash: str = Field(index=True)
    """as the first proof says it"""
    cid: str = Field(index=True, sa_type=ChainText)
    state: str = Field(default=PENDING, index=True)
    """pending, present, missing, corrupt or contradicts"""
    reason: str | None = Field(default=None, sa_type=ChainText)
    type: str | None = Field(default=None, sa_type=ChainText)
    event_time: int | None = Field(default=None, sa_type=BigInteger)
    """Unix milliseconds, finer fractions cut"""
    event_time_offset: str | None = Field(default=None, sa_type=ChainText)
    """eventTimeZoneOffset as written"""
    event_id: str | None = Field(default=None, sa_type=ChainText)
    transformation_id: str | None = Field(default=None, sa_type=ChainText)
    """of a TransformationEvent"""
    action: str | None = Field(default=None, sa_type=ChainText)
    biz_step: str | None = Field(default=None, sa_type=ChainText)
    """full IRI where the document has a CBV short name"""
    disposition: str | None = Field(default=None, sa_type=ChainText)
    read_point: str | None = Field(default=None, sa_type=ChainText)
    """canonical Digital Link where it is one"""
    biz_location: str | None = Field(default=None, sa_type=ChainText)
    declares_error: bool = Field(default=False)
    """the document carries an errorDeclaration"""
    error_reason: str | None = Field(default=None, sa_type=ChainText)
    body: Any = Field(default=None, sa_type=JSON(none_as_null=True), nullable=True)
    """the sealed document with its effective @context"""


class EventEpc(MirrorTable, table=True):
    """A thing that an event names, in the role it has there; `item_id` where it has a Digital Link."""

    __tablename__ = "event_epc"
    __table_args__ = (
        # a hash on PostgreSQL, whose trees refuse a long text
        Index(
            "ix_event_epc_other",
            "uri",
            sqlite_where=_NO_KEY,
            postgresql_where=_NO_KEY,
            postgresql_using="hash",
        ),
    )

    member: int = Field(primary_key=True, sa_type=Uint64)
    seal_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger, index=True)
    """of the event's first proof"""
    role: str
    """epcList, parentID, childEPCs, inputEPCList, outputEPCList, or those with Quantity: quantityList, …"""
    uri: str = Field(sa_type=ChainText)
    """canonical Digital Link where there is one, else as written"""
    item_id: str | None = Field(default=None, index=True)
    quantity: float | None = None
    unit: str | None = Field(default=None, sa_type=ChainText)


class IssuedItem(ContentRow, table=True):
    """One item of an issue whose manifest was read and leads to the anchored root."""

    __tablename__ = "issued_item"

    position: int = Field(primary_key=True, sa_type=BigInteger)
    """index of the leaf"""
    issue_id: str = Field(index=True)
    serial: str = Field(sa_type=Text)
    uri: str = Field(sa_type=Text)
    item_id: str = Field(index=True)


class MerkleTile(ContentRow, table=True):
    """A tile (see epcis.tiles) of the tree of a batch or issue whose manifest leads to the anchored root."""

    __tablename__ = "merkle_tile"

    level: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    """index of the tile in its level"""
    hashes: bytes = Field(sa_type=LargeBinary)
    """1 to 256 hashes of 32 bytes, side by side"""
