"""The HTTP server of an installation: one port, bound before anything is promised about it."""

import ctypes
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cli.failure import Failure
from cli.home import Home
from cli.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from api.services import Services


_MALLOC: Final = {-8: 2, -3: 256 * 1024, -1: 1024 * 1024}
"""M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of mallopt(3)"""


def listen_on(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises Failure."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Failure(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def take_short_turns() -> None:
    """Let threads that wait for a disk or a database go on soon, also while others compute.

    Who computes is asked to give way after 1 ms instead of 5: a step of twenty short waits, as the sender's
    are, would take 0.1 s otherwise.
    """
    sys.setswitchinterval(0.001)


def give_memory_back() -> None:
    """Have glibc return large buffers to the system when they are freed; other C libraries do as they do.

    By default it raises the size from which it does so up to 32 MiB, and gives each thread a heap of its own:
    documents and batches, a few MiB each, leave holes then, of which more and more add up. See mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in _MALLOC.items():
        mallopt(parameter, value)


def keep_recursion_bounded() -> None:
    """py_ecc, below eth_account, raises the recursion limit so far that deep input could crash us."""
    limit = sys.getrecursionlimit()
    import eth_account  # noqa: F401 - the relayer needs it anyway; what it does to the limit is done now

    sys.setrecursionlimit(limit)


def _missing_coins(services: "Services") -> str | None:
    from chain.errors import ChainError
    from cli.funds import missing_coins

    try:
        return missing_coins(services.rpc, services.sender.signer.address)
    except ChainError:  # which is no reason not to serve
        return None


def serve(
    settings: Settings,
    home: Home,
    progress: Callable[[str], None],
    beside: Callable[[], bool] | None = None,
) -> None:
    """Start everything and serve until SIGINT or SIGTERM. Raises what `cli.node.serving` raises.

    `beside` runs in a thread of its own while the server serves; the server stops where it gives False.
    """
    import uvicorn

    from api.app import create_app
    from cli.node import serving

    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It would log every call to the node, and the key that some nodes have in their URL.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for chatty in ("httpx", "alembic"):  # a line for each question to the node, for each look at a schema
        logging.getLogger(chatty).setLevel(logging.WARNING)
    keep_recursion_bounded()
    take_short_turns()
    give_memory_back()
    # A signal that comes while things start ends them in order, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with listen_on(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        bound = settings.model_copy(update={"port": port})
        with serving(bound, home, progress) as services:
            url = f"http://{settings.host}:{port}"
            server = uvicorn.Server(
                uvicorn.Config(
                    create_app(services),
                    log_level=settings.log_level.lower(),
                    access_log=False,
                    timeout_graceful_shutdown=5,
                    server_header=False,
                )
            )
            node = services.rpc.node if settings.rpc_url is None else str(settings.rpc_url)
            home.write_service({"url": url, "publicUrl": services.public_url, "rpcUrl": node})
            if settings.rpc_url is not None and (missing := _missing_coins(services)) is not None:
                progress(f"warning: {missing}")
            progress(f"serving {url}")
            if beside is not None:
                threading.Thread(target=_run_beside, args=(server, beside), daemon=True).start()
            server.run(sockets=[listener])


def _run_beside(server: "uvicorn.Server", beside: Callable[[], bool]) -> None:
    stay = False
    try:
        stay = beside()
    finally:
        server.should_exit = server.should_exit or not stay
