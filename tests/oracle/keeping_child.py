"""A keeper's process that kills itself with SIGKILL before or after its n-th submission."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from chain import deployment
from chain.database import open_engine
from chain.operation import Operation
from chain.rpc import Rpc
from chain.sender import Sender
from oracle.keeper import Keeper
from tests.evidence.world import Key


class DyingSender(Sender):
    """Dies at point `at`: odd ones lie before a submission, even ones behind it."""

    at = 0
    passed = 0

    def submit(self, *arguments: Any, **named: Any) -> Operation:
        self._point()
        operation = super().submit(*arguments, **named)
        self._point()
        return operation

    def _point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, url: str, record: Path, at: int) -> None:
    """One pass over the network whose databases lie in `folder`."""
    engine = open_engine(f"sqlite:///{folder / 'service.db'}")
    mirror = open_engine(f"sqlite:///{folder / 'mirror.db'}", synchronous="NORMAL")
    with Rpc(url) as rpc:
        sender = DyingSender(engine, rpc, Key("relayer"))
        sender.at = at
        Keeper(mirror, rpc, sender, deployment.read(record)).run_once()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
