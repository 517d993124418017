"""The installation's folder: what lies where, who may read it, and that one process serves it at a time."""

import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chain.signers import EnvironmentSigner, KeystoreSigner, Signer, create_keystore, read_password

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_LOCK_TRIES: Final = 5
_LOCK_PAUSE: Final = 0.05  # seconds
_LOCAL_SCRYPT_N: Final = 1 << 14
"""Local keys are guarded by the folder's rights first; their password lies beside them."""


class HomeError(Exception):
    """The folder cannot be used as asked; says what and why."""


def _key_variable(name: str) -> str:
    """Environment variable of a named key."""
    return "TRADESEAL_KEY_" + name.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one installation's folder."""

    root: Path

    @property
    def keys(self) -> Path:
        """Encrypted keystores, one a name."""
        return self.root / "keys"

    @property
    def vault(self) -> Path:
        """The local content store."""
        return self.root / "vault"

    @property
    def chain(self) -> Path:
        """The embedded chain's state."""
        return self.root / "chain"

    @property
    def deployments(self) -> Path:
        """Addresses of the networks deployed from here."""
        return self.root / "deployments"

    @property
    def trust_file(self) -> Path:
        """The trust anchor that this installation's own deployment wrote."""
        return self.root / "trust.json"

    @property
    def service_file(self) -> Path:
        """Where the running service listens."""
        return self.root / "service.json"

    def database_url(self, name: str) -> str:
        """URL of one of the embedded databases."""
        return f"sqlite:///{self.root / name}.db"

    def create(self) -> None:
        """Make the folders, for their owner only. Raises HomeError."""
        try:
            for folder in (self.root, self.keys, self.vault, self.chain, self.deployments):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HomeError(f"home {self.root}: {error.strerror}") from error

    # -- keys

    def password(self, purpose: str) -> str:
        """The keystores' password: TRADESEAL_PASSWORD, else the local password file, else asked for."""
        local = self.keys / "password"
        if not os.environ.get("TRADESEAL_PASSWORD") and local.exists():
            return read_password(purpose, path=local)
        return read_password(purpose, variable="TRADESEAL_PASSWORD")

    def make_local_password(self) -> None:
        """A random password file for keys that are made without asking anybody (embedded default)."""
        self.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.keys / "password"
        if os.environ.get("TRADESEAL_PASSWORD") or path.exists():
            return
        part = path.with_name(f".password.{secrets.token_hex(4)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            pass  # another process was first; its password counts
        finally:
            part.unlink()

    def key_path(self, name: str) -> Path:
        """File of a named key. Raises HomeError for a name that cannot be a file's."""
        if not _NAME.fullmatch(name):
            raise HomeError(f"key name {name[:60]!r}: lower-case letters, digits and hyphens, 41 at most")
        return self.keys / f"{name}.json"

    def create_key(self, name: str) -> str:
        """Make a new key and give its address. Raises SignerError where the name is taken."""
        self.make_local_password()
        path = self.key_path(name)
        local = (self.keys / "password").exists() and not os.environ.get("TRADESEAL_PASSWORD")
        return create_keystore(
            path, self.password(f"key {name}"), iterations=_LOCAL_SCRYPT_N if local else None
        )

    def has_key(self, name: str) -> bool:
        """Whether there is a key of that name, in a keystore or the environment. Raises HomeError."""
        return self.key_path(name).exists() or _key_variable(name) in os.environ

    def key_address(self, name: str) -> str:
        """Address of a named key, without opening it. Raises HomeError."""
        from chain.codec import checksum

        if (variable := _key_variable(name)) in os.environ:
            return EnvironmentSigner(variable).address
        try:
            record = json.loads(self.key_path(name).read_text(encoding="utf-8"))
            return checksum("0x" + str(record["address"]).removeprefix("0x"))
        except FileNotFoundError:
            known = ", ".join(self.key_names()) or "none"
            raise HomeError(f"key {name!r}: there is none in {self.keys} (there are: {known})") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HomeError(f"key {name!r}: cannot be read: {error}") from error

    def key_names(self) -> list[str]:
        """Names of all local keys."""
        return sorted(path.stem for path in self.keys.glob("*.json"))

    def signer(self, name: str) -> Signer:
        """Open a named key. Raises HomeError, SignerError.

        For development, `TRADESEAL_KEY_<NAME>` (hyphens as underscores) holds a key instead of a keystore.
        """
        if (variable := _key_variable(name)) in os.environ:
            return EnvironmentSigner(variable)
        self.key_address(name)
        return KeystoreSigner(self.key_path(name), self.password(f"key {name}"))

    # -- the service

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one serving process; the system frees it however the process ends."""
        with (self.root / "lock").open("w") as file:
            for attempt in range(_LOCK_TRIES):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:  # a command may only be looking whether it is held
                    if attempt == _LOCK_TRIES - 1:
                        raise HomeError(f"home {self.root}: another `tradeseal up` serves it") from None
                    time.sleep(_LOCK_PAUSE)
            yield

    @property
    def served(self) -> bool:
        """Whether a process holds the folder now."""
        try:
            with (self.root / "lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def service_rpc_url(self) -> str | None:
        """The node of the service that runs here now; None where none does."""
        found = self.read_service() if self.served else None
        return str(found["rpcUrl"]) if found and "rpcUrl" in found else None

    def write_service(self, record: dict[str, Any]) -> None:
        """Say where the service listens; for the owner only, since a node's URL may hold credentials."""
        part = self.service_file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(record), encoding="utf-8")
        part.replace(self.service_file)

    def read_service(self) -> dict[str, Any] | None:
        """Where the service listens or last listened; None where it never did."""
        try:
            found = json.loads(self.service_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None
