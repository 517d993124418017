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
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chain.blocks import Block
from chain.errors import ChainError
from chain.fees import quote_fees
from chain.lookout import Lookout
from chain.operation import OPEN, ChainIdentity, Lease, Operation, Priority, Status
from chain.outbox import Outbox
from chain.rpc import Rpc
from chain.sender_settings import SenderSettings as SenderSettings
from chain.sending import Sending
from chain.signers import Signer, SignerError
from chain.signing import Signing

_log = logging.getLogger(__name__)

_EAGER: Final = 0.02  # seconds to the second look after a request; then ever longer, up to the setting
_LONGEST_PAUSE: Final = 5.0


class ChainChanged(ChainError):
    """The node serves another chain than the one this sender's operations are for."""


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
        self._lookout = Lookout(self.outbox, rpc, signer.address, self.settings.displaced_after)
        self._signing = Signing(self.outbox, rpc, signer, self.settings)
        self._sending = Sending(self.outbox, rpc, signer.address, self._signing, self.settings)

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
                self._sending.all_again = True
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
            self._sending.all_again = True  # what a former holder did with its last breath is unknown
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
            self._sending.all_again = True  # the chain lost what it had
        if self._moved(head):
            return True  # the chain changed under these answers
        depth = self.settings.final_depth
        final_below = None if depth is None else head.number - depth
        if findings or final_below is not None:
            self.outbox.record_findings(lease, findings, final_below)
        if nonce < self._nonce_seen:
            self._sending.all_again = True
        self._nonce_seen = nonce
        if self._under_way() or self._sending.all_again:
            quote = quote_fees(self.rpc, head, self.settings.fee_cap)
            self._sending.send_open(lease, nonce, head, quote)
            for signed in self._signing.queued(lease, head, quote):
                self._sending.send(lease, signed)
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


def read_identity(rpc: Rpc) -> ChainIdentity:
    """Which chain a node serves."""
    return ChainIdentity(rpc.chain_id(), rpc.first_block_hash())
