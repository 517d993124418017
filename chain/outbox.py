"""The outbox: requests that survive whatever is killed, and the steps by which they settle.

A request is stored before anything else happens to it. Its nonce and signed bytes are stored before they
are sent, and never deleted. Only the holder of the account's lease writes steps; a former one's are refused.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from sqlalchemy import Engine, func, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select, update

from chain.blocks import address_text
from chain.database import reading, writing
from chain.errors import ChainError
from chain.operation import OPEN, ChainIdentity, Finding, Lease, Operation, Priority, Reason, Status, Version
from chain.outbox_rows import operation_of, operations_of
from chain.outbox_tables import AccountRow, OperationRow, OutboxTable, VersionRow

_POLL: Final = (0.01, 0.2)  # seconds between looks at the database: first, longest


class KeyReused(ChainError):
    """An idempotency key was used before, for another request."""


class UnknownOperation(ChainError):
    """No operation of this account has that id or key."""


class NotSettled(ChainError):
    """An operation did not settle in the time it was waited for; it goes on."""


class LeaseLost(ChainError):
    """Another process has taken over sending for this account."""


class Outbox:
    """The operations of one address on one chain. Threads and processes may share the database."""

    def __init__(self, engine: Engine, identity: ChainIdentity, address: str) -> None:
        self.engine = engine
        self.identity = identity
        self.address = address_text(address, "address")
        self._account = self._open_account()

    def _open_account(self) -> int:
        row = {
            "chain_id": self.identity.chain_id,
            "first_block_hash": self.identity.first_block_hash,
            "address": self.address,
        }
        with writing(self.engine) as session:
            _insert_once(session, AccountRow, {**row, "lease_token": 0, "lease_expires_ms": 0})
            found = session.exec(select(AccountRow).filter_by(**row)).one()
        assert found.id is not None  # noqa: S101 - it was read from the table
        return found.id

    # -- for those who ask ---------------------------------------------------------------------------------

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
        """Store a request durably and give it back; the same key gives the operation it was first used for.

        Operations of one priority are signed in the order they are submitted. `value` is in wei; `gas`, where
        given, is used unestimated. Raises KeyReused where the key stands for another request, ValueError for
        bad fields.
        """
        if not key:
            raise ValueError("key: is empty")
        if not 0 <= value < 1 << 256:
            raise ValueError(f"value: {value} is not a uint256")
        recipient = None if to is None else address_text(to, "to")
        now = _now_ms()
        with writing(self.engine) as session:
            _insert_once(
                session,
                OperationRow,
                {
                    "account_id": self._account,
                    "key": key,
                    "purpose": purpose,
                    "recipient": recipient,
                    "data": data,
                    "value": str(value),
                    "priority": int(priority),
                    "gas": gas,
                    "status": Status.QUEUED.value,
                    "created_ms": now,
                    "updated_ms": now,
                    "final": False,
                },
            )
            row = session.exec(select(OperationRow).filter_by(account_id=self._account, key=key)).one()
            if (row.recipient, row.data, row.value) != (recipient, data, str(value)):
                raise KeyReused(f"key {key!r}: was used for another request ({row.purpose})")
            return operation_of(session, row)

    def operation(self, operation_id: int) -> Operation:
        """An operation by id. Raises UnknownOperation."""
        with reading(self.engine) as session:
            row = session.get(OperationRow, operation_id)
            if row is None or row.account_id != self._account:
                raise UnknownOperation(f"operation {operation_id}: unknown for {self.address}")
            return operation_of(session, row)

    def by_key(self, key: str) -> Operation | None:
        """An operation by its idempotency key; None where it was never used."""
        with reading(self.engine) as session:
            query = select(OperationRow).filter_by(account_id=self._account, key=key)
            row = session.exec(query).one_or_none()
            return None if row is None else operation_of(session, row)

    def operations(self, *statuses: Status, limit: int | None = None) -> list[Operation]:
        """Operations in the order they were submitted, those of some statuses or all."""
        with reading(self.engine) as session:
            return self._select(session, statuses, limit=limit)

    def wait(self, operation_id: int, timeout: float) -> Operation:
        """The operation once it has settled. Raises NotSettled after `timeout` seconds, UnknownOperation."""
        deadline = time.monotonic() + timeout
        pause, longest = _POLL
        while True:
            operation = self.operation(operation_id)
            if operation.settled:
                return operation
            left = deadline - time.monotonic()
            if left <= 0:
                detail = f": {operation.problem}" if operation.problem else ""
                raise NotSettled(
                    f"operation {operation_id} ({operation.purpose}): still {operation.status} "
                    f"after {timeout:g} s{detail}"
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, longest)

    # -- the lease ------------------------------------------------------------------------------------------

    def acquire(self, owner: str, ttl: float) -> Lease | None:
        """Take or extend the lease for `ttl` seconds; None while another owner's has not expired."""
        with writing(self.engine) as session:
            account = self._locked_account(session)
            now = _database_ms(session)
            left = account.lease_expires_ms - now
            if account.lease_owner != owner:
                if left > 0:
                    return None
                account.lease_owner = owner
                account.lease_token += 1
            elif left > ttl * 500:
                return Lease(owner, account.lease_token, ttl)  # half of it is left: nothing to write
            account.lease_expires_ms = now + int(ttl * 1000)
            session.add(account)
            return Lease(owner, account.lease_token, ttl)

    def release(self, lease: Lease) -> None:
        """Give the lease back, so that another process need not wait for its end."""
        with writing(self.engine) as session:
            account = self._locked_account(session)
            if account.lease_token == lease.token:
                account.lease_owner = None
                account.lease_expires_ms = 0
                session.add(account)

    def holder(self) -> str | None:
        """Who holds the lease now: `host:process id:random`; None while nobody does."""
        with reading(self.engine) as session:
            account = session.get_one(AccountRow, self._account)
            return account.lease_owner if account.lease_expires_ms > _database_ms(session) else None

    def _locked_account(self, session: Session) -> AccountRow:
        return session.exec(select(AccountRow).filter_by(id=self._account).with_for_update()).one()

    @contextmanager
    def _fenced(self, lease: Lease) -> Iterator[Session]:
        """A transaction that only the lease's holder can make; it extends the lease."""
        with writing(self.engine) as session:
            account = self._locked_account(session)
            if account.lease_token != lease.token:
                raise LeaseLost(f"lease on {self.address}: now held by {account.lease_owner}")
            account.lease_expires_ms = _database_ms(session) + int(lease.ttl * 1000)
            session.add(account)
            yield session

    # -- for the sender --------------------------------------------------------------------------------

    def with_nonce(self, *statuses: Status, from_nonce: int = 0) -> list[Operation]:
        """Operations of these statuses by nonce, from `from_nonce` upward."""
        with reading(self.engine) as session:
            chosen = self._select(session, statuses)
        numbered = [(one.nonce, one) for one in chosen if one.nonce is not None and one.nonce >= from_nonce]
        return [one for _, one in sorted(numbered, key=lambda pair: pair[0])]

    def queued(self, priority: Priority, limit: int) -> list[Operation]:
        """Operations of a priority that wait to be signed, in the order they were submitted."""
        query = (
            select(OperationRow)
            .filter_by(account_id=self._account, status=Status.QUEUED.value, priority=int(priority))
            .order_by(col(OperationRow.id))
            .limit(limit)
        )
        with reading(self.engine) as session:
            return operations_of(session, list(session.exec(query)))

    def has_earlier(self, operation_id: int) -> bool:
        """Whether something that was submitted before an operation is still under way."""
        query = (
            select(OperationRow.id)
            .filter_by(account_id=self._account)
            .where(col(OperationRow.status).in_([Status.QUEUED.value, *(one.value for one in OPEN)]))
            .where(col(OperationRow.id) < operation_id)
            .limit(1)
        )
        with reading(self.engine) as session:
            return session.exec(query).first() is not None

    def last_mined(self, below_nonce: int | None, limit: int) -> list[Operation]:
        """Mined and reverted operations that may still be undone, the highest nonce first."""
        with reading(self.engine) as session:
            query = (
                select(OperationRow)
                .filter_by(account_id=self._account, final=False)
                .where(col(OperationRow.status).in_([Status.MINED.value, Status.REVERTED.value]))
                .order_by(col(OperationRow.nonce).desc())
                .limit(limit)
            )
            if below_nonce is not None:
                query = query.where(col(OperationRow.nonce) < below_nonce)
            return operations_of(session, list(session.exec(query)))

    def free_nonces(self, start: int, count: int) -> list[int]:
        """The lowest nonces from `start` that no operation has."""
        with reading(self.engine) as session:
            query = select(OperationRow.nonce).filter_by(account_id=self._account)
            taken = set(session.exec(query.where(col(OperationRow.nonce) >= start)))
        return list(islice((nonce for nonce in itertools.count(start) if nonce not in taken), count))

    def record_signed(self, lease: Lease, signed: Sequence[tuple[int, int, Version]]) -> None:
        """Store signed versions (operation id, nonce, version) together, before any of them is sent.

        An operation's first version gives it its nonce. Raises LeaseLost.
        """
        with self._fenced(lease) as session:
            for operation_id, nonce, version in signed:
                row = session.get_one(OperationRow, operation_id)
                if row.nonce is None:
                    row.nonce = nonce
                    row.status = Status.SIGNED.value
                row.problem = None
                row.updated_ms = _now_ms()
                session.add(row)
                session.add(
                    VersionRow(
                        hash=version.hash,
                        operation_id=operation_id,
                        number=version.number,
                        raw=version.raw,
                        gas=version.gas,
                        fee=str(version.fee),
                        tip=None if version.tip is None else str(version.tip),
                        signed_ms=version.signed_ms,
                    )
                )

    def record_sent(self, lease: Lease, answers: Sequence[tuple[int, bytes, str | None]]) -> None:
        """Store what a node said to transactions: (operation id, version hash, problem or None: taken)."""
        if not answers:
            return
        now = _now_ms()
        with self._fenced(lease) as session:
            for operation_id, version_hash, problem in answers:
                row = session.get_one(OperationRow, operation_id)
                row.problem = problem
                row.updated_ms = now
                if problem is None:
                    version = session.get_one(VersionRow, version_hash)
                    version.sent_ms = now
                    session.add(version)
                    if row.status in (Status.SIGNED, Status.DISPLACED):
                        row.status = Status.SENT.value
                        row.error = None
                session.add(row)

    def record_refused(self, lease: Lease, operation_id: int, reason: Reason) -> None:
        """Store that an operation can't be sent: its estimate reverted."""
        with self._fenced(lease) as session:
            row = session.get_one(OperationRow, operation_id)
            row.status = Status.REFUSED.value
            _set_reason(row, reason)
            session.add(row)

    def record_problem(self, lease: Lease, operation_id: int, problem: str) -> None:
        """Store what keeps an operation from going on."""
        with self._fenced(lease) as session:
            row = session.get_one(OperationRow, operation_id)
            if row.problem != problem:
                row.problem = problem
                row.updated_ms = _now_ms()
                session.add(row)

    def record_findings(self, lease: Lease, findings: Sequence[Finding], final_below: int | None) -> None:
        """Store what the chain says at once; what was mined up to block `final_below` is final."""
        with self._fenced(lease) as session:
            for finding in findings:
                row = session.get_one(OperationRow, finding.operation_id)
                receipt = finding.receipt
                if receipt is not None:
                    row.status = (Status.MINED if receipt.succeeded else Status.REVERTED).value
                elif finding.displaced:
                    row.status = Status.DISPLACED.value
                else:
                    row.status = Status.SENT.value
                row.transaction_hash = receipt.transaction_hash if receipt else None
                row.block_number = receipt.block_number if receipt else None
                row.block_hash = receipt.block_hash if receipt else None
                row.gas_used = receipt.gas_used if receipt else None
                row.contract_address = receipt.contract_address if receipt else None
                _set_reason(row, finding.reason)
                session.add(row)
            if final_below is not None:
                session.flush()
                session.exec(
                    update(OperationRow)
                    .where(col(OperationRow.account_id) == self._account)
                    .where(col(OperationRow.final).is_(False))
                    .where(col(OperationRow.block_number) <= final_below)
                    .values(final=True)
                )

    def _select(
        self, session: Session, statuses: Sequence[Status], limit: int | None = None
    ) -> list[Operation]:
        query = select(OperationRow).filter_by(account_id=self._account).order_by(col(OperationRow.id))
        if statuses:
            query = query.where(col(OperationRow.status).in_([status.value for status in statuses]))
        if limit is not None:
            query = query.limit(limit)
        return operations_of(session, list(session.exec(query)))


def _insert_once(session: Session, table: type[OutboxTable], row: dict[str, Any]) -> None:
    """Insert unless a unique key is taken; a concurrent insert of the same key is waited for."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    session.execute(insert(table).values(row).on_conflict_do_nothing())


def _set_reason(row: OperationRow, reason: Reason | None) -> None:
    row.error = None if reason is None else reason.text
    row.error_name = None if reason is None else reason.name
    row.error_data = None if reason is None else reason.data
    row.problem = None
    row.updated_ms = _now_ms()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _database_ms(session: Session) -> int:
    """A clock that all who share the database share: SQLite's users are on one machine."""
    if session.get_bind().dialect.name == "sqlite":
        return _now_ms()
    return int(session.scalar(select(func.floor(text("extract(epoch from clock_timestamp()) * 1000")))) or 0)
