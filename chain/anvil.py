"""The embedded chain: one Anvil process on this machine, with its state kept in a folder.

Blocks are mined when a transaction arrives, and every 15 seconds without one, so that block time moves on.
After a hard kill of all its processes the last moments may be missing: a reorganisation like any other.
"""

import fcntl
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from chain.toolchain import NODE_MODULES

HEARTBEAT_SECONDS = 15
FUNDS = 10**27
"""Wei that every funded account has after each start: gas is no matter of money here."""

_SUPERVISOR = Path(__file__).resolve().with_name("anvil_supervisor.py")
_PORT_TRIES = 5
_RELEASE_SECONDS = 10.0
_STOP_SECONDS = 60.0


class AnvilError(RuntimeError):
    """The embedded chain cannot be found, started or reached."""


class AnvilInUseError(AnvilError):
    """Another live process runs the chain of this folder."""


def find_binary() -> Path:
    """Anvil's executable: TRADESEAL_ANVIL, else the pinned npm package, else on PATH. Raises AnvilError."""
    named = os.environ.get("TRADESEAL_ANVIL")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise AnvilError(f"TRADESEAL_ANVIL: no executable at {named}")
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "unknown")
    packaged = NODE_MODULES / "@foundry-rs" / f"anvil-{sys.platform}-{machine}" / "bin" / "anvil"
    if os.access(packaged, os.X_OK):
        return packaged
    on_path = shutil.which("anvil")
    if on_path:
        return Path(on_path)
    raise AnvilError("Anvil not found: run ./scripts/setup, set TRADESEAL_ANVIL, or use an external RPC URL")


@dataclass
class AnvilProcess:
    """A running embedded chain. `pid` is Anvil's own; use as a context manager, or call `stop`."""

    url: str
    chain_id: int
    pid: int
    data_dir: Path
    _supervisor: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether the chain still runs."""
        return self._supervisor.poll() is None

    def fund(self, accounts: Iterable[str], wei: int = FUNDS) -> None:
        """Set the balance of accounts. Raises AnvilError where the chain does not answer."""
        for account in accounts:
            _ask(self.url, "anvil_setBalance", account, hex(wei))

    def stop(self) -> None:
        """Save the state, end the chain and wait for it; nothing that was mined is lost."""
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
        try:
            self._supervisor.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The kernel ends Anvil with it; the state saved last is whole.
            self._supervisor.kill()
            self._supervisor.wait()
        if self._supervisor.stdout is not None:
            self._supervisor.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ask(url: str, method: str, *parameters: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own URL
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise AnvilError(f"{method} at {url}: {error}") from error
    if "result" not in answer:
        raise AnvilError(f"{method} at {url}: {answer.get('error')}")
    return answer["result"]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@dataclass(frozen=True)
class _Network:
    """What makes a chain itself. Anvil makes a first block anew at every start, beside the saved one: they
    are one block only if the time in it is the same."""

    chain_id: int
    first_block_time: int


def _own_network(data_dir: Path, wanted: int | None) -> _Network:
    """The folder's network: drawn once, kept for good. Raises AnvilError where another one is asked for."""
    path = data_dir / "network.json"
    if not path.exists() and not (data_dir / "state.json").exists():
        # 52 bits: wallets hold it as a double; large enough that two networks do not meet.
        drawn = wanted if wanted is not None else (1 << 31) + secrets.randbelow((1 << 52) - (1 << 31))
        _write_json(path, {"chain_id": drawn, "first_block_time": int(time.time())})
    known = _read_json(path)
    try:
        network = _Network(int(known["chain_id"]), int(known["first_block_time"]))
    except (KeyError, TypeError, ValueError) as error:
        raise AnvilError(f"{path} does not say which network this is: {error!r}") from error
    if wanted not in (None, network.chain_id):
        raise AnvilError(f"chain id {wanted} asked for, the chain in {data_dir} has {network.chain_id}")
    return network


def _started_at(pid: int) -> str | None:
    """The kernel's start time of a process (proc(5), stat field 22), which a reused pid does not share."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _same_process(record: dict[str, Any], role: str) -> int | None:
    """Pid of a recorded process if it still is that one."""
    entry = record.get(role)
    if not isinstance(entry, list) or len(entry) != 2:
        return None
    pid, started = entry
    return pid if started is not None and _started_at(pid) == started else None


def _ours(pid: int, data_dir: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(part.startswith(os.fsencode(data_dir) + b"/") for part in command)


def _lock(data_dir: Path) -> "IO[bytes]":
    """Own the folder, ending what a killed owner left. Raises AnvilInUseError where the owner lives."""
    file = (data_dir / "anvil.lock").open("ab")
    deadline = time.monotonic() + _RELEASE_SECONDS
    killed = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return file
        record = _read_json(data_dir / "anvil.json")
        owner = _same_process(record, "owner")
        # An owner whose chain was killed under it does not use it any more.
        if owner is not None and _same_process(record, "supervisor") is not None:
            file.close()
            raise AnvilInUseError(f"the chain in {data_dir} is run by process {owner}")
        if time.monotonic() > deadline:
            if killed:
                file.close()
                raise AnvilError(f"{data_dir / 'anvil.lock'} is held by a process that is not known")
            # Left alone the supervisor saves and ends; one that hangs, or was itself killed, does not.
            for role in ("supervisor", "anvil"):
                pid = _same_process(record, role)
                if pid is not None and _ours(pid, data_dir):
                    os.kill(pid, signal.SIGKILL)
            killed = True
            deadline = time.monotonic() + _RELEASE_SECONDS
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(
    binary: Path, data_dir: Path, port: int, network: _Network, block_seconds: float | None
) -> list[str]:
    command = [
        str(binary),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--chain-id",
        str(network.chain_id),
        "--quiet",
    ]
    # No well-known keys: nobody who reaches the port shall find funded accounts that all can sign for.
    command += ["--accounts", "0"]
    if block_seconds is None:
        command += ["--mixed-mining", "--block-time", str(HEARTBEAT_SECONDS)]
    else:
        command += ["--block-time", str(block_seconds)]
    command += ["--gas-limit", "300000000", "--order", "fifo", "--slots-in-an-epoch", "1", "--no-cors"]
    command += ["--timestamp", str(network.first_block_time), "--cache-path", str(data_dir / "cache")]
    state = data_dir / "state.json"
    return [*command, "--load-state", str(state)] if state.is_file() else command


def _launch(
    lock: "IO[bytes]", data_dir: Path, port: int, command: list[str]
) -> "tuple[subprocess.Popen[bytes], int]":
    """Start supervisor and chain; raises AnvilError with what they said."""
    supervisor = subprocess.Popen(
        # Isolated and without site: nothing but the standard library, so that it starts at once.
        [
            *(sys.executable, "-I", "-S", str(_SUPERVISOR)),
            *(str(data_dir / "state.json"), str(data_dir / "anvil.log"), str(lock.fileno()), str(port)),
            *command,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lock.fileno(),),
        start_new_session=True,
    )
    assert supervisor.stdin is not None  # noqa: S101 - both were asked for above
    assert supervisor.stdout is not None  # noqa: S101
    line = supervisor.stdout.readline()
    said = json.loads(line) if line else {"error": "the supervisor ended without a word"}
    if "anvil" in said:
        return supervisor, int(said["anvil"])
    supervisor.stdin.close()
    supervisor.stdout.close()
    supervisor.wait()
    log = (data_dir / "anvil.log").read_text(encoding="utf-8", errors="replace").splitlines()
    raise AnvilError("; ".join([f"the embedded chain did not start: {said['error']}", *log[-3:]]))


def start(
    data_dir: Path,
    port: int = 0,
    chain_id: int | None = None,
    accounts: Iterable[str] = (),
    block_seconds: float | None = None,
    binary: Path | None = None,
) -> AnvilProcess:
    """Start the chain that lives in a folder, or make a new one there.

    `port` 0 takes a free one; it listens on 127.0.0.1 only. `chain_id` None draws one at the first start and
    keeps it. `accounts` (addresses) are funded at every start. `block_seconds` None mines at every
    transaction, a number of seconds at that interval only. Raises AnvilInUseError while another live
    process runs it, AnvilError where it cannot be found or started.
    """
    binary = binary or find_binary()
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock(data_dir) as lock:
        network = _own_network(data_dir, chain_id)
        shutil.rmtree(data_dir / "cache", ignore_errors=True)
        (data_dir / "anvil.log").write_bytes(b"")
        for attempt in range(_PORT_TRIES):
            chosen = port or _free_port()
            command = _command(binary, data_dir, chosen, network, block_seconds)
            try:
                supervisor, pid = _launch(lock, data_dir, chosen, command)
            except AnvilError:
                # Somebody may have taken the free port in between; a port that was asked for is not changed.
                if port or attempt == _PORT_TRIES - 1:
                    raise
            else:
                break
        record = {"owner": os.getpid(), "supervisor": supervisor.pid, "anvil": pid}
        _write_json(data_dir / "anvil.json", {role: [of, _started_at(of)] for role, of in record.items()})
    process = AnvilProcess(f"http://127.0.0.1:{chosen}", network.chain_id, pid, data_dir, supervisor)
    try:
        process.fund(accounts)
    except AnvilError:
        process.stop()
        raise
    return process
