"""What a peer is given to do, and how its time is taken."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SETUP = Path(__file__).resolve().parents[3] / ".cache" / "bench-peers"


class PeerError(Exception):
    """A peer that could not be set up or did not finish; the message says how it failed."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event to index, as the ABI has it; `table` holds its rows, in the peer's spelling of columns."""

    contract: str
    address: str
    abi: Mapping[str, Any]
    rows: int
    """that must be there at the end"""

    @property
    def name(self) -> str:
        return str(self.abi["name"])

    @property
    def table(self) -> str:
        return f"{self.contract}{self.name}"

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Name and Solidity type, in order."""
        return [(one["name"], one["type"]) for one in self.abi["inputs"]]


@dataclass(frozen=True, slots=True)
class Task:
    """Events of one chain up to its newest block; `database` is a libpq URL of an empty database."""

    url: str
    chain_id: int
    first_block: int
    last_block: int
    events: Sequence[Event]
    database: str

    @property
    def rows(self) -> int:
        """Of all events."""
        return sum(event.rows for event in self.events)


def install(folder: Path, command: Sequence[str], stamp: str) -> None:
    """Run a set-up command in a folder unless it was run for the same stamp. Raises PeerError."""
    done = folder / "set-up"
    if done.exists() and done.read_text(encoding="utf-8") == stamp:
        return
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerError(f"{command[0]} cannot be run: {error.strerror}") from error
    if answer.returncode:
        tail = (answer.stdout + answer.stderr).strip()[-2000:]
        raise PeerError(f"{' '.join(command)} ended with {answer.returncode}: {tail}")
    done.write_text(stamp, encoding="utf-8")


def timed(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    task: Task,
    started: str,
    tables: Sequence[tuple[str, str]],
    limit: float = 900,
) -> float:
    """Seconds from the line in the output that holds `started` until all rows are in the tables.

    `tables`: schema and name of the peer's tables of these events. Starting the process does not count.
    Raises PeerError.
    """
    if not Path(command[0]).exists():
        raise PeerError(f"{command[0]} is not there after its set-up")
    output = folder / "output.log"
    query = sql.SQL("SELECT {}").format(
        sql.SQL(" + ").join(
            sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(schema, table))
            for schema, table in tables
        )
    )
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    begin: float | None = None
    deadline = time.monotonic() + limit
    try:
        with psycopg.connect(task.database, autocommit=True) as connection:
            while True:
                if begin is None and started.encode() in output.read_bytes():
                    begin = time.monotonic()
                if begin is not None and _count(connection, query) >= task.rows:
                    return time.monotonic() - begin
                if process.poll() is not None or time.monotonic() > deadline:
                    why = "did not finish" if process.poll() is None else f"ended with {process.poll()}"
                    tail = output.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise PeerError(f"{command[0]} {why} at {_count(connection, query)} rows: {tail}")
                time.sleep(0.05)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it and its children; it may have ended by itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _count(connection: "psycopg.Connection[Any]", query: sql.Composed) -> int:
    try:
        row = connection.execute(query).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return 0
    return 0 if row is None else int(row[0])
