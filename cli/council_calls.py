"""What a council action does, in words: a seat must see what it approves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain.codec import DecodeError, decode, keccak256
from chain.deployment import Deployment
from cli.reasons import gln_text, roles_text, time_text

_GLNS = frozenset({"gln", "owner", "issuer"})
_TIMES = frozenset({"validFrom", "validUntil", "keyValidUntil", "deadline"})
"""arguments that are Unix seconds"""


@dataclass(frozen=True, slots=True)
class Call:
    """A decoded call. `arguments` by Solidity's names, bytes as hexadecimal, country codes as letters."""

    contract: str
    function: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={_shown(name, value)}" for name, value in self.arguments.items())
        return f"{self.contract}.{self.function}({inside})"


def read_call(network: Deployment, target: str, data: bytes) -> Call | None:
    """The call of an action on one of the network's contracts; None where it is none that is known."""
    from chain.artifact import ArtifactError, load

    contract = next((name for name, at in network.contracts.items() if at == target), None)
    if contract is None:
        return None
    try:
        abi = load(contract).abi
    except ArtifactError:
        return None
    for entry in abi:
        if entry["type"] != "function":
            continue
        inputs: Sequence[Mapping[str, Any]] = entry["inputs"]
        types = [_canonical(one) for one in inputs]
        if keccak256(f"{entry['name']}({','.join(types)})".encode())[:4] != data[:4]:
            continue
        try:
            values = decode(types, data[4:], entry["name"])
        except DecodeError:
            return None
        named = {
            one["name"].rstrip("_"): _plain(one["type"], value)
            for one, value in zip(inputs, values, strict=True)
        }
        return Call(contract, entry["name"], named)
    return None


def _canonical(entry: Mapping[str, Any]) -> str:
    kind = str(entry["type"])
    if not kind.startswith("tuple"):
        return kind
    inside = ",".join(_canonical(one) for one in entry["components"])
    return f"({inside}){kind.removeprefix('tuple')}"


def _plain(kind: str, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(kind.rpartition("[")[0], one) for one in value]
    if isinstance(value, bytes):
        return value.decode("ascii") if kind == "bytes2" and value.isalpha() else "0x" + value.hex()
    if kind == "address":
        from chain.codec import checksum

        return checksum(value)
    return value


def _shown(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if name == "roles":
            return roles_text(value)
        if name in _GLNS:
            return gln_text(value)
        if name in _TIMES:
            return time_text(value)
    return repr(value) if isinstance(value, str) and not value.startswith("0x") else str(value)
