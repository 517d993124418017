"""What the `capture` bench runs, each a process: PostgreSQL, the service with its chain, and a gateway."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from cli.home import Home
from epcis.gs1 import check_digit
from tests.cli.program import tradeseal
from tests.postgresql import PostgresServer

_STARTS_WITHIN = 180.0
_COUNCIL = ("--as", "council-1", "--as", "council-2", "--execute")
_BODY = "950600000001"
MEMBER = _BODY + str(check_digit(_BODY))


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything under test. `processes`: by name, each with its children."""

    database_url: str
    gateway_url: str
    service_url: str
    processes: dict[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """CPU that each has used so far; of the service, its children by themselves."""
        used = {name: sum(map(_cpu, _family(process))) for name, process in self._others().items()}
        service = self.processes["service"]
        return (
            used | {name: _cpu(one) for name, one in self._of_service().items()} | {"service": _cpu(service)}
        )

    def rss_mib(self) -> dict[str, float]:
        """Resident memory of what is ours."""
        ours = {name: self.processes[name] for name in ("service", "gateway")} | self._of_service()
        ours.pop("chain", None)
        return {name: float(process.memory_info().rss) / 2**20 for name, process in ours.items()}

    def _others(self) -> dict[str, psutil.Process]:
        """Without the feeder's children, which are the others."""
        return {name: one for name, one in self.processes.items() if name != "service"}

    def _of_service(self) -> dict[str, psutil.Process]:
        """Its mirror and its chain."""
        found: dict[str, psutil.Process] = {}
        for child in self.processes["service"].children(recursive=True):
            line = " ".join(child.cmdline())
            if "cli.mirroring" in line:
                found["mirror"] = child
            elif child.name().startswith("anvil"):
                found["chain"] = child
        return found


def _family(process: psutil.Process) -> list[psutil.Process]:
    own = psutil.Process().pid  # whose children are the others
    return [process] if process.pid == own else [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def running(folder: Path) -> Iterator[Setting]:
    """All of it, with one member admitted; ended in order."""
    with ExitStack() as stack:
        postgresql = stack.enter_context(PostgresServer(durable=True))
        url = postgresql.fresh_database()
        home = folder / "home"
        environment = {
            **os.environ,
            "TRADESEAL_HOME": str(home),
            "TRADESEAL_PORT": "0",
            "TRADESEAL_DATABASE": url,
            "TRADESEAL_LOG_LEVEL": "WARNING",
        }
        for name in ("TRADESEAL_HOME", "TRADESEAL_DATABASE"):
            before = os.environ.get(name)
            os.environ[name] = environment[name]
            stack.callback(_restore, name, before)
        service = stack.enter_context(_program(environment, folder / "service.log", "up"))
        record = _wait(service, folder / "service.log", lambda: _healthy(home))
        _done("key", "new", "maker")
        _done(
            *("council", "propose", "admit", MEMBER, "--name", "The maker", "--country", "DE"),
            *("--role", "MAKER", "--key", "maker", *_COUNCIL),
        )
        said = folder / "gateway.json"
        gateway = stack.enter_context(
            _program(
                environment,
                folder / "gateway.log",
                *("gateway", "run", "--as", "maker", "--listen", "127.0.0.1:0", "--json"),
                stdout=said,
            )
        )
        where = _wait(gateway, folder / "gateway.log", lambda: _json(said))
        yield Setting(
            database_url=url,
            gateway_url=where["url"],
            service_url=record["url"],
            processes={
                "service": psutil.Process(service.pid),
                "gateway": psutil.Process(gateway.pid),
                "postgresql": psutil.Process(postgresql.pid),
                "feeder": psutil.Process(),
            },
        )


def _restore(name: str, before: str | None) -> None:
    if before is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = before


@contextmanager
def _program(
    environment: dict[str, str], log: Path, *arguments: str, stdout: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", "from cli.main import run; run()", *arguments]
    with log.open("ab") as errors, (stdout or log).open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=errors)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(
    process: "subprocess.Popen[bytes]", log: Path, ready: Callable[[], dict[str, Any] | None]
) -> dict[str, Any]:
    deadline = time.monotonic() + _STARTS_WITHIN
    while (found := ready()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"does not start: {log.read_text()[-3000:]}")
        time.sleep(0.1)
    return found


def _healthy(home: Path) -> dict[str, Any] | None:
    service = Home(home).read_service()
    if service is None:
        return None
    try:
        healthy = httpx.get(f"{service['url']}/health", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return None
    return service if healthy else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found


def _done(*arguments: str) -> None:
    found = tradeseal(*arguments, "--json")
    if found.code != 0:
        raise RuntimeError(f"{arguments}: {found.err}{found.out}")
