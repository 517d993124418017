"""Runs one Anvil, saves its state whole, and ends it when whoever started it is gone.

Started by `chain.anvil` as a program of its own, with the standard library only. It is a process, not a
thread of the parent, for three reasons:

- The parent may be killed with SIGKILL. The supervisor sees its standard input close, saves the state and
  ends Anvil. Its own session keeps it out of a kill of the parent's process group and of a terminal's Ctrl-C.
- If the supervisor itself is killed, the kernel ends Anvil (PR_SET_PDEATHSIG). That signal is bound to the
  thread that forked: here it is the only thread there is; in a threaded parent it could end at any time.
- Anvil's own dump writes over its file in place, so that a kill in the middle leaves a truncated file that it
  then refuses to start from. Here a dump replaces the file by renaming, so every kill leaves a whole one.

Both hold the lock file's descriptor: the lock is free only when both are gone.
"""

import contextlib
import ctypes
import gzip
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY = 0.2
_START_DEADLINE = 20.0


class Node:
    """The few JSON-RPC calls that saving takes, over one kept connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, *parameters: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        try:
            self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ConnectionError(str(error)) from error
        if "result" not in answer:
            raise ConnectionError(f"{method}: {answer.get('error')}")
        return answer["result"]

    def head(self) -> str:
        """Hash of the latest block."""
        return str(self.ask("eth_getBlockByNumber", "latest", False)["hash"])

    def save(self, target: Path) -> None:
        """Write the whole state beside the target, then rename: the target is whole at every moment."""
        state = gzip.decompress(bytes.fromhex(self.ask("anvil_dumpState", False)[2:]))
        fresh = target.with_name(target.name + ".new")
        with fresh.open("wb") as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _die_with_parent() -> None:
    """Runs in the child between fork and exec."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request was heard
        os.kill(os.getpid(), signal.SIGKILL)


class Orders:
    """Whether to go on: not after the parent's end of the pipe has closed, nor after SIGTERM."""

    def __init__(self) -> None:
        # A signal that raised could cut a save short; this one only wakes the wait.
        self._wake, woken = os.pipe()
        signal.signal(signal.SIGTERM, lambda _number, _frame: os.write(woken, b"."))

    def stop_within(self, seconds: float) -> bool:
        """Wait so long for an order to stop."""
        ready, _, _ = select.select([sys.stdin.buffer, self._wake], [], [], seconds)
        return self._wake in ready or (bool(ready) and not os.read(sys.stdin.fileno(), 4096))


def _listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port: another chain there must never be taken for ours."""
    local = f"0100007F:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == local and row[3] == "0A"}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                return True
    return False


def _await_start(anvil: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_DEADLINE
    while not _listens(anvil.pid, port):
        if anvil.poll() is not None:
            raise ConnectionError(f"anvil ended with code {anvil.returncode}")
        if time.monotonic() > deadline:
            raise ConnectionError(f"anvil did not listen within {_START_DEADLINE:.0f} s")
        time.sleep(0.02)


def _watch(anvil: "subprocess.Popen[bytes]", node: Node, state: Path, orders: Orders) -> None:
    """Save after every change until ordered to stop, or until Anvil ends."""
    saved = ""
    pause = _LOOK_EVERY
    stopping = False
    while not stopping:
        stopping = orders.stop_within(pause)
        if anvil.poll() is not None:
            raise ConnectionError(f"anvil ended with code {anvil.returncode}")
        head = node.head()
        if head != saved:
            began = time.monotonic()
            node.save(state)
            saved = head
            # A large state takes long to dump: never more than a tenth of the time.
            pause = max(_LOOK_EVERY, 10 * (time.monotonic() - began))


def _say(message: dict[str, object]) -> None:
    # Nobody may be left to hear it.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(message), flush=True)


def main() -> int:
    """Arguments: state file, log file, lock descriptor, port, then Anvil's command line."""
    state, log, lock, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    orders = Orders()
    with log.open("ab") as output:
        anvil = subprocess.Popen(
            sys.argv[5:],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(lock,),
            preexec_fn=_die_with_parent,
        )
    try:
        _await_start(anvil, port)
        node = Node(port)
        # The clock started at the first block's fixed time; from here on it is the machine's.
        node.ask("evm_setTime", int(time.time()))
        # Before anybody is told that the chain is there: from now on its first block is the same for ever.
        node.save(state)
        _say({"anvil": anvil.pid})
        _watch(anvil, node, state, orders)
    except ConnectionError as error:
        _say({"error": str(error)})
        return 1
    finally:
        anvil.kill()
        anvil.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
