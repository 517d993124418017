"""A real Anvil for tests, started on a free port and ended by its process id."""

import subprocess
import time

from chain.anvil import find_binary
from chain.errors import NodeUnreachable
from chain.rpc import Rpc
from tests.processes import free_port

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
"""A throw-away key of these tests; ADDRESS is its account, rich on every test chain."""
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


class AnvilNode:
    """One Anvil process; may be killed and started again on the same port."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rpc = Rpc(self.url, timeout=10)
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> "AnvilNode":
        """Start it and wait until it answers; `options` add to the constructor's."""
        command = [
            str(find_binary()),
            "--port",
            str(self.port),
            "--silent",
            "--threads",
            "1",
            "--accounts",
            "1",
        ]
        self.process = subprocess.Popen(
            [*command, *self.options, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self.rpc.chain_id()
            except NodeUnreachable:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                break
        self.rpc.request("anvil_setBalance", [ADDRESS, hex(10**24)])
        return self

    def kill(self) -> None:
        """End it without any notice."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """End it and the client."""
        self.kill()
        self.rpc.close()

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks now."""
        self.rpc.request("anvil_mine", [hex(blocks)])
