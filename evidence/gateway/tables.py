"""The spool in SQL. What it holds of an acknowledged event is nowhere else until that is final."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA: Final = MetaData()
_ID: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up only in INTEGER columns"""

SPOOL: Final = Table(
    "gateway_spool",
    METADATA,
    Column("id", Integer, primary_key=True),  # always 1; its lock orders all who write
    Column("network", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("waiting_events", BigInteger, nullable=False),
    Column("waiting_bytes", BigInteger, nullable=False),
    Column("next_event", BigInteger, nullable=False),
)
"""Whose spool it is, and how much waits in it."""

HEAD: Final = Table(
    "gateway_head",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("context", LargeBinary, nullable=False),
    Column("digest", LargeBinary),  # SHA-256 of it: contexts are longer than an index of PostgreSQL takes
    UniqueConstraint("context").ddl_if(dialect="sqlite"),
    Index("ix_gateway_head_digest", "digest", unique=True),
)
"""First entries of `@context` (RFC 8785 bytes): the events of a batch share one."""

_WATCHED: Final = "final_ms IS NOT NULL AND pruned = 0"
BATCH: Final = Table(
    "gateway_batch",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("lane", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("head_id", BigInteger, ForeignKey("gateway_head.id"), nullable=False),
    Column("seed", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),  # of a single attestation: the sealId
    Column("manifest_cid", LargeBinary),
    Column("size", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("closed_ms", BigInteger, nullable=False),
    Column("deadline", BigInteger),  # Unix seconds, of the header
    Column("header", Text),  # of a single attestation: the request's JSON
    Column("job_id", Text),
    Column("tries", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("problem", Text),
    Column("tx", Text),
    Column("final_ms", BigInteger),
    Column("pruned", SmallInteger, nullable=False),  # 1: too deep to be lost, its documents are gone
    Index("ix_gateway_batch_state", "state", "lane", "id"),
    Index(
        "ix_gateway_batch_watched",
        "next_ms",
        "id",
        sqlite_where=text(_WATCHED),
        postgresql_where=text(_WATCHED),
    ),
)

_OPEN: Final = "batch_id IS NULL AND refusal IS NULL"
_OUT: Final = "refusal IS NOT NULL"
EVENT: Final = Table(
    "gateway_event",
    METADATA,
    Column("id", _ID, primary_key=True, autoincrement=False),  # given out under the spool's lock
    Column("seal_id", LargeBinary, nullable=False),
    Column("single", SmallInteger, nullable=False),  # 1: attested by itself, beside a batch it may be in
    Column("event_hash", LargeBinary, nullable=False),
    Column("cid", LargeBinary, nullable=False),
    Column("head_id", BigInteger, ForeignKey("gateway_head.id"), nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("size", Integer, nullable=False),  # bytes of its document
    Column("accepted_ms", BigInteger, nullable=False),
    Column("batch_id", BigInteger, ForeignKey("gateway_batch.id")),
    Column("leaf", Integer),
    Column("refusal", Text),
    Column("effect", Text),  # JSON of evidence.gateway.intake.Effect
    UniqueConstraint("seal_id", "single"),
    Index("ix_gateway_event_batch", "batch_id", "leaf"),
    Index("ix_gateway_event_open", "lane", "id", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    Index("ix_gateway_event_refused", "id", sqlite_where=text(_OUT), postgresql_where=text(_OUT)),
)
"""One row for each accepted event, for good. Neither in a batch nor refused: it waits to be batched."""

DOCUMENT: Final = Table(
    "gateway_document",
    METADATA,
    Column("event_id", BigInteger, ForeignKey("gateway_event.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Sealed documents (RFC 8785 bytes), until their events are final."""

TILE: Final = Table(
    "gateway_tile",
    METADATA,
    Column("batch_id", BigInteger, ForeignKey("gateway_batch.id"), primary_key=True),
    Column("level", SmallInteger, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
)
"""Trees of batches (epcis.tiles), for good: a proof reads a few of them."""

ELSEWHERE: Final = Table(
    "gateway_elsewhere",
    METADATA,
    Column("event_id", BigInteger, ForeignKey("gateway_event.id"), primary_key=True),
    Column("proof", Text, nullable=False),
)
"""Proofs (JSON) of events that another capture of the member had anchored before."""

SUBMISSION: Final = Table(
    "gateway_submission",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("seal_ids", LargeBinary, nullable=False),  # 32 bytes each, in document order
)
"""One accepted document each; the same document is the same submission."""
