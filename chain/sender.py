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
from chain.operation import OPEN, ChainIdentity, Lease, Operation, Priority, Reason, Status, Version
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
    kept_for_prompt: int = 8
    """One in so many places in flight is never an anchor's: what somebody waits for need not wait for one."""
    fair_turn: int = 8
    """Of so many operations signed in a row one is an anchor, while anchors wait."""
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
        self._prompt_signed = 0  # since the last anchor

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
        """Store a request durably and return at once; see Outbox.submit."""
        operation = self.outbox.submit(to, data, value, key=key, purpose=purpose, gas=gas, priority=priority)
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
        self.outbox.record_signed(lease, [(one.id, one.nonce, replacement)])
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
        if not blocked or self.outbox.free_nonces(nonce, 1) != [nonce]:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = time.monotonic()
        elif time.monotonic() - self._gap_since >= self.settings.resend_after:
            self._gap_since = None
            key = f"gap:{nonce}:{secrets.token_hex(8)}"
            self.outbox.submit(self.signer.address, b"", key=key, purpose=f"fill the gap at nonce {nonce}")

    # -- signing ---------------------------------------------------------------------------------------------

    def _sign_queued(self, lease: Lease, head: Block, quote: Fees) -> None:
        """Sign, store and send what is queued, on the pending state.

        Prompt operations go first, one after the other, since each may depend on the one before; so many
        anchors as come in a row go together. Whatever waits, every `fair_turn`-th operation is an anchor
        while there are any, so that no load of prompt ones holds them up for ever.
        """
        open_ = self.outbox.with_nonce(*OPEN)
        free = self.settings.max_in_flight - len(open_)
        if free <= 0:
            return
        anchors = sum(one.priority == Priority.BULK for one in open_)
        kept = self.settings.max_in_flight // self.settings.kept_for_prompt
        stalled: set[Priority] = set()
        for turn in self._turns(free, min(free, self.settings.max_in_flight - kept - anchors)):
            run = turn[:free]
            if not run:
                return
            priority = run[0].priority
            if priority in stalled:
                continue  # what comes after it may depend on it
            ready: list[tuple[Operation, int]] = []
            for one, gas in zip(run, self._limits(lease, run, head), strict=True):
                if gas is not None:
                    ready.append((one, gas))
                elif self.outbox.operation(one.id).status != Status.REFUSED:
                    stalled.add(priority)
                    break
            self._sign_and_send(lease, ready, quote)
            free -= len(ready)  # only what was signed: one kind may wait for the other

    def _turns(self, free: int, free_for_anchors: int) -> list[list[Operation]]:
        """Who is signed next: runs of anchors, and single prompt operations, so many of each at most."""
        prompt = self.outbox.queued(Priority.PROMPT, free)
        bulk = self.outbox.queued(Priority.BULK, free_for_anchors) if free_for_anchors > 0 else []
        runs: list[list[Operation]] = []
        waited = self._prompt_signed
        while prompt or bulk:
            if prompt and not (bulk and waited >= self.settings.fair_turn - 1):
                runs.append([prompt.pop(0)])
                waited += 1
            else:
                if not runs or runs[-1][0].priority != Priority.BULK:
                    runs.append([])
                runs[-1].append(bulk.pop(0))
                waited = 0
        return runs

    def _limits(self, lease: Lease, run: Sequence[Operation], head: Block) -> list[int | None]:
        """The gas limit of each; None where it is refused, or has to wait."""
        asked = [one for one in run if one.gas is None]
        address = self.signer.address
        found = self.rpc.estimate_gases([(one.to, one.data, address, one.value) for one in asked])
        answers = iter(found)
        limits: list[int | None] = []
        for one in run:
            if one.gas is not None:
                limits.append(one.gas)
                continue
            answer = next(answers)
            if isinstance(answer, int):
                limits.append(min(int(answer * self.settings.gas_margin), max(answer, head.gas_limit)))
                continue
            self._cannot_estimate(lease, one, answer)
            limits.append(None)
        return limits

    def _cannot_estimate(self, lease: Lease, one: Operation, error: ChainError) -> None:
        if isinstance(error, CallReverted):
            reason = explain_revert(error.data)
        elif isinstance(error, RpcError) and cannot_run(error):
            reason = Reason(error.message)
        elif isinstance(error, RpcError):
            self.outbox.record_problem(lease, one.id, f"gas cannot be estimated: {error.message}")
            return
        else:
            raise error
        if self.outbox.has_earlier(one.id):
            # It may go through once those are mined: some nodes' pending state is the latest block's, and
            # what was submitted before may have a lower priority. It never waits for what came later, of
            # which there may be no end.
            self.outbox.record_problem(lease, one.id, f"waits for earlier operations: {reason.text}")
        else:
            self.outbox.record_refused(lease, one.id, reason)

    def _sign_and_send(self, lease: Lease, ready: Sequence[tuple[Operation, int]], quote: Fees) -> None:
        if not ready:
            return
        pending = self.rpc.nonce(self.signer.address, "pending")
        nonces = self.outbox.free_nonces(pending, len(ready))
        made = [
            (one, nonce, self._sign(one, nonce, gas, quote))
            for (one, gas), nonce in zip(ready, nonces, strict=True)
        ]
        self.outbox.record_signed(lease, [(one.id, nonce, version) for one, nonce, version in made])
        self._send(lease, [(one, version) for one, _, version in made])
        bulk = ready[-1][0].priority == Priority.BULK
        self._prompt_signed = 0 if bulk else self._prompt_signed + 1

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
