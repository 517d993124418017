"""What was read before is given again only while every row is what it was."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session

from chain.database import open_engine, writing
from indexer import schema
from indexer.read.history import history
from indexer.read.replay import Replays
from indexer.read.trace import Trace, trace
from tests.indexer.journeys import CASE, ITEM, MAKER, PALLET, facts, pack, step
from tests.indexer.recorded import record


@pytest.fixture
def mirror(database_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_url("replay"), synchronous="NORMAL")
    schema.migrate(engine)
    record(
        engine,
        facts(
            [
                (step(0, "storing", ITEM), MAKER),
                (pack(1, CASE, ITEM), MAKER),
                (step(5, "storing", CASE), MAKER),
            ]
        ),
    )
    yield engine
    engine.dispose()


def of_item(session: Session) -> Trace:
    return trace(session, ITEM)


def test_what_stands_is_given_again_and_what_changed_is_read_anew(mirror: Engine) -> None:
    replays = Replays()

    def ask() -> Trace:
        return replays.read(mirror, "item", of_item)

    first, second, third = ask(), ask(), ask()
    assert first == second
    assert third is second
    assert len(third.events) == 3
    for change in (
        "UPDATE sealed_event SET biz_step = 'other' WHERE biz_step IS NOT NULL",
        "UPDATE event_proof SET salt = '0x33'",
        "UPDATE event_epc SET position = position + 7 WHERE role = 'parentID'",
        "DELETE FROM event_epc WHERE role = 'childEPCs'",
    ):
        with writing(mirror) as session:
            session.execute(text(change))
        changed = ask()
        assert changed != third, change
        assert ask() is changed
        third = changed


def test_a_new_event_of_a_unit_shows(mirror: Engine) -> None:
    replays = Replays()
    before = [replays.read(mirror, "item", of_item) for _ in range(3)][-1]
    assert before.units == [CASE]
    with writing(mirror) as session:
        session.execute(text("DELETE FROM event_epc"))
        session.execute(text("DELETE FROM event_proof"))
        session.execute(text("DELETE FROM sealed_event"))
        session.execute(text("DELETE FROM raw_log"))
    told = [(pack(1, CASE, ITEM), MAKER), (pack(2, PALLET, CASE), MAKER)]
    record(mirror, facts(told))
    assert replays.read(mirror, "item", of_item).units == [CASE, PALLET]


def test_another_mirror_or_another_given_is_another_question(mirror: Engine, tmp_path: Any) -> None:
    replays = Replays()
    known = [replays.read(mirror, "item", of_item) for _ in range(3)][-1]
    assert replays.read(mirror, "item", of_item, given=known) is not known
    other = open_engine(f"sqlite:///{tmp_path / 'other.db'}", synchronous="NORMAL")
    schema.migrate(other)
    assert replays.read(other, "item", of_item).events == []
    other.dispose()


def test_postgresql_is_asked_once(mirror: Engine) -> None:
    replays = Replays()
    known = [replays.read(mirror, "item", of_item) for _ in range(2)][-1]
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(mirror, "before_cursor_execute", note)
    assert replays.read(mirror, "item", of_item) is known
    event.remove(mirror, "before_cursor_execute", note)
    if mirror.dialect.name == "postgresql":
        assert len(asked) == 1
    assert asked


def test_an_item_is_traced_through_units_as_its_history_is(mirror: Engine) -> None:
    """However deep they are, and without those of a packing that its member took back."""
    units = [f"https://id.gs1.org/8004/9506000UNIT{number}" for number in range(8)]
    things = [ITEM, *units]
    told = [
        (pack(10 + n, above, below), MAKER)
        for n, (below, above) in enumerate(zip(things, units, strict=False))
    ]
    wrong = pack(30, PALLET, ITEM)
    taken_back = {**wrong, "errorDeclaration": {"declarationTime": "2026-03-02T00:00:00Z"}}
    seen = [(step(40, "storing", units[-1]), MAKER), (step(41, "storing", PALLET), MAKER)]
    record(mirror, facts([*told, (wrong, MAKER), (taken_back, MAKER), *seen]))
    replays = Replays()
    found = replays.read(mirror, "item", of_item)
    known = replays.read(mirror, "history", lambda session: history(session, ITEM))
    assert found.units == [CASE, *units]
    assert PALLET not in {one.uri for one in known.ancestors}
    up = {CASE, ITEM, *units}
    expected = {one.event.seal_id for one in (*known.events, *known.void) if up & set(one.about)}
    assert {one.row["seal_id"] for one in found.events} == expected
    assert found.truncated == []
