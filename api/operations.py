"""Relaying: a member's signed request becomes one durable operation, whatever is asked twice or killed.

The key of an operation is the SHA-256 of contract and calldata, so that the same signed request is the same
operation; one that failed before may be tried again under the next key, when it would succeed now.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import Header
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field

from api.problems import Problem, contract_reason, refused
from api.services import Services
from api.wire import Answer
from chain.errors import CallReverted, RpcError
from chain.operation import SETTLED, Operation, Status
from indexer.run import NotReachedError

MAX_WAIT: Final = 30
_MIRROR_WAIT: Final = 10.0  # seconds, beyond what was asked for: what is mined is mirrored at once or late
_POLL: Final = (0.02, 0.25)  # seconds between looks: first, longest
_UNSETTLED: Final = tuple(status for status in Status if status not in SETTLED)
_FAILED: Final = (Status.REVERTED, Status.REFUSED, Status.DISPLACED)

Prefer = Annotated[
    list[str] | None,
    Header(description="RFC 7240: `wait=N` waits up to N seconds, at most 30, for the end"),
]


class ContractReason(Answer):
    """Why a contract refused: its own error with its values, and the same as text."""

    error: str | None
    arguments: dict[str, Any] = Field(default_factory=dict)
    text: str


class OperationAnswer(Answer):
    """What became of a relayed request. `id` is null for what was on the chain before it was asked."""

    id: int | None
    status: str = Field(examples=["mined"])
    purpose: str
    transaction: str | None
    block: int | None
    error: ContractReason | None
    waits_for: str | None = None
    """what keeps it from going on, for the moment"""


@dataclass(frozen=True, slots=True)
class Relayed:
    """A call to be relayed. `repeatable`: asked for again after it succeeded, it is a new call."""

    to: str
    data: bytes
    purpose: str
    repeatable: bool = False

    @property
    def key(self) -> str:
        """Idempotency key of the first try."""
        return "api/" + sha256(bytes.fromhex(self.to[2:]) + self.data).hexdigest()


def wait_seconds(prefer: list[str] | None) -> int:
    """Seconds of a `Prefer: wait=N`, 0 without one; what is unknown or unreadable counts as none."""
    for preference in ",".join(prefer or []).split(","):
        name, _, value = preference.partition(";")[0].strip().partition("=")
        if name.strip().lower() == "wait" and value.strip().strip('"').isdecimal():
            return min(int(value.strip().strip('"')[:9]), MAX_WAIT)
    return 0


def operation_answer(operation: Operation) -> OperationAnswer:
    """An operation as callers see it."""
    mined = operation.transaction_hash or (operation.versions[-1].hash if operation.versions else None)
    return OperationAnswer(
        id=operation.id,
        status=operation.status.value,
        purpose=operation.purpose,
        transaction=None if mined is None else "0x" + mined.hex(),
        block=operation.block_number,
        error=_reason(operation),
        waits_for=None if operation.settled else operation.problem,
    )


def _reason(operation: Operation) -> ContractReason | None:
    if operation.error is None:
        return None
    return ContractReason.model_validate(contract_reason(operation.error_data, operation.error))


def failed(operation: Operation) -> Problem:
    """The problem of an operation that ended badly."""
    reason = contract_reason(operation.error_data, operation.error or f"ended as {operation.status}")
    return refused(reason, operation=operation_answer(operation).to_json())


def submit(services: Services, call: Relayed) -> Operation:
    """Store a call for sending, or give the operation that it already is.

    Raises Problem with the contract's reason where it would be refused now; ChainError where the node cannot
    be asked. Nothing is stored then.
    """
    number = 0
    earlier: Operation | None = None
    while True:
        key = call.key if number == 0 else f"{call.key}/{number}"
        found = services.sender.by_key(key)
        if found is None:
            break
        if found.status not in _FAILED and not (call.repeatable and found.succeeded):
            return found
        earlier, number = found, number + 1
    try:
        _simulate(services, call)
    except CallReverted as error:
        if earlier is not None and earlier.succeeded:
            return earlier
        raise refused(contract_reason(error.data, "the contract reverts without a reason")) from None
    return services.sender.submit(call.to, call.data, key=key, purpose=call.purpose)


def _simulate(services: Services, call: Relayed) -> None:
    """Ask the chain what it would say. What waits on operations of ours that are under way is not asked."""
    if services.sender.outbox.operations(*_UNSETTLED, limit=1):
        return
    relayer = services.sender.signer.address
    try:
        services.rpc.call(call.to, call.data, "pending", sender=relayer)
    except RpcError:  # no reason of the contract; some nodes have no pending block
        services.rpc.call(call.to, call.data, "latest", sender=relayer)


async def settled(services: Services, operation: Operation, seconds: float) -> Operation:
    """The operation once it ended and the mirror has its block, or as it is after `seconds`."""
    deadline = time.monotonic() + seconds
    pause, longest = _POLL
    while not operation.settled and (left := deadline - time.monotonic()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)
        operation = await run_in_threadpool(services.sender.operation, operation.id)
    if operation.succeeded and operation.block_number is not None and seconds > 0:
        await mirrored(services, operation.block_number)
    return operation


async def mirrored(services: Services, block: int) -> None:
    """Wait, for a bounded time, until the mirror has a block: clients read what they wrote."""
    deadline = time.monotonic() + _MIRROR_WAIT
    while time.monotonic() < deadline:
        try:
            await run_in_threadpool(partial(services.indexer.wait_for_block, block, 0))
        except NotReachedError:
            await asyncio.sleep(0.05)
        else:
            return


async def relay(services: Services, call: Relayed, prefer: list[str] | None, **members: Any) -> JSONResponse:
    """Submit, wait as preferred, answer: 200 or 202 with the operation, or its problem."""
    operation = await run_in_threadpool(submit, services, call)
    seconds = wait_seconds(prefer)
    return respond(await settled(services, operation, seconds), seconds, **members)


def respond(operation: Operation, waited: int, **members: Any) -> JSONResponse:
    """The answer to a write: the operation as it stands, with `members` beside it."""
    if waited and operation.settled and not operation.succeeded:
        raise failed(operation)
    headers = {"Location": f"/operations/{operation.id}"}
    if waited:
        headers["Preference-Applied"] = f"wait={waited}"
    done = bool(waited) and operation.succeeded
    return JSONResponse(operation_answer(operation).to_json() | members, 200 if done else 202, headers)
