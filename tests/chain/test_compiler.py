"""The compiler's rules on sources of its own: errors, warnings, NatSpec, lock, reproducibility."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chain import artifact, compiler
from chain.compiler import CompileError, compile_sources
from chain.toolchain import ROOT, ToolchainError, find_solc

pytestmark = pytest.mark.slow

HEAD = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.28;\n"


@pytest.fixture
def source(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Path]]:
    """Writes one source below the repository's root, where the compiler looks imports up."""
    folder = ROOT / ".cache" / "compiler-tests"
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []

    def write(text: str) -> Path:
        path = folder / f"{request.node.name.replace('[', '_').replace(']', '')}.sol"
        path.write_text(HEAD + text, encoding="utf-8")
        made.append(path)
        return path

    yield write
    for path in made:
        path.unlink(missing_ok=True)


def test_errors_name_file_and_line(source: Callable[[str], Path]) -> None:
    path = source("contract C {\n    uint256 x = true;\n}\n")
    with pytest.raises(CompileError) as refused:
        compile_sources([path])
    assert refused.value.messages[0].startswith(f"{path.relative_to(ROOT).as_posix()}:4: TypeError: ")


@pytest.mark.slow
def test_a_missing_import_is_named(source: Callable[[str], Path]) -> None:
    path = source('import "@openzeppelin/contracts/Nowhere.sol";\ncontract C {}\n')
    with pytest.raises(CompileError, match=r":3: ParserError: .*@openzeppelin/contracts/Nowhere.sol"):
        compile_sources([path])


def test_a_warning_about_our_source_is_an_error(source: Callable[[str], Path]) -> None:
    path = source("contract C {\n    function f() external { uint256 unused; }\n}\n")
    with pytest.raises(CompileError, match=r":4: Warning: Unused local variable"):
        compile_sources([path])


def test_what_lacks_a_notice_is_named(source: Callable[[str], Path]) -> None:
    path = source(
        """
contract C {
    event Bare(uint256 a);
    error Bare2();
    /// @dev Only for developers.
    function silent() external {}
    /// Text without a tag is a notice.
    function told() external {}
    function hidden() internal {}
    uint256 public getter;
}
/// @notice A base that speaks.
interface I {
    /// @notice Inherited by whoever implements it.
    function f() external;
}
/// @notice Inherits what its base says.
contract D is I {
    function f() external {}
}
"""
    )
    found = [line.split(": ", 1)[1] for line in compile_sources([path]).missing_notices]
    assert found == [
        "contract C has no @notice",
        "event C.Bare has no @notice",
        "error C.Bare2 has no @notice",
        "function C.silent has no @notice",
        "getter C.getter has no @notice",
    ]


@pytest.mark.slow
def test_output_does_not_depend_on_comments(source: Callable[[str], Path]) -> None:
    body = (
        "contract C {{\n    {comment}\n    function f() external pure returns (uint256) {{ return 7; }}\n}}\n"
    )
    first = compile_sources([source(body.format(comment="/// @notice One."))]).artifacts["C"]
    second = compile_sources([source(body.format(comment="/// @notice Another, longer."))]).artifacts["C"]
    assert first["bytecode"] == second["bytecode"]
    assert first["userdoc"] != second["userdoc"]


def test_settings_carry_no_hash_of_sources_and_target_cancun() -> None:
    assert compiler.SETTINGS["metadata"] == {"bytecodeHash": "none", "appendCBOR": False}
    assert compiler.SETTINGS["evmVersion"] == "cancun"
    assert find_solc().is_file()


def test_another_compiler_version_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "solc"
    other.write_text("#!/bin/sh\necho 'Version: 0.8.20+commit.a1b79de6.Linux.g++'\n")
    with pytest.raises(ToolchainError, match="no executable compiler"):
        find_solc(str(other))
    other.chmod(0o755)
    with pytest.raises(ToolchainError, match=r"is 0\.8\.20, contracts are pinned to 0\.8\.37"):
        find_solc(str(other))


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact folder and a lock of the test's own."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    entry = {"name": "C", "source": "C.sol", "abi": [], "bytecode": "0x6001", "deployedBytecode": "0x60"}
    (folder / "C.json").write_text(json.dumps(entry))
    (folder / "manifest.json").write_text(json.dumps({"contracts": ["C"], "missing_notices": []}))
    monkeypatch.setattr(compiler, "ARTIFACTS", folder)
    monkeypatch.setattr(compiler, "LOCK", ROOT / ".cache" / "absent.lock")
    return folder


def test_the_lock_names_what_differs(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be read" in compiler.lock_differences()[0]
    lock = tmp_path / "artifacts.lock"
    monkeypatch.setattr(compiler, "LOCK", lock)
    entries = compiler.lock_entries(output)
    lock.write_text(json.dumps({"contracts": entries}))
    assert compiler.lock_differences(output) == []
    lock.write_text(json.dumps({"contracts": {"C": {**entries["C"], "bytecode": "0"}, "Gone": {}}}))
    assert compiler.lock_differences(output) == [
        "C: bytecode differs from the lock",
        "Gone: locked, but no longer compiled",
    ]
    lock.write_text(json.dumps({"contracts": {}}))
    assert compiler.lock_differences(output) == ["C: compiled, but not in the lock"]


def test_an_unchanged_tree_is_not_compiled_again() -> None:
    compiler.compile_test_contracts()
    assert compiler.compile_test_contracts() is False


def test_load_reads_what_was_compiled_and_names_what_there_is() -> None:
    found = artifact.load("EventLedger")
    assert found.source == "contracts/provenance/EventLedger.sol"
    assert len(found.bytecode) > len(found.deployed_bytecode) > 1000
    assert any(entry.get("name") == "attest" for entry in found.abi)
    with pytest.raises(artifact.ArtifactError, match=r"'Nowhere' is not compiled .* EventLedger"):
        artifact.load("Nowhere")


@pytest.mark.slow
def test_a_second_compilation_gives_the_same_bytes() -> None:
    compiler.compile_product()
    before = compiler.lock_entries()
    again = compile_sources(compiler.source_files(compiler.CONTRACTS)).artifacts
    for name in before:
        assert bytes.fromhex(str(again[name]["bytecode"])[2:]) == artifact.load(name).bytecode
