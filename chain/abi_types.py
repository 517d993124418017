"""Solidity ABI types as the code generator sees them: Python type, check, and conversions of each."""

import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ARRAY = re.compile(r"(.*)\[(\d*)\]\Z")
_SIZED = re.compile(r"(uint|int|bytes)(\d+)\Z")


class CodegenError(ValueError):
    """An ABI holds something that cannot be generated."""


def snake(name: str) -> str:
    """`sealId` → `seal_id`, `tokenURI` → `token_uri`; names that Python keeps get a trailing underscore."""
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name.strip("_"))
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()
    return spaced + "_" if keyword.iskeyword(spaced) else spaced


def pascal(name: str) -> str:
    """`anchored` → `Anchored`."""
    return name[:1].upper() + name[1:]


@dataclass(frozen=True)
class AbiType:
    """One type. `abi` is canonical with structs as tuples: `(uint64,bytes32)[]`.

    `struct` and `enum` are internalType names such as `IEscrow.Order`; `item` is set for arrays, `length` for
    arrays of fixed length.
    """

    abi: str
    struct: str | None = None
    enum: str | None = None
    item: "AbiType | None" = None
    length: int | None = None

    @property
    def sized(self) -> tuple[str, int]:
        """("uint", 64) for uint64; ("", 0) for what has no size."""
        match = _SIZED.match(self.abi)
        return (match[1], int(match[2])) if match else ("", 0)

    @property
    def is_dynamic_topic(self) -> bool:
        """True where an indexed parameter is only kept as a hash."""
        return self.item is not None or self.struct is not None or self.abi in {"string", "bytes"}


@dataclass(frozen=True)
class Member:
    """A named value: struct member, parameter, result. `name` is Solidity's, `py` is Python's."""

    name: str
    py: str
    type: AbiType
    indexed: bool = False


@dataclass(frozen=True)
class Struct:
    """A struct that occurs in some ABI, under its internalType name."""

    key: str
    members: Sequence[Member]

    @property
    def bare(self) -> str:
        """The name without the contract that declares it."""
        return self.key.rpartition(".")[2]


@dataclass
class TypeTable:
    """All structs and enums met so far, by internalType name; enums with their members."""

    known_enums: Mapping[str, Sequence[str]]
    structs: dict[str, Struct] = field(default_factory=dict)
    enums: dict[str, Sequence[str]] = field(default_factory=dict)

    def read(self, entry: Mapping[str, Any]) -> AbiType:
        """The type of one ABI parameter; remembers the structs and enums inside it."""
        return self._read(str(entry["type"]), str(entry.get("internalType", "")), entry.get("components", ()))

    def _read(self, kind: str, internal: str, components: Sequence[Mapping[str, Any]]) -> AbiType:
        array = _ARRAY.match(kind)
        if array:
            item = self._read(array[1], internal.rpartition("[")[0], components)
            length = int(array[2]) if array[2] else None
            return AbiType(f"{item.abi}[{array[2]}]", item=item, length=length)
        if kind == "tuple":
            key = internal.removeprefix("struct ")
            if not key:
                raise CodegenError("a tuple has no internalType: compile with a current compiler")
            struct = Struct(key, self.members(components))
            if self.structs.setdefault(key, struct) != struct:
                raise CodegenError(f"struct {key} is declared twice, differently")
            return AbiType(f"({','.join(m.type.abi for m in struct.members)})", struct=key)
        if internal.startswith("enum "):
            key = internal.removeprefix("enum ")
            if key in self.known_enums:
                self.enums[key] = self.known_enums[key]
                return AbiType(kind, enum=key)
        return AbiType(kind)

    def members(self, entries: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
        """Parameters or struct members in order; what has no name is called `value_<position>`."""
        found: list[Member] = []
        for position, entry in enumerate(entries):
            name = str(entry["name"]) or f"value_{position}"
            py = snake(name) or f"value_{position}"
            while any(py == other.py for other in found):
                py += "_"
            found.append(Member(name, py, self.read(entry), bool(entry.get("indexed"))))
        return tuple(found)


Names = Mapping[str, str]
"""Python class name by internalType name."""


def python_type(t: AbiType, names: Names) -> str:
    """How generated code annotates a value."""
    if t.item is not None:
        return f"tuple[{python_type(t.item, names)}, ...]"
    if t.struct is not None:
        return names[t.struct]
    if t.enum is not None:
        return names[t.enum]
    if t.abi in {"string", "address"}:
        return "str"
    if t.abi == "bool":
        return "bool"
    if t.abi.startswith("bytes"):
        return "bytes"
    if t.sized[0] in {"uint", "int"}:
        return "int"
    raise CodegenError(f"ABI type {t.abi} is not supported")


def to_abi(t: AbiType, expression: str) -> str:
    """Expression that turns a Python value into what the ABI codec takes."""
    if t.item is not None:
        inner = to_abi(t.item, "item")
        return expression if inner == "item" else f"[{inner} for item in {expression}]"
    if t.struct is not None:
        return f"{expression}.abi_tuple()"
    return f"int({expression})" if t.enum is not None else expression


def from_abi(t: AbiType, expression: str, names: Names) -> str:
    """Expression that turns what the ABI codec gives into the Python value."""
    if t.item is not None:
        inner = from_abi(t.item, "item", names)
        return f"tuple({expression})" if inner == "item" else f"tuple({inner} for item in {expression})"
    if t.struct is not None:
        return f"{names[t.struct]}.from_abi({expression})"
    if t.enum is not None:
        return f"{names[t.enum]}({expression})"
    return f"codec.checksum({expression})" if t.abi == "address" else expression


def checks(
    t: AbiType, label: str, target: str, names: Names, store: Callable[[str], str], pad: str
) -> list[str]:
    """Statements that check a value; `store` writes the one kind that is normalised, addresses."""
    if t.item is not None:
        length = f", {t.length}" if t.length is not None else ""
        lines = [f'{pad}codec.items("{label}", {target}{length})']
        if t.item.abi == "address":
            return [*lines, pad + store(f'tuple(codec.address("{label}", item) for item in {target})')]
        # One name for each loop: a function's loops may run over different types.
        each = "each_" + re.sub(r"\W", "_", target.removeprefix("self."))
        inner = checks(t.item, label, each, names, lambda value: f"{each} = {value}", pad + "    ")
        return [*lines, f"{pad}for {each} in {target}:", *inner]
    if t.struct is not None:
        return [f'{pad}codec.instance("{label}", {target}, {names[t.struct]})']
    if t.enum is not None:
        return [f'{pad}codec.instance("{label}", {target}, {names[t.enum]})']
    if t.abi == "address":
        return [pad + store(f'codec.address("{label}", {target})')]
    kind, size = t.sized
    if kind == "uint":
        return [f'{pad}codec.uint("{label}", {target}, {size})']
    if kind == "int":
        return [f'{pad}codec.sint("{label}", {target}, {size})']
    if kind == "bytes":
        return [f'{pad}codec.fixed_bytes("{label}", {target}, {size})']
    carried = {"string": "str", "bytes": "bytes", "bool": "bool"}
    if t.abi not in carried:
        raise CodegenError(f"ABI type {t.abi} is not supported")
    return [f'{pad}codec.instance("{label}", {target}, {carried[t.abi]})']


def hashed(t: AbiType, expression: str) -> str:
    """Expression for the 32 bytes that stand for a value in EIP-712's encodeData."""
    if t.item is not None:
        return f'codec.keccak256(b"".join([{hashed(t.item, "item")} for item in {expression}]))'
    if t.struct is not None:
        return f"{expression}.struct_hash()"
    if t.abi == "address":
        return f"codec.address_word({expression})"
    if t.abi == "string":
        return f"codec.keccak256({expression}.encode())"
    if t.abi == "bytes":
        return f"codec.keccak256({expression})"
    return f"codec.bytes_word({expression})" if t.sized[0] == "bytes" else f"codec.word({expression})"


def json_form(t: AbiType, expression: str) -> str:
    """Expression for a value in EIP-712 JSON."""
    if t.item is not None:
        inner = json_form(t.item, "item")
        return f"list({expression})" if inner == "item" else f"[{inner} for item in {expression}]"
    if t.struct is not None:
        return f"{expression}.message()"
    if t.abi.startswith("bytes"):
        return f'"0x" + {expression}.hex()'
    kind, size = t.sized
    if kind in {"uint", "int"}:
        whole = f"int({expression})" if t.enum is not None else expression
        return f"str({whole})" if size > 48 else whole
    return expression
