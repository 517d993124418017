"""What a gateway acknowledges is in its spool, however many submit at once and whatever they submit."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from chain.bulk import insert_rows
from chain.database import open_engine, writing
from evidence.documents import read_document
from evidence.gateway import Bounds, Effect, SpoolFull
from evidence.gateway import spool as spool_module
from evidence.gateway.tables import DOCUMENT
from tests.evidence import documents as docs
from tests.evidence.gateway.test_gateway import LIMITS, Scene, document, engine, scene
from tests.evidence.world import wait_until

__all__ = ["engine", "scene"]


def test_who_finds_the_transaction_full_is_written_in_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 2: three wait for their turn, and a transaction carries the events of one."""
    monkeypatch.setattr(spool_module, "_GROUP", 4)
    gateway = scene.gateway
    others = [spool_module._Request(gateway.read(document(f"turn-{one}", 4))) for one in range(2)]
    gateway.spool._queue += others
    assert len(gateway.accept(document("turn-last", 4)).receipts) == 4
    assert [len(one.receipts) for one in others] == [4, 4]
    assert gateway.spool.waiting() == 12


def test_who_is_interrupted_while_it_writes_for_others_leaves_none_acknowledged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = scene.gateway.spool
    real = spool._known

    def interrupt(*_: object) -> None:
        monkeypatch.setattr(spool, "_known", real)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        with spool._committing:
            waiting = [pool.submit(scene.gateway.accept, document(f"cut-{one}", 1)) for one in range(2)]
            wait_until(lambda: len(spool._queue) == 2)
            monkeypatch.setattr(spool, "_known", interrupt)
        for one in waiting:
            with pytest.raises(KeyboardInterrupt):
                one.result(60)
    assert spool.waiting() == 0


def test_contexts_of_any_length_are_taken(scene: Scene) -> None:
    """PostgreSQL indexes no value of more than 2.7 kB, and one in a transaction fails all that share it."""
    random = Random(4)
    terms = {f"t{n}": f"https://example.com/{random.randbytes(32).hex()}#" for n in range(400)}
    one = {key: value for key, value in docs.commissioning("long").items() if key != "@context"}
    body = json.loads(docs.document(one))
    body["@context"] = [terms, *([known] if isinstance(known := body["@context"], str) else known)]
    given = json.dumps(body).encode()
    scene.gateway.accept(given)
    assert scene.gateway.accept(given).receipts[0].again
    scene.settle()
    assert scene.states(read_document(given)) == ["final"]


def test_spools_of_before_digests_find_their_contexts(database_url: Callable[[str], str]) -> None:
    from alembic import command
    from alembic.config import Config

    from evidence.gateway import migrations

    opened = open_engine(database_url("old"))
    config = Config()
    config.set_main_option("script_location", str(migrations.__path__[0]))
    config.set_main_option("path_separator", "os")
    with opened.begin() as connection:
        config.attributes |= {"connection": connection, "version_table": migrations.VERSION_TABLE}
        command.upgrade(config, "0001")
        head = {"context": docs.document(docs.commissioning("x"))}
        connection.execute(text("INSERT INTO gateway_head (context) VALUES (:context)"), head)
    migrations.upgrade_gateway(opened)
    with opened.connect() as connection:
        digest = connection.execute(text("SELECT digest FROM gateway_head")).scalar_one()
    assert bytes(digest) == sha256(head["context"]).digest()
    opened.dispose()


def test_what_an_effect_carries_counts_as_what_waits(scene: Scene) -> None:
    event, more = docs.bare(docs.delivery()), docs.bare(docs.delivery(sscc=docs.OTHER_SSCC))
    gateway = scene.gateway
    gateway.accept_effect(event, Effect(consumer_data=b"\7" * 50_000))
    gateway.accept(more)
    gateway.accept_effect(more, Effect(consumer_data=b"\7" * 50_000))
    assert gateway.status()["waitingBytes"] > 200_000
    tight = scene.open(replace(LIMITS, bounds=Bounds(size=gateway.status()["waitingBytes"] + 1_000)))
    with pytest.raises(SpoolFull):
        tight.accept_effect(docs.bare(docs.commissioning("c")), Effect(consumer_data=b"\7" * 50_000))
    scene.settle()
    assert gateway.status()["waitingBytes"] == 0


def test_what_a_database_refuses_in_a_copy_is_what_it_refuses_elsewhere(scene: Scene, engine: Engine) -> None:
    """Whoever retries knows SQLAlchemy's errors, and none of them tells what was to be stored."""
    scene.gateway.accept(document("a", 1))
    row = (1, b"secret seed")
    with pytest.raises(IntegrityError) as caught, writing(engine) as session:
        insert_rows(session, DOCUMENT, ("event_id", "body"), [row])
    assert "secret seed" not in str(caught.value)


def test_a_reason_that_no_database_takes_is_told_as_far_as_it_can_be(scene: Scene) -> None:
    given = document("a", 2)
    (bad, _) = read_document(given)
    scene.service.bad = {bad.seal_id: "\x00 is bad \ud800"}
    scene.gateway.accept(given)
    scene.settle()
    found = scene.gateway.event(bad.seal_id)
    assert found is not None
    assert found.refusal == " is bad ?"
