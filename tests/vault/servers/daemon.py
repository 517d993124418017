"""A Kubo daemon of the tests' own: knowing no peer, with a repository of its own."""

import json
import subprocess
from base64 import b32encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.vault.servers.process import ServerProcess, binary
from vault.cid import Cid

ABSENT = "IPFS node absent: ./scripts/setup --tests builds it where the Go module can be had"


class KuboDaemon(ServerProcess):
    """A running daemon. `offline`: it looks for nothing elsewhere; `password`: what its RPC API asks for."""

    def __init__(self, *, offline: bool = True, password: str | None = None) -> None:
        self._program = binary("ipfs", ABSENT)
        super().__init__()
        self._repository = self.folder / "repository"
        self._environment = {
            "IPFS_PATH": str(self._repository),
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
        }
        self._run("init", "--profile=test")
        self._run("config", "--json", "Addresses.Swarm", "[]")
        self._run("config", "Addresses.API", f"/ip4/127.0.0.1/tcp/{self.port}")
        self._run("config", "Routing.Type", "none")
        if password is not None:
            rights = {"tests": {"AuthSecret": password, "AllowedPaths": ["/api/v0"]}}
            self._run("config", "--json", "API.Authorizations", json.dumps(rights))
        self._mode = ["--offline"] if offline else []
        self.start()

    def command(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return [self._program, "daemon", *self._mode], self._environment

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [self._program, *arguments], env=self._environment, check=True, capture_output=True, timeout=60
        )

    def ask(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """The daemon's answer to a command, one JSON object a line. Raises httpx.HTTPStatusError."""
        answer = httpx.post(f"{self.url}/api/v0/{path}", params=parameters, timeout=120)
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.splitlines()]

    def block_file(self, cid: Cid) -> Path:
        """The file that the daemon keeps a block in."""
        name = b32encode(bytes(cid)[2:]).decode().rstrip("=")  # flatfs's: base32 of the multihash
        return self._repository / "blocks" / name[-3:-1] / f"{name}.data"
