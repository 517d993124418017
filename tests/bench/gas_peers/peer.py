"""Contracts that are not ours, on the EVM of the contract tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from tests.contracts.abi import Abi, decode_parameters, encode_arguments, signature_of
from tests.contracts.evm import RELAYER, Evm, address_of


@dataclass(frozen=True)
class Compiled:
    """What a deployment needs."""

    abi: Sequence[Abi]
    bytecode: bytes


class Peer:
    """One deployed contract; structs go in and come out as mappings by field name."""

    def __init__(self, evm: Evm, name: str, compiled: Compiled, *arguments: Any) -> None:
        self.evm = evm
        self.abi = compiled.abi
        constructor: Abi = next(
            (entry for entry in self.abi if entry["type"] == "constructor"), {"inputs": []}
        )
        code = compiled.bytecode + encode_arguments(constructor, arguments)
        _, _, _, created = evm.execute(None, code, address_of(f"deployer of peer {name}"))
        assert created is not None
        self.address = created

    def transact(self, name: str, *arguments: Any, sender: str = RELAYER) -> tuple[int, Any]:
        """Gas used, intrinsic gas included, and the first value returned."""
        entry = next(e for e in self.abi if e["type"] == "function" and e["name"] == name)
        data = keccak(text=signature_of(entry))[:4] + encode_arguments(entry, arguments)
        output, gas, _, _ = self.evm.execute(self.address, data, sender)
        return gas, decode_parameters(entry["outputs"], output)[0] if entry["outputs"] else None
