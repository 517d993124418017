"""Disasters that happen to real processes: children that work by themselves and end by SIGKILL.

What was killed when depends on the machine, so that a replay tells another story. What must hold in the
end is the same, and so is the comparison.
"""

import http.client
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import httpx

from chain.sender import SenderSettings
from tests.simulation.boundary import Weather
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.databases import Engines
from tests.simulation.lies import History
from tests.simulation.processes import (
    REFUSALS,
    Bug,
    IndexingProcess,
    KeepingProcess,
    Process,
    SendingProcess,
    ServingProcess,
    World,
)
from tests.simulation.requests import Ask
from tests.simulation.scene import Scene
from tests.simulation.story import Story

SETTINGS = SenderSettings(lease_ttl=0.5, resend_after=1.0, retry_after=0.2)
ROLES = ("service", "sender", "indexer", "keeper")
_CONTEXT = multiprocessing.get_context("fork")
"""everything is imported already: a real process each, in milliseconds"""
_monotonic, _sleep = time.monotonic, time.sleep


@dataclass(frozen=True)
class Place:
    """Where a child works. `urls`: of service, mirror and spool; `began`: monotonic time of the start."""

    scene: Scene
    urls: tuple[str, str, str]
    vault: Path
    node: str
    began: float


class _Urls:
    """Databases that somebody else filled."""

    def __init__(self, urls: tuple[str, str, str]) -> None:
        self._urls = urls

    def service_url(self) -> str:
        return self._urls[0]

    def mirror_url(self) -> str:
        return self._urls[1]

    def spool_url(self) -> str:
        return self._urls[2]

    def fill(self) -> None:
        raise NotImplementedError


class RunningClock(Clock):
    """A clock of the story's days that goes on by itself, the same in all processes of a machine."""

    def __init__(self, began: float) -> None:
        self._began = began

    @property
    def steady(self) -> int:
        return int((_monotonic() - self._began) * 1e9) + 10**9

    @property
    def wall(self) -> int:
        return EPOCH * 10**9 + self.steady

    def tick(self, seconds: float) -> None:
        """Who sleeps in a process of its own sleeps."""
        _sleep(seconds)


def work(role: str, place: Place, asks: list[Ask], said: str) -> None:
    """A child: one of ROLES, until it is killed. The service appends to file `said` what it acknowledged."""
    clock = RunningClock(place.began)
    engines = Engines(_Urls(place.urls))
    engines.clock = clock
    world = World(
        place.scene,
        engines,
        place.vault,
        place.node,
        httpx.HTTPTransport(),
        History(),
        SETTINGS,
        3,
    )
    kinds: dict[str, type[Process]] = {
        "service": ServingProcess,
        "sender": SendingProcess,
        "indexer": IndexingProcess,
        "keeper": KeepingProcess,
    }
    process = kinds[role](role, world)
    dice = Random(os.getpid())
    open_asks = list(asks)
    with clock.installed(dice):
        while True:
            if isinstance(process, ServingProcess) and process.running and open_asks:
                ask = open_asks.pop(0)
                if not _served(process, ask, Path(said)):
                    open_asks.append(ask)
            else:
                process.step(0, Weather())
            _sleep(0.01)


def _served(process: ServingProcess, ask: Ask, said: Path) -> bool:
    try:
        process.guarded(lambda: process.answer(ask))
    except REFUSALS:
        return not ask.valid
    known = [*ask.jobs[-1:], *(str(one) for one in ask.operations[-1:])]
    if known:
        with said.open("ab", buffering=0) as file:
            file.write(f"{ask.number} {known[0]}\n".encode())
    return bool(known)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Nothing: clients are killed."""


class FaultyProxy:
    """A node's port that refuses, cuts and spoils some of what goes through it."""

    def __init__(self, port: int, chance: float) -> None:
        dice = Random(port)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                luck = dice.random()
                if luck < chance / 3:
                    self._answer(503, b"")
                    return
                try:
                    node = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    node.request("POST", "/", body, {"Content-Type": "application/json"})
                    content = node.getresponse().read()
                    node.close()
                except (OSError, http.client.HTTPException):
                    self.close_connection = True
                    return
                if luck < 2 * chance / 3:
                    self.close_connection = True  # the answer is lost with the connection
                elif luck < chance:
                    self._answer(200, content[: len(content) // 2])
                else:
                    self._answer(200, content)

            def _answer(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def chaos(story: Story, urls: tuple[str, str, str], kills: int = 10) -> None:
    """What stands in for a story's drawn steps: children work, are killed and come back. Raises Bug."""
    began = _monotonic()
    clock = RunningClock(began)
    proxy = FaultyProxy(story.node.port, 0.03)
    place = Place(story.scene, urls, story.world.vault, proxy.url, began)
    children: dict[str, multiprocessing.process.BaseProcess] = {}
    said = story.world.vault.parent / "acknowledged"
    said.touch()

    def start(role: str) -> None:
        asks = [one for one in story.members.asks if one.kind != "gateway"]
        child = _CONTEXT.Process(target=work, args=(role, place, asks, str(said)), daemon=True)
        child.start()
        children[role] = child

    try:
        for _ in range(kills):
            story.clock.follow(clock)
            for _ in range(2):
                story.members.draw()
            for role in ROLES:
                if role not in children:
                    start(role)
            for _ in range(story.dice.randrange(3, 12)):
                _sleep(0.1)
                story.clock.follow(clock)
                story.node.mine()
            for role, child in list(children.items()):
                if not child.is_alive() and child.exitcode != -signal.SIGKILL:
                    raise Bug(f"{role} ended with {child.exitcode}")
            victim = story.dice.choice([*ROLES, "service", "sender"])
            children[victim].kill()
            children.pop(victim).join()
            story.told.kills += 1
            if story.dice.random() < 0.3:
                story.reorganise()
    finally:
        for child in children.values():
            child.kill()
            child.join()
        proxy.close()
    for line in said.read_text(encoding="utf-8").splitlines():
        number, name = line.split()
        ask = story.members.asks[int(number)]
        if not ask.valid:
            raise Bug(f"{ask} was acknowledged: {name}")
        ask.state = "acknowledged"
        if name.isdecimal() and len(name) < 32:
            ask.operations.append(int(name))
        else:
            ask.jobs.append(name)
