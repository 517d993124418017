"""A server process of the tests' own: ends with the test process, however that ends."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.conftest import ROOT
from tests.processes import end_with_parent, free_port

_TOOLS = ROOT / ".cache" / "go-tools"
_STARTS_WITHIN = 60


def binary(name: str, absent: str) -> Path:
    """A server that scripts/setup built; the test is skipped with that reason where it could not."""
    found = _TOOLS / name
    if not found.is_file():
        pytest.skip(absent)
    return found


class ServerProcess:
    """A program that serves on a port of 127.0.0.1, with a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tradeseal-server-"))
        self.port = free_port()
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        """Command line and environment that serve on `port`."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        command, environment = self.command()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=dict(environment),
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not start: {self._log.read_text()}") from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End it; what it kept stays."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it and remove what it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
