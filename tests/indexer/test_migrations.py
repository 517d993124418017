"""A mirror of before is filled with what newer columns say."""

import json

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlmodel import Session, select

from indexer import schema
from indexer.tables.content import PRESENT, SealedEvent

pytestmark = pytest.mark.slow


def upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, version_table=schema.VERSION_TABLE)
    command.upgrade(config, revision)


def test_transformation_ids_of_rows_that_are_there(engine: Engine) -> None:
    made = "TransformationEvent"
    bodies = {
        "a": (made, {"type": made, "transformationID": "urn:x:1\0"}),
        "b": (made, {"type": made}),
        "c": (made, {"type": made, "transformationID": 7}),
        "d": ("ObjectEvent", {"type": "ObjectEvent", "transformationID": "urn:x:2"}),
    }
    with engine.begin() as connection:
        upgrade(connection, "0009")
        for seal_id, (kind, body) in bodies.items():
            for member in (1, 2):
                connection.execute(
                    text(
                        "INSERT INTO sealed_event (member, seal_id, block_hash, log_index, block_number,"
                        " position, record_time, event_hash, cid, state, type, declares_error, body) VALUES"
                        " (:member, :seal_id, 'b', 0, 1, 0, 0, 'h', 'c', :state, :kind, :declares, :body)"
                    ),
                    {
                        "member": member if engine.dialect.name == "postgresql" else f"{member:020d}",
                        "seal_id": seal_id,
                        "state": PRESENT,
                        "kind": kind,
                        "declares": False,
                        "body": json.dumps(body),
                    },
                )
    schema.migrate(engine)
    with Session(engine) as session:
        found = {
            (row.member, row.seal_id): row.transformation_id for row in session.exec(select(SealedEvent))
        }
    wanted = {"a": "urn:x:1␀", "b": None, "c": None, "d": None}
    assert found == {(member, seal_id): name for seal_id, name in wanted.items() for member in (1, 2)}
