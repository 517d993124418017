"""A process that runs a gateway, and kills itself with SIGKILL at the n-th point where a crash could hurt.

Points lie before and after: every commit of the spool, every signature, every request to the service.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import event

from chain.database import open_engine
from chain.deployment import Deployment
from cli.door import HttpDoor
from evidence.documents import read_document
from evidence.gateway import Bounds, Closing, Delivery, Effect, Gateway, GatewayLimits
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import MemberKey

LIMITS = GatewayLimits(
    Closing(events=4, age=0.02), Bounds(), Delivery(in_flight=3, poll=(0.02, 0.1), backoff=(0.05, 0.2))
)


class Crash:
    """Counts points; the chosen one is this process's last. 0: never."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0

    def point(self) -> None:
        """A place to die."""
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class CrashingDoor(HttpDoor):
    """A real door with a point before and after every request."""

    crash: Crash

    def _ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Any:
        self.crash.point()
        answer = super()._ask(method, path, content, headers)
        self.crash.point()
        return answer


class CrashingKey(MemberKey):
    """The member's key with a point before and after every signature."""

    crash: Crash

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        """EIP-712."""
        self.crash.point()
        signature = super().sign_typed(typed_data)
        self.crash.point()
        return signature


class ChildGateway(Gateway):
    """A gateway that can be closed."""

    door: CrashingDoor

    def close(self) -> None:
        """Close its connections."""
        self.door.close()
        self.spool.engine.dispose()


def open_gateway(
    database_url: str, service_url: str, network: dict[str, Any], member: str, at: int
) -> ChildGateway:
    """A gateway of the member, as a process makes it at its start."""
    crash = Crash(at)
    engine = open_engine(database_url)
    event.listen(engine, "commit", lambda _connection: crash.point())
    event.listen(engine, "checkin", lambda _connection, _record: crash.point())
    door = CrashingDoor(service_url)
    key = CrashingKey(b"evidence test key maker")
    door.crash = key.crash = crash
    deployment = Deployment.from_json(network)
    gateway = ChildGateway(
        engine,
        door,
        key,
        deployment.domain("EventLedger"),
        network=str(deployment.identity),
        member=member,
        limits=LIMITS,
    )
    gateway.door = door
    return gateway


def settle(gateway: Gateway, seconds: float = 60.0) -> None:
    """Passes until nothing waits. AssertionError after some seconds."""
    deadline = time.monotonic() + seconds
    while not gateway.idle:
        done = gateway.run_once()
        assert time.monotonic() < deadline, gateway.status()
        if not done.busy:
            time.sleep(min(done.next_due or 0.01, 0.1))


def tell_story(
    database_url: str,
    service_url: str,
    network: dict[str, Any],
    member: str,
    at: int,
    seed: int,
    acknowledged: str,
    story: str,
) -> None:
    """Submit a few documents between passes, then work until nothing waits; dies on the way.

    Items are named after the `story`. The file `acknowledged` gets the sealIds of events, 32 bytes each,
    once they are acknowledged.
    """
    random = Random(seed)
    gateway = open_gateway(database_url, service_url, network, member, at)
    with Path(acknowledged).open("ab", buffering=0) as file:
        for _ in range(random.randint(1, 3)):
            for one in submitted(gateway, random, story):
                file.write(one)
            if random.random() < 0.5:
                gateway.run_once()
    settle(gateway)


def submitted(gateway: Gateway, random: Random, story: str) -> list[bytes]:
    """Give a document of a few events, some of them given before, or one with an effect; their sealIds."""
    if random.random() < 0.2:
        unit = docs.delivery(time=f"2026-03-09T17:30:{random.randint(10, 59)}.{random.randint(100, 999)}Z")
        document = docs.bare({**unit, "eventTimeZoneOffset": "+00:00"})
        gateway.accept_effect(document, Effect())
    else:
        serials = random.sample(range(400), random.randint(1, 6))
        document = docs.document(*[docs.commissioning(f"{story}-{serial}") for serial in serials])
        gateway.accept(document, urgent=random.random() < 0.2)
    return [one.seal_id for one in read_document(document)]
