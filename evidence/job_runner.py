"""The calls behind capture jobs: given to the sender, tried again, and what became of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from chain.bindings.event_ledger import EventLedger, encode_anchor
from chain.bindings.types import Anchor
from chain.fields import hex_text, raw_bytes
from chain.operation import Operation, Priority
from evidence.errors import UnknownJob
from evidence.fields import gln_text
from evidence.job_store import ATTESTATION, BATCH, EXISTING, CapturedEvent, JobStore
from evidence.jobs import Job, Seal
from evidence.tables import CaptureJobRow

_ANCHOR: Final = encode_anchor(Anchor(bytes(32), 0, b"", 0), "0x" + "00" * 20, b"")[:4]
"""the function that a batch's call names"""


class Submitter(Protocol):
    """The durable sender; `chain.sender.Sender` and `chain.outbox.Outbox` are some."""

    def submit(
        self,
        to: str | None,
        data: bytes,
        value: int = 0,
        *,
        key: str,
        purpose: str,
        gas: int | None = None,
        priority: Priority = Priority.PROMPT,
    ) -> Operation:
        """Store a request durably; the same key gives the operation it was first used for."""
        ...

    def by_key(self, key: str) -> Operation | None:
        """An operation by its key."""
        ...


class JobRunner:
    """Follows jobs from their rows to the sender and the ledger."""

    def __init__(self, store: JobStore, sender: Submitter, ledger: EventLedger) -> None:
        self._store = store
        self._sender = sender
        self._ledger = ledger

    def operation(self, job_id: str) -> Operation | None:
        """The last try of a job's call."""
        operation = self._sender.by_key(_key(job_id))
        tries = 1
        while operation is not None and operation.settled and not operation.succeeded:
            following = self._sender.by_key(_key(job_id, tries))
            if following is None:
                break
            operation, tries = following, tries + 1
        return operation

    def tries(self, job_id: str) -> int:
        """How often a job's call was given to the sender, each time after the one before had failed."""
        tries = 0
        while self._sender.by_key(_key(job_id, tries)) is not None:
            tries += 1
        return tries

    def submit_again(self, row: CaptureJobRow) -> Operation:
        """As `submit`; a call that failed before is tried again: its reason may be gone."""
        tries = 0
        while True:
            operation = self.submit(row, tries)
            if not operation.settled or operation.succeeded:
                return operation
            tries += 1

    def submit(self, row: CaptureJobRow, tries: int = 0) -> Operation:
        """Give a job's call to the sender; the same try of the same job is the same operation."""
        if row.call is None:
            raise UnknownJob(f"capture job {row.id}: has nothing to send")
        kind = BATCH if row.call[:4] == _ANCHOR else ATTESTATION
        purpose = f"{kind} {row.signed_id} of {gln_text(row.member)}"
        return self._sender.submit(
            row.contract,
            row.call,
            key=_key(row.id, tries),
            purpose=purpose,
            gas=row.gas,
            priority=Priority.BULK if kind == BATCH else Priority.PROMPT,
        )

    def job(self, row: CaptureJobRow, operation: Operation | None = None, *, seals: bool = True) -> Job:
        """A job as it stands now, with the seals of its events unless they are many and nobody asks.

        Raises ChainError where a failed call has to be looked into.
        """
        # what was written to be sent has one source, itself
        events = self._store.events(row.id) if seals or row.kind == EXISTING else []
        sources = {event.source for event in events if event.source is not None}
        if row.call is not None:
            sources.add(row.id)
        operations: dict[str, Operation | None] = {}
        errors: list[str] = []
        running = False
        for source in sorted(sources):
            origin = row if source == row.id else self._store.get(source)
            given = operation if source == row.id else None
            operations[source] = given or self.operation(source)
            waits, error = self._outcome(origin, operations[source])
            running = running or waits
            errors += [] if error is None else [error]
        own = operations.get(row.id)
        settled = [one.updated for one in operations.values() if one is not None]
        created = datetime.fromtimestamp(row.created_ms / 1000, UTC)
        return Job(
            capture_id=row.id,
            kind=row.kind,
            member=row.member,
            signer=row.signer,
            created_at=created,
            finished_at=None if running else max([created, *settled]),
            running=running,
            success=not running and not errors,
            errors=tuple(errors),
            seals=tuple(_seal(row, event, operations) for event in events),
            operation=own,
            root=_common_root(row, events),
        )

    def _outcome(self, row: CaptureJobRow | None, operation: Operation | None) -> tuple[bool, str | None]:
        """Whether a job's call still runs, and why it failed."""
        if row is None or (operation is not None and not operation.settled):
            return True, None
        if operation is not None and operation.succeeded:
            return False, None
        if operation is None and not row.resting:
            return True, None
        if self.is_recorded(row):
            if not row.resting:
                self._store.rest([row.id])
            return False, None
        if operation is None or row.resting:
            return True, None  # the chain has lost it, and the call will be sent
        return False, operation.error or f"the call ended as {operation.status}"

    def is_recorded(self, row: CaptureJobRow, block: str | int = "latest") -> bool:
        """Whether the chain holds at a block what a job rests on: anybody may relay what a member signed.

        Raises ChainError where the node cannot be asked.
        """
        signed_id = raw_bytes(row.signed_id)
        if row.call is not None and row.call[:4] != _ANCHOR:
            return self._is_attested(row.member, signed_id, block)
        if self._is_anchored(row.member, signed_id, block):
            return True
        if row.kind != EXISTING:
            return False
        places = {
            (event.root, None if event.root is not None else event.seal_id)
            for event in self._store.events(row.id)
            if event.source is None
        }
        return bool(places) and all(
            self._is_attested(row.member, raw_bytes(seal_id or ""), block)
            if root is None
            else self._is_anchored(row.member, raw_bytes(root), block)
            for root, seal_id in places
        )

    def _is_anchored(self, member: int, root: bytes, block: str | int) -> bool:
        return self._ledger.anchored(member, root, block=block).size > 0

    def _is_attested(self, member: int, seal_id: bytes, block: str | int) -> bool:
        return self._ledger.attested(member, seal_id, block=block) != bytes(32)


def _common_root(row: CaptureJobRow, events: Sequence[CapturedEvent]) -> str | None:
    """The batch that all events of a job hang on."""
    if row.kind == BATCH:
        return row.signed_id
    roots = {event.root for event in events}
    return next(iter(roots)) if len(roots) == 1 else None


def _key(job_id: str, tries: int = 0) -> str:
    return f"capture/{job_id}" + (f"/{tries}" if tries else "")


def _seal(row: CaptureJobRow, event: CapturedEvent, operations: dict[str, Operation | None]) -> Seal:
    operation = operations.get(event.source or row.id)
    mined = None if operation is None or not operation.succeeded else operation.transaction_hash
    return Seal(
        index=event.position,
        seal_id=event.seal_id,
        event_hash=bytes.fromhex(event.event_hash[2:]),
        cid=event.cid,
        root=event.root,
        leaf=event.leaf,
        transaction=event.transaction if mined is None else hex_text(mined),
        existing=event.source != row.id,
    )
