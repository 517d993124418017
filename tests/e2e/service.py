"""A real `tradeseal up` in a process of its own, that tests kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import free_port

PATIENCE = 90.0


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition that processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def processes_of(home: Path) -> set[int]:
    """Every living process that has the folder in its command line."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(home).encode() in command and state != "Z":
            found.add(int(entry.name))
    return found


@dataclass
class Service:
    """`tradeseal up` on one home folder and port."""

    home: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """What commands need to talk to it."""
        return {
            **os.environ,
            "TRADESEAL_HOME": str(self.home),
            "TRADESEAL_PORT": str(self.port),
            "TRADESEAL_LOG_LEVEL": "WARNING",
        }

    def start(self) -> None:
        """Start it as the leader of a process group; its output goes to a file."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "up"],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def kill_parent(self) -> None:
        """SIGKILL to the serving process alone; what it started has to notice."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_everything(self) -> None:
        """SIGKILL to the whole process group and to whatever it started elsewhere, at once."""
        assert self.process is not None
        children = processes_of(self.home)
        os.killpg(self.process.pid, signal.SIGKILL)
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def stop(self) -> None:
        """End it as an operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def log(self) -> str:
        """What it said."""
        return (self.home / "up.log").read_text(encoding="utf-8", errors="replace")

    def record(self) -> dict[str, str]:
        """Where it says that it listens."""
        found: dict[str, str] = json.loads((self.home / "service.json").read_text(encoding="utf-8"))
        return found
