"""A real chain for the indexer's tests, with contracts that emit any log they are told to."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from chain import anvil
from chain.rpc import Rpc

SENDER = "0x00000000000000000000000000000000000051e7"


def emitter_code() -> bytes:
    """Creation code of a contract that reads calldata as: number of topics (1 byte), topics, log data."""
    head = "5f35 5f1a"  # n = first byte of calldata
    head += "80 6005 1b 6001 01"  # offset of the data: 1 + 32 n
    head += "80 36 03"  # size of the data
    head += "80 82 5f 37"  # calldatacopy(0, offset, size)
    head += "91 90 50"  # leave size, n
    code = bytes.fromhex(head)
    table = 5 * 8 + 3  # five comparisons, then a revert
    bodies = []
    for topics in range(5):
        text = "5b 50"
        for i in reversed(range(topics)):
            text += f"60{1 + 32 * i:02x} 35"
        text += f"{0x80 + topics:02x} 5f {0xA0 + topics:02x} 00"  # log(0, size, topics…), stop
        bodies.append(bytes.fromhex(text))
    start = len(code) + table
    for topics, body in enumerate(bodies):
        code += bytes.fromhex(f"80 60{topics:02x} 14 61{start:04x} 57")
        start += len(body)
    code += bytes.fromhex("5f5ffd") + b"".join(bodies)
    size = len(code)
    return bytes.fromhex(f"61{size:04x} 80 600a 5f 39 5f f3".replace(" ", "")) + code


class DevChain:
    """An Anvil in a folder; `emit` writes logs, `reorganise` replaces blocks, `restart` goes back in time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held = False
        self.process = anvil.start(folder)
        self.rpc = Rpc(self.process.url, timeout=20)
        self._prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the chain, its state saved."""
        self.rpc.close()
        self.process.stop()

    def _prepare(self) -> None:
        self.process.fund([SENDER])
        self.rpc.request("anvil_impersonateAccount", [SENDER])
        # Blocks at transactions only: the heartbeat's would come between those that a test counts.
        self.rpc.request("evm_setAutomine", [False])
        self.rpc.request("evm_setAutomine", [True])

    @property
    def height(self) -> int:
        """Number of the newest block."""
        return self.rpc.block_number()

    def deploy(self, code: bytes | None = None) -> str:
        """Put a contract on the chain, an emitter by default; gives its address."""
        transaction = self.send(None, code if code is not None else emitter_code())
        receipt = self.rpc.get_receipt(transaction)
        assert receipt is not None
        assert receipt.succeeded
        assert receipt.contract_address is not None
        return receipt.contract_address

    def send(self, to: str | None, data: bytes) -> bytes:
        """A transaction of the test's own account; gives its hash."""
        fields = {"from": SENDER, "data": "0x" + data.hex(), "gas": hex(25_000_000)}
        if to is not None:
            fields["to"] = to
        sent = bytes.fromhex(self.rpc.request("eth_sendTransaction", [fields])[2:])
        deadline = time.monotonic() + 20
        while not self._held and self.rpc.get_receipt(sent) is None:
            assert time.monotonic() < deadline, f"0x{sent.hex()} was not mined"
        return sent

    def emit(self, contract: str, topics: Sequence[bytes], data: bytes) -> bytes:
        """One log in a block of its own, unless blocks are held back; gives the transaction's hash."""
        return self.send(contract, bytes([len(topics)]) + b"".join(topics) + data)

    def hold(self) -> None:
        """Collect transactions without mining them."""
        self.rpc.request("evm_setAutomine", [False])
        self._held = True

    def release(self) -> None:
        """Mine what was collected into one block, and each new transaction from now on."""
        self.rpc.request("evm_mine")
        self.rpc.request("evm_setAutomine", [True])
        self._held = False

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks."""
        self.rpc.request("anvil_mine", [hex(blocks)])

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by as many empty ones."""
        self.rpc.request("anvil_reorg", [depth, []])

    def restart(
        self, state: bytes | None = None, port: int = 0, while_down: Callable[[], None] = lambda: None
    ) -> bytes:
        """Stop, and start from the saved state or from an older one; gives the state that was saved."""
        self.close()
        while_down()
        file = self.folder / "state.json"
        saved = file.read_bytes()
        if state is not None:
            file.write_bytes(state)
        self.process = anvil.start(self.folder, port=port)
        self.rpc = Rpc(self.process.url, timeout=20)
        self._prepare()
        return saved
