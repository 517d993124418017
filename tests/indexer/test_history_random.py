"""Random histories, by the mirror and by facts alone, are those of a slow replay."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from chain.database import open_engine, reading, writing
from indexer import schema
from indexer.read.mirror_source import MirrorSource
from indexer.read.route.facts import Fact, FactSource, named
from indexer.read.route.spells import Ref, holds
from indexer.read.route.walk import Limits, walk
from indexer.tables import metadata
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
)
from tests.indexer.recorded import counted, event, fact, record
from tests.indexer.slow_history import SlowHistory


@pytest.fixture
def mirror(database_url: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_url("history"), synchronous="NORMAL")
    schema.migrate(engine)
    yield engine
    engine.dispose()


THINGS = [ITEM, OTHER, CASE, PALLET, PALLET_2, CONTAINER]
PLACES = st.sampled_from(THINGS)
LOTS = st.sampled_from([LOT, f"https://id.gs1.org/01/{GTIN}/10/OTHER"])
TIMES = st.integers(0, 9)
SOME = st.lists(PLACES, min_size=1, max_size=3, unique=True)
PORTION = st.fixed_dictionaries(
    {"epcClass": LOTS}, optional={"quantity": st.sampled_from([1, 2, 2.5]), "uom": st.just("KGM")}
)
PORTIONS = st.lists(PORTION, min_size=1, max_size=2, unique_by=lambda one: one["epcClass"])


def _joining(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    children: dict[str, Any] = {"childEPCs": SOME, "childQuantityList": PORTIONS}
    added = st.sampled_from(["ADD", "OBSERVE", "DELETE"])
    common = {"parentID": PLACES, "action": added, "at": TIMES, "kind": st.just(kind)}
    named_children = [st.fixed_dictionaries({**common, name: one}) for name, one in children.items()]
    emptied = st.fixed_dictionaries({**common, "action": st.just("DELETE")})
    return st.one_of(*named_children, *named_children, emptied)


MAKING = st.fixed_dictionaries(
    {"kind": st.just("Transformation"), "at": TIMES},
    optional={
        "inputEPCList": SOME,
        "outputEPCList": SOME,
        "inputQuantityList": PORTIONS,
        "outputQuantityList": PORTIONS,
        "transformationID": st.sampled_from(["urn:run:1", "urn:run:2"]),
    },
)
HAPPENING = st.tuples(
    st.one_of(_joining("Aggregation"), _joining("Association"), MAKING),
    st.sampled_from([MAKER, CARRIER]),
    st.sampled_from(["", "", "", "", "told twice", "declared", "declared in a document"]),
)


def _facts(happenings: list[tuple[dict[str, Any], str, str]]) -> tuple[list[Fact], dict[Ref, str]]:
    facts: dict[Ref, Fact] = {}
    declared: dict[Ref, str] = {}

    def add(body: dict[str, Any], member: str) -> Fact:
        made = fact(body, member)
        return facts.setdefault(made.ref, made)

    for members, member, fate in happenings:
        given_members = {name: value for name, value in members.items() if name not in ("kind", "at")}
        body = event(members["kind"], members["at"], **given_members)
        one = add(body, member)
        if fate == "told twice":
            add({**body, "eventID": "urn:uuid:again"}, CARRIER if member == MAKER else MAKER)
        elif fate == "declared":
            declared[one.ref] = "0x" + "cd" * 32
        elif fate:
            add({**body, "errorDeclaration": {"declarationTime": "2026-03-02T00:00:00Z"}}, member)
    return list(facts.values()), declared


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{Path(tmp_path_factory.mktemp('scratch')) / 'm.db'}", "NORMAL")
    schema.migrate(engine)
    yield engine
    engine.dispose()


def _agree(engine: Engine, facts: list[Fact], declared: dict[Ref, str]) -> None:
    with writing(engine) as session:
        for table in metadata.sorted_tables:
            session.execute(table.delete())
    record(engine, facts, declared)
    slow = SlowHistory(facts, declared)
    limits = Limits(depth=40)
    for start in [*THINGS, LOT]:
        uri, item_id = named(start)
        key = item_id or uri
        for up in (True, False):
            expected = slow.reached(uri, up)
            with reading(engine) as session:
                source = MirrorSource(session, limits.rows, {key: uri})
                by_mirror = walk(source, key, up, limits)
            by_facts = walk(FactSource(counted(facts, declared)), key, up, limits)
            assert by_mirror == by_facts, (start, up)
            found = {
                (source.name(thing), point)
                for thing, windows in by_mirror.windows.items()
                for point in slow.points
                if holds(windows, point)
            }
            assert found == expected, (start, up)
            assert by_mirror.truncated == []


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(happenings=st.lists(HAPPENING, min_size=1, max_size=12))
def test_random_histories_are_those_of_a_slow_replay(scratch: Engine, happenings: Any) -> None:
    note(str(happenings))
    _agree(scratch, *_facts(happenings))


@pytest.mark.deep
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(happenings=st.lists(HAPPENING, min_size=1, max_size=25))
def test_many_random_histories_are_those_of_a_slow_replay(scratch: Engine, happenings: Any) -> None:
    _agree(scratch, *_facts(happenings))


def test_random_histories_on_postgresql(mirror: Engine) -> None:
    """A few fixed ones on both databases."""
    cases = [
        [({"kind": "Aggregation", "at": 1, "parentID": CASE, "childEPCs": [ITEM, CONTAINER], "action": "ADD"},
          MAKER, "told twice"),
         ({"kind": "Aggregation", "at": 4, "parentID": CASE, "action": "DELETE"}, CARRIER, ""),
         ({"kind": "Transformation", "at": 2, "inputEPCList": [OTHER], "transformationID": "urn:run:1"},
          MAKER, ""),
         ({"kind": "Transformation", "at": 3, "outputEPCList": [ITEM], "transformationID": "urn:run:1"},
          CARRIER, "")],
        [({"kind": "Association", "at": 1, "parentID": CONTAINER, "childEPCs": [PALLET], "action": "ADD"},
          MAKER, "declared in a document"),
         ({"kind": "Association", "at": 2, "parentID": CONTAINER, "childEPCs": [PALLET], "action": "ADD"},
          MAKER, ""),
         ({"kind": "Aggregation", "at": 2, "parentID": PALLET, "childEPCs": [ITEM], "action": "OBSERVE"},
          CARRIER, "declared")],
    ]  # fmt: skip
    for happenings in cases:
        _agree(mirror, *_facts(happenings))
