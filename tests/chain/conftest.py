"""A sample contract on the embedded chain, and the bindings generated for it."""

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from chain.anvil import AnvilProcess, start
from chain.codegen import generate, write
from chain.compiler import TEST_ARTIFACTS, compile_test_contracts

SAMPLE_EIP712 = {"structs": ["SampleLedger.Order"], "messages": {"SampleLedger": []}}
SENDER = "0x00000000000000000000000000000000000A11cE"


class CallRevertedError(Exception):
    """The node said that a call reverted, with this data."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


@dataclass
class Node:
    """As much of a client as these tests need; it is a `codec.Caller`."""

    url: str

    def ask(self, method: str, *parameters: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = httpx.post(self.url, json=request, timeout=30).json()
        if "error" in answer:
            raise CallRevertedError(bytes.fromhex(answer["error"].get("data", "0x")[2:]))
        return answer["result"]

    def call(self, to: str, data: bytes, block: str | int = "latest") -> bytes:
        at = block if isinstance(block, str) else hex(block)
        answer: str = self.ask("eth_call", {"to": to, "data": "0x" + data.hex()}, at)
        return bytes.fromhex(answer[2:])

    def send(self, data: bytes, to: str | None = None) -> dict[str, Any]:
        self.ask("anvil_impersonateAccount", SENDER)
        transaction = {"from": SENDER, "data": "0x" + data.hex(), **({"to": to} if to else {})}
        receipt: dict[str, Any] = self.ask(
            "eth_getTransactionReceipt", self.ask("eth_sendTransaction", transaction)
        )
        return receipt


@pytest.fixture(scope="session")
def anvil_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnvilProcess]:
    with start(tmp_path_factory.mktemp("anvil"), accounts=[SENDER]) as process:
        yield process


@pytest.fixture(scope="session")
def node(anvil_process: AnvilProcess) -> Node:
    return Node(anvil_process.url)


@pytest.fixture(scope="session")
def sample_modules() -> dict[str, str]:
    compile_test_contracts()
    return generate(TEST_ARTIFACTS, SAMPLE_EIP712)


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory, sample_modules: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "sample_bindings"
    write(sample_modules, folder)
    return folder


@pytest.fixture(scope="session")
def sample(sample_folder: Path) -> Iterator[ModuleType]:
    """The generated module of SampleLedger."""
    sys.path.insert(0, str(sample_folder.parent))
    try:
        yield importlib.import_module("sample_bindings.sample_ledger")
    finally:
        sys.path.remove(str(sample_folder.parent))


@pytest.fixture(scope="session")
def sample_address(node: Node) -> str:
    artifact = json.loads((TEST_ARTIFACTS / "SampleLedger.json").read_text(encoding="utf-8"))
    return str(node.send(bytes.fromhex(artifact["bytecode"][2:]))["contractAddress"])
