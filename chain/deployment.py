"""Where the contracts of a network stand: one JSON record per chain id and first block's hash."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from chain import codec
from chain.errors import ChainError
from chain.operation import ChainIdentity
from epcis import canonical

CONTRACTS: Final = (
    "Authority",
    "Council",
    "Directory",
    "MemberRegistry",
    "RightsRegistry",
    "EventLedger",
    "ProductPassport",
    "Escrow",
    "QuorumReports",
)
_TYPE: Final = "TradeSealDeployment"
_HASH: Final = re.compile("0x[0-9a-fA-F]{64}")


class DeploymentError(ChainError):
    """A deployment that is unreadable, of another network, or not what it should be."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Addresses of one network: `contracts` by contract name, `tokens` by ISO 4217 code.

    `first_block` is the number from which the contracts' logs can begin.
    """

    identity: ChainIdentity
    contracts: Mapping[str, str]
    tokens: Mapping[str, str]
    first_block: int = 0

    def __post_init__(self) -> None:
        missing = [name for name in CONTRACTS if name not in self.contracts]
        if missing:
            raise DeploymentError(f"deployment {self.identity}: lacks {', '.join(missing)}")

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self.identity.chain_id

    def address(self, name: str) -> str:
        """Address of a contract by name, or of a token by currency. Raises DeploymentError."""
        found = self.contracts.get(name) or self.tokens.get(name)
        if found is None:
            known = ", ".join([*self.contracts, *self.tokens])
            raise DeploymentError(f"contract {name!r}: not of this network (known: {known})")
        return found

    def all_addresses(self) -> dict[str, str]:
        """Every address with its contract name; a token under `FiatToken:CUR`."""
        return {**self.contracts, **{f"FiatToken:{code}": at for code, at in self.tokens.items()}}

    def domain(self, name: str) -> codec.Domain:
        """EIP-712 domain of a TradeSeal contract (docs/protocol.md §7); tokens have one of their own."""
        return codec.Domain("TradeSeal", "1", self.chain_id, self.address(name))

    def trust_anchor(self) -> dict[str, Any]:
        """What a verifier must know beforehand (docs/protocol.md §10)."""
        return {
            "type": "TradeSealTrust",
            "version": 1,
            "chainId": self.chain_id,
            "firstBlock": "0x" + self.identity.first_block_hash.hex(),
            "registry": self.contracts["MemberRegistry"],
            "ledger": self.contracts["EventLedger"],
            "passport": self.contracts["ProductPassport"],
        }

    def to_json(self) -> dict[str, Any]:
        """The record as it is kept and given to clients."""
        return {
            "type": _TYPE,
            "version": 1,
            "chainId": self.chain_id,
            "firstBlockHash": "0x" + self.identity.first_block_hash.hex(),
            "firstBlock": self.first_block,
            "contracts": dict(self.contracts),
            "tokens": dict(self.tokens),
        }

    @classmethod
    def from_json(cls, record: object) -> Self:
        """Read a record. Raises DeploymentError naming what is wrong."""
        try:
            if not isinstance(record, dict) or record.get("type") != _TYPE or record.get("version") != 1:
                raise DeploymentError(f"deployment: not a version 1 {_TYPE} record")
            chain_id, first_block, first_hash = (
                record["chainId"],
                record["firstBlock"],
                record["firstBlockHash"],
            )
            codec.uint("chainId", chain_id, 256)
            codec.uint("firstBlock", first_block, 64)
            if not isinstance(first_hash, str) or not _HASH.fullmatch(first_hash):
                raise DeploymentError(
                    f"deployment: firstBlockHash {str(first_hash)[:80]!r} is no 32-byte hash"
                )
            return cls(
                ChainIdentity(chain_id, bytes.fromhex(first_hash[2:])),
                {str(k): codec.address(f"contracts.{k}", v) for k, v in record["contracts"].items()},
                {str(k): codec.address(f"tokens.{k}", v) for k, v in record["tokens"].items()},
                first_block,
            )
        except KeyError as error:
            raise DeploymentError(f"deployment: {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise DeploymentError(f"deployment: {error}") from error


def record_path(folder: Path, identity: ChainIdentity) -> Path:
    """The file of a network's record."""
    return folder / f"{identity.chain_id}-{identity.first_block_hash.hex()[:16]}.json"


def load(folder: Path, identity: ChainIdentity) -> Deployment | None:
    """The record of a network; None where it was never deployed from here. Raises DeploymentError."""
    path = record_path(folder, identity)
    if not path.exists():
        return None
    found = read(path)
    if found.identity != identity:
        raise DeploymentError(f"{path.name}: is of network {found.identity}, not {identity}")
    return found


def read(path: Path) -> Deployment:
    """Read a record from a file. Raises DeploymentError."""
    try:
        return Deployment.from_json(canonical.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{path}: cannot be read: {error}") from error
    except DeploymentError as error:
        raise DeploymentError(f"{path}: {error}") from None


def save(folder: Path, deployment: Deployment) -> Path:
    """Write a record so that a crash leaves the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = record_path(folder, deployment.identity)
    text = json.dumps(deployment.to_json(), indent=2) + "\n"
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as draft:
        try:
            draft.write(text)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
    return path
