"""What only the syntax tree knows: who lacks a notice, what enums hold, what structs mean."""

from collections.abc import Iterator, Mapping
from typing import Any

_DOCUMENTED = {
    "ContractDefinition": "contract",
    "FunctionDefinition": "function",
    "VariableDeclaration": "getter",
    "EventDefinition": "event",
    "ErrorDefinition": "error",
}


def _is_exposed(node: Mapping[str, Any]) -> bool:
    kind = node["nodeType"]
    if kind == "FunctionDefinition":
        return node["kind"] == "function" and node["visibility"] in {"public", "external"}
    if kind == "VariableDeclaration":
        return bool(node.get("stateVariable")) and node["visibility"] == "public"
    return kind in _DOCUMENTED


def _has_notice(node: Mapping[str, Any]) -> bool:
    documentation = node.get("documentation")
    if documentation is None:
        # The compiler lets an override without comment inherit its base's, which is checked itself.
        return bool(node.get("baseFunctions"))
    text = documentation if isinstance(documentation, str) else str(documentation["text"])
    # Text before the first tag is a notice too.
    return "@notice" in text or "@inheritdoc" in text or not text.lstrip(" *").startswith("@")


def _exposed(nodes: list[Mapping[str, Any]], owner: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for node in nodes:
        if not _is_exposed(node):
            continue
        name = f"{owner}.{node['name']}" if owner else str(node["name"])
        yield f"{_DOCUMENTED[node['nodeType']]} {name}", node
        if node["nodeType"] == "ContractDefinition":
            yield from _exposed(node["nodes"], str(node["name"]))


def missing_notices(ast: Mapping[str, Any], source: str) -> list[str]:
    """What of one source's syntax tree lacks a `@notice`: lines like `file: function Escrow.fund`."""
    found = _exposed(ast["nodes"], "")
    return [f"{source}: {what} has no @notice" for what, node in found if not _has_notice(node)]


def _walk(nodes: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in nodes:
        yield node
        if node["nodeType"] == "ContractDefinition":
            yield from _walk(node["nodes"])


def enum_members(ast: Mapping[str, Any]) -> dict[str, list[str]]:
    """Members of each enum of one source, by the name that an ABI's internalType gives it."""
    return {
        str(node["canonicalName"]): [str(member["name"]) for member in node["members"]]
        for node in _walk(ast["nodes"])
        if node["nodeType"] == "EnumDefinition"
    }


def struct_notices(ast: Mapping[str, Any]) -> dict[str, str]:
    """The comment of each struct of one source in one line, by its name in an ABI's internalType."""
    notices = {}
    for node in _walk(ast["nodes"]):
        if node["nodeType"] == "StructDefinition" and node.get("documentation"):
            text = " ".join(str(node["documentation"]["text"]).split())
            notices[str(node["canonicalName"])] = text.removeprefix("@notice ")
    return notices
