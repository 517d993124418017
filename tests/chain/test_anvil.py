"""The embedded chain with real kills: the state is always whole, and nothing stays behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain import anvil
from chain.anvil import AnvilError, AnvilInUseError, AnvilProcess, start

pytestmark = pytest.mark.slow

ACCOUNT = "0x00000000000000000000000000000000000A11cE"
PARENT = """
import sys, time
from pathlib import Path
from chain.anvil import start
process = start(Path(sys.argv[1]))
print(process.url, process.pid, process._supervisor.pid, flush=True)
time.sleep(600)
"""


def ask(url: str, method: str, *parameters: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"}, timeout=20).json()
    assert "result" in answer, answer
    return answer["result"]


def block(url: str, number: str = "latest") -> dict[str, Any]:
    found: dict[str, Any] = ask(url, "eth_getBlockByNumber", number, False)
    return found


def mine(url: str) -> str:
    """One transaction from an unlocked account, mined at once; its hash."""
    ask(url, "anvil_impersonateAccount", ACCOUNT)
    ask(url, "anvil_setBalance", ACCOUNT, hex(10**24))
    return str(ask(url, "eth_sendTransaction", {"from": ACCOUNT, "to": ACCOUNT, "value": "0x1"}))


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return anvil._started_at(pid) is None


def spawn_parent(folder: Path) -> tuple["subprocess.Popen[str]", str, int, int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    url, pid, supervisor = parent.stdout.readline().split()
    return parent, url, int(pid), int(supervisor)


def test_state_and_identity_survive_a_restart(tmp_path: Path) -> None:
    with start(tmp_path, accounts=[ACCOUNT]) as first:
        genesis = block(first.url, "0x0")["hash"]
        chain_id = first.chain_id
        assert int(ask(first.url, "eth_chainId"), 16) == chain_id
        assert int(ask(first.url, "eth_getBalance", ACCOUNT, "latest"), 16) == anvil.FUNDS
        sent = mine(first.url)
        assert ask(first.url, "eth_getTransactionReceipt", sent)["status"] == "0x1"
    assert gone(first.pid)
    with start(tmp_path) as second:
        assert second.chain_id == chain_id
        assert block(second.url, "0x0")["hash"] == genesis
        assert ask(second.url, "eth_getTransactionReceipt", sent)["status"] == "0x1"
        mine(second.url)
        assert abs(int(block(second.url)["timestamp"], 16) - time.time()) < 5


def test_every_network_draws_its_own_chain_id(tmp_path: Path) -> None:
    with start(tmp_path / "a") as one, start(tmp_path / "b") as two:
        assert one.chain_id != two.chain_id
        assert min(one.chain_id, two.chain_id) > 1 << 31
    with pytest.raises(AnvilError, match=f"chain id 5 asked for, the chain in .* has {one.chain_id}"):
        start(tmp_path / "a", chain_id=5)


def test_no_well_known_account_is_funded_or_unlocked(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert ask(process.url, "eth_accounts") == []
        first_of_test_mnemonic = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        assert int(ask(process.url, "eth_getBalance", first_of_test_mnemonic, "latest"), 16) == 0


def test_listens_on_the_loopback_address_only(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        port = int(process.url.rpartition(":")[2])
        listening = [
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == port
        ]
        assert listening == [f"0100007F:{port:04X}"]


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        with pytest.raises(AnvilInUseError, match=f"run by process {os.getpid()}"):
            start(tmp_path)
        assert process.alive


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with start(tmp_path / "a") as process:
        port = int(process.url.rpartition(":")[2])
        with pytest.raises(AnvilError, match="did not start"):
            start(tmp_path / "b", port=port)


def test_state_without_its_chain_id_is_refused(tmp_path: Path) -> None:
    with start(tmp_path):
        pass
    (tmp_path / "network.json").write_text("{")
    with pytest.raises(AnvilError, match="does not say which network"):
        start(tmp_path)


@pytest.mark.parametrize("group", [False, True], ids=["parent alone", "whole process group"])
def test_killed_parent_loses_nothing_and_leaves_nothing(tmp_path: Path, group: bool) -> None:
    parent, url, pid, supervisor = spawn_parent(tmp_path)
    sent = mine(url)
    if group:
        os.killpg(parent.pid, signal.SIGKILL)
    else:
        parent.kill()
    parent.communicate()
    # At once: the start waits for what is still saving.
    with start(tmp_path) as process:
        assert ask(process.url, "eth_getTransactionReceipt", sent)["status"] == "0x1"
        assert gone(pid)
        assert gone(supervisor)


def test_killed_supervisor_takes_anvil_along(tmp_path: Path) -> None:
    parent, _, pid, supervisor = spawn_parent(tmp_path)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: gone(pid))
    parent.kill()
    parent.communicate()


def test_terminated_supervisor_saves_first(tmp_path: Path) -> None:
    process = start(tmp_path)
    sent = mine(process.url)
    os.kill(process._supervisor.pid, signal.SIGTERM)
    until(lambda: not process.alive)
    process.stop()
    with start(tmp_path) as again:
        assert ask(again.url, "eth_getTransactionReceipt", sent) is not None


def test_hanging_remains_of_a_killed_owner_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, url, pid, supervisor = spawn_parent(tmp_path)
    genesis = block(url, "0x0")["hash"]
    os.kill(supervisor, signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    monkeypatch.setattr(anvil, "_RELEASE_SECONDS", 0.5)
    with start(tmp_path) as process:
        assert gone(pid)
        assert gone(supervisor)
        assert block(process.url, "0x0")["hash"] == genesis


def test_a_pid_that_was_reused_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stale = {role: [bystander.pid, "1"] for role in ("owner", "supervisor", "anvil")}
    (tmp_path / "anvil.json").write_text(json.dumps(stale))
    with start(tmp_path):
        assert bystander.poll() is None
    bystander.communicate(b"\n")


def kill_hard(process: AnvilProcess) -> None:
    """Supervisor and chain at once, as a machine's power cut would."""
    os.kill(process._supervisor.pid, signal.SIGSTOP)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(process._supervisor.pid, signal.SIGKILL)
    process.stop()


def test_hard_kills_at_random_moments_leave_a_whole_state(tmp_path: Path) -> None:
    seed = 20261122
    moments = random.Random(seed)
    genesis = None
    for _ in range(6):
        process = start(tmp_path)
        first = block(process.url, "0x0")["hash"]
        genesis = genesis or first
        assert first == genesis, f"seed {seed}"
        height = int(block(process.url)["number"], 16)
        deadline = time.monotonic() + moments.uniform(0, 0.7)
        while time.monotonic() < deadline:
            mine(process.url)
        reached = int(block(process.url)["number"], 16)
        kill_hard(process)
        with start(tmp_path) as again:
            assert height <= int(block(again.url)["number"], 16) <= reached, f"seed {seed}"
