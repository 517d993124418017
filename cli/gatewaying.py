"""Running a member's gateway: opened from its folder, driven by a few threads, listening on one port."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from chain.database import open_engine
from chain.deployment import Deployment, DeploymentError
from chain.signers import SignerError
from cli.door import HttpDoor
from cli.failure import Exit, Failure
from cli.session import Session
from evidence.gateway import Gateway, GatewayLimits, SpoolError
from evidence.gateway.migrations import upgrade_gateway

_log = logging.getLogger(__name__)

_LOOKS_AGAIN: Final = 0.5
"""Seconds between looks at a spool for what others put into it: what is accepted here is known at once"""
_POSTING: Final = 2
"""Threads that post batches: while the service writes one to its disk it reads the next"""
_AFTER_FAILURE: Final = 2.0
_LEAST_TOKEN: Final = 16
_NETWORK_FILE: Final = "network.json"


@dataclass(frozen=True, slots=True)
class Network:
    """What a gateway must know to work while the service is away."""

    deployment: Deployment
    member: str
    service: str


def folder_of(session: Session, key: str, given: Path | None) -> Path:
    """The gateway's folder: the one given, else one of the key's name in the home folder."""
    return given or session.home.root / "gateway" / key


def network_of(session: Session, key: str, folder: Path) -> Network:
    """Asked of the service, and remembered for when it cannot be asked. Raises Failure."""
    path = folder / _NETWORK_FILE
    try:
        found = Network(session.network, f"{session.member_of(key).gln:013d}", session.api.base_url)
    except Failure as failure:
        if failure.code is not Exit.UNREACHABLE or not path.exists():
            raise
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            return Network(Deployment.from_json(known["network"]), known["member"], known["service"])
        except (KeyError, TypeError, ValueError, DeploymentError) as error:
            said = f"{path}: cannot be read ({error}), and the service cannot be asked: {failure}"
            raise Failure(said, Exit.UNREACHABLE) from None
    record = {
        "network": found.deployment.to_json(),
        "member": found.member,
        "service": found.service,
    }
    _remember(path, json.dumps(record))
    return found


def _remember(path: Path, text: str) -> None:
    """Write a file whole or not at all, also where the power fails; what it holds already is left alone."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _own(path: Path) -> None:
    """An SQLite file that only its owner reads, journals included: it holds documents, and seeds of salts."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


@contextmanager
def opened(
    session: Session, key: str, folder: Path, limits: GatewayLimits | None = None
) -> Iterator[Gateway]:
    """The gateway of a member's key, with its spool. Raises Failure."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    network = network_of(session, key, folder)
    url = session.settings.gateway_database
    if url is None:
        _own(folder / "spool.db")
        url = f"sqlite:///{folder / 'spool.db'}"
    engine = open_engine(url)
    door = HttpDoor(network.service)
    try:
        upgrade_gateway(engine)
        yield Gateway(
            engine,
            door,
            session.signer(key),
            network.deployment.domain("EventLedger"),
            network=str(network.deployment.identity),
            member=network.member,
            limits=limits,
        )
    except SpoolError as error:
        raise Failure(str(error), Exit.UNCHECKED) from None
    except DBAPIError as error:
        raise Failure(f"spool: {error.orig}", Exit.UNCHECKED) from None
    finally:
        door.close()
        engine.dispose()


def drive(gateway: Gateway, stop: threading.Event, soon_only: bool = False) -> None:
    """Passes until `stop`; whatever one fails with is logged, told by the status, and tried again."""
    me = threading.current_thread().name
    while not stop.is_set():
        try:
            gateway.turn(_LOOKS_AGAIN, soon_only=soon_only)
        except Exception as error:
            expected = isinstance(error, SQLAlchemyError | SignerError)
            # not what it was to store: that is the member's alone
            fault = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"
            gateway.faults[me] = fault
            _log.warning("gateway: %s; again in %.0f s", fault, _AFTER_FAILURE, exc_info=not expected)
            stop.wait(_AFTER_FAILURE)
            continue
        gateway.faults.pop(me, None)


def token_of(session: Session) -> str | None:
    """The token that the gateway asks for. Raises Failure for one that can be guessed."""
    secret = session.settings.gateway_token
    if secret is None:
        return None
    token = secret.get_secret_value().strip()
    if len(token) < _LEAST_TOKEN:
        raise Failure(
            f"TRADESEAL_GATEWAY_TOKEN: has {len(token)} characters, {_LEAST_TOKEN} are the least; "
            "unset it to listen on this machine alone",
            Exit.UNCHECKED,
        )
    return token


def address_of(listen: str, token: str | None) -> tuple[str, int]:
    """(host, port) to listen on. Raises Failure where others could reach it and no token is asked for."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise Failure(f"--listen {listen!r}: must be HOST:PORT", Exit.UNCHECKED)
    try:
        alone = ip_address(host).is_loopback
    except ValueError:
        alone = host == "localhost"
    if not alone and token is None:
        raise Failure(
            f"--listen {listen}: others than this machine can reach it; set TRADESEAL_GATEWAY_TOKEN first",
            Exit.UNCHECKED,
        )
    return host, int(port)


def serve(
    session: Session,
    key: str,
    listen: str,
    folder: Path,
    tell: Callable[[dict[str, Any]], None],
    limits: GatewayLimits | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; `tell` gets where it listens once it does. Raises Failure."""
    import uvicorn

    from api.gateway import create_gateway_app
    from cli.http import give_memory_back, keep_recursion_bounded, listen_on, take_short_turns

    token = token_of(session)
    host, port = address_of(listen, token)
    logging.basicConfig(
        level=session.settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    keep_recursion_bounded()
    take_short_turns()
    give_memory_back()
    # names are this machine's own only where they lead to it
    host = "127.0.0.1" if host == "localhost" else host
    with listen_on(host, port) as listener, opened(session, key, folder, limits) as gateway:
        stop = threading.Event()
        loops = [
            threading.Thread(target=drive, args=(gateway, stop, soon_only), daemon=True)
            for soon_only in (True, *[False] * _POSTING)
        ]
        config = uvicorn.Config(
            create_gateway_app(gateway, token),
            log_level=session.settings.log_level.lower(),
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        for loop in loops:
            loop.start()
        try:
            listener.listen()  # whoever reads where it is may ask at once
            bound = listener.getsockname()[1]
            shown = f"[{host}]" if ":" in host else host
            tell({"url": f"http://{shown}:{bound}", "member": gateway.spool.member, "spool": str(folder)})
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            stop.set()
            for loop in loops:
                loop.join(70)
