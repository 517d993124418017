"""The transformationID of events as a column; logs that nobody can decode, by an index."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MAKING = sa.text("type = 'TransformationEvent'")
_TRANSFORMS = sa.text("transformation_id IS NOT NULL")
_UNDECODED = sa.text("decode_error IS NOT NULL")
_AT_ONCE = 1_000


def upgrade() -> None:
    op.add_column("sealed_event", sa.Column("transformation_id", sa.Text(), nullable=True))
    _fill()
    op.drop_index("ix_sealed_event_making", "sealed_event")
    # a hash on PostgreSQL, whose trees refuse a long text
    op.create_index(
        "ix_sealed_event_transformation",
        "sealed_event",
        ["transformation_id"],
        sqlite_where=_TRANSFORMS,
        postgresql_where=_TRANSFORMS,
        postgresql_using="hash",
    )
    op.create_index(
        "ix_raw_log_undecoded",
        "raw_log",
        ["block_number"],
        sqlite_where=_UNDECODED,
        postgresql_where=_UNDECODED,
    )


def _fill() -> None:
    """What the indexer reads out of the documents that are there already."""
    connection = op.get_bind()
    events = sa.table(
        "sealed_event", *map(sa.column, ("member", "seal_id", "type", "body", "transformation_id"))
    )
    body = sa.cast(events.c.body, sa.Text)
    after = ""
    while True:
        query = sa.select(events.c.seal_id, body).where(
            events.c.type == "TransformationEvent", events.c.seal_id > after, events.c.body.is_not(None)
        )
        found = connection.execute(query.order_by(events.c.seal_id).limit(_AT_ONCE)).all()
        if not found:
            return
        # a sealId names its document, whoever attested it
        rows = [{"seal": seal_id, "named": _named(text)} for seal_id, text in found]
        connection.execute(
            sa.update(events)
            .where(events.c.seal_id == sa.bindparam("seal"), events.c.type == "TransformationEvent")
            .values(transformation_id=sa.bindparam("named")),
            rows,
        )
        after = found[-1][0]


def _named(body: str) -> str | None:
    found = json.loads(body).get("transformationID")
    if not isinstance(found, str):
        return None
    return found.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")


def downgrade() -> None:
    op.drop_index("ix_raw_log_undecoded", "raw_log")
    op.drop_index("ix_sealed_event_transformation", "sealed_event")
    op.create_index(
        "ix_sealed_event_making",
        "sealed_event",
        ["seal_id"],
        sqlite_where=_MAKING,
        postgresql_where=_MAKING,
    )
    op.drop_column("sealed_event", "transformation_id")
