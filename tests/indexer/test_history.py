"""History both ways, out of the mirror: units, ingredients, assets, each for as long as it was true."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy import event as sqlalchemy_event

from chain.database import open_engine, reading, writing
from epcis.digital_link import DigitalLinkError
from indexer import schema
from indexer.read.history import History, history
from indexer.read.items import item_history
from indexer.read.mirror_source import MirrorSource, events_during, facts_of
from indexer.read.route.facts import named
from indexer.read.route.spells import ALWAYS
from indexer.read.route.walk import Limits, walk
from indexer.read.trace import trace
from tests.indexer.goods import (
    CARRIER,
    CASE,
    CONTAINER,
    GTIN,
    ITEM,
    LOT,
    MAKER,
    OTHER,
    PALLET,
    PALLET_2,
    SENSOR,
)
from tests.indexer.recorded import BASE, event, fact, record


@pytest.fixture
def mirror(database_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_url("history"), synchronous="NORMAL")
    schema.migrate(engine)
    yield engine
    engine.dispose()


def packed(at: float, parent: str, *children: str, action: str = "ADD", **more: Any) -> dict[str, Any]:
    return event("Aggregation", at, parentID=parent, childEPCs=list(children), action=action, **more)


def seen(at: float, *things: str, **more: Any) -> dict[str, Any]:
    return event("Object", at, epcList=list(things), **more)


def told(engine: Engine, bodies: list[dict[str, Any]], thing: str = ITEM, **limits: int) -> History:
    """History of a thing after the maker told all this."""
    record(engine, [fact(body, MAKER) for body in bodies])
    return ask(engine, thing, **limits)


def ask(engine: Engine, thing: str = ITEM, **limits: int) -> History:
    with reading(engine) as session:
        return history(session, thing, Limits(**limits) if limits else None)


def at(minutes: float) -> datetime:
    return datetime.fromtimestamp(BASE / 1000, UTC) + timedelta(minutes=minutes)


def minutes(found: History) -> list[float]:
    """When the events were that count."""
    return [(one.event.event_time - at(0)) / timedelta(minutes=1) for one in found.events]  # type: ignore[operator]


def spells(found: History, uri: str) -> list[tuple[datetime | None, datetime | None]]:
    (relative,) = [one for one in (*found.ancestors, *found.descendants) if one.uri == uri]
    return [(one.since, one.until) for one in relative.spells]


def test_units_in_units_count_while_all_of_them_hold(mirror: Engine) -> None:
    bodies = [
        packed(10, CASE, ITEM),
        packed(20, PALLET, CASE),
        packed(30, CONTAINER, PALLET),
        seen(5, CASE),  # before the item was in it
        seen(25, PALLET),
        seen(35, CONTAINER),
        packed(40, CONTAINER, PALLET, action="DELETE"),
        seen(45, CONTAINER),  # goes on without it
        packed(50, CASE, ITEM, action="DELETE"),
        seen(55, PALLET),
        seen(60, ITEM),
    ]
    found = told(mirror, bodies)
    assert [(one.uri, one.depth) for one in found.ancestors] == [(CASE, 1), (PALLET, 2), (CONTAINER, 3)]
    assert spells(found, CASE) == [(at(10), at(50))]
    assert spells(found, PALLET) == [(at(20), at(50))]
    assert spells(found, CONTAINER) == [(at(30), at(40))]
    assert minutes(found) == [10, 20, 25, 30, 35, 40, 50, 60]
    assert found.events[3].about == (PALLET, CONTAINER)
    assert (found.descendants, found.truncated, found.cycles) == ((), (), ())
    below = ask(mirror, CONTAINER)
    assert [one.uri for one in below.descendants] == [PALLET, CASE, ITEM]
    assert spells(below, ITEM) == [(at(30), at(40))]


def test_names_by_urn_and_by_link_are_the_same_thing(mirror: Engine) -> None:
    urn = "urn:epc:id:sgtin:9506000.013435.H1"
    link = "https://shop.example/path/01/9506000134352/10/LOT/21/H1?x=1"
    found = told(mirror, [packed(1, CASE, urn), seen(2, link), seen(3, ITEM)], thing=urn)
    assert (found.uri, minutes(found)) == (ITEM, [1, 2, 3])


def test_a_delete_without_children_takes_all_out_of_that_kind_of_unit(mirror: Engine) -> None:
    bodies = [
        packed(1, PALLET, ITEM, OTHER),
        event("Association", 2, parentID=PALLET, childEPCs=[SENSOR], action="ADD"),
        event("Aggregation", 5, parentID=PALLET, action="DELETE"),
        packed(7, PALLET, ITEM),
    ]
    found = told(mirror, bodies, thing=PALLET)
    assert spells(found, ITEM) == [(at(1), at(5)), (at(7), None)]
    assert spells(found, OTHER) == [(at(1), at(5))]
    assert spells(found, SENSOR) == [(at(2), None)]
    assert spells(ask(mirror), PALLET) == [(at(1), at(5)), (at(7), None)]


def test_an_observation_proves_and_excludes_nothing(mirror: Engine) -> None:
    bodies = [
        packed(1, PALLET, OTHER),
        packed(3, PALLET, ITEM, action="OBSERVE"),  # was never added; from here it is known
        packed(9, PALLET, OTHER, action="DELETE"),
        packed(4, PALLET_2, OTHER, action="DELETE"),  # of what was never in it: ends nothing
    ]
    found = told(mirror, bodies, thing=PALLET)
    assert spells(found, ITEM) == [(at(3), None)]
    assert spells(found, OTHER) == [(at(1), at(9))]
    assert ask(mirror, PALLET_2).descendants == ()


def test_late_and_disordered_records_change_nothing(mirror: Engine) -> None:
    bodies = [packed(1, CASE, ITEM), packed(5, CASE, ITEM, action="DELETE"), packed(8, CASE, ITEM)]
    facts = [fact(body, MAKER, record_time=BASE // 1000 + 1_000_000 * -place) for place, body in
             enumerate(bodies)]  # fmt: skip
    record(mirror, reversed(facts))
    assert spells(ask(mirror), CASE) == [(at(1), at(5)), (at(8), None)]


def test_an_event_taken_back_by_its_own_member_does_not_count(mirror: Engine) -> None:
    wrong, wrong_too, right = packed(1, CASE, ITEM), packed(2, PALLET, ITEM), packed(3, PALLET_2, ITEM)
    declaration = {
        **wrong,
        "eventID": "urn:uuid:1",
        "errorDeclaration": {"declarationTime": "2026-03-02T00:00:00Z", "reason": "did_not_occur"},
    }
    facts = [fact(body, MAKER) for body in (wrong, wrong_too, right, declaration)]
    # a stranger's declaration of the maker's event is the stranger's word
    stranger = fact({**right, "errorDeclaration": {"declarationTime": "2026-03-02T00:00:00Z"}}, CARRIER)
    record(mirror, [*facts, stranger], {facts[1].ref: "0x" + "ab" * 32})
    found = ask(mirror)
    assert [one.uri for one in found.ancestors] == [PALLET_2]
    assert minutes(found) == [3]
    void = {one.event.seal_id: one.event for one in found.void}
    assert set(void) == {
        facts[0].ref.seal_id,
        facts[1].ref.seal_id,
        facts[3].ref.seal_id,
        stranger.ref.seal_id,
    }
    assert void[facts[0].ref.seal_id].errors[0].source == "document"
    assert void[facts[1].ref.seal_id].errors[0].source == "chain"


def test_what_two_members_tell_alike_happened_once(mirror: Engine) -> None:
    lot = {"epcClass": LOT, "quantity": 40, "uom": "KGM"}
    into = event("Aggregation", 1, parentID=PALLET, childQuantityList=[lot], action="ADD")
    out = event("Aggregation", 5, parentID=PALLET, childQuantityList=[lot], action="DELETE")
    facts = [fact(into, MAKER), fact({**into, "eventID": "urn:uuid:2"}, CARRIER), fact(out, CARRIER)]
    record(mirror, facts)
    found = ask(mirror, LOT)
    assert spells(found, PALLET) == [(at(1), at(5))]
    assert found.relations[0].quantity == "40.0"
    # of two who told it one takes it back; the other's word stands
    with writing(mirror) as session:
        session.execute(text("DELETE FROM event_epc WHERE member <> 0"))
        for table in ("sealed_event", "event_proof", "raw_log"):
            session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - ours
    record(mirror, facts, {facts[0].ref: "0x" + "ab" * 32})
    assert spells(ask(mirror, LOT), PALLET) == [(at(1), at(5))]


def test_a_lot_is_split_and_leaves_by_parts(mirror: Engine) -> None:
    def moved(when: float, unit: str, amount: float, action: str) -> dict[str, Any]:
        lot = {"epcClass": LOT, "quantity": amount, "uom": "KGM"}
        return event("Aggregation", when, parentID=unit, childQuantityList=[lot], action=action)

    bodies = [
        moved(1, PALLET, 60, "ADD"),
        moved(2, PALLET_2, 40, "ADD"),
        moved(3, PALLET, 0.5, "DELETE"),
        moved(4, PALLET, 59.5, "DELETE"),
        moved(5, PALLET_2, 10, "DELETE"),
    ]
    found = told(mirror, bodies, thing=LOT)
    assert spells(found, PALLET) == [(at(1), at(4))]
    assert spells(found, PALLET_2) == [(at(2), None)]
    assert {(one.above, one.quantity, one.unit) for one in found.relations} == {
        (PALLET, "60.0", "KGM"),
        (PALLET_2, "40.0", "KGM"),
    }


def test_ingredients_count_until_they_went_in_and_products_from_when_they_came_out(mirror: Engine) -> None:
    tank = "https://id.gs1.org/8004/9506000TANK1"
    run = "urn:uuid:run-1"
    milk = {"epcClass": LOT, "quantity": 500, "uom": "LTR"}
    bodies = [
        event("Aggregation", 1, parentID=tank, childQuantityList=[milk], action="ADD"),
        seen(2, tank),
        event("Transformation", 10, inputQuantityList=[milk], transformationID=run),
        event("Transformation", 11, inputEPCList=[OTHER], transformationID=run),
        event("Transformation", 20, outputEPCList=[ITEM], transformationID=run),
        event("Transformation", 21, outputEPCList=[f"{ITEM}b"], transformationID="urn:uuid:run-2"),
        seen(15, tank),  # the milk had been used by then
        seen(30, ITEM),
        packed(31, CASE, ITEM),
        seen(32, CASE),
    ]
    found = told(mirror, bodies)
    assert {one.uri for one in found.ancestors} == {LOT, OTHER, tank, CASE}
    assert spells(found, LOT) == [(None, at(10))]
    assert spells(found, OTHER) == [(None, at(11))]
    assert spells(found, tank) == [(at(1), at(10))]
    assert 15 not in minutes(found)
    down = ask(mirror, LOT)
    assert {one.uri for one in down.descendants} == {ITEM}
    assert spells(down, ITEM) == [(at(20), None)]
    assert 32 not in minutes(down)  # the case is no descendant of the milk
    assert {one.uri for one in ask(mirror, tank).descendants} == {LOT, ITEM}


def test_cycles_end_and_are_named(mirror: Engine) -> None:
    found = told(mirror, [packed(1, CASE, PALLET), packed(2, PALLET, CASE), packed(3, CASE, ITEM),
                          packed(4, CASE, CASE)])  # fmt: skip
    assert [one.uri for one in found.ancestors] == [CASE, PALLET]
    assert found.cycles == ()
    (cycle,) = {(one.above, one.below) for one in ask(mirror, CASE).cycles if one.above == CASE}
    assert cycle == (CASE, PALLET)


def test_a_deep_and_a_wide_graph_end_at_their_limits_and_say_so(mirror: Engine) -> None:
    units = [f"https://id.gs1.org/8004/9506000U{number}" for number in range(40)]
    bodies = [packed(1, units[0], ITEM)]
    bodies += [packed(1 + number, units[number], units[number - 1]) for number in range(1, 40)]
    children = [f"https://id.gs1.org/01/{GTIN}/21/W{number}" for number in range(300)]
    found = told(mirror, [*bodies, packed(1, PALLET, *children)], depth=8)
    assert len(found.ancestors) == 8
    assert [one.split(":")[0] for one in found.truncated] == ["depth"]
    assert len(ask(mirror, depth=40).ancestors) == 40
    assert ask(mirror, depth=40).truncated == ()
    wide = ask(mirror, PALLET, things=100)
    assert len(wide.descendants) == 100
    assert [one.split(":")[0] for one in wide.truncated] == ["things"]
    assert [one.split(":")[0] for one in ask(mirror, PALLET, rows=50).truncated] == ["rows", "events"]
    few = ask(mirror, events=3, depth=40)
    assert (len(few.events), [one.split(":")[0] for one in few.truncated]) == (3, ["events"])
    assert len(ask(mirror, PALLET).descendants) == 300


def test_unknown_things_and_what_is_no_identifier(mirror: Engine) -> None:
    found = ask(mirror, ITEM)
    assert (found.known, found.events, found.ancestors) == (False, (), ())
    for wrong in ("", "H1", "https://example.com/", "urn:epc:id:sgtin:nonsense", ITEM[:-2], "0x12"):
        with pytest.raises(DigitalLinkError):
            ask(mirror, wrong)
    assert named(CONTAINER) == (CONTAINER, None)


def test_no_question_reads_a_whole_table(tmp_path: Path) -> None:
    """Every statement of a history, and of a verification, finds events and their proofs by an index."""
    engine = open_engine(f"sqlite:///{tmp_path / 'plans.db'}", synchronous="NORMAL")
    schema.migrate(engine)
    run = {"inputEPCList": [OTHER], "outputEPCList": [ITEM], "transformationID": "urn:uuid:run"}
    record(
        engine,
        [fact(body, MAKER) for body in (packed(1, CONTAINER, ITEM), event("Transformation", 0, **run))],
    )
    asked: list[tuple[str, Any]] = []

    def note_down(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    sqlalchemy_event.listen(engine, "before_cursor_execute", note_down)
    for thing in (ITEM, CONTAINER):
        key = named(thing)[1] or thing
        with reading(engine) as session:
            source = MirrorSource(session, 100)
            for up in (True, False):
                assert bool(walk(source, key, up, Limits()).links) is (up is (thing is ITEM))
            refs, _ = events_during(session, {key: [ALWAYS]}, key, Limits())
            assert facts_of(session, list(refs), {key})
    with reading(engine) as session:
        assert trace(session, ITEM).events
        assert item_history(session, ITEM).events
    sqlalchemy_event.remove(engine, "before_cursor_execute", note_down)
    questions = [one for one in asked if one[0].lstrip().startswith("SELECT")]
    assert questions
    with reading(engine) as session:
        for statement, parameters in questions:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row[3] for row in plan]
            whole = [step for step in steps if step.startswith("SCAN") and "USING" not in step]
            assert not [step for step in whole if "event" in step.lower()], (statement, steps)
    engine.dispose()
