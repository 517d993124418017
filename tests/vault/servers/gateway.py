"""An S3 server of the tests' own: versitygw over a folder."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vault.servers.process import ServerProcess, binary

ABSENT = "S3 server absent: ./scripts/setup --tests builds it"


class S3Gateway(ServerProcess):
    """A running gateway; one user may do everything."""

    def __init__(self) -> None:
        self._program = binary("versitygw", ABSENT)
        super().__init__()
        self.buckets = self.folder / "buckets"
        self.buckets.mkdir()
        self.access_key = "tradeseal"
        self.secret_key = secrets.token_hex(16)
        self.start()

    def command(self) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        environment = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}
        where = f"127.0.0.1:{self.port}"
        return [self._program, "--quiet", "--port", where, "--keep-alive", "posix", self.buckets], environment

    def environment(self) -> dict[str, str]:
        """What AWS's libraries read credentials from."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}
