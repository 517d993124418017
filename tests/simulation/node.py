"""The simulated network's node: a real Anvil that mines, reorganises and loses blocks when it is told to."""

import gzip
import subprocess
import time
from pathlib import Path
from typing import Any

from chain.anvil import find_binary
from chain.errors import NodeUnreachable
from chain.rpc import Rpc
from tests.processes import free_port
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.faulty_rpc import NodeTransport, PlainRpc

CHAIN_ID = 20_261_122
_STARTS_WITHIN = 20.0
_perf_counter = time.perf_counter
_sleep = time.sleep  # the real one: stories replace the module's


class Node:
    """One Anvil without automatic mining, from a saved state; `rpc` speaks to it without disasters."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.transport = NodeTransport(self.port)
        self.rpc: Rpc = PlainRpc(self.url, self.transport)
        self._process: subprocess.Popen[bytes] | None = None
        self.highest = 0
        """height that any head ever had"""
        self._earliest = 0
        self.floor = 0
        """height at which it was started: it keeps no states from before"""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self, state: Path | None = None) -> None:
        """Start it from a state that `save` wrote, or from nothing."""
        command = [
            *(str(find_binary()), "--host", "127.0.0.1", "--port", str(self.port), "--silent"),
            *("--no-mining", "--order", "fifo", "--accounts", "0", "--gas-limit", "300000000"),
            *("--chain-id", str(CHAIN_ID), "--timestamp", str(EPOCH), "--threads", "1"),
            *("--cache-path", str(self._folder / "cache")),
        ]
        if state is not None:
            command += ["--load-state", str(state)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = _perf_counter() + _STARTS_WITHIN
        while True:
            try:
                self.floor = self.rpc.block_number()
                self.highest = max(self.highest, self.floor)
            except NodeUnreachable:
                if self._process.poll() is not None or _perf_counter() > deadline:
                    raise
                _sleep(0.005)
            else:
                break
        # Started from a state, its clock stands at its first block's time.
        self._earliest = max(self.head()[1], int(self._clock.now))
        self.ask("evm_setTime", self._earliest)

    def kill(self) -> None:
        """End it without notice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self.transport.end()

    def ask(self, method: str, *parameters: object) -> Any:
        """One of Anvil's own calls."""
        return self.rpc.request(method, list(parameters))

    def save(self, path: Path) -> None:
        """Write the chain as it is now; the pool is not part of it."""
        packed = bytes.fromhex(self.ask("anvil_dumpState")[2:])
        path.write_bytes(gzip.decompress(packed))

    # -- what happens on the chain -----------------------------------------------------------------------

    def head(self) -> tuple[int, int]:
        """Number and timestamp of the newest block."""
        block = self.rpc.get_block("latest")
        assert block is not None
        return block.number, block.timestamp

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks at the clock's time, each at least a second after the one before."""
        for _ in range(blocks):
            number, timestamp = self.head()
            self.ask("evm_mine", max(timestamp + 1, self._earliest, int(self._clock.now)))
            self.highest = max(self.highest, number + 1)

    def drop(self, depth: int) -> list[bytes]:
        """Forget the newest blocks; gives the transactions they held, raw, in order."""
        head, _ = self.head()
        raws: list[bytes] = []
        for number in range(head - depth + 1, head + 1):
            block = self.ask("eth_getBlockByNumber", hex(number), False)
            for transaction in block["transactions"]:
                raw = self.ask("eth_getRawTransactionByHash", transaction)
                if raw is not None:
                    raws.append(bytes.fromhex(raw[2:]))
        self.ask("anvil_rollback", depth)
        return raws

    def give(self, raws: list[bytes]) -> int:
        """Hand transactions to the pool; number of those it took."""
        results = self.rpc.batch([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws])
        return sum(isinstance(result, str) for result in results)
