"""A PostgreSQL server of the tests' own, started from the machine's programs on a free port."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from chain.database import open_engine
from tests.processes import end_with_parent, free_port

_STARTS_WITHIN = 60


def _programs() -> Path | None:
    """Folder of `initdb` and `postgres`; Debian keeps one for each version, outside of the path."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


class PostgresServer:
    """A running server. `durable`: as in production; else nothing waits for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        programs = _programs()
        if programs is None:
            pytest.skip("PostgreSQL absent: apt-get install postgresql")
        # The server refuses to run as root, and its user cannot enter pytest's own folders.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="tradeseal-postgresql-"))
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        data = self._folder / "data"
        self._run(
            [programs / "initdb", "-D", data, "-U", "tradeseal", "-A", "trust", "--no-sync", "-E", "UTF8"]
        )
        self.port = free_port()
        careless = [] if durable else ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(
                        str(programs / "postgres"),
                        "-D",
                        str(data),
                        "-p",
                        str(self.port),
                        "-k",
                        str(self._folder),
                    ),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", *careless),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                user=self._user,
                preexec_fn=partial(end_with_parent, signal.SIGINT),
            )
        self._wait()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def _run(self, command: list[str | Path]) -> None:
        answer = subprocess.run(
            command, capture_output=True, text=True, cwd=self._folder, user=self._user, check=False
        )
        if answer.returncode:
            raise RuntimeError(f"{command[0]}: {answer.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            engine = open_engine(self._url("postgres"))
            try:
                with engine.connect():
                    return
            except OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start: {self._log.read_text()}") from None
                time.sleep(0.02)
            finally:
                engine.dispose()

    def _url(self, database: str) -> str:
        url = make_url("postgresql+psycopg://tradeseal@127.0.0.1").set(port=self.port, database=database)
        return url.render_as_string(hide_password=False)

    def fresh_database(self) -> str:
        """SQLAlchemy URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        admin = open_engine(self._url("postgres"))
        try:
            with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        finally:
            admin.dispose()
        return self._url(name)

    def close(self) -> None:
        """End the server and remove what it kept."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "PostgresServer":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
