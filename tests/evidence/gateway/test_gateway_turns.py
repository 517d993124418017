"""A gateway that has nothing to do rests, and is up at once for what is accepted."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from chain.database import open_engine
from evidence.gateway import Effect, Gateway
from evidence.gateway.gateway import Pass
from evidence.gateway.migrations import upgrade_gateway
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import DOMAIN, MEMBER, NETWORK, ModelService

LONG = 90.0
"""Seconds of rest that no test waits for: it ends because of what happens, or the test hangs."""


class Turns:
    """Turns of one gateway in threads of their own; `resting` once they have made their pass."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.threads = ThreadPoolExecutor(2)

    def begin(self, soon_only: bool = False) -> "Future[Pass]":
        passed = threading.Event()
        pass_ = self.gateway.run_once

        def noted(*, soon_only: bool = False) -> Pass:
            done = pass_(soon_only=soon_only)
            passed.set()
            return done

        self.gateway.run_once = noted  # type: ignore[method-assign]  # to know when it rests
        turn = self.threads.submit(self.gateway.turn, LONG, soon_only=soon_only)
        assert passed.wait(60)
        self.gateway.run_once = pass_  # type: ignore[method-assign]
        return turn


@pytest.fixture
def turns(database_url: Callable[[str], str]) -> Iterator[Turns]:
    engine = open_engine(database_url("spool"))
    upgrade_gateway(engine)
    service = ModelService()
    made = Turns(
        Gateway(
            engine, service, service.key, DOMAIN, clock=lambda: service.now, network=NETWORK, member=MEMBER
        )
    )
    yield made
    made.threads.shutdown()
    engine.dispose()


def test_an_idle_gateway_is_up_for_the_first_event(turns: Turns) -> None:
    turn = turns.begin()
    turns.gateway.accept(docs.document(docs.commissioning("first")))
    assert turn.result(60) == Pass(False, None)
    assert turns.gateway.run_once().next_due == turns.gateway.limits.closing.age


@pytest.mark.parametrize("soon_only", [False, True])
def test_what_does_not_wait_for_company_ends_every_rest(turns: Turns, soon_only: bool) -> None:
    turn = turns.begin(soon_only)
    turns.gateway.accept_effect(docs.bare(docs.delivery()), Effect())
    assert turn.result(60).next_due is None
    assert turns.gateway.run_once(soon_only=True).busy


def test_the_thread_for_what_is_urgent_rests_on_where_something_may_wait(turns: Turns) -> None:
    turn = turns.begin(soon_only=True)
    turns.gateway.accept(docs.document(docs.commissioning("patient")))
    assert not turn.done()
    turns.gateway.accept(docs.document(docs.commissioning("cannot")), urgent=True)
    assert turn.result(60) == Pass(False, None)
