"""Compiled contracts as the rest of the program reads them: no compiler, no web3, cheap to import."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any


class ArtifactError(LookupError):
    """A contract was asked for that has not been compiled."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    `abi` is the JSON ABI (a list of entries). `bytecode` is the creation code and `deployed_bytecode`
    the runtime code with zeros where immutables go; both are empty for interfaces and abstract contracts.
    `source` is the file below the repository's root, with forward slashes.
    """

    name: str
    source: str
    abi: Sequence[Mapping[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes

    @classmethod
    def from_json(cls, text: str) -> "Artifact":
        """Read what `python -m chain.compiler` wrote; raises ArtifactError where it is not that."""
        try:
            fields = json.loads(text)
            return cls(
                name=fields["name"],
                source=fields["source"],
                abi=fields["abi"],
                bytecode=bytes.fromhex(fields["bytecode"].removeprefix("0x")),
                deployed_bytecode=bytes.fromhex(fields["deployedBytecode"].removeprefix("0x")),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"not a contract artifact: {error!r}") from error


def artifact_folder() -> Traversable:
    """The folder of the installed room that holds one JSON file per contract."""
    return files("chain").joinpath("artifacts")


def names() -> list[str]:
    """Names of all compiled contracts, interfaces and libraries, sorted; empty before the first compile."""
    folder = artifact_folder()
    if not folder.is_dir():
        return []
    found = (entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))
    return sorted(name for name in found if name != "manifest")


@cache
def load(name: str) -> Artifact:
    """The compiled contract `name`; raises ArtifactError naming what there is when it is not compiled."""
    entry = artifact_folder().joinpath(f"{name}.json")
    if not entry.is_file():
        raise ArtifactError(
            f"contract {name!r} is not compiled (run `python -m chain.compiler`); there are: "
            f"{', '.join(names()) or 'none'}"
        )
    return Artifact.from_json(entry.read_text(encoding="utf-8"))
