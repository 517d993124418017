"""Contract ABIs as the tests read them: structs as mappings, errors and events of every compiled contract."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.artifact import Artifact, artifact_folder
from chain.compiler import TEST_ARTIFACTS

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


def to_abi(parameter: Abi, value: Any, kind: str | None = None) -> Any:
    """Structs given as mappings become tuples in the ABI's order; anything else stays."""
    kind = parameter["type"] if kind is None else kind
    if kind.endswith("]"):
        return [to_abi(parameter, item, kind[: kind.rindex("[")]) for item in value]
    if kind == "tuple":
        if isinstance(value, Mapping):
            names = [component["name"] for component in parameter["components"]]
            assert set(value) == set(names), f"struct fields {sorted(value)} given, {sorted(names)} declared"
            value = [value[name] for name in names]
        return tuple(
            to_abi(component, item) for component, item in zip(parameter["components"], value, strict=True)
        )
    # A deployed contract stands for its address.
    return getattr(value, "address", value)


def from_abi(parameter: Abi, value: Any, kind: str | None = None) -> Any:
    """Tuples become mappings by name, addresses checksummed text."""
    kind = parameter["type"] if kind is None else kind
    if kind.endswith("]"):
        return [from_abi(parameter, item, kind[: kind.rindex("[")]) for item in value]
    if kind == "tuple":
        return {c["name"]: from_abi(c, item) for c, item in zip(parameter["components"], value, strict=True)}
    return to_checksum_address(value) if kind == "address" else value


def decode_parameters(parameters: Sequence[Abi], data: bytes) -> list[Any]:
    values = decode(types_of(parameters), data)
    return [from_abi(parameter, value) for parameter, value in zip(parameters, values, strict=True)]


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
    values = decode_parameters(entry["inputs"], data[4:])
    names = [parameter["name"] for parameter in entry["inputs"]]
    return Reverted(entry["name"], dict(zip(names, values, strict=True)), data)


def decode_log(address: bytes, topics: Sequence[bytes], data: bytes) -> Event:
    where = to_checksum_address(address)
    for entry in _declared("event").get(topics[0] if topics else b"", ()):
        indexed = [parameter for parameter in entry["inputs"] if parameter["indexed"]]
        plain = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
        if len(indexed) != len(topics) - 1:
            continue
        values: dict[str, Any] = {}
        for parameter, topic in zip(indexed, topics[1:], strict=True):
            hashed = parameter["type"] in {"string", "bytes"} or parameter["type"].endswith(("]", "tuple"))
            values[parameter["name"]] = topic if hashed else decode_parameters([parameter], topic)[0]
        values.update(
            zip((parameter["name"] for parameter in plain), decode_parameters(plain, data), strict=True)
        )
        in_order = {parameter["name"]: values[parameter["name"]] for parameter in entry["inputs"]}
        return Event(where, entry["name"], in_order, topics, data)
    return Event(where, "", {}, topics, data)


def encode_arguments(entry: Abi, arguments: Sequence[Any]) -> bytes:
    inputs = entry["inputs"]
    values = [to_abi(parameter, value) for parameter, value in zip(inputs, arguments, strict=True)]
    return encode(types_of(inputs), values)
