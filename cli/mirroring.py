"""The mirror's indexer in a process of its own: reading content and answering requests take no turns then.

The service starts it where the mirror is on a database server, hears how it is doing, and starts it again
should it end. It ends with the service, however that ends: its standard input is closed then.
"""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, Final

from chain.database import open_engine
from chain.deployment import Deployment
from chain.rpc import Rpc
from cli.content import opened_vault
from cli.home import Home
from cli.settings import Settings
from indexer.health import MirrorHealth
from indexer.ledger import DifferentChainError
from indexer.run import Indexer

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.2
_TELL_EVERY: Final = 0.25
_ENDS_WITHIN: Final = 10.0
_AGAIN_AFTER: Final = (0.5, 30.0)
"""Seconds until it is started again: at first, at most."""
_OTHER_CHAIN: Final = 3
"""Exit code: the mirror belongs to another chain, which no new start mends."""


class ElsewhereIndexer(Indexer):
    """An indexer of this process, to wait for blocks with, that tells how the other process's is doing."""

    other: MirrorHealth | None = None

    @property
    def last_error(self) -> str | None:
        """What the other's last pass failed with; None while it succeeds."""
        return self.health().last_error

    def health(self) -> MirrorHealth:
        """How the other one is doing, as it last said."""
        return self.other or super().health()


class MirrorProcess:
    """Starts the process, and again where it ends."""

    def __init__(
        self, settings: Settings, home: Home, rpc_url: str, network: Deployment, indexer: ElsewhereIndexer
    ) -> None:
        secret = settings.ipfs_authorization
        self._home = str(home.root)
        self._given = {
            "home": self._home,
            "rpc": rpc_url,
            "addresses": network.all_addresses(),
            "startBlock": network.first_block,
            "settings": {
                "database": settings.database,
                "vault": settings.vault,
                "vault_acknowledge": settings.vault_acknowledge,
                "ipfs_authorization": None if secret is None else secret.get_secret_value(),
                "log_level": settings.log_level,
            },
        }
        self._indexer = indexer

    def run(self, stop: threading.Event) -> None:
        """Keep it running until `stop`. Raises DifferentChainError."""
        pause = _AGAIN_AFTER[0]
        while not stop.is_set():
            started = time.monotonic()
            code = self._once(stop)
            if code == _OTHER_CHAIN:
                raise DifferentChainError("mirror: belongs to another chain")
            if stop.is_set():
                return
            _log.warning("mirror process ended with %s; starting it again", code)
            # until the next one tells: what the last one said of itself is not how it stands
            said = self._indexer.health()
            self._indexer.other = replace(said, last_error=f"mirror process ended with {code}")
            pause = _AGAIN_AFTER[0] if time.monotonic() - started > pause else min(2 * pause, _AGAIN_AFTER[1])
            stop.wait(pause)

    def _once(self, stop: threading.Event) -> int:
        command = [sys.executable, "-m", "cli.mirroring", self._home]  # whose it is, for who lists processes
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None  # noqa: S101 - as asked for
            assert process.stdout is not None  # noqa: S101
            try:
                process.stdin.write(json.dumps(self._given).encode() + b"\n")
                process.stdin.flush()
                self._listen(process.stdout, stop)
            except BrokenPipeError:
                pass  # it ended at once; its code says why
            finally:
                process.stdin.close()
                try:
                    process.wait(_ENDS_WITHIN)
                except subprocess.TimeoutExpired:
                    process.kill()
            return process.wait()

    def _listen(self, told: IO[bytes], stop: threading.Event) -> None:
        descriptor = told.fileno()
        waiting = b""
        while not stop.is_set():
            if not select.select([descriptor], [], [], _TELL_EVERY)[0]:
                continue
            part = os.read(descriptor, 1 << 16)
            if not part:
                return
            *lines, waiting = (waiting + part).split(b"\n")
            if lines:
                self._indexer.other = MirrorHealth(**json.loads(lines[-1]))


def main() -> None:
    """The process itself: what to mirror is the first line of its input; it ends where that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this
    given = json.loads(sys.stdin.readline())
    settings = Settings(**given["settings"])
    from cli.http import give_memory_back, keep_recursion_bounded, take_short_turns

    keep_recursion_bounded()
    take_short_turns()
    give_memory_back()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    stop = threading.Event()
    threading.Thread(target=_end_with_input, args=(stop,), daemon=True).start()
    sys.exit(_mirror(settings, given, stop))


def _end_with_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
    time.sleep(_ENDS_WITHIN)
    os._exit(1)


def _mirror(settings: Settings, given: Mapping[str, Any], stop: threading.Event) -> int:
    assert settings.database is not None  # noqa: S101 - it is started with one alone
    engine = open_engine(settings.database)
    with opened_vault(settings, Home(Path(given["home"]))) as store, Rpc(given["rpc"]) as rpc:
        indexer = Indexer(
            engine,
            rpc,
            given["addresses"],
            store,
            start_block=given["startBlock"],
            poll_seconds=POLL_SECONDS,
        )
        codes: list[int] = []

        def work() -> None:
            try:
                indexer.run(stop)
                codes.append(0)
            except DifferentChainError as error:
                _log.error("%s", error)
                codes.append(_OTHER_CHAIN)

        worker = threading.Thread(target=work, name="indexer", daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(_TELL_EVERY)
            try:
                print(json.dumps(asdict(indexer.health())), flush=True)
            except BrokenPipeError:
                os._exit(1)  # nobody hears it any more
    engine.dispose()
    return codes[0] if codes else 1


if __name__ == "__main__":
    main()
