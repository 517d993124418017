"""What the generated bindings say, read from the compiled ABIs: contracts, structs, events, errors, messages.

Structs, enums, events and errors exist once each, whichever contracts share them.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chain import abi_types as types
from chain.abi_types import CodegenError, Member, Struct, TypeTable, snake
from chain.codec import keccak256


@dataclass(frozen=True)
class Item:
    """An event or error as one ABI declares it."""

    name: str
    members: Sequence[Member]
    owner: str
    notice: str
    anonymous: bool = False

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(m.type.abi for m in self.members)})"

    @property
    def identity(self) -> tuple[str, tuple[tuple[str, bool], ...]]:
        return self.signature, tuple((m.py, m.indexed) for m in self.members)


@dataclass(frozen=True)
class Function:
    """One function; `py` is unique in its contract, overloads carry their parameter types."""

    name: str
    py: str
    inputs: Sequence[Member]
    outputs: Sequence[Member]
    view: bool
    notice: str

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(m.type.abi for m in self.inputs)})"


@dataclass(frozen=True)
class Contract:
    """One compiled contract."""

    name: str
    concrete: bool
    functions: Sequence[Function]
    constructor: Sequence[Member]
    events: Sequence[Item]
    errors: Sequence[Item]
    notice: str


@dataclass
class Model:
    """Everything that is generated, with the Python class name of each thing."""

    contracts: list[Contract]
    table: TypeTable
    struct_notices: Mapping[str, str]
    messages: Mapping[str, str]
    standalone: Sequence[tuple[Struct, str, str]]
    type_names: dict[str, str] = field(default_factory=dict)
    event_names: dict[Any, str] = field(default_factory=dict)
    error_names: dict[Any, str] = field(default_factory=dict)


def _functions(artifact: Mapping[str, Any], table: TypeTable) -> list[Function]:
    entries = [entry for entry in artifact["abi"] if entry["type"] == "function"]
    names = [entry["name"] for entry in entries]
    notices = artifact["userdoc"].get("methods", {})
    found = []
    for entry in entries:
        inputs = table.members(entry["inputs"])
        py = snake(entry["name"])
        if names.count(entry["name"]) > 1:
            kinds = [re.sub(r"\W+", "_", m.type.abi).strip("_") for m in inputs]
            py = "_".join([py.rstrip("_"), *kinds])
        outputs = table.members(entry["outputs"])
        function = Function(
            entry["name"], py, inputs, outputs, entry["stateMutability"] in {"view", "pure"}, ""
        )
        notice = str(notices.get(function.signature, {}).get("notice", ""))
        found.append(Function(function.name, py, inputs, outputs, function.view, notice))
    return sorted(found, key=lambda function: function.py)


def _notice(docs: Any, signature: str) -> str:
    entry = docs.get(signature, {})
    if isinstance(entry, list):
        entry = entry[0] if entry else {}
    return str(entry.get("notice", ""))


def _items(artifact: Mapping[str, Any], kind: str, table: TypeTable) -> list[Item]:
    docs = artifact["userdoc"].get(f"{kind}s", {})
    found: dict[Any, Item] = {}
    for entry in artifact["abi"]:
        if entry["type"] == kind:
            members = table.members(entry["inputs"])
            bare = Item(entry["name"], members, artifact["name"], "", bool(entry.get("anonymous")))
            item = Item(bare.name, members, bare.owner, _notice(docs, bare.signature), bare.anonymous)
            found.setdefault(item.identity, item)
    return [found[key] for key in sorted(found)]


def _standalone(type_string: str, table: TypeTable) -> Struct:
    """A message that no ABI holds as a struct, from its EIP-712 type string (flat, as ERC-3009's are)."""
    match = re.fullmatch(r"(\w+)\(([^()]*)\)", type_string)
    if not match:
        raise CodegenError(f"eip712.json: {type_string!r} is not Name(type member,…)")
    parts = [part.split(" ") for part in match[2].split(",")]
    entries = [{"type": kind, "name": name} for kind, name in parts]
    return Struct(match[1], table.members(entries))


def _type_string(struct: Struct, table: TypeTable) -> str:
    """`encodeType` of EIP-712: the struct, then every struct inside it sorted by name."""

    def inner(member: types.AbiType) -> tuple[str, str | None]:
        if member.item is not None:
            name, key = inner(member.item)
            return f"{name}[{member.length if member.length is not None else ''}]", key
        return (table.structs[member.struct].bare, member.struct) if member.struct else (member.abi, None)

    seen: dict[str, Struct] = {}

    def collect(current: Struct) -> None:
        for member in current.members:
            key = inner(member.type)[1]
            if key is not None and key not in seen:
                seen[key] = table.structs[key]
                collect(table.structs[key])

    collect(struct)
    seen.pop(struct.key, None)
    ordered = [struct, *sorted(seen.values(), key=lambda s: s.bare)]
    return "".join(
        f"{s.bare}({','.join(f'{inner(m.type)[0]} {m.name}' for m in s.members)})" for s in ordered
    )


def _with_inner(keys: Iterable[str], table: TypeTable) -> list[str]:
    """Signed structs and all structs inside them."""
    found: set[str] = set()

    def visit(kind: types.AbiType) -> None:
        if kind.item is not None:
            visit(kind.item)
        elif kind.struct is not None:
            add(kind.struct)

    def add(key: str) -> None:
        if key not in found:
            found.add(key)
            for member in table.structs[key].members:
                visit(member.type)

    for key in keys:
        add(key)
    return sorted(found)


def _distinct(wanted: Iterable[tuple[Any, str, str]]) -> dict[Any, str]:
    """Class names: the plain name where it is the only one, else with its owner before it."""
    entries = list(wanted)
    plain = [name for _, name, _ in entries]
    names: dict[Any, str] = {}
    for key, name, owner in entries:
        chosen = name if plain.count(name) == 1 else re.sub(r"\AI(?=[A-Z])", "", owner) + name
        while chosen in names.values():
            chosen += "_"
        names[key] = chosen
    return names


def build_model(
    artifacts: Sequence[Mapping[str, Any]],
    enums: Mapping[str, Sequence[str]],
    struct_notices: Mapping[str, str],
    eip712: Mapping[str, Any],
) -> Model:
    """Read artifacts (documents that the compiler wrote); raises CodegenError for what cannot be generated.

    `eip712` lists what is signed: `structs` by internalType name, whose type string is derived member for
    member, and `messages` as type strings by contract, where a function takes the members one by one.
    """
    table = TypeTable(enums)
    contracts = []
    for artifact in sorted(artifacts, key=lambda entry: str(entry["name"])):
        constructors = [entry for entry in artifact["abi"] if entry["type"] == "constructor"]
        functions = _functions(artifact, table)
        contracts.append(
            Contract(
                name=artifact["name"],
                concrete=artifact["bytecode"] != "0x" and bool(functions),
                functions=functions,
                constructor=table.members(constructors[0]["inputs"]) if constructors else (),
                events=_items(artifact, "event", table),
                errors=_items(artifact, "error", table),
                notice=str(artifact["userdoc"].get("notice", "")),
            )
        )
    listed = list(eip712.get("structs", ()))
    missing = [key for key in listed if key not in table.structs]
    if missing:
        raise CodegenError(f"eip712.json lists structs that no ABI holds: {', '.join(missing)}")
    messages = {key: _type_string(table.structs[key], table) for key in _with_inner(listed, table)}
    standalone = [
        (_standalone(text, table), text, contract)
        for contract, texts in sorted(eip712.get("messages", {}).items())
        for text in texts
    ]
    concrete = [artifact for artifact in artifacts if artifact["bytecode"] != "0x"]
    abis = json.dumps([artifact["abi"] for artifact in concrete])
    _require_hashed([messages[key] for key in listed if f'"struct {key}' in abis], concrete)
    compiled = {artifact["name"] for artifact in concrete}
    _require_hashed([text for _, text, contract in standalone if contract in compiled], concrete)

    model = Model(contracts, table, struct_notices, messages, standalone)
    named = [(key, key.rpartition(".")[2], key.rpartition(".")[0]) for key in [*table.structs, *table.enums]]
    named += [(struct.key, struct.key, "Message") for struct, _, _ in standalone]
    model.type_names = _distinct(sorted(named))
    for attribute, target in (("events", model.event_names), ("errors", model.error_names)):
        unique: dict[Any, Item] = {}
        for contract in contracts:
            for item in getattr(contract, attribute):
                unique.setdefault(item.identity, item)
        target.update(_distinct((key, item.name, item.owner) for key, item in sorted(unique.items())))
    return model


def _require_hashed(signed: Iterable[str], concrete: Sequence[Mapping[str, Any]]) -> None:
    """A type that contracts hash in another way would break every signature in silence."""
    code = "".join(str(artifact["deployedBytecode"]) for artifact in concrete)
    for text in signed:
        # The compiler writes constants without their leading zeros.
        if keccak256(text.encode()).lstrip(b"\0").hex() not in code:
            raise CodegenError(f"no contract's code holds the type hash of {text}")
