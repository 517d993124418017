"""Looks after jobs: gives the sender what a crash kept from it, or what others brought and the chain lost."""

import logging
import threading
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from chain.bindings.errors import AlreadyAnchored, AlreadyAttested
from chain.errors import ChainError
from chain.operation import Operation
from chain.rpc import Rpc
from evidence.job_runner import JobRunner
from evidence.job_store import EXISTING, JobStore
from evidence.tables import CaptureJobRow

_log = logging.getLogger(__name__)

_WALK: Final = 50
_MANY: Final = 500
_TRIES: Final = 20
_THERE: Final = frozenset({AlreadyAnchored.__name__, AlreadyAttested.__name__})


class JobWatch:
    """Processes may share a database: the same try of the same job is the same operation."""

    def __init__(self, store: JobStore, runner: JobRunner, rpc: Rpc) -> None:
        self._store = store
        self._runner = runner
        self._rpc = rpc

    def recover(self) -> int:
        """Give jobs to the sender that never reached it, then `look`; the number of jobs it was for.

        Raises ChainError where the node cannot be asked.
        """
        count = 0
        rows = self._store.unconfirmed()
        for row in rows:
            if self._runner.operation(row.id) is None:
                self._runner.submit(row)
                count += 1
        self._store.confirm([row.id for row in rows])
        return count + self.look()

    def run(self, stop: threading.Event, pause: float) -> None:
        """Recover, and look every `pause` seconds until `stop` is set; what fails is logged."""
        act = self.recover
        while not stop.is_set():
            try:
                act()
                act = self.look
            except Exception as error:
                expected = isinstance(error, ChainError | SQLAlchemyError)
                _log.warning("captures: %s; again in %.1f s", error, pause, exc_info=not expected)
            stop.wait(pause)

    def look(self) -> int:
        """Look again at jobs whose block may be gone; gives the number of those whose call is sent now.

        Raises ChainError where the node cannot be asked; the next look goes on from what is stored.
        """
        doubtful = self._store.resting(seen=False, limit=_MANY) + self._moved()
        if not doubtful:
            return 0
        head = self._rpc.get_block("latest")
        if head is None:
            raise ChainError(f"node {self._rpc.node} has no latest block")
        standing: list[str] = []
        sent = 0
        for row in doubtful:
            operation = self._runner.operation(row.id)
            if operation is not None and operation.succeeded:
                self._store.rise(row.id)  # the sender sees to what it brought itself
            elif operation is None or operation.settled:
                # asked in two ways: nodes behind one address may lag, and nobody asks of what was seen
                if not self._runner.is_recorded(row):
                    sent += self._send(row, operation)
                elif self._runner.is_recorded(row, head.number):
                    standing.append(row.id)
        block = self._rpc.get_block(head.number)
        if block is not None and block.hash == head.hash:
            self._store.rest(standing, head.number, "0x" + head.hash.hex())
        return sent

    def _moved(self) -> list[CaptureJobRow]:
        """Jobs seen at blocks that are the chain's no longer: from the highest down to one that stands."""
        moved: list[CaptureJobRow] = []
        step = 1  # usually the last one stands
        while seen := self._store.resting(seen=True, limit=step, offset=len(moved)):
            numbers = sorted({row.seen_number for row in seen})
            blocks = dict(zip(numbers, self._rpc.get_blocks(numbers), strict=True))
            for row in seen:
                block = blocks[row.seen_number]
                if block is not None and "0x" + block.hash.hex() == row.seen_hash:
                    return moved
                moved.append(row)
            step = _WALK
        return moved

    def _send(self, row: CaptureJobRow, last: Operation | None) -> int:
        """Send the call once more, unless the contract would only say again why not, or it failed too often.

        The job goes on resting: should others bring the same again first, this call fails, and theirs counts.
        """
        refused = last is not None and last.error_name is not None and last.error_name not in _THERE
        if refused or self._runner.tries(row.id) >= _TRIES:
            self._store.rise(row.id)  # it failed, and says so
            return 0
        if row.kind == EXISTING:
            self._store.adopt(row.id)
        self._runner.submit_again(row)
        return 1
