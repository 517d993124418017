"""What `tradeseal up` runs: chain, sender, mirror, keeper and API of one installation.

The embedded chain, and beside a PostgreSQL the mirror's indexer, are children that end with this process
however it ends; everything else is a thread.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Engine

from api.services import Services
from chain import anvil, deployment
from chain.database import open_engine
from chain.deploy import Plan, TokenPlan, check, deploy
from chain.deployment import Deployment
from chain.migrations import upgrade_outbox
from chain.rpc import Rpc
from chain.sender import Sender, SenderSettings
from cli.content import opened_vault
from cli.home import Home, HomeError
from cli.installation import write_trust
from cli.mirroring import POLL_SECONDS, ElsewhereIndexer, MirrorProcess
from cli.settings import Settings
from evidence.capture import CaptureService, Limits
from evidence.migrations import upgrade_evidence
from indexer.run import Indexer
from oracle.keeper import Keeper
from vault.replicated import ReplicatedStore

_log = logging.getLogger(__name__)

RELAYER = "relayer"
SEATS = ("council-1", "council-2", "council-3")
"""Keys of an embedded network's own council."""
EMBEDDED_THRESHOLD = 2
EMBEDDED_TOKEN = TokenPlan("TradeSeal Euro", "TSEUR", "EUR", 2, 9521307000018)
"""The embedded network's token; its issuer is the bank of the demonstration's story."""


@dataclass(frozen=True, slots=True)
class Databases:
    """Engines of one installation. Embedded, what must not be lost has a file of its own."""

    state: Engine
    mirror: Engine

    def dispose(self) -> None:
        """Close all connections."""
        self.state.dispose()
        self.mirror.dispose()


def open_databases(settings: Settings, home: Home) -> Databases:
    """Open and migrate the databases of an installation."""
    if settings.database is not None:
        shared = open_engine(settings.database)
        databases = Databases(shared, shared)
    else:
        databases = Databases(
            open_engine(home.database_url("state")),
            open_engine(home.database_url("mirror"), synchronous="NORMAL"),
        )
    upgrade_outbox(databases.state)
    upgrade_evidence(databases.state)
    return databases


def open_mirror(settings: Settings, home: Home) -> Engine:
    """The mirror's database alone, for commands that read it."""
    return open_engine(settings.database or home.database_url("mirror"), synchronous="NORMAL")


def _ensure_key(home: Home, name: str) -> str:
    if not home.has_key(name):
        home.create_key(name)
    return home.key_address(name)


def _network_of(
    home: Home, sender: Sender, rpc: Rpc, plan: Plan | None, progress: Callable[[str], None]
) -> Deployment:
    found = deployment.load(home.deployments, sender.identity)
    if found is None:
        if plan is None:
            raise HomeError(
                f"network {sender.identity}: no deployment is known here; "
                f"put its record into {home.deployments}, or run `tradeseal deploy`"
            )
        found = deploy(sender, plan, progress)
        check(found, sender.signer.address, rpc)
        deployment.save(home.deployments, found)
    return found


def _embedded(home: Home, relayer: str) -> anvil.AnvilProcess:
    """The embedded chain, on the port it had before where that is free: verifiers keep its URL."""
    before = urlsplit((home.read_service() or {}).get("rpcUrl", "")).port
    if before is not None:
        try:
            return anvil.start(home.chain, port=before, accounts=[relayer])
        except anvil.AnvilInUseError:
            raise
        except anvil.AnvilError as error:
            _log.info("embedded chain: port %d: %s; taking another", before, error)
    return anvil.start(home.chain, accounts=[relayer])


@contextmanager
def serving(
    settings: Settings, home: Home, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Services]:
    """Start everything but the HTTP server and give what it needs; stops it all at the end.

    Raises HomeError, AnvilError, SignerError, DeploymentError, and what the node raises.
    """
    with ExitStack() as stack:
        home.create()
        stack.enter_context(home.lock())
        relayer = _ensure_key(home, RELAYER)
        if settings.rpc_url is None:
            progress("starting the embedded chain")
            chain = stack.enter_context(_embedded(home, relayer))
            url, plan = (
                chain.url,
                Plan([_ensure_key(home, seat) for seat in SEATS], EMBEDDED_THRESHOLD, [EMBEDDED_TOKEN]),
            )
        else:
            url, plan = str(settings.rpc_url), None
        rpc = stack.enter_context(Rpc(url))
        databases = open_databases(settings, home)
        stack.callback(databases.dispose)
        store = stack.enter_context(opened_vault(settings, home))
        pace = SenderSettings(poll=0.05, lease_ttl=2.0)  # the home's lock already keeps others out
        sender = Sender(databases.state, rpc, home.signer(RELAYER), settings=pace)
        stop = threading.Event()
        workers: dict[str, threading.Thread] = {}

        def work(name: str, loop: Callable[[threading.Event], None]) -> None:
            workers[name] = threading.Thread(target=loop, args=(stop,), name=name, daemon=True)
            workers[name].start()

        def halt() -> None:
            stop.set()
            for thread in workers.values():
                thread.join(10)

        stack.callback(halt)
        work("sender", sender.run)
        network = _network_of(home, sender, rpc, plan, progress)
        write_trust(home, network)
        # beside a database server, the mirror's work goes on beside the API's, not between its requests
        elsewhere = settings.database is not None and databases.mirror.dialect.name == "postgresql"
        indexer = (ElsewhereIndexer if elsewhere else Indexer)(
            databases.mirror,
            rpc,
            network.all_addresses(),
            store,
            start_block=network.first_block,
            poll_seconds=POLL_SECONDS,
        )
        capture = CaptureService(
            databases.state,
            sender,
            rpc,
            network,
            store,
            mirror=databases.mirror,
            limits=Limits(body=settings.max_body),
        )
        work("captures", capture.run)
        indexer.run_once()
        if isinstance(indexer, ElsewhereIndexer):
            work("indexer", MirrorProcess(settings, home, url, network, indexer).run)
        else:
            work("indexer", indexer.run)
        if isinstance(store, ReplicatedStore):
            work("vault", store.run)
        work("keeper", Keeper(databases.mirror, rpc, sender, network).run)
        public = str(settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
        yield Services(
            deployment=network,
            rpc=rpc,
            sender=sender,
            mirror=databases.mirror,
            store=store,
            capture=capture,
            indexer=indexer,
            public_url=public,
            max_body=settings.max_body,
            workers=workers,
        )
