"""Any sequence of submissions, failures, restarts and waits: acknowledged is anchored once, and counted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from chain.database import open_engine, reading
from epcis.sealed import Sealed
from evidence.documents import read_document
from evidence.gateway import Bounds, Closing, Delivery, GatewayLimits, SpoolFull
from evidence.gateway.intake import Lane
from evidence.gateway.migrations import upgrade_gateway
from evidence.gateway.tables import EVENT, METADATA
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import holds
from tests.evidence.gateway.test_gateway import Scene

pytestmark = pytest.mark.slow

LIMITS = GatewayLimits(
    Closing(events=4, size=1_500, age=1.0),
    Bounds(events=30),
    Delivery(in_flight=2, poll=(0.1, 0.2), backoff=(0.5, 2.0), deadline=100, deadline_margin=40),
)
SERIALS = st.lists(st.integers(0, 40), min_size=1, max_size=8, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), SERIALS),
        st.tuples(st.just("urgent"), SERIALS),
        st.tuples(st.just("refuse"), st.integers(0, 40)),
        st.tuples(st.just("pass"), st.integers(1, 4)),
        st.tuples(st.just("wait"), st.floats(0.1, 200)),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
        st.tuples(st.just("takes"), st.integers(1, 6)),
    ),
    max_size=25,
)


def sealed(serial: int) -> Sealed:
    return read_document(docs.document(docs.commissioning(f"any-{serial}")))[0]


SEALED = [sealed(serial) for serial in range(41)]


@contextmanager
def fresh_scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'spool.db'}", synchronous="NORMAL")
        upgrade_gateway(engine)
        scene = Scene(engine)
        scene.open(LIMITS)
        yield scene
        engine.dispose()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_acknowledged_is_anchored_once_or_refused(steps: list[tuple[str, object]]) -> None:
    with fresh_scene() as scene:
        acknowledged: set[int] = set()
        for name, value in steps:
            _do(scene, name, value, acknowledged)
            _bounded(scene)
        scene.service.away = False
        scene.settle()
        anchored = [one for leaves in scene.service.anchored.values() for one in leaves]
        assert len(anchored) == len(set(anchored)), "anchored once"
        for serial in acknowledged:
            found = scene.gateway.event(SEALED[serial].seal_id)
            assert found is not None
            assert (found.state == "final") == (SEALED[serial].seal_id in anchored)
            assert found.state == "final" or found.refusal == "is bad"
            if found.state == "final":
                proof = scene.gateway.proof(SEALED[serial].seal_id)
                assert proof is not None
                assert holds(proof, scene.service.anchored)
        status = scene.gateway.status()
        assert (status["waitingEvents"], status["waitingBytes"], status["accepted"]) == (0, 0, 0)


def _do(scene: Scene, name: str, value: object, acknowledged: set[int]) -> None:
    service = scene.service
    if name in ("submit", "urgent"):
        assert isinstance(value, list)
        body = docs.document(*[docs.commissioning(f"any-{serial}") for serial in value])
        try:
            scene.gateway.accept(body, urgent=name == "urgent")
        except SpoolFull:
            return
        acknowledged.update(value)
    elif name == "refuse":
        assert isinstance(value, int)
        if not any(SEALED[value].seal_id in leaves for leaves in service.anchored.values()):
            service.bad[SEALED[value].seal_id] = "is bad"
    elif name == "pass":
        assert isinstance(value, int)
        for _ in range(value):
            scene.gateway.run_once()
    elif name == "wait":
        assert isinstance(value, float)
        service.now += value
    elif name == "away":
        service.away = bool(value)
    elif name == "restart":
        scene.open(LIMITS)
    elif name == "fail":
        service.fails.append("the call reverted")
    elif name == "takes":
        assert isinstance(value, int)
        service.most_events = value


def _bounded(scene: Scene) -> None:
    """Batches keep to size and number, and the counters to the rows."""
    batches = scene.gateway.batches.waiting_for(("batched", "signed", "delivered"), list(Lane))
    assert all(one.size <= 4 and (one.bytes <= 1_500 or one.size == 1) for one in batches)
    assert len(batches) <= 4, "two in each of the lanes for batches"
    status = scene.gateway.status()
    assert status["waitingEvents"] <= 30
    with reading(scene.engine) as session:
        events = session.execute(select(func.count()).select_from(EVENT)).scalar_one()
    assert events == status["waitingEvents"] + status["final"] + status["refused"]


def test_the_tables_are_what_the_migrations_make() -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with fresh_scene() as scene, scene.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "alembic_version_gateway"})
        assert compare_metadata(context, METADATA) == []
