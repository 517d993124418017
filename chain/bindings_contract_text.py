"""Writes a contract's generated module: its calls, their results, and the class of its view functions."""

import keyword
from collections.abc import Sequence

from chain import abi_types as types
from chain.abi_types import Member, pascal
from chain.bindings_model import Contract, Function, Model
from chain.bindings_pieces import attribute, doc, head, kinds_of, tuple_display
from chain.codec import keccak256


class ContractWriter:
    """Renders the contracts of one model; every method gives the lines of one piece."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.names = model.type_names

    def module(self, contract: Contract) -> list[str]:
        members = [m for f in contract.functions for m in (*f.inputs, *f.outputs)]
        members += contract.constructor
        lines = head(
            f"Calls, results, events and errors of {contract.name}.",
            "from typing import NamedTuple",
            "",
            "from chain import codec",
            "from chain.artifact import load",
            *self._reexports(contract, members),
        )
        for function in contract.functions:
            lines += self._function(function)
        signature = "".join(
            f", {attribute(m)}: {types.python_type(m.type, self.names)}" for m in contract.constructor
        )
        kinds = kinds_of(contract.constructor)
        values = tuple_display(types.to_abi(m.type, attribute(m)) for m in contract.constructor)
        lines += [
            "",
            f"def deployment_code({signature[2:]}) -> bytes:",
            '    """Creation code with the constructor\'s arguments: data of the deployment."""',
            *self._argument_checks(contract.constructor),
            f'    return load("{contract.name}").bytecode + codec.encode({kinds}, {values})',
            "",
            "",
            f"class {contract.name}:",
            f"    {doc(contract.notice)}",
            "",
            f'    CONTRACT_NAME = "{contract.name}"',
            "",
            "    def __init__(self, at: str, caller: codec.Caller) -> None:",
            '        self.contract_address = codec.address("address", at)',
            "        self._caller = caller",
            "",
        ]
        for function in contract.functions:
            if function.view:
                lines += self._view(function)
        return lines

    def _reexports(self, contract: Contract, members: Sequence[Member]) -> list[str]:
        """What a reader of this contract needs, under its plain name wherever that is free."""
        taken = {contract.name, "NamedTuple"}
        lines = []
        reached = self._reached(contract, members)
        signed = {struct.key for struct, _, owner in self.model.standalone if owner == contract.name}
        groups: list[tuple[str, str, list[tuple[str, str]]]] = [
            ("types", "", [(self.names[key], key.rpartition(".")[2]) for key in sorted(reached | signed)]),
            (
                "events",
                "Event",
                [(self.model.event_names[e.identity], e.name) for e in contract.events if not e.anonymous],
            ),
            ("errors", "Error", [(self.model.error_names[e.identity], e.name) for e in contract.errors]),
        ]
        for module, suffix, wanted in groups:
            if not wanted:
                continue
            lines.append(f"from .{module} import (")
            for real, plain in wanted:
                shown = real if module == "types" else plain
                while shown in taken or keyword.iskeyword(shown):
                    shown += suffix or "_"
                taken.add(shown)
                lines.append(f"    {real} as {shown},")
            lines.append(")")
        return lines

    def _reached(self, contract: Contract, members: Sequence[Member]) -> set[str]:
        found: set[str] = set()

        def visit(kind: types.AbiType) -> None:
            if kind.item is not None:
                visit(kind.item)
            elif kind.struct is not None and kind.struct not in found:
                found.add(kind.struct)
                for inner in self.model.table.structs[kind.struct].members:
                    visit(inner.type)
            elif kind.enum is not None:
                found.add(kind.enum)

        declared = [m for item in (*contract.events, *contract.errors) for m in item.members]
        for m in (*members, *declared):
            visit(m.type)
        return found

    def _argument_checks(self, members: Sequence[Member]) -> list[str]:
        lines = []
        for m in members:
            attr = attribute(m)

            def store(value: str, attr: str = attr) -> str:
                return f"{attr} = {value}"

            lines += types.checks(m.type, attr, attr, self.names, store, " " * 4)
        return lines

    def _result(self, function: Function) -> str:
        if not function.outputs:
            return "None"
        if len(function.outputs) == 1:
            return types.python_type(function.outputs[0].type, self.names)
        return "".join(pascal(part) for part in function.py.strip("_").split("_")) + "Result"

    def _function(self, function: Function) -> list[str]:
        selector = keccak256(function.signature.encode())[:4].hex()
        lines: list[str] = []
        result = self._result(function)
        if len(function.outputs) > 1:
            lines += [
                "",
                f"class {result}(NamedTuple):",
                f'    """What `{function.signature}` returns."""',
                "",
            ]
            # A named tuple is a tuple: these two would hide its methods.
            fields = [attribute(m) + "_" * (m.py in {"count", "index"}) for m in function.outputs]
            kinds = [types.python_type(m.type, self.names) for m in function.outputs]
            lines += [f"    {name}: {kind}" for name, kind in zip(fields, kinds, strict=True)]
            lines.append("")
        arguments = ", ".join(
            f"{attribute(m)}: {types.python_type(m.type, self.names)}" for m in function.inputs
        )
        values = tuple_display(types.to_abi(m.type, attribute(m)) for m in function.inputs)
        name = function.py.strip("_")
        lines += [
            "",
            f"def encode_{name}({arguments}) -> bytes:",
            f"    {doc(function.notice)}",
            *self._argument_checks(function.inputs),
            f'    return bytes.fromhex("{selector}")'
            + (f" + codec.encode({kinds_of(function.inputs)}, {values})" if function.inputs else ""),
            "",
        ]
        if not function.outputs:
            return lines
        lines += [
            "",
            f"def decode_{name}_result(data: bytes) -> {result}:",
            f'    """Read what `{function.signature}` returned; raises DecodeError."""',
            f'    signature = "{function.signature}"',
            f"    values = codec.decode({kinds_of(function.outputs)}, data, signature)",
            "    with codec.reading(signature):",
        ]
        parts = [types.from_abi(m.type, f"values[{n}]", self.names) for n, m in enumerate(function.outputs)]
        if len(parts) == 1:
            lines += [f"        result: {result} = {parts[0]}", "        return result", ""]
        else:
            lines += [f"        return {result}({', '.join(parts)})", ""]
        return lines

    def _view(self, function: Function) -> list[str]:
        taken = {attribute(m) for m in function.inputs}
        block = "block" if "block" not in taken else "at_block"
        arguments = "".join(
            f", {attribute(m)}: {types.python_type(m.type, self.names)}" for m in function.inputs
        )
        name = function.py.strip("_")
        passed = ", ".join(attribute(m) for m in function.inputs)
        result = self._result(function)
        asked = f"self._caller.call(self.contract_address, encode_{name}({passed}), {block})"
        return [
            f'    def {function.py}(self{arguments}, *, {block}: str | int = "latest") -> {result}:',
            f"        {doc(function.notice)}",
            f"        return decode_{name}_result({asked})" if function.outputs else f"        {asked}",
            "",
        ]
