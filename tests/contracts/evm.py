"""An EVM in this process: deploy, call, transact, decode, travel in time, snapshot.

Transactions run straight on py-evm's Cancun state, without blocks or transaction signatures: a contract test
takes milliseconds. Time stands still until `warp`, and a contract's address depends on its name and label,
so that signatures, and with them gas, are the same whatever tests ran before.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
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
from eth_abi.abi import decode, encode
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.artifact import Artifact, artifact_folder
from chain.compiler import TEST_ARTIFACTS

CHAIN_ID = 520_731
GENESIS_TIME = 1_800_000_000
GAS_LIMIT = 30_000_000
ZERO_ADDRESS = "0x" + "00" * 20
BLANK_ROOT = Hash32(bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"))

Abi = Mapping[str, Any]


class Reverted(Exception):
    """A call or transaction was reverted.

    `name` is the custom error's name ("Error" and "Panic" for Solidity's own, "" without data), `values` its
    arguments by name, `data` the raw revert data.
    """

    def __init__(self, name: str, values: Mapping[str, Any], data: bytes) -> None:
        super().__init__(f"{name or 'no reason'}({', '.join(f'{k}={v!r}' for k, v in values.items())})")
        self.name = name
        self.values = dict(values)
        self.data = data


@dataclass
class Attempt:
    """How an attempt ended."""

    error: Reverted | None = None

    @property
    def done(self) -> bool:
        """Whether it went through."""
        return self.error is None


@contextmanager
def attempt() -> Iterator[Attempt]:
    """What is inside may revert; ask afterwards."""
    tried = Attempt()
    try:
        yield tried
    except Reverted as error:
        tried.error = error


@contextmanager
def reverts(name: str, /, **values: Any) -> Iterator[None]:
    """What is inside must revert with custom error `name` and exactly these values (none given: any)."""
    with attempt() as tried:
        yield
    error = tried.error
    assert error is not None, f"went through, but {name} was expected"
    expected = values or error.values
    assert (error.name, error.values) == (name, expected), f"{error} instead of {name}({values})"


@dataclass(frozen=True)
class Event:
    """One decoded log; `name` is "" where no known contract declares it."""

    address: str
    name: str
    values: Mapping[str, Any]
    topics: Sequence[bytes]
    data: bytes


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


def type_of(parameter: Abi) -> str:
    """ABI type with structs written as tuples."""
    if not parameter["type"].startswith("tuple"):
        return str(parameter["type"])
    inner = ",".join(type_of(component) for component in parameter["components"])
    return f"({inner}){parameter['type'][len('tuple') :]}"


def types_of(parameters: Sequence[Abi]) -> list[str]:
    return [type_of(parameter) for parameter in parameters]


def signature_of(entry: Abi) -> str:
    return f"{entry['name']}({','.join(types_of(entry['inputs']))})"


def _to_abi(parameter: Abi, value: Any, kind: str | None = None) -> Any:
    """Structs given as mappings become tuples in the ABI's order; anything else stays."""
    kind = parameter["type"] if kind is None else kind
    if kind.endswith("]"):
        return [_to_abi(parameter, item, kind[: kind.rindex("[")]) for item in value]
    if kind == "tuple":
        if isinstance(value, Mapping):
            names = [component["name"] for component in parameter["components"]]
            assert set(value) == set(names), f"struct fields {sorted(value)} given, {sorted(names)} declared"
            value = [value[name] for name in names]
        return tuple(
            _to_abi(component, item) for component, item in zip(parameter["components"], value, strict=True)
        )
    return value.address if isinstance(value, Contract) else value


def _from_abi(parameter: Abi, value: Any, kind: str | None = None) -> Any:
    """Tuples become mappings by name, addresses checksummed text."""
    kind = parameter["type"] if kind is None else kind
    if kind.endswith("]"):
        return [_from_abi(parameter, item, kind[: kind.rindex("[")]) for item in value]
    if kind == "tuple":
        return {c["name"]: _from_abi(c, item) for c, item in zip(parameter["components"], value, strict=True)}
    return to_checksum_address(value) if kind == "address" else value


def _decode(parameters: Sequence[Abi], data: bytes) -> list[Any]:
    values = decode(types_of(parameters), data)
    return [_from_abi(parameter, value) for parameter, value in zip(parameters, values, strict=True)]


@cache
def artifact(name: str) -> Artifact:
    """A product contract, or one of the tests' own."""
    own = TEST_ARTIFACTS / f"{name}.json"
    product = artifact_folder().joinpath(f"{name}.json")
    return Artifact.from_json((product if product.is_file() else own).read_text(encoding="utf-8"))


@cache
def _declared(kind: str) -> Mapping[bytes, Sequence[Abi]]:
    """Errors by selector, events by topic, of every compiled contract."""
    found: dict[bytes, list[Abi]] = {}
    product = [entry for entry in artifact_folder().iterdir() if entry.name.endswith(".json")]
    for entry in [*product, *TEST_ARTIFACTS.glob("*.json")]:
        if entry.name == "manifest.json":
            continue
        for item in json.loads(entry.read_text(encoding="utf-8"))["abi"]:
            if item["type"] != kind:
                continue
            digest = keccak(text=signature_of(item))
            known = found.setdefault(digest if kind == "event" else digest[:4], [])
            if item not in known:
                known.append(item)
    return MappingProxyType(found)


_BUILT_IN: Mapping[bytes, Abi] = {
    keccak(text="Error(string)")[:4]: {"name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    keccak(text="Panic(uint256)")[:4]: {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
}


def decode_revert(data: bytes) -> Reverted:
    """The error that revert data stands for."""
    entries = _declared("error").get(data[:4], ())
    entry = entries[0] if entries else _BUILT_IN.get(data[:4])
    if entry is None:
        return Reverted("", {"data": data} if data else {}, data)
    values = _decode(entry["inputs"], data[4:])
    names = [parameter["name"] for parameter in entry["inputs"]]
    return Reverted(entry["name"], dict(zip(names, values, strict=True)), data)


def _decode_log(address: bytes, topics: Sequence[bytes], data: bytes) -> Event:
    where = to_checksum_address(address)
    for entry in _declared("event").get(topics[0] if topics else b"", ()):
        indexed = [parameter for parameter in entry["inputs"] if parameter["indexed"]]
        plain = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
        if len(indexed) != len(topics) - 1:
            continue
        values: dict[str, Any] = {}
        for parameter, topic in zip(indexed, topics[1:], strict=True):
            hashed = parameter["type"] in {"string", "bytes"} or parameter["type"].endswith(("]", "tuple"))
            values[parameter["name"]] = topic if hashed else _decode([parameter], topic)[0]
        values.update(zip((parameter["name"] for parameter in plain), _decode(plain, data), strict=True))
        in_order = {parameter["name"]: values[parameter["name"]] for parameter in entry["inputs"]}
        return Event(where, entry["name"], in_order, topics, data)
    return Event(where, "", {}, topics, data)


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
            _decode_log(address, [topic.to_bytes(32, "big") for topic in topics], log)
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
        code = compiled.bytecode + _encode_arguments(constructor, arguments)
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


def _encode_arguments(entry: Abi, arguments: Sequence[Any]) -> bytes:
    inputs = entry["inputs"]
    values = [_to_abi(parameter, value) for parameter, value in zip(inputs, arguments, strict=True)]
    return encode(types_of(inputs), values)


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
        return keccak(text=signature_of(entry))[:4] + _encode_arguments(entry, arguments)

    def selector(self, name: str) -> bytes:
        """The four bytes of the one function of this name."""
        found = {
            signature_of(item) for item in self.abi if item["type"] == "function" and item["name"] == name
        }
        assert len(found) == 1, f"{self.name} has {len(found)} functions {name}"
        return keccak(text=found.pop())[:4]

    def _result(self, name: str, count: int, output: bytes) -> Any:
        outputs = self.function(name, count)["outputs"]
        values = _decode(outputs, output) if outputs else []
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
