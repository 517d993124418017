"""The product's processes: each with engines, client and store of its own, killed and started again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.operations import Relayed, submit
from api.problems import Problem
from api.services import Services
from chain.errors import ChainError
from chain.operation import Operation
from chain.sender import Sender, SenderSettings
from evidence.capture import CaptureService
from evidence.documents import Refused
from evidence.errors import CaptureError
from evidence.job_proofs import event_proof
from evidence.signature_header import HeaderError
from indexer.ledger import IndexerError
from indexer.run import Indexer
from oracle.keeper import Keeper, Patience
from tests.simulation.boundary import Boundary, Killed, Weather
from tests.simulation.databases import Engines
from tests.simulation.faulty_rpc import FaultyRpc
from tests.simulation.faulty_vault import FaultyStore
from tests.simulation.lies import History
from tests.simulation.requests import Ask
from tests.simulation.scene import RELAYER, Scene
from vault.store import VaultError

FRIEND = "0x" + "11" * 20
"""who is paid"""
AWAY = (ChainError, SQLAlchemyError, OSError, VaultError, IndexerError)
"""what the product says when something it needs fails; anything else that escapes is a bug"""
REFUSALS = (CaptureError, Refused, HeaderError, Problem)


@dataclass
class World:
    """What the processes of one story share: the outside."""

    scene: Scene
    engines: Engines
    vault: Path
    url: str
    transport: httpx.BaseTransport
    history: History
    settings: SenderSettings
    max_span: int


class Bug(AssertionError):
    """The product did what it must never do."""


class Process:
    """One process; `step` starts it where it does not run, and else lets it work once."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.boundary = Boundary(name)
        self.running = False
        self.kills = 0
        self._engines: list[Engine] = []

    def step(self, seed: int, weather: Weather, kill_at: int = 0, kill_where: str = "") -> str:
        """What came of it, as text. Raises Bug for what the product may not do."""
        self.boundary.arm(seed, weather, kill_at, kill_where)
        return self.guarded(self.work)

    def guarded(self, act: Callable[[], str]) -> str:
        """Run something in this process, with what may happen to a process."""
        try:
            if not self.running:
                self.boundary.dead = False
                self._start()
                self.running = True
                return "started"
            return act()
        except Killed:
            self.kills += 1
            self.stop()
            return "killed"
        except AWAY as error:
            return f"{type(error).__name__}: {_first_line(error)}"
        except REFUSALS:
            raise
        except Exception as error:
            raise Bug(f"{self.name}: undocumented {type(error).__name__}: {error}") from error

    def stop(self) -> None:
        """Throw it away as a kill does: connections end, nothing is given back."""
        self.running = False
        for engine in self._engines:
            engine.dispose()
        self._engines = []

    def _start(self) -> None:
        for engine in self._engines:  # of a start that failed
            engine.dispose()
        self._engines = []
        self.start()

    def start(self) -> None:
        """Make everything anew on the same databases."""
        raise NotImplementedError

    def work(self) -> str:
        """One pass."""
        raise NotImplementedError

    # -- parts ---------------------------------------------------------------------------------------------

    def rpc(self) -> FaultyRpc:
        """A client of its own."""
        world = self.world
        return FaultyRpc(world.url, self.boundary, world.transport, world.history)

    def store(self) -> FaultyStore:
        """The vault."""
        return FaultyStore(self.world.vault, self.boundary)

    def state_db(self) -> Engine:
        """The service's database."""
        return self._engine("service")

    def mirror_db(self) -> Engine:
        """The mirror."""
        return self._engine("mirror")

    def _engine(self, database: str) -> Engine:
        engine = self.world.engines.of(self.name, database, self.boundary)
        self._engines.append(engine)
        return engine

    def sender(self) -> Sender:
        """As every process makes it that submits or sends."""
        identity = self.world.scene.deployment.identity
        return Sender(self.state_db(), self.rpc(), RELAYER, identity, self.world.settings)


class SendingProcess(Process):
    """Runs the durable sender."""

    def start(self) -> None:
        self._sender = self.sender()

    def work(self) -> str:
        busy = self._sender.run_once()
        return ("busy" if busy else "idle") if self._sender.leading else "waits for the lease"


class IndexingProcess(Process):
    """Runs the indexer."""

    def start(self) -> None:
        world = self.world
        self.indexer = Indexer(
            self.mirror_db(),
            self.rpc(),
            world.scene.deployment.all_addresses(),
            self.store(),
            start_block=world.scene.deployment.first_block,
            max_span=world.max_span,
        )

    def work(self) -> str:
        made = self.indexer.run_once()
        return (
            f"at {made.mirrored} of {made.latest}, {made.logs} logs, {made.contents} contents, "
            f"{made.rolled_back} back, {made.waiting} wait, {made.undecoded} undecoded"
        )


class KeepingProcess(Process):
    """Runs the keeper."""

    def start(self) -> None:
        world = self.world
        patience = Patience(tries=60, first_pause=1.0, longest_pause=30.0)
        self.keeper = Keeper(
            self.mirror_db(), self.rpc(), self.sender(), world.scene.deployment, patience=patience
        )

    def work(self) -> str:
        return f"submitted {self.keeper.run_once()}"


class ServingProcess(Process):
    """The service that members ask: captures, attestations, relayed requests."""

    def start(self) -> None:
        world = self.world
        self._rpc = self.rpc()
        self._sender = self.sender()
        self._store = self.store()
        self._mirror = self.mirror_db()
        self.service = CaptureService(
            self.state_db(), self._sender, self._rpc, world.scene.deployment, self._store, mirror=self._mirror
        )
        self.service.recover()

    def work(self) -> str:
        return f"recovered {self.service.recover()}"

    def proof(self, member: int, seal_id: str, kind: str | None, root: str | None) -> dict[str, Any] | None:
        """What the service gives for an event's proof; None without one."""
        return event_proof(self._mirror, member, seal_id, kind, root)

    def operation(self, operation_id: int) -> Operation:
        """A relayed request as it stands."""
        return self._sender.operation(operation_id)

    def answer(self, ask: Ask) -> str:
        """Do what a member asks, and tell it. Raises REFUSALS."""
        if ask.kind == "pay":
            key = f"pay {ask.number}/{ask.round}"
            made = self._sender.submit(FRIEND, b"", 4**ask.number, key=key, purpose="pay")
            ask.operations.append(made.id)
            return f"operation {made.id}"
        if ask.request is not None:
            if ask.issue is not None:
                self._store.put(ask.issue.manifest)
            to, data = ask.request.call(self.world.scene.deployment)
            services = cast(Services, SimpleNamespace(sender=self._sender, rpc=self._rpc))
            made = submit(services, Relayed(to, data, ask.kind))
            ask.operations.append(made.id)
            return f"operation {made.id}"
        service = self.service
        job = service.attest(ask.body) if ask.body else service.capture(ask.document, ask.header)
        ask.jobs.append(job.capture_id)
        return f"job {job.capture_id[:8]} {job.kind} {job.status}"


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:160]
