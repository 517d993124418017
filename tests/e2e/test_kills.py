"""Rule 2: a service killed at random moments of the story loses nothing acknowledged and doubles nothing."""

import os
import random
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import select

from chain import deployment
from chain.bindings import fiat_token
from chain.database import open_engine, reading
from chain.operation import ChainIdentity, Status
from chain.outbox import Outbox
from chain.outbox_tables import AccountRow
from chain.rpc import Rpc
from cli.home import Home
from cli.session import Session
from cli.settings import Settings
from cli.story.cast import BUYER, CAST, MAKER, PRICE
from cli.story.story import Story, Told
from evidence.audit import audit
from indexer import read
from tests.e2e.service import PATIENCE, Service, processes_of, until
from vault.store import LocalStore

SEED = int(os.environ.get("TRADESEAL_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("TRADESEAL_KILLS", "3"))


class Client(Session):
    """The story's session, for one service."""

    def __init__(self, service: Service) -> None:
        self.settings = Settings(home=service.home, port=service.port)


class Telling(threading.Thread):
    """The story told beside the kills; waits out a service that is away."""

    def __init__(self, session: Session) -> None:
        super().__init__(daemon=True)
        self.steps: list[str] = []
        self.told: Told | None = None
        self.problem: BaseException | None = None
        self._session = session

    def run(self) -> None:
        try:
            story = Story(self._session, lambda heading, _: self.steps.append(heading), patience=PATIENCE)
            self.told = story.tell()
        except BaseException as problem:
            self.problem = problem
        finally:
            self._session.api.close()


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [False, True], ids=["parent alone", "whole group"])
def test_rule_2_a_killed_service_goes_on_where_it_was(tmp_path: Path, whole_group: bool) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    dice = random.Random(SEED + whole_group)
    service = Service(tmp_path / "home")
    service.start()
    until(lambda: (service.home / "service.json").exists(), "the service's first start")
    telling = Telling(Client(service))
    telling.start()
    try:
        for number in range(KILLS):
            pause = threading.Event()
            pause.wait(dice.uniform(0.2, 6.0))
            (service.kill_everything if whole_group else service.kill_parent)()
            until(lambda: not processes_of(service.home), f"orphans of kill {number} to end")
            service.start()
        telling.join(4 * PATIENCE)
        assert telling.problem is None, f"{telling.problem!r} after {telling.steps}\n{service.log()[-3000:]}"
        assert telling.told is not None, f"the story stopped after {telling.steps}\n{service.log()[-3000:]}"
        _check(service, telling.told)
    finally:
        service.stop()
    until(lambda: not processes_of(service.home), "the service's processes to end")


def _check(service: Service, told: Told) -> None:
    home = Home(service.home)
    record = service.record()
    mirror = open_engine(home.database_url("mirror"))
    state = open_engine(home.database_url("state"))
    try:
        with Rpc(record["rpcUrl"]) as rpc:
            identity = ChainIdentity(rpc.chain_id(), rpc.first_block_hash())
            network = deployment.load(home.deployments, identity)
            assert network is not None
            assert audit(network, rpc, mirror, LocalStore(home.vault)).findings == ()
            token = fiat_token.FiatToken(network.address("EUR"), rpc)
            session = Client(service)
            assert token.total_supply() == PRICE
            assert token.balance_of(session.address_of(f"{MAKER.key}-account")) == PRICE
            assert token.balance_of(session.address_of(f"{BUYER.key}-account")) == 0
        with reading(mirror) as rows:
            assert len(read.members(rows)) == len(CAST)
            history = read.item_history(rows, told.item)
            order = read.order(rows, told.order)
        assert order is not None
        assert [step.name for step in order.history].count("OrderClosed") == 1
        seals = Counter((event.member, event.seal_id) for event in history.events)
        assert set(seals.values()) == {1}
        assert [len(event.proofs) for event in history.events] == [1] * len(history.events)
        with reading(state) as rows:
            account = rows.exec(select(AccountRow)).one()
        operations = Outbox(state, identity, account.address).operations()
        assert {operation.status for operation in operations} == {Status.MINED}
        assert len({operation.nonce for operation in operations}) == len(operations)
    finally:
        mirror.dispose()
        state.dispose()
