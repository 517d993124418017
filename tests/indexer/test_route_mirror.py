"""A route out of the mirror is that of its events, whatever they say."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from chain.database import open_engine, reading, writing
from epcis import canonical
from epcis.digital_link import DigitalLinkError
from indexer import schema
from indexer.read.route.derive import derive
from indexer.read.route.facts import named
from indexer.read.route.form import to_json
from indexer.read.route.of_mirror import MirrorRoute, route
from indexer.read.route.spells import Ref
from indexer.read.route.walk import Limits
from indexer.tables import metadata
from indexer.tables.oracle import CustomsDecided
from tests.indexer.journeys import (
    BASEL,
    BERN,
    BOL,
    BUYER,
    CASE,
    DAIRY,
    FIRST,
    FREIBURG,
    HUB,
    ITEM,
    LOGGER,
    MAKER,
    PALLET,
    PALLET_2,
    SECOND,
    SHOP,
    STRANGER,
    TRUCK,
    Told,
    at,
    between,
    facts,
    good,
    pack,
    step,
)
from tests.indexer.recorded import BASE, MINUTE, counted, event, log_row, record
from tests.indexer.told_routes import told


@pytest.fixture
def mirror(database_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_url("route"), synchronous="NORMAL")
    schema.migrate(engine)
    yield engine
    engine.dispose()


def ask(engine: Engine, thing: str = ITEM, limits: Limits | None = None) -> MirrorRoute:
    with reading(engine) as session:
        return route(session, thing, limits=limits)


def noise() -> list[Told]:
    """What happens to the units before and after, and to others."""
    return [
        (step(-50, "storing", PALLET, **at(SHOP)), BUYER),
        (step(350, "storing", PALLET, **at(BERN)), BUYER),
        (step(500, "departing", TRUCK, **at(FREIBURG)), FIRST),
        (pack(340, CASE, f"{ITEM}9"), STRANGER),
        (step(90, "inspecting", f"{ITEM}8", **at(FREIBURG)), STRANGER),
    ]


def test_the_mirrors_route_is_that_of_the_events_alone(mirror: Engine) -> None:
    everything = facts([*good(), *noise()])
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.Random(seed).shuffle(everything)
    record(mirror, everything)
    found = ask(mirror)
    assert to_json(found.route) == to_json(told(*good()))
    assert {one.ref for one in found.facts} == {one.ref for one in facts(good())}
    assert to_json(derive(*named(ITEM), found.facts)) == to_json(found.route)
    assert (found.truncated, found.unread, found.known) == ((), (), True)


def test_customs_decisions_fall_on_the_leg_of_the_unit(mirror: Engine) -> None:
    record(mirror, facts(good()))
    pallet = named(PALLET)[1]

    def decided(number: int, minutes: int, subject: Any) -> CustomsDecided:
        return CustomsDecided(
            block_hash=f"0x{number:064x}", log_index=0, block_number=number, block_time=BASE // 1000,
            address="0x" + "00" * 20, report=f"0x{number:064x}", subject=subject, country="0x4348",
            decision=1, declaration="0x" + "33" * 32, decided_at=BASE + minutes * MINUTE, cid="0x",
            deadline=1, members=[],
        )  # fmt: skip

    with writing(mirror) as session:
        for number, minutes, subject in (
            (900, 205, pallet),
            (901, 900, pallet),
            (902, 205, named(CASE + "")[1]),
        ):
            session.add(log_row(f"0x{number:064x}", number))
            session.add(decided(number, minutes, subject))
    found = ask(mirror)
    assert [(one.subject, one.node) for one in found.customs] == [(PALLET, 9), (CASE, 9)]
    assert found.route.nodes[9].biz_step is not None
    assert found.route.nodes[9].biz_step.endswith("shipping")


def test_a_truncated_route_says_so(mirror: Engine) -> None:
    record(mirror, facts(good()))
    found = ask(mirror, limits=Limits(events=4))
    assert [one.split(":")[0] for one in found.truncated] == ["events"]
    assert [one.split(":")[0] for one in ask(mirror, limits=Limits(depth=2)).truncated] == ["depth"]


def test_unknown_things_and_what_is_no_identifier(mirror: Engine) -> None:
    found = ask(mirror)
    assert (found.known, found.route.nodes) == (False, ())
    with pytest.raises(DigitalLinkError):
        ask(mirror, "nonsense")


def test_hostile_documents_break_nothing() -> None:
    """Lists of anything, wild times: what cannot be read plays no part."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    values: list[Any] = [
        None,
        7,
        -1.5,
        True,
        "x",
        "",
        [],
        {},
        [[]],
        [{}],
        {"id": 1},
        "geo:91,0",
        ITEM,
        "🦆" * 9,
    ]
    base = facts(good())
    for _ in range(60):
        spoilt = []
        for one in base:
            body = {
                **one.body,
                **{name: draw.choice(values) for name in draw.sample(sorted(_MEMBERS), 3)},
            }
            time = draw.choice([one.event_time, 1 << 61, -(1 << 61), 0])
            spoilt.append(replace(one, body=body, event_time=time, ref=Ref(one.ref.member, one.ref.seal_id)))
        found = derive(*named(ITEM), spoilt)
        assert to_json(found)["thing"] == ITEM


_MEMBERS = (
    "bizTransactionList", "sourceList", "destinationList", "sensorElementList", "transformationID", "ilmd",
    "readPoint", "persistentDisposition",
)  # fmt: skip


@pytest.mark.slow
def test_a_giant_pallet_is_told_in_time(mirror: Engine) -> None:
    """A route asks for a unit's own events, never for all that it holds."""
    children = [f"https://id.gs1.org/01/09506000134352/21/W{number}" for number in range(3_000)]
    record(mirror, facts([(pack(0, PALLET, ITEM, *children), MAKER), (step(5, "storing", PALLET), MAKER)]))
    found = ask(mirror, limits=Limits(rows=10, things=5))
    assert [node.biz_step is None for node in found.route.nodes] == [True, False]
    assert found.truncated == ()


# -- any story ---------------------------------------------------------------------------------------------

_STEPS = (
    *("commissioning", "packing", "unpacking", "shipping", "departing", "transporting", "arriving"),
    *("receiving", "accepting", "storing", "retail_selling", "destroying", "inspecting", "loading"),
    *("unloading", "holding"),
)
_SITES = (DAIRY, HUB, SHOP, BERN, BASEL, FREIBURG, "geo:-33.9,151.2")
_MEMBERS_TOLD = (MAKER, FIRST, SECOND, BUYER, STRANGER)
_STUFF = (ITEM, CASE, PALLET, PALLET_2, TRUCK, f"{ITEM}9", LOGGER)


def any_story(draw: random.Random, length: int) -> list[Told]:
    """Whatever members may tell of goods, sense or nonsense."""
    story: list[Told] = []
    for _ in range(length):
        when, who = draw.randrange(2_000), draw.choice(_MEMBERS_TOLD)
        more: dict[str, Any] = {}
        if draw.random() < 0.6:
            more["bizStep"] = draw.choice(_STEPS)
        if draw.random() < 0.5:
            more |= at(draw.choice(_SITES))
        if draw.random() < 0.3:
            more |= between(draw.choice(_MEMBERS_TOLD), draw.choice(_MEMBERS_TOLD))
        if draw.random() < 0.3:
            more["bizTransactionList"] = [{"type": "bol", "bizTransaction": f"{BOL}{draw.randrange(3)}"}]
        if draw.random() < 0.1:
            more["disposition"] = draw.choice(("stolen", "returned", "destroyed", "retail_sold"))
        kind = draw.choice(("Object", "Object", "Object", "Aggregation", "Association", "Transformation"))
        action = draw.choice(("ADD", "OBSERVE", "DELETE"))
        things = draw.sample(_STUFF, draw.randrange(1, 4))
        if kind == "Object":
            body = event(kind, when, epcList=things, action=action, **more)
        elif kind == "Transformation":
            body = event(kind, when, inputEPCList=things[:1], outputEPCList=things[1:] or [PALLET], **more)
        else:
            children = {"childEPCs": things[1:]} if things[1:] else {}
            body = event(
                kind, when, parentID=things[0], action=action if children else "DELETE", **children, **more
            )
        story.append((body, who))
        if draw.random() < 0.1:
            declared = {**body, "errorDeclaration": {"declarationTime": "2026-03-09T00:00:00Z"}}
            story.append((declared, draw.choice((who, STRANGER))))
    return story


def _check_any(draw: random.Random, engine: Engine | None = None) -> None:
    told_facts = facts(any_story(draw, draw.randrange(1, 25)))
    unique = list({one.ref: one for one in told_facts}.values())
    known = {one.ref for one in unique}
    if engine is not None:
        with writing(engine) as session:
            for table in metadata.sorted_tables:
                session.execute(table.delete())
        record(engine, unique)
    for thing in (ITEM, PALLET):
        found = derive(*named(thing), counted(unique))
        form = to_json(found)
        assert [node.time for node in found.nodes] == sorted(node.time for node in found.nodes)
        for one in found.findings:
            assert 1 <= len(one.events) <= 2
            assert known.issuperset(one.events)
            assert one.text
            if one.kind in ("custody_without_handover", "missing_leg"):
                assert one.severity == "unknown"
        assert all(one.giver != one.taker for one in found.handovers)
        draw.shuffle(unique)
        assert to_json(derive(*named(thing), counted(unique))) == form
        assert canonical.loads(canonical.dumps(form)) == form
        if engine is not None:
            with reading(engine) as session:
                mirrored = route(session, thing)
            assert to_json(mirrored.route) == form
            # the whole documents of the events that the mirror gave lead to the same
            refs = {one.ref for one in mirrored.facts}
            whole = [one for one in counted(unique) if one.ref in refs]
            assert to_json(derive(*named(thing), whole)) == form


def test_any_story_has_one_route(mirror: Engine) -> None:
    """Whatever order its events come in, from the mirror or from their documents."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    for _ in range(15):
        _check_any(draw)
    for _ in range(4):
        _check_any(draw, mirror)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(60))
def test_many_stories_have_one_route(seed: int, mirror: Engine) -> None:
    draw = random.Random(seed)
    for _ in range(10):
        _check_any(draw, mirror)
