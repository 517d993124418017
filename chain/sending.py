"""From signed transactions to the node: sent once, again where it forgot them, otherwise where it refuses."""

import secrets
import time
from collections.abc import Sequence

from chain.answers import problem_of, refused_for
from chain.blocks import Block
from chain.fees import Fees
from chain.operation import OPEN, Lease, Operation, Status, Version
from chain.outbox import Outbox
from chain.rpc import Rpc
from chain.sender_settings import SenderSettings
from chain.signing import Signing


class Sending:
    """Sends what one address has signed, in the order of nonces."""

    def __init__(
        self, outbox: Outbox, rpc: Rpc, address: str, signing: Signing, settings: SenderSettings
    ) -> None:
        self._outbox = outbox
        self._rpc = rpc
        self._address = address
        self._signing = signing
        self._settings = settings
        self._gap_since: float | None = None
        self.all_again = True
        """what the node has is unknown, so that everything is sent at the next opportunity"""

    def send_open(self, lease: Lease, nonce: int, head: Block, quote: Fees) -> None:
        """Send what the chain lacks from `nonce` upward; replace what is stuck or refused."""
        waiting = self._outbox.with_nonce(*OPEN, Status.DISPLACED, from_nonce=nonce)
        self._fill_gap(lease, nonce, waiting, head, quote)
        now = time.time_ns() // 1_000_000
        due: list[tuple[Operation, Version]] = []
        for one in waiting:
            version = one.versions[-1]
            refused = refused_for(one.problem)
            if refused is None and self._stuck(one, version, nonce, quote, now):
                version = self._signing.outbid(lease, one, head, quote) or version
            if self.all_again or self._due(one, version, now):
                if refused is not None and self._waited_enough(version, now):
                    version = self._signing.mend(lease, one, head, quote, refused == "gas") or version
                due.append((one, version))
        self.send(lease, due)
        self.all_again = False

    def _due(self, one: Operation, version: Version, now: int) -> bool:
        """Whether to hand it to the node (again)."""
        if version.sent_ms is not None and one.status != Status.DISPLACED:
            return now - version.sent_ms >= self._settings.resend_after * 1000
        tried = one.updated.timestamp() * 1000
        return one.problem is None or now - tried >= self._settings.retry_after * 1000

    def _waited_enough(self, version: Version, now: int) -> bool:
        return now - version.signed_ms >= self._settings.stuck_after * 1000 * (1 << version.number)

    def _stuck(self, one: Operation, version: Version, nonce: int, quote: Fees, now: int) -> bool:
        """Whether a transaction waits too long and its own fee may be why."""
        if version.sent_ms is None or len(one.versions) >= self._settings.max_versions:
            return False
        return self._waited_enough(version, now) and (one.nonce == nonce or version.fee < quote.fee)

    def send(self, lease: Lease, due: Sequence[tuple[Operation, Version]]) -> None:
        """Hand transactions to the node, and store what it says."""
        requests = [("eth_sendRawTransaction", ["0x" + version.raw.hex()]) for _, version in due]
        results = self._rpc.batch(requests) if requests else []
        answers = [
            (one.id, version.hash, problem_of(result))
            for (one, version), result in zip(due, results, strict=True)
        ]
        self._outbox.record_sent(lease, answers)

    def _fill_gap(
        self, lease: Lease, nonce: int, waiting: Sequence[Operation], head: Block, quote: Fees
    ) -> None:
        """Where the chain waits for a nonce that nobody here has, give it to an empty transfer to ourselves.

        Happens when other transactions of this address were lost with the blocks they were in. New requests
        take such a nonce first; the transfer is for when there are none, or none that can be signed: it waits
        for no turn and for no place in flight, since what has these cannot go on without it.
        """
        blocked = bool(waiting) and waiting[0].nonce != nonce
        blocked = blocked and self._rpc.nonce(self._address, "pending") == nonce
        if not blocked or self._outbox.free_nonces(nonce, 1) != [nonce]:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = time.monotonic()
        elif time.monotonic() - self._gap_since >= self._settings.resend_after:
            self._gap_since = None
            key = f"gap:{nonce}:{secrets.token_hex(8)}"
            filler = self._outbox.submit(
                self._address, b"", key=key, purpose=f"fill the gap at nonce {nonce}"
            )
            self._signing.fill(lease, filler, nonce, head, quote)
