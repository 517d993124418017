"""Writes the generated bindings' Python text from their model."""

import re
from collections.abc import Iterable, Sequence

from chain import abi_types as types
from chain.abi_types import Member, Struct, snake
from chain.bindings_contract_text import ContractWriter
from chain.bindings_model import Item, Model
from chain.bindings_pieces import attribute, doc, head, kinds_of, tuple_display
from chain.codec import keccak256


class Writer:
    """Renders one model; every method gives the lines of one piece."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.names = model.type_names

    def files(self) -> dict[str, str]:
        """All modules: text by file name."""
        contracts = ContractWriter(self.model)
        modules = {
            "types.py": self._types(),
            "events.py": self._items("events"),
            "errors.py": self._items("errors"),
            "__init__.py": self._index(),
        }
        for contract in self.model.contracts:
            if contract.concrete:
                modules[f"{snake(contract.name)}.py"] = contracts.module(contract)
        return {name: "\n".join(lines).rstrip("\n") + "\n" for name, lines in sorted(modules.items())}

    # Types

    def _types(self) -> list[str]:
        lines = head(
            "Structs and enums of the contracts, and the messages that are signed.",
            "from collections.abc import Mapping, Sequence",
            "from dataclasses import dataclass",
            "from enum import IntEnum",
            "from typing import Any, ClassVar, Self",
            "",
            "from chain import codec",
        )
        for key, values in sorted(self.model.table.enums.items()):
            lines += ["", f"class {self.names[key]}(IntEnum):", f'    """{key} of the contracts."""', ""]
            lines += [f"    {snake(value).strip('_').upper()} = {n}" for n, value in enumerate(values)]
            lines.append("")
        for struct in self._ordered_structs():
            type_string = self.model.messages.get(struct.key)
            notice = self.model.struct_notices.get(struct.key, "")
            lines += self._struct(struct, type_string, notice, in_abi=True)
        for struct, text, contract in self.model.standalone:
            lines += self._struct(struct, text, f"Signed for {contract}: `{text}`.", in_abi=False)
        return lines

    def _ordered_structs(self) -> list[Struct]:
        """Inner structs before those that hold them, else by name."""
        done: dict[str, Struct] = {}

        def visit(key: str) -> None:
            if key in done:
                return
            for member in self.model.table.structs[key].members:
                kind = member.type
                while kind.item is not None:
                    kind = kind.item
                if kind.struct is not None:
                    visit(kind.struct)
            done[key] = self.model.table.structs[key]

        for key in sorted(self.model.table.structs):
            visit(key)
        return list(done.values())

    def _struct(self, struct: Struct, type_string: str | None, notice: str, in_abi: bool) -> list[str]:
        name = self.names[struct.key]
        base = "(codec.TypedMessage)" if type_string else ""
        lines = ["", "@dataclass(frozen=True, slots=True)", f"class {name}{base}:", f"    {doc(notice)}", ""]
        if type_string:
            lines += [
                f'    PRIMARY_TYPE: ClassVar[str] = "{struct.bare}"',
                f'    TYPE: ClassVar[str] = "{type_string}"',
                f'    TYPE_HASH: ClassVar[bytes] = bytes.fromhex("{keccak256(type_string.encode()).hex()}")',
                "    MEMBERS: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {",
            ]
            for part in re.finditer(r"(\w+)\(([^()]*)\)", type_string):
                members = tuple_display(
                    f'("{member.split(" ")[1]}", "{member.split(" ")[0]}")' for member in part[2].split(",")
                )
                lines.append(f'        "{part[1]}": {members},')
            lines += ["    }", ""]
        lines += self._fields(struct.members, name)
        if in_abi:
            values = [types.to_abi(m.type, f"self.{attribute(m)}") for m in struct.members]
            lines += [
                "    def abi_tuple(self) -> tuple[Any, ...]:",
                '        """The members in order, as the ABI codec takes them."""',
                f"        return {tuple_display(values)}",
                "",
                *self._from_abi(struct.members),
            ]
        if type_string:
            hashes = [types.hashed(m.type, f"self.{attribute(m)}") for m in struct.members]
            lines += [
                "    def struct_hash(self) -> bytes:",
                '        """`hashStruct` of EIP-712, 32 bytes."""',
                "        return codec.keccak256(",
                '            b"".join(',
                "                [",
                "                    self.TYPE_HASH,",
                *(f"                    {line}," for line in hashes),
                "                ]",
                "            )",
                "        )",
                "",
                "    def message(self) -> dict[str, Any]:",
                '        """The members as EIP-712 JSON."""',
                "        return {",
                *(
                    f'            "{m.name}": {types.json_form(m.type, f"self.{attribute(m)}")},'
                    for m in struct.members
                ),
                "        }",
                "",
            ]
        return lines

    def _fields(self, members: Sequence[Member], owner: str) -> list[str]:
        """Dataclass fields and the check of their values."""
        lines = [f"    {attribute(m)}: {types.python_type(m.type, self.names)}" for m in members]
        if not members:
            return []
        lines += ["", "    def __post_init__(self) -> None:"]
        for m in members:
            attr = attribute(m)

            def store(value: str, attr: str = attr) -> str:
                return f'object.__setattr__(self, "{attr}", {value})'

            lines += types.checks(m.type, f"{owner}.{attr}", f"self.{attr}", self.names, store, " " * 8)
        return [*lines, ""]

    def _from_abi(self, members: Sequence[Member]) -> list[str]:
        lines = [
            "    @classmethod",
            "    def from_abi(cls, values: Sequence[Any]) -> Self:",
            '        """From what the ABI codec gives."""',
            "        return cls(",
        ]
        lines += [
            f"            {attribute(m)}={types.from_abi(m.type, f'values[{n}]', self.names)},"
            for n, m in enumerate(members)
        ]
        return [*lines, "        )", ""]

    # Events and errors

    def _type_imports(self, members: Iterable[Member]) -> list[str]:
        used = set()
        for member in members:
            kind = member.type
            while kind.item is not None:
                kind = kind.item
            key = kind.struct or kind.enum
            if key is not None:
                used.add(self.names[key])
        if not used:
            return []
        return ["from .types import (", *(f"    {name} as {name}," for name in sorted(used)), ")"]

    def _items(self, what: str) -> list[str]:
        names = self.model.event_names if what == "events" else self.model.error_names
        unique: dict[object, Item] = {}
        for contract in self.model.contracts:
            for item in contract.events if what == "events" else contract.errors:
                unique.setdefault(item.identity, item)
        shown = [
            Member(m.name, m.py, types.AbiType("bytes32")) if m.indexed and m.type.is_dynamic_topic else m
            for item in unique.values()
            for m in item.members
        ]
        lines = head(
            f"The contracts' {what}, decoded.",
            "from collections.abc import Sequence",
            "from dataclasses import dataclass",
            "from typing import ClassVar, Self",
            "",
            "from chain import codec",
            *self._type_imports(shown),
        )
        for key, item in sorted(unique.items(), key=lambda entry: names[entry[0]]):
            if item.anonymous:
                continue
            lines += self._event(item, names[key]) if what == "events" else self._error(item, names[key])
        return lines

    def _event(self, item: Item, name: str) -> list[str]:
        topic0 = keccak256(item.signature.encode()).hex()
        members = [
            Member(m.name, f"{m.py}_hash", types.AbiType("bytes32"), True)
            if m.indexed and m.type.is_dynamic_topic
            else m
            for m in item.members
        ]
        topics = [m for m in members if m.indexed]
        data = [m for m in members if not m.indexed]
        lines = [
            "",
            "@dataclass(frozen=True, slots=True)",
            f"class {name}(codec.Event):",
            f"    {doc(item.notice)}",
            "",
            f'    NAME: ClassVar[str] = "{item.name}"',
            f'    SIGNATURE: ClassVar[str] = "{item.signature}"',
            f'    TOPIC0: ClassVar[bytes] = bytes.fromhex("{topic0}")',
            f"    TOPICS: ClassVar[int] = {len(topics) + 1}",
            "    PARAMETERS: ClassVar[Sequence[tuple[str, str, bool]]] = "
            + tuple_display(f'("{attribute(m)}", "{m.type.abi}", {m.indexed})' for m in members),
            "",
            *self._fields(members, item.name),
            "    @classmethod",
            "    def decode(cls, topics: Sequence[bytes], data: bytes) -> Self:",
            f'        """Read a log; raises DecodeError where it is not {item.name}."""',
            "        cls._check_topics(topics)",
        ]
        if topics:
            whole = "b''.join(topics[1:])"
            lines.append(f"        indexed = codec.decode({kinds_of(topics)}, {whole}, cls.SIGNATURE)")
        if data:
            lines.append(f"        values = codec.decode({kinds_of(data)}, data, cls.SIGNATURE)")
        lines += ["        with codec.reading(cls.SIGNATURE):", "            return cls("]
        for m in members:
            source = f"indexed[{topics.index(m)}]" if m.indexed else f"values[{data.index(m)}]"
            lines.append(f"                {attribute(m)}={types.from_abi(m.type, source, self.names)},")
        return [*lines, "            )", ""]

    def _error(self, item: Item, name: str) -> list[str]:
        selector = keccak256(item.signature.encode())[:4].hex()
        lines = [
            "",
            "@dataclass(frozen=True, slots=True)",
            f"class {name}(codec.ContractError):",
            f"    {doc(item.notice)}",
            "",
            f'    NAME: ClassVar[str] = "{item.name}"',
            f'    SIGNATURE: ClassVar[str] = "{item.signature}"',
            f'    SELECTOR: ClassVar[bytes] = bytes.fromhex("{selector}")',
            "",
            *self._fields(item.members, item.name),
            "    __str__ = codec.ContractError.__str__",
            "",
            "    @classmethod",
            "    def decode(cls, data: bytes) -> Self:",
            f'        """Read revert data; raises DecodeError where it is not {item.name}."""',
        ]
        if not item.members:
            return [*lines, "        cls._arguments(data)", "        return cls()", ""]
        lines += [
            f"        values = codec.decode({kinds_of(item.members)}, cls._arguments(data), cls.SIGNATURE)",
            "        with codec.reading(cls.SIGNATURE):",
            "            return cls(",
        ]
        for n, m in enumerate(item.members):
            lines.append(
                f"                {attribute(m)}={types.from_abi(m.type, f'values[{n}]', self.names)},"
            )
        return [*lines, "            )", ""]

    # Index

    def _index(self) -> list[str]:
        concrete = [contract.name for contract in self.model.contracts if contract.concrete]
        lines = head(
            "Every contract's binding.",
            "from chain import codec",
            "",
            "from . import errors as _errors",
            "from . import events as _events",
            *(f"from .{snake(name)} import {name} as {name}" for name in concrete),
        )
        by_topic: dict[str, list[str]] = {}
        anonymous = {e.identity for c in self.model.contracts for e in c.events if e.anonymous}
        for identity, name in self.model.event_names.items():
            if identity not in anonymous:
                by_topic.setdefault(keccak256(identity[0].encode()).hex(), []).append(name)
        by_selector: dict[str, str] = {}
        for identity, name in sorted(self.model.error_names.items(), key=lambda entry: entry[1]):
            by_selector.setdefault(keccak256(identity[0].encode())[:4].hex(), name)
        lines += ["EVENTS: dict[bytes, list[type[codec.Event]]] = {"]
        for topic, names in sorted(by_topic.items(), key=lambda entry: sorted(entry[1])):
            classes = ", ".join(f"_events.{name}" for name in sorted(names))
            lines.append(f'    bytes.fromhex("{topic}"): [{classes}],')
        lines += [
            "}",
            '"""Event classes by topic 0; more than one where only the indexed fields differ."""',
            "",
        ]
        lines += ["ERRORS: dict[bytes, type[codec.ContractError]] = {"]
        for selector, name in sorted(by_selector.items(), key=lambda entry: entry[1]):
            lines.append(f'    bytes.fromhex("{selector}"): _errors.{name},')
        lines += ["}", '"""Custom error classes by selector."""', ""]
        lines += ["CONTRACTS: dict[str, type] = {"]
        lines += [f'    "{name}": {name},' for name in concrete]
        return [*lines, "}", '"""Contract classes by name."""', ""]
