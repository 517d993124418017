"""The durable sender: signs what the outbox holds, sends it in the order of nonces, and sees it settled.

Nothing it learns is final before the configured depth: a chain that lost blocks, by a reorganisation or a
hard stop, gets the same signed bytes again, from its nonce upward.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chain.answers import cannot_run, explain_revert, problem_of
from chain.blocks import Block
from chain.errors import CallReverted, ChainError, RpcError
from chain.fees import Fees, quote_fees
from chain.lookout import Lookout
from chain.operation import OPEN, ChainIdentity, Lease, Operation, Reason, Status, Version
from chain.outbox import Outbox
from chain.rpc import Rpc
from chain.signers import Signer, SignerError

_log = logging.getLogger(__name__)

_EAGER: Final = 0.02  # seconds to the second look after a request; then ever longer, up to the setting
_LONGEST_PAUSE: Final = 5.0


class ChainChanged(ChainError):
    """The node serves another chain than the one this sender's operations are for."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Times are seconds, fees wei per gas, depths blocks."""

    lease_ttl: float = 5.0
    poll: float = 0.25
    """At most, between passes while something is under way."""
    idle_poll: float = 1.0
    stuck_after: float = 30.0
    """A transaction not mined by then is signed again with a higher fee; each time it waits twice as long."""
    max_versions: int = 10
    resend_after: float = 10.0
    """What was sent and not mined by then is sent again: a restarted node has forgotten its pool."""
    retry_after: float = 1.0
    """What the node refused is offered again then."""
    displaced_after: float = 60.0
    """For so long a used nonce may lack a receipt before it counts as used by another transaction."""
    fee_cap: int = 500 * 10**9
    gas_margin: float = 1.25
    """An estimate times this is the gas limit, within the block's."""
    max_in_flight: int = 64
    final_depth: int | None = None
    """Blocks on top after which a mined operation is never looked at again; None: never final."""


class Sender:
    """Sends for one signer on one chain; threads may call everything, one of them `run`."""

    def __init__(
        self,
        engine: Engine,
        rpc: Rpc,
        signer: Signer,
        identity: ChainIdentity | None = None,
        settings: SenderSettings | None = None,
    ) -> None:
        """`identity` is asked of the node where it is not given. Raises what Rpc raises, then."""
        self.rpc = rpc
        self.signer = signer
        self.settings = settings or SenderSettings()
        self.identity = identity or read_identity(rpc)
        self.outbox = Outbox(engine, self.identity, signer.address)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._wake = threading.Event()
        self._lease: Lease | None = None
        self._nonce_seen = 0
        self._resend_all = True
        self._lookout = Lookout(self.outbox, rpc, signer.address, self.settings.displaced_after)
        self._gap_since: float | None = None

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
    ) -> Operation:
        """Store a request durably and return at once; see Outbox.submit."""
        operation = self.outbox.submit(to, data, value, key=key, purpose=purpose, gas=gas)
        self._wake.set()
        return operation

    def operation(self, operation_id: int) -> Operation:
        """An operation by id. Raises UnknownOperation."""
        return self.outbox.operation(operation_id)

    def by_key(self, key: str) -> Operation | None:
        """An operation by its idempotency key."""
        return self.outbox.by_key(key)

    def wait(self, operation_id: int, timeout: float) -> Operation:
        """The operation once it has settled. Raises NotSettled, UnknownOperation."""
        return self.outbox.wait(operation_id, timeout)

    # -- the loop --------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set, then give the lease back. Whatever fails is logged and tried again."""
        failures = quiet = 0
        while not stop.is_set():
            try:
                busy = self.run_once()
                failures = 0
                eager = min(self.settings.poll, _EAGER * 1.5**quiet)
                delay = eager if busy else self.settings.idle_poll
                quiet = min(quiet + 1, 20)
            except Exception as error:
                failures = min(failures + 1, 20)
                delay = min(_EAGER * 2**failures, _LONGEST_PAUSE)
                self._resend_all = True
                expected = isinstance(error, ChainError | SQLAlchemyError | SignerError)
                _log.warning(
                    "sender %s: %s; again in %.2f s", self.signer.address, error, delay, exc_info=not expected
                )
            if self._rest(stop, delay):
                quiet = 0
        self.close()

    def _rest(self, stop: threading.Event, delay: float) -> bool:
        """Wait for `delay` seconds, for a request (True), or for `stop`."""
        deadline = time.monotonic() + delay
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            if self._wake.wait(min(left, 0.2)):
                self._wake.clear()
                return True
        return False

    def close(self) -> None:
        """Give the lease back."""
        if self._lease is not None:
            lease, self._lease = self._lease, None
            self.outbox.release(lease)

    @property
    def leading(self) -> bool:
        """Whether the last pass held the lease."""
        return self._lease is not None

    def run_once(self) -> bool:
        """One pass: look at the chain, send what it lacks, sign what waits. False where nothing is under way.

        Does nothing while another process holds the lease. Raises ChainChanged, LeaseLost, NodeUnreachable,
        NodeNonsense, RpcError; whatever is raised, the next pass goes on from what is stored.
        """
        lease = self.outbox.acquire(self.owner, self.settings.lease_ttl)
        if self._lease is None or lease is None:
            self._resend_all = True  # what a former holder did with its last breath is unknown
        self._lease = lease
        if lease is None:
            return False
        actual = read_identity(self.rpc)
        if actual != self.identity:
            raise ChainChanged(f"node {self.rpc.node} serves chain {actual} instead of {self.identity}")
        head = self._head()
        nonce = self.rpc.nonce(self.signer.address)
        findings = self._lookout.findings(nonce)
        if any(one.receipt is None and not one.displaced for one in findings):
            self._resend_all = True  # the chain lost what it had
        if self._moved(head):
            return True  # the chain changed under these answers
        depth = self.settings.final_depth
        final_below = None if depth is None else head.number - depth
        if findings or final_below is not None:
            self.outbox.record_findings(lease, findings, final_below)
        if nonce < self._nonce_seen:
            self._resend_all = True
        self._nonce_seen = nonce
        if self._under_way() or self._resend_all:
            quote = quote_fees(self.rpc, head, self.settings.fee_cap)
            self._send_open(lease, nonce, quote)
            self._sign_queued(lease, head, quote)
        return self._under_way()

    def _under_way(self) -> bool:
        return bool(self.outbox.operations(Status.QUEUED, *OPEN, limit=1))

    def _head(self) -> Block:
        head = self.rpc.get_block("latest")
        if head is None:
            raise ChainChanged(f"node {self.rpc.node} has no latest block")
        return head

    def _moved(self, head: Block) -> bool:
        block = self.rpc.get_block(head.number)
        return block is None or block.hash != head.hash

    # -- sending ---------------------------------------------------------------------------------------------

    def _send_open(self, lease: Lease, nonce: int, quote: Fees) -> None:
        """Send what the chain lacks, in the order of nonces; outbid what is stuck."""
        waiting = self.outbox.with_nonce(*OPEN, Status.DISPLACED, from_nonce=nonce)
        self._fill_gap(lease, nonce, waiting)
        now = time.time_ns() // 1_000_000
        due: list[tuple[Operation, Version]] = []
        for one in waiting:
            version = one.versions[-1]
            if self._stuck(one, version, nonce, quote, now):
                version = self._outbid(lease, one, version, quote) or version
            if self._resend_all or self._due(one, version, now):
                due.append((one, version))
        self._send(lease, due)
        self._resend_all = False

    def _due(self, one: Operation, version: Version, now: int) -> bool:
        """Whether to hand it to the node (again)."""
        if version.sent_ms is not None and one.status != Status.DISPLACED:
            return now - version.sent_ms >= self.settings.resend_after * 1000
        tried = one.updated.timestamp() * 1000
        return one.problem is None or now - tried >= self.settings.retry_after * 1000

    def _stuck(self, one: Operation, version: Version, nonce: int, quote: Fees, now: int) -> bool:
        """Whether a transaction waits too long and its own fee may be why."""
        if version.sent_ms is None or len(one.versions) >= self.settings.max_versions:
            return False
        patience = self.settings.stuck_after * 1000 * 2**version.number
        return now - version.signed_ms >= patience and (one.nonce == nonce or version.fee < quote.fee)

    def _outbid(self, lease: Lease, one: Operation, version: Version, quote: Fees) -> Version | None:
        fees = Fees(version.fee, version.tip).outbid(quote, self.settings.fee_cap)
        if fees is None or one.nonce is None:
            self.outbox.record_problem(lease, one.id, f"stuck at the fee cap of {self.settings.fee_cap} wei")
            return None
        replacement = self._sign(one, one.nonce, version.gas, fees)
        self.outbox.record_signed(lease, one.id, one.nonce, replacement)
        return replacement

    def _send(self, lease: Lease, due: Sequence[tuple[Operation, Version]]) -> None:
        requests = [("eth_sendRawTransaction", ["0x" + version.raw.hex()]) for _, version in due]
        results = self.rpc.batch(requests) if requests else []
        answers = [
            (one.id, version.hash, problem_of(result))
            for (one, version), result in zip(due, results, strict=True)
        ]
        self.outbox.record_sent(lease, answers)

    def _fill_gap(self, lease: Lease, nonce: int, waiting: Sequence[Operation]) -> None:
        """Where the chain waits for a nonce that nobody here has, give it to an empty transfer to ourselves.

        Happens when other transactions of this address were lost with the blocks they were in. New requests
        take such a nonce first; the transfer is for when there are none.
        """
        blocked = bool(waiting) and waiting[0].nonce != nonce
        blocked = blocked and self.rpc.nonce(self.signer.address, "pending") == nonce
        if not blocked or self.outbox.free_nonce(nonce) != nonce:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = time.monotonic()
        elif time.monotonic() - self._gap_since >= self.settings.resend_after:
            self._gap_since = None
            key = f"gap:{nonce}:{secrets.token_hex(8)}"
            self.outbox.submit(self.signer.address, b"", key=key, purpose=f"fill the gap at nonce {nonce}")

    # -- signing ---------------------------------------------------------------------------------------------

    def _sign_queued(self, lease: Lease, head: Block, quote: Fees) -> None:
        """Estimate, sign, store and send what is queued, one after the other on the pending state."""
        in_flight = len(self.outbox.with_nonce(*OPEN))
        free = self.settings.max_in_flight - in_flight
        queued = self.outbox.operations(Status.QUEUED, limit=free) if free > 0 else []
        for one in queued:
            gas = one.gas if one.gas is not None else self._estimate(lease, one, head, in_flight > 0)
            if gas is None:
                if self.outbox.operation(one.id).status == Status.REFUSED:
                    continue
                return  # what comes after it may depend on it
            pending = self.rpc.nonce(self.signer.address, "pending")
            nonce = self.outbox.free_nonce(pending)
            version = self._sign(one, nonce, gas, quote)
            self.outbox.record_signed(lease, one.id, nonce, version)
            self._send(lease, [(one, version)])
            in_flight += 1

    def _estimate(self, lease: Lease, one: Operation, head: Block, others_open: bool) -> int | None:
        """The gas limit; None where it is refused, or has to wait."""
        try:
            gas = self.rpc.estimate_gas(one.to, one.data, self.signer.address, one.value)
        except CallReverted as reverted:
            reason = explain_revert(reverted.data)
        except RpcError as error:
            if not cannot_run(error):
                self.outbox.record_problem(lease, one.id, f"gas cannot be estimated: {error.message}")
                return None
            reason = Reason(error.message)
        else:
            return min(int(gas * self.settings.gas_margin), max(gas, head.gas_limit))
        if others_open:
            # Some nodes' pending state is the latest block's: it may go through once those are mined.
            self.outbox.record_problem(lease, one.id, f"waits for earlier operations: {reason.text}")
        else:
            self.outbox.record_refused(lease, one.id, reason)
        return None

    def _sign(self, one: Operation, nonce: int, gas: int, fees: Fees) -> Version:
        from eth_utils.address import to_checksum_address
        from eth_utils.crypto import keccak

        transaction: dict[str, Any] = {
            "chainId": self.identity.chain_id,
            "nonce": nonce,
            "value": one.value,
            "data": one.data,
            "gas": gas,
        }
        if one.to is not None:
            transaction["to"] = to_checksum_address(one.to)
        if fees.tip is None:
            transaction["gasPrice"] = fees.fee
        else:
            transaction |= {"type": 2, "maxFeePerGas": fees.fee, "maxPriorityFeePerGas": fees.tip}
        raw = self.signer.sign_transaction(transaction)
        now = time.time_ns() // 1_000_000
        return Version(keccak(raw), len(one.versions), raw, gas, fees.fee, fees.tip, now, None)


def read_identity(rpc: Rpc) -> ChainIdentity:
    """Which chain a node serves."""
    return ChainIdentity(rpc.chain_id(), rpc.first_block_hash())
