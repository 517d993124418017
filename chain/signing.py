"""From requests to signed transactions: whose turn it is, what gas each gets, which nonce."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from chain.answers import cannot_run, explain_revert
from chain.blocks import Block
from chain.errors import CallReverted, ChainError, RpcError
from chain.fees import Fees
from chain.gas import another_limit, bounded, least_gas
from chain.operation import OPEN, Lease, Operation, Priority, Reason, Status, Version
from chain.outbox import Outbox
from chain.rpc import Rpc
from chain.sender_settings import SenderSettings
from chain.signers import Signer

Signed = list[tuple[Operation, Version]]


class Signing:
    """Signs for one signer what its outbox holds; what it signed is stored before it is given out."""

    def __init__(self, outbox: Outbox, rpc: Rpc, signer: Signer, settings: SenderSettings) -> None:
        self._outbox = outbox
        self._rpc = rpc
        self._signer = signer
        self._settings = settings
        self._prompt_signed = 0  # since the last anchor

    def queued(self, lease: Lease, head: Block, quote: Fees) -> Iterator[Signed]:
        """Sign and store what is queued, on the pending state: what is given out must be sent before more is
        asked for.

        Prompt operations go first, one after the other, since each may depend on the one before; so many
        anchors as come in a row go together. Whatever waits, every `fair_turn`-th operation is an anchor
        while there are any, so that no load of prompt ones holds them up for ever.
        """
        open_ = self._outbox.with_nonce(*OPEN)
        free = self._settings.max_in_flight - len(open_)
        if free <= 0:
            return
        anchors = sum(one.priority == Priority.BULK for one in open_)
        kept = self._settings.max_in_flight // self._settings.kept_for_prompt
        stalled: set[Priority] = set()
        for turn in self._turns(free, min(free, self._settings.max_in_flight - kept - anchors)):
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
                elif self._outbox.operation(one.id).status != Status.REFUSED:
                    stalled.add(priority)
                    break
            if ready:
                yield self._signed(lease, ready, quote)
            free -= len(ready)  # only what was signed: one kind may wait for the other

    def _turns(self, free: int, free_for_anchors: int) -> list[list[Operation]]:
        """Who is signed next: runs of anchors, and single prompt operations, so many of each at most."""
        prompt = self._outbox.queued(Priority.PROMPT, free)
        bulk = self._outbox.queued(Priority.BULK, free_for_anchors) if free_for_anchors > 0 else []
        runs: list[list[Operation]] = []
        waited = self._prompt_signed
        while prompt or bulk:
            if prompt and not (bulk and waited >= self._settings.fair_turn - 1):
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
        limits: list[int | None] = []
        for one, answer in zip(run, self._estimates(run), strict=True):
            if isinstance(answer, ChainError):
                self._cannot_estimate(lease, one, answer)
                limits.append(None)
            else:
                limits.append(bounded(answer, least_gas(one.to, one.data), head.gas_limit))
        return limits

    def _estimates(self, run: Sequence[Operation]) -> Iterator[int | ChainError]:
        """What each is given: as it was asked for, else an estimate and a margin."""
        asked = [one for one in run if one.gas is None]
        address = self._signer.address
        found = self._rpc.estimate_gases([(one.to, one.data, address, one.value) for one in asked])
        answers = iter(found)
        for one in run:
            answer = next(answers) if one.gas is None else one.gas
            if one.gas is None and isinstance(answer, int):
                answer = int(answer * self._settings.gas_margin)
            yield answer

    def _cannot_estimate(self, lease: Lease, one: Operation, error: ChainError) -> None:
        if isinstance(error, CallReverted):
            reason = explain_revert(error.data)
        elif isinstance(error, RpcError) and cannot_run(error):
            reason = Reason(error.message)
        elif isinstance(error, RpcError):
            self._outbox.record_problem(lease, one.id, f"gas cannot be estimated: {error.message}")
            return
        else:
            raise error
        if self._outbox.has_earlier(one.id):
            # It may go through once those are mined: some nodes' pending state is the latest block's, and
            # what was submitted before may have a lower priority. It never waits for what came later, of
            # which there may be no end.
            self._outbox.record_problem(lease, one.id, f"waits for earlier operations: {reason.text}")
        else:
            self._outbox.record_refused(lease, one.id, reason)

    def _signed(self, lease: Lease, ready: Sequence[tuple[Operation, int]], quote: Fees) -> Signed:
        pending = self._rpc.nonce(self._signer.address, "pending")
        nonces = self._outbox.free_nonces(pending, len(ready))
        made = [
            (one, nonce, self._version(one, nonce, gas, quote))
            for (one, gas), nonce in zip(ready, nonces, strict=True)
        ]
        self._outbox.record_signed(lease, [(one.id, nonce, version) for one, nonce, version in made])
        bulk = ready[-1][0].priority == Priority.BULK
        self._prompt_signed = 0 if bulk else self._prompt_signed + 1
        return [(one, version) for one, _, version in made]

    def fill(self, lease: Lease, filler: Operation, nonce: int, head: Block, quote: Fees) -> None:
        """Sign and store an operation for one nonce, whatever else waits and however much is in flight."""
        (answer,) = self._estimates([filler])
        least = least_gas(filler.to, filler.data)
        gas = bounded(least if isinstance(answer, ChainError) else answer, least, head.gas_limit)
        self._outbox.record_signed(lease, [(filler.id, nonce, self._version(filler, nonce, gas, quote))])

    # -- once more -----------------------------------------------------------------------------------------

    def outbid(self, lease: Lease, one: Operation, head: Block, quote: Fees) -> Version | None:
        """Sign one again that waits too long: for a higher fee, and for no less gas than it needs by now.

        None, with the reason stored, where the highest fee is not enough.
        """
        version = one.versions[-1]
        fees = Fees(version.fee, version.tip).outbid(quote, self._settings.fee_cap)
        if fees is None:
            cap = self._settings.fee_cap
            self._outbox.record_problem(lease, one.id, f"stuck at the fee cap of {cap} wei")
            return None
        return self._replaced(lease, one, max(version.gas, self._gas_anew(one, version, head)), fees)

    def mend(
        self, lease: Lease, one: Operation, head: Block, quote: Fees, gas_refused: bool
    ) -> Version | None:
        """Sign one again that the node refuses, for its gas limit (`gas_refused`) or its price.

        None where nothing else can be offered for now.
        """
        version = one.versions[-1]
        offered = Fees(version.fee, version.tip)
        gas = self._gas_anew(one, version, head)
        if gas_refused and any(gas == earlier.gas for earlier in one.versions):
            gas = another_limit(version.gas, least_gas(one.to, one.data), head.gas_limit)
        taken = any(earlier.sent_ms is not None for earlier in one.versions)
        fees = offered.outbid(quote, self._settings.fee_cap) if taken else quote
        return None if fees is None else self._replaced(lease, one, gas, fees)

    def _gas_anew(self, one: Operation, version: Version, head: Block) -> int:
        """As for the first version; that one's where the pending state tells nothing, which may hold it."""
        (answer,) = self._estimates([one])
        gas = version.gas if isinstance(answer, ChainError) else answer
        return bounded(gas, least_gas(one.to, one.data), head.gas_limit)

    def _replaced(self, lease: Lease, one: Operation, gas: int, fees: Fees) -> Version | None:
        if one.nonce is None:
            return None
        replacement = self._version(one, one.nonce, gas, fees)
        if any(replacement.hash == earlier.hash for earlier in one.versions):
            return None  # no other offer than one that was made before
        self._outbox.record_signed(lease, [(one.id, one.nonce, replacement)])
        return replacement

    def _version(self, one: Operation, nonce: int, gas: int, fees: Fees) -> Version:
        from eth_utils.address import to_checksum_address
        from eth_utils.crypto import keccak

        transaction: dict[str, Any] = {
            "chainId": self._outbox.identity.chain_id,
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
        raw = self._signer.sign_transaction(transaction)
        now = time.time_ns() // 1_000_000
        return Version(keccak(raw), len(one.versions), raw, gas, fees.fee, fees.tip, now, None)
