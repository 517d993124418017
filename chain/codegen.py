"""Generates `chain/bindings` from the compiled ABIs, so that no contract call elsewhere is stringly typed.

`python -m chain.codegen` writes what changed; see `contracts/eip712.json` for what is signed.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chain.abi_types import CodegenError
from chain.bindings_model import build_model
from chain.bindings_text import Writer
from chain.compiler import ARTIFACTS, CONTRACTS

BINDINGS = Path(__file__).resolve().parent / "bindings"
EIP712 = CONTRACTS / "eip712.json"


def generate(artifacts: Path, eip712: Mapping[str, Any]) -> dict[str, str]:
    """Text of each module by file name, from a folder that the compiler wrote.

    Raises CodegenError for what cannot be generated, or for a signed type that no contract hashes.
    """
    try:
        manifest = json.loads((artifacts / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CodegenError(f"{artifacts} holds no manifest: run `python -m chain.compiler`") from error
    documents = [
        json.loads((artifacts / f"{name}.json").read_text(encoding="utf-8")) for name in manifest["contracts"]
    ]
    return Writer(build_model(documents, manifest["enums"], manifest["struct_notices"], eip712)).files()


def write(modules: Mapping[str, str], folder: Path) -> int:
    """Make the folder hold exactly these modules; the number of files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = 0
    for path in sorted(folder.glob("*.py")):
        if path.name not in modules:
            path.unlink()
            changed += 1
    for name, text in modules.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        fresh = folder / f".{name}.{os.getpid()}"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
        changed += 1
    return changed


def main() -> int:
    """Command line; exit code 0, or 1 with the reason on stderr."""
    try:
        modules = generate(ARTIFACTS, json.loads(EIP712.read_text(encoding="utf-8")))
    except (CodegenError, OSError, ValueError) as error:
        print(f"bindings: {error}", file=sys.stderr)
        return 1
    changed = write(modules, BINDINGS)
    print(f"bindings: {f'{changed} of {len(modules)} modules written' if changed else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
