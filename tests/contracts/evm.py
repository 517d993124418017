"""An EVM in this process: deploy, call, transact, decode, travel in time, snapshot.

Transactions run straight on py-evm's Cancun state, without blocks or transaction signatures: a contract test
takes milliseconds. Time stands still until `warp`, and a contract's address depends on its name and label,
so that signatures, and with them gas, are the same whatever tests ran before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth.abc import ComputationAPI
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.cancun.state import CancunState
from eth.vm.forks.cancun.transactions import CancunTransactionBuilder
from eth.vm.message import Message
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.contracts.abi import (
    Abi,
    Attempt,
    Event,
    Reverted,
    artifact,
    attempt,
    decode_log,
    decode_parameters,
    decode_revert,
    encode_arguments,
    reverts,
    signature_of,
    type_of,
)

# What test files need of a chain comes from here.
__all__ = [
    "CHAIN_ID",
    "GAS_LIMIT",
    "GENESIS_TIME",
    "RELAYER",
    "ZERO_ADDRESS",
    "Abi",
    "Attempt",
    "Contract",
    "Event",
    "Evm",
    "Receipt",
    "Reverted",
    "Snapshot",
    "address_of",
    "attempt",
    "decode_revert",
    "reverts",
    "type_of",
]

CHAIN_ID = 520_731
GENESIS_TIME = 1_800_000_000
GAS_LIMIT = 30_000_000
ZERO_ADDRESS = "0x" + "00" * 20
BLANK_ROOT = Hash32(bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"))


@dataclass(frozen=True)
class Receipt:
    """What a transaction did: gas used (refunds taken off), decoded return value, logs in order."""

    gas: int
    result: Any
    events: Sequence[Event] = field(default=())

    def named(self, name: str) -> list[Mapping[str, Any]]:
        """Values of every event of this name, in order."""
        return [event.values for event in self.events if event.name == name]

    def event(self, name: str) -> Mapping[str, Any]:
        """Values of the one event of this name; AssertionError where there is none or more."""
        found = self.named(name)
        assert len(found) == 1, f"{len(found)} {name} among {[event.name for event in self.events]}"
        return found[0]


def _as_bytes(address: str) -> Address:
    return Address(bytes.fromhex(address.removeprefix("0x")))


def _raise_if_stopped(computation: ComputationAPI) -> None:
    if computation.is_error:
        if isinstance(computation.error, Revert):
            raise decode_revert(computation.output)
        raise AssertionError(f"EVM stopped: {computation.error!r}")


@dataclass(frozen=True)
class Snapshot:
    """A point to come back to."""

    root: Hash32
    timestamp: int
    block: int


class Evm:
    """One chain without blocks: every transaction is a block of its own, in the second that `now` says."""

    def __init__(self, chain_id: int = CHAIN_ID) -> None:
        self.chain_id = chain_id
        self.now = GENESIS_TIME
        self.block = 1
        self._db = AtomicDB()
        self._state = self._load(BLANK_ROOT)

    def _load(self, root: Hash32) -> CancunState:
        return CancunState(self._db, _Clock(self), root)

    def warp(self, seconds: int) -> int:
        """Let `seconds` pass; returns the new time."""
        assert seconds >= 0, f"time does not run back: {seconds}"
        self.now += seconds
        return self.now

    def warp_to(self, timestamp: int) -> int:
        """Let time pass up to `timestamp` (Unix seconds)."""
        return self.warp(timestamp - self.now)

    def snapshot(self) -> Snapshot:
        """The present state and time."""
        self._state.lock_changes()
        root = self._state.make_state_root()
        self._state.persist()
        return Snapshot(root, self.now, self.block)

    def revert(self, snapshot: Snapshot) -> None:
        """Back to `snapshot`, which may be used again."""
        self.now, self.block = snapshot.timestamp, snapshot.block
        self._state = self._load(snapshot.root)

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """Whatever happens inside is undone at the end: one for each Hypothesis example."""
        snapshot = self.snapshot()
        try:
            yield
        finally:
            self.revert(snapshot)

    def simulate(self, to: str, data: bytes, sender: str) -> bytes:
        """What calling `to` would return; nothing of it stays. Raises as `execute`."""
        state = self._state
        state.lock_changes()
        message = Message(
            gas=GAS_LIMIT,
            to=_as_bytes(to),
            sender=_as_bytes(sender),
            value=0,
            data=data,
            code=state.get_code(_as_bytes(to)),
        )
        context = state.transaction_context_class(gas_price=0, origin=_as_bytes(sender))
        checkpoint = state.snapshot()
        try:
            computation = state.computation_class.apply_message(state, message, context)
        finally:
            state.revert(checkpoint)
        _raise_if_stopped(computation)
        return bytes(computation.output)

    def execute(
        self, to: str | None, data: bytes, sender: str, gas: int = GAS_LIMIT, value: int = 0
    ) -> tuple[bytes, int, list[Event], str | None]:
        """Run one transaction; returns output, gas used, logs, and the address of a created contract.

        Raises Reverted, or AssertionError where the EVM stopped for another reason (out of gas included).
        """
        self.block += 1
        state = self._state
        state.lock_changes()
        origin = _as_bytes(sender)
        unsigned = CancunTransactionBuilder.create_unsigned_transaction(
            nonce=state.get_nonce(origin),
            gas_price=0,
            gas=gas,
            to=_as_bytes(to) if to else Address(b""),
            value=value,
            data=data,
        )
        transaction: Any = SpoofTransaction(unsigned, from_=origin)
        computation = state.apply_transaction(transaction)
        _raise_if_stopped(computation)
        used = CancunVM.finalize_gas_used(transaction, computation)
        events = [
            decode_log(address, [topic.to_bytes(32, "big") for topic in topics], log)
            for address, topics, log in computation.get_log_entries()
        ]
        created = None if to else to_checksum_address(computation.msg.storage_address)
        return computation.output, used, events, created

    def deploy(self, name: str, *arguments: Any, label: str = "") -> "Contract":
        """Deploy contract `name`; two of one name need different labels.

        The deploying account follows from name and label, and so does the contract's address.
        """
        compiled = artifact(name)
        constructor: Abi = next(
            (item for item in compiled.abi if item["type"] == "constructor"), {"inputs": []}
        )
        deployer = address_of(f"deployer of {name} {label}")
        assert self._state.get_nonce(_as_bytes(deployer)) == 0, f"{name} {label!r} deployed before"
        code = compiled.bytecode + encode_arguments(constructor, arguments)
        _, gas, events, created = self.execute(None, code, deployer)
        assert created is not None
        return Contract(self, name, created, deployment=Receipt(gas, created, events))

    def at(self, name: str, address: str) -> "Contract":
        """The contract at `address`, spoken to through the ABI of `name`."""
        return Contract(self, name, to_checksum_address(address))

    def balance(self, address: str) -> int:
        """Wei."""
        return self._state.get_balance(_as_bytes(address))

    def give(self, address: str, wei: int) -> None:
        """Set an account's balance, for the few contracts that take the chain's own coin."""
        self._state.set_balance(_as_bytes(address), wei)

    def place(self, contract: "Contract", address: str) -> "Contract":
        """The contract's code, its immutables included, at an address of choice, where nothing is stored."""
        self._state.set_code(_as_bytes(address), self._state.get_code(_as_bytes(contract.address)))
        return self.at(contract.name, address)


class _Clock(ExecutionContext):
    """What a contract sees of the block: always the chain's present time and number."""

    def __init__(self, evm: Evm) -> None:
        super().__init__(
            coinbase=Address(b"\x00" * 20),
            timestamp=evm.now,
            block_number=BlockNumber(evm.block),
            difficulty=0,
            mix_hash=Hash32(b"\x00" * 32),
            gas_limit=GAS_LIMIT,
            prev_hashes=(),
            chain_id=evm.chain_id,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )
        self._evm = evm

    @property
    def timestamp(self) -> int:
        return self._evm.now

    @property
    def block_number(self) -> BlockNumber:
        return BlockNumber(self._evm.block)


def address_of(label: str) -> str:
    """An address that no key is known for, the same for the same label."""
    return to_checksum_address(keccak(text=label)[12:])


RELAYER = address_of("relayer")


class Contract:
    """A deployed contract.

    Structs go in and come out as mappings by field name, addresses as checksummed text, bytes as bytes; a
    contract is taken where an address is wanted.
    """

    def __init__(self, evm: Evm, name: str, address: str, deployment: Receipt | None = None) -> None:
        self.evm = evm
        self.name = name
        self.address = address
        self.abi = artifact(name).abi
        self.deployment = deployment

    def __repr__(self) -> str:
        return f"{self.name}@{self.address}"

    def function(self, name: str, count: int) -> Abi:
        """ABI entry of a function by name, or by whole signature where it is overloaded."""
        found = [item for item in self.abi if item["type"] == "function" and item["name"] == name]
        found = [item for item in found if len(item["inputs"]) == count] or [
            item for item in self.abi if item["type"] == "function" and signature_of(item) == name
        ]
        assert len(found) == 1, f"{self.name} has {len(found)} functions {name} of {count} arguments"
        return found[0]

    def encode(self, name: str, *arguments: Any) -> bytes:
        """Call data."""
        entry = self.function(name, len(arguments))
        return keccak(text=signature_of(entry))[:4] + encode_arguments(entry, arguments)

    def selector(self, name: str) -> bytes:
        """The four bytes of the one function of this name."""
        found = {
            signature_of(item) for item in self.abi if item["type"] == "function" and item["name"] == name
        }
        assert len(found) == 1, f"{self.name} has {len(found)} functions {name}"
        return keccak(text=found.pop())[:4]

    def _result(self, name: str, count: int, output: bytes) -> Any:
        outputs = self.function(name, count)["outputs"]
        values = decode_parameters(outputs, output) if outputs else []
        return values[0] if len(values) == 1 else tuple(values) or None

    def transact(
        self, name: str, *arguments: Any, sender: str = RELAYER, gas: int = GAS_LIMIT, value: int = 0
    ) -> Receipt:
        """Send a transaction; raises Reverted, having changed nothing."""
        data = self.encode(name, *arguments)
        output, used, events, _ = self.evm.execute(self.address, data, sender, gas, value)
        return Receipt(used, self._result(name, len(arguments), output), events)

    def call(self, name: str, *arguments: Any, sender: str = RELAYER) -> Any:
        """Call without effect: one result as itself, several as a tuple."""
        output = self.evm.simulate(self.address, self.encode(name, *arguments), sender)
        return self._result(name, len(arguments), output)

    def struct(self, name: str) -> Abi:
        """The ABI parameter that carries struct `name`."""
        pattern = re.compile(rf"struct (\w+\.)?{name}(\[\d*\])?$")
        for item in self.abi:
            for parameter in _walk([*item.get("inputs", ()), *item.get("outputs", ())]):
                if pattern.match(parameter.get("internalType", "")):
                    return parameter
        raise LookupError(f"no function of {self.name} takes a struct {name}")


def _walk(parameters: Sequence[Abi]) -> Iterator[Abi]:
    for parameter in parameters:
        yield parameter
        yield from _walk(parameter.get("components", ()))
