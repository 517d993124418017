"""A process that sends, and kills itself with SIGKILL at the n-th point where a crash could hurt.

Points lie before and after: every commit, every signature, every request to the node.
"""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from chain.database import open_engine
from chain.rpc import Rpc
from chain.sender import Sender, SenderSettings
from chain.signers import EnvironmentSigner
from tests.chain.sending.anvil_node import KEY

FRIEND = "0x" + "11" * 20
STORY = 6
SETTINGS = SenderSettings(lease_ttl=0.5, poll=0.01, idle_poll=0.02)


class Crash:
    """Counts points; the chosen one is this process's last."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class CrashingRpc(Rpc):
    """A real client with a point before and after every request."""

    crash: Crash

    def _post(self, method: str, body: object) -> object:
        self.crash.point()
        answer = super()._post(method, body)
        self.crash.point()
        return answer


class CrashingSigner(EnvironmentSigner):
    """A real signer with a point before and after every transaction it signs."""

    crash: Crash

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        self.crash.point()
        raw = super().sign_transaction(transaction)
        self.crash.point()
        return raw


def watch_commits(engine: Engine, crash: Crash) -> None:
    """A point before every commit, and one after it (when the connection goes back to the pool)."""
    event.listen(engine, "commit", lambda _connection: crash.point())
    event.listen(engine, "checkin", lambda _connection, _record: crash.point())


def tell_story(database_url: str, rpc_url: str, crash_at: int, acknowledged: str) -> None:
    """Submit the story, then send until the chain has all of it. `crash_at` 0: never.

    The file `acknowledged` gets a byte for each request that was acknowledged.
    """
    sender = _sender(database_url, rpc_url, crash_at)
    with Path(acknowledged).open("ab", buffering=0) as file:
        for number in range(STORY):
            sender.submit(FRIEND, b"", 4**number, key=f"pay {number}", purpose="pay")
            file.write(bytes([number]))
    while sender.run_once() or not sender.leading:
        pass


def send_until_killed(database_url: str, rpc_url: str) -> None:
    """Send whatever anybody submits."""
    _sender(database_url, rpc_url, 0).run(threading.Event())


def _sender(database_url: str, rpc_url: str, crash_at: int) -> Sender:
    crash = Crash(crash_at)
    engine = open_engine(database_url)
    watch_commits(engine, crash)
    rpc = CrashingRpc(rpc_url, timeout=10)
    rpc.crash = crash
    os.environ["TEST_KEY"] = KEY
    signer = CrashingSigner("TEST_KEY")
    signer.crash = crash
    return Sender(engine, rpc, signer, settings=SETTINGS)
