"""Compiles the Solidity sources into artifacts that are the same byte for byte on every machine.

`python -m chain.compiler` compiles what changed; `--check` compares with the committed
`contracts/artifacts.lock` and checks NatSpec; `--write-lock` accepts the present output; paths compile
only those sources. The compiler is chosen by TRADESEAL_SOLC (`npm`, `native`, or a path).
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.artifact import Artifact, ArtifactError, load, names
from chain.natspec import enum_members, missing_notices, struct_notices
from chain.toolchain import (
    NODE_MODULES,
    ROOT,
    SOLC_VERSION,
    ToolchainError,
    find_solc,
    pinned_library_version,
)

__all__ = ["Artifact", "ArtifactError", "CompileError", "compile_product", "compile_sources", "load", "names"]

CONTRACTS = ROOT / "contracts"
ARTIFACTS = ROOT / "chain" / "artifacts"
LOCK = CONTRACTS / "artifacts.lock"
TEST_CONTRACTS = ROOT / "tests" / "contracts" / "solidity"
TEST_ARTIFACTS = ROOT / ".cache" / "test-artifacts"

# The one place that decides how contracts are compiled. `viaIR` is three times slower; it is here for the day
# a function runs out of stack slots. `runs`: members sign often, contracts are deployed once; all stay below
# the 24,576 bytes that a contract may have.
SETTINGS: Mapping[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 10_000},
    "viaIR": False,
    # A hash of sources and comments in the code would change it with every typo mended in a comment.
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
_PER_CONTRACT = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "userdoc", "devdoc"]


class CompileError(Exception):
    """The compiler refused a source, or warned about one of ours."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = list(messages)


@dataclass(frozen=True)
class Output:
    """What one compiler run gave: artifact documents by contract name, what lacks a NatSpec notice, and, by
    their names in an ABI's internalType, the members of enums and the comments of structs."""

    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing_notices: Sequence[str] = ()
    enums: Mapping[str, Sequence[str]] = field(default_factory=dict)
    struct_notices: Mapping[str, str] = field(default_factory=dict)


def source_files(folder: Path) -> list[Path]:
    """The Solidity files below a folder, sorted, installed libraries left out."""
    return sorted(path for path in folder.rglob("*.sol") if "node_modules" not in path.parts)


def _unit(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def _describe(error: Mapping[str, Any]) -> str:
    """`file:line: kind: message (code)`, the form that editors jump to."""
    place = ""
    location = error.get("sourceLocation")
    if location:
        file = ROOT / location["file"]
        before = file.read_bytes()[: max(location["start"], 0)] if file.is_file() else b""
        line = before.count(b"\n") + 1
        place = f"{location['file']}:{line}: "
    return f"{place}{error['type']}: {error['message']} ({error.get('errorCode', 'no code')})"


def _is_ours(error: Mapping[str, Any]) -> bool:
    location = error.get("sourceLocation")
    return location is None or "node_modules/" not in location["file"]


def compile_sources(paths: Sequence[Path], solc: str = "npm") -> Output:
    """Compile some of our sources; what they import is found by itself.

    `paths` are files below the repository's root, `solc` is as for `toolchain.find_solc`. Raises CompileError
    with one `file:line: …` message for each error, and each warning about a source of ours.
    """
    import solcx
    from solcx.exceptions import SolcError

    units = {_unit(path): path.read_text(encoding="utf-8") for path in paths}
    request = {
        "language": "Solidity",
        "sources": {unit: {"content": content} for unit, content in sorted(units.items())},
        "settings": {
            **SETTINGS,
            "remappings": [f"@openzeppelin/={_unit(NODE_MODULES)}/@openzeppelin/"],
            "outputSelection": {unit: {"": ["ast"], "*": _PER_CONTRACT} for unit in units},
        },
    }
    try:
        answer = solcx.compile_standard(
            request, base_path=ROOT, allow_paths=[ROOT], solc_binary=find_solc(solc), allow_empty=True
        )
    except SolcError as error:
        answer = {
            "errors": error.error_dict or [{"severity": "error", "type": "SolcError", "message": str(error)}]
        }

    problems = [
        _describe(error)
        for error in answer.get("errors", ())
        if error["severity"] == "error" or (error["severity"] == "warning" and _is_ours(error))
    ]
    if problems:
        raise CompileError(problems)

    artifacts: dict[str, Mapping[str, Any]] = {}
    for unit, contracts in sorted(answer.get("contracts", {}).items()):
        for name, contract in sorted(contracts.items()):
            if name in artifacts:
                raise CompileError(
                    [f"{unit}: contract {name} is also declared in {artifacts[name]['source']}"]
                )
            artifacts[name] = {
                "name": name,
                "source": unit,
                "abi": contract["abi"],
                "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
                "deployedBytecode": "0x" + contract["evm"]["deployedBytecode"]["object"],
                "userdoc": contract["userdoc"],
                "devdoc": contract["devdoc"],
            }
    trees = [
        (unit, source["ast"]) for unit, source in sorted(answer.get("sources", {}).items()) if "ast" in source
    ]
    return Output(
        artifacts=artifacts,
        missing_notices=[line for unit, ast in trees for line in missing_notices(ast, unit)],
        enums={name: members for _, ast in trees for name, members in enum_members(ast).items()},
        struct_notices={name: text for _, ast in trees for name, text in struct_notices(ast).items()},
    )


def _fingerprint(paths: Sequence[Path]) -> str:
    """SHA-256 over everything that decides the output, so that an unchanged tree is not compiled again."""
    digest = hashlib.sha256()
    versions = {package: pinned_library_version(package) for package in ("solc", "@openzeppelin/contracts")}
    own_code = [Path(__file__), Path(__file__).with_name("natspec.py")]
    digest.update(json.dumps([SOLC_VERSION, SETTINGS, versions], sort_keys=True).encode())
    for path in [*own_code, *paths]:
        content = path.read_bytes()
        digest.update(f"{_unit(path)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, and leave one alone that already says this."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def _as_text(document: object) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _store(output: Output, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, artifact in output.artifacts.items():
        _replace(folder / f"{name}.json", _as_text(artifact))


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _compile_folder(
    sources: Sequence[Path], inputs: Sequence[Path], folder: Path, solc: str, force: bool
) -> bool:
    """Bring one artifact folder up to date; True if that took a compiler run."""
    fingerprint = _fingerprint(inputs)
    known = _read_manifest(folder)
    if not force and known.get("fingerprint") == fingerprint:
        listed = known.get("contracts", [])
        if all((folder / f"{name}.json").is_file() for name in listed):
            return False
    output = compile_sources(sources, solc) if sources else Output()
    _store(output, folder)
    for stale in folder.glob("*.json"):
        if stale.stem not in output.artifacts and stale.name != "manifest.json":
            stale.unlink()
    manifest = {
        "fingerprint": fingerprint,
        "solc": SOLC_VERSION,
        "contracts": sorted(output.artifacts),
        "missing_notices": output.missing_notices,
        "enums": output.enums,
        "struct_notices": output.struct_notices,
    }
    # Last: a manifest that names files which were never written would hide them for good.
    _replace(folder / "manifest.json", _as_text(manifest))
    return True


def compile_product(solc: str = "npm", force: bool = False) -> bool:
    """Compile `contracts/` into `chain/artifacts`; True if anything had changed since the last time."""
    sources = source_files(CONTRACTS)
    return _compile_folder(sources, sources, ARTIFACTS, solc, force)


def compile_test_contracts(solc: str = "npm", force: bool = False) -> bool:
    """Compile the tests' own contracts into `.cache/test-artifacts`, never part of a wheel."""
    sources = source_files(TEST_CONTRACTS)
    return _compile_folder(sources, [*source_files(CONTRACTS), *sources], TEST_ARTIFACTS, solc, force)


def lock_entries(folder: Path | None = None) -> dict[str, dict[str, str]]:
    """SHA-256 of creation code and ABI of every compiled contract, as the lock file holds them."""
    folder = folder or ARTIFACTS
    entries = {}
    for name in _read_manifest(folder).get("contracts", []):
        artifact = Artifact.from_json((folder / f"{name}.json").read_text(encoding="utf-8"))
        abi = json.dumps(artifact.abi, sort_keys=True, separators=(",", ":"))
        entries[name] = {
            "abi": hashlib.sha256(abi.encode()).hexdigest(),
            "bytecode": hashlib.sha256(artifact.bytecode).hexdigest(),
        }
    return entries


def lock_differences(folder: Path | None = None) -> list[str]:
    """How the compiled contracts differ from the committed lock, one line each; empty when they agree."""
    try:
        locked = json.loads(LOCK.read_text(encoding="utf-8"))["contracts"]
    except (OSError, ValueError, KeyError) as error:
        return [f"{LOCK.name} cannot be read: {error!r}"]
    built = lock_entries(folder)
    lines = []
    for name in sorted(locked.keys() | built.keys()):
        if name not in built:
            lines.append(f"{name}: locked, but no longer compiled")
        elif name not in locked:
            lines.append(f"{name}: compiled, but not in the lock")
        else:
            lines += [
                f"{name}: {part} differs from the lock"
                for part in built[name]
                if built[name][part] != locked[name].get(part)
            ]
    return lines


def _check() -> int:
    silent = _read_manifest(ARTIFACTS).get("missing_notices", [])
    differences = lock_differences()
    for line in [*silent, *differences]:
        print(line, file=sys.stderr)
    if differences:
        print("accept the present output with: python -m chain.compiler --write-lock", file=sys.stderr)
    return 1 if silent or differences else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0 fine, 1 refused by compiler, lock or NatSpec, 2 no toolchain."""
    parser = argparse.ArgumentParser(prog="python -m chain.compiler", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="compile only these files or folders")
    parser.add_argument("--check", action="store_true", help="compare with the lock; check NatSpec")
    parser.add_argument("--write-lock", action="store_true", help="accept the present output")
    parser.add_argument("--force", action="store_true", help="compile though nothing changed")
    options = parser.parse_args(arguments)
    solc = os.environ.get("TRADESEAL_SOLC", "npm")
    try:
        if options.paths:
            return _compile_paths(options.paths, solc)
        for what, run in (("contracts", compile_product), ("test contracts", compile_test_contracts)):
            print(f"{what}: {'compiled' if run(solc, options.force) else 'unchanged'}")
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    except ToolchainError as error:
        print(error, file=sys.stderr)
        return 2
    if options.write_lock:
        _replace(LOCK, _as_text({"solc": SOLC_VERSION, "contracts": lock_entries()}))
        print(f"wrote {_unit(LOCK)}")
    return _check() if options.check else 0


def _compile_paths(paths: Iterable[Path], solc: str) -> int:
    sources: list[Path] = []
    for path in paths:
        sources += source_files(path) if path.is_dir() else [path]
    output = compile_sources(sources, solc)
    tests_only = [path for path in sources if path.resolve().is_relative_to(TEST_CONTRACTS)]
    folder = TEST_ARTIFACTS if len(tests_only) == len(sources) else ARTIFACTS
    _store(output, folder)
    for name, artifact in output.artifacts.items():
        size = len(artifact["deployedBytecode"]) // 2 - 1
        print(f"{name}: {size} bytes")
    for line in output.missing_notices:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
