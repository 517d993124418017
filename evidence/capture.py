"""Captures: a member's signed document becomes sealed events on the chain, once, whatever is killed.

Order of steps: everything is checked; documents and manifest go to the vault; the job with the contract call
is written to SQL; the call is given to the durable sender under the job's key; only then is it acknowledged.
Every step can be repeated: `recover` gives jobs to the sender that a crash kept from it.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import ValidationError
from sqlalchemy import Engine

from chain.abi_errors import decode_revert
from chain.bindings import event_ledger, member_registry
from chain.bindings.types import Attestation
from chain.codec import TypedMessage
from chain.deployment import Deployment
from chain.errors import CallReverted
from chain.fields import Address, HexBytes, hex_text
from chain.gas import least_gas
from chain.messages import MessageJson
from chain.rpc import Rpc
from epcis import canonical
from epcis.model import TooManyEvents
from epcis.sealed import Sealed
from evidence import signature_header
from evidence.batch import Batch, batch_of
from evidence.documents import read_document, read_event
from evidence.errors import (
    ContractRefused,
    DeadlineOver,
    FieldsDiffer,
    RequestInvalid,
    SignatureMismatch,
    SignatureRequired,
    SignerRefused,
    TooLarge,
    UnknownJob,
)
from evidence.fields import Record, explain, gln_text
from evidence.job_runner import JobRunner, Submitter
from evidence.job_store import ATTESTATION, BATCH, JobStore, NewEvent
from evidence.job_watch import JobWatch
from evidence.jobs import Job
from evidence.known_events import KnownEvents
from evidence.signature_header import SignatureHeader
from evidence.signatures import is_signed_by, recover
from evidence.signed_fields import ZERO_ADDRESS, compare
from vault.store import ContentStore

CONSUMER_GAS: Final = 1_500_000
"""given on top of an attestation's estimate, which starves the consumer (see EventLedger)"""
ATTESTATION_GAS: Final = 300_000
"""in place of that estimate where there is none yet; the dearest was seen to take 90,000"""
_GAS_MARGIN: Final = 1.25
_ANY_ROLE: Final = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request: bytes, events, and seconds that must be left until the signed deadline."""

    body: int = 10 * 1024 * 1024
    events: int = 10_000
    deadline_margin: int = 30


class AttestRequest(Record):
    """`POST /attestations` (protocol, section 9)."""

    event: dict[str, Any]
    attestation: Annotated[Attestation, MessageJson(Attestation)]
    signer: Address
    signature: HexBytes
    consumer_data: HexBytes = b""


@dataclass(frozen=True, slots=True)
class ReadAttestation:
    """A request whose event fits the fields that are said to be signed."""

    request: AttestRequest
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A capture whose signature is its member's."""

    member: int
    batch: Batch
    signed: SignatureHeader


class CaptureService:
    """Takes signed events of members for one deployment. Threads and processes may share it."""

    def __init__(
        self,
        engine: Engine,
        sender: Submitter,
        rpc: Rpc,
        deployment: Deployment,
        store: ContentStore,
        *,
        mirror: Engine | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`engine`: with this room's tables (`evidence.migrations.upgrade_evidence`); `mirror`: the indexer's
        database, asked whether an event that this service never saw is on the chain already."""
        self._jobs = JobStore(engine, str(deployment.identity))
        self._rpc = rpc
        self._store = store
        self.limits = limits or Limits()
        self._domain = deployment.domain("EventLedger")
        self._ledger = event_ledger.EventLedger(deployment.address("EventLedger"), rpc)
        self._runner = JobRunner(self._jobs, sender, self._ledger)
        self._known = KnownEvents(self._jobs, self._runner, mirror)
        self._watch = JobWatch(self._jobs, self._runner, rpc)
        self._registry = member_registry.MemberRegistry(deployment.address("MemberRegistry"), rpc)

    # -- captures ----------------------------------------------------------------------------------------

    def capture(self, body: bytes, header: str | None, *, seals: bool = True) -> Job:
        """Accept an EPCIS document (or a bare event) with the member's signature in the header.

        Raises as `read_capture` and `accept_capture` do.
        """
        return self.accept_capture(self.read_capture(body, header), seals=seals)

    def read_capture(self, body: bytes, header: str | None) -> SignedBatch:
        """Read a capture up to its member's signature; what this costs, anybody can make it cost.

        Raises TooLarge, SignatureRequired, HeaderError, Refused (evidence.documents), SignerRefused,
        SignatureMismatch; ChainError where the node cannot be asked. Nothing is written.
        """
        self._check_size(body)
        if header is None or not header.strip():
            raise SignatureRequired(self.way_to_sign())
        signed = signature_header.parse(header)
        try:
            events = read_document(body, self.limits.events)
        except TooManyEvents as error:
            raise TooLarge("events of one document", error.count, error.most) from None
        member = self._member_of(signed.signer)
        batch = batch_of(events, gln_text(member), signed.seed)
        anchor = batch.anchor(signed.deadline)
        self._check_signature(signed.signer, anchor, signed.signature)
        return SignedBatch(member, batch, signed)

    def accept_capture(self, capture: SignedBatch, *, seals: bool = True) -> Job:
        """Keep what a member signed and have it anchored; the job comes with the seals of its events, or not.

        Raises DeadlineOver; ChainError where the node cannot be asked. Nothing is written then.
        """
        member, batch, signed = capture.member, capture.batch, capture.signed
        # What was accepted in time stays so: the same request again is answered after its deadline, too.
        again = self._known.live(BATCH, member, batch.root, seals=seals)
        if again is not None:
            return again
        self._check_deadline(signed.deadline)
        return self._accept_batch(member, batch, signed, seals)

    def _accept_batch(self, member: int, batch: Batch, signed: SignatureHeader, seals: bool) -> Job:
        # The manifest too, even where every event is known: the signature is out, anybody may anchor it.
        self._store.put_many([*(leaf.document for leaf in batch.leaves), batch.manifest])
        events = [
            NewEvent(leaf.seal_id, leaf.event_hash, str(leaf.cid), batch.root, leaf.index)
            for leaf in batch.leaves
        ]
        anchor = batch.anchor(signed.deadline)
        data = event_ledger.encode_anchor(anchor, signed.signer, signed.signature)
        call = (self._ledger.contract_address, data, None)
        known = self._known.all_of(member, [hex_text(event.seal_id) for event in events])
        if known:
            return self._known.point(member, signed.signer, batch.root, signed.deadline, events, known, call)
        row = self._jobs.add(BATCH, member, signed.signer, batch.root, signed.deadline, events, call)
        return self._runner.job(row, self._runner.submit_again(row), seals=seals)

    def attest(self, body: bytes) -> Job:
        """Accept one event with the fields its member signed (protocol, section 9, `POST /attestations`).

        Raises as `read_attestation` and `accept_attestation` do.
        """
        return self.accept_attestation(self.read_attestation(body))

    def read_attestation(self, body: bytes) -> ReadAttestation:
        """Read a request as far as nobody else is asked; what this costs, anybody can make it cost.

        Raises TooLarge, RequestInvalid, Refused (evidence.documents), FieldsDiffer. Nothing is written.
        """
        self._check_size(body)
        try:
            request = AttestRequest.model_validate(canonical.loads(body))
        except canonical.JsonError as error:
            raise RequestInvalid([(error.path, f"{error.reason} {error.value}".strip())]) from None
        except ValidationError as error:
            raise RequestInvalid(explain(error)) from None
        return self._fitting(request)

    def attest_request(self, request: AttestRequest) -> Job:
        """As `attest`, for a request that is in this form already."""
        return self.accept_attestation(self._fitting(request))

    def _fitting(self, request: AttestRequest) -> ReadAttestation:
        _, sealed = read_event(request.event)
        differences = compare(request.attestation, sealed, canonical.loads(sealed.document))
        if differences:
            raise FieldsDiffer(differences)
        return ReadAttestation(request, sealed)

    def accept_attestation(self, read: ReadAttestation) -> Job:
        """Keep an event that was read, and have it attested as its member signed it.

        Raises SignerRefused, DeadlineOver, SignatureMismatch, ContractRefused; ChainError where the node
        cannot be asked. Nothing is written then.
        """
        request, sealed = read.request, read.sealed
        signed = request.attestation
        member = self._member_of(request.signer)
        again = self._known.live(ATTESTATION, member, sealed.seal_id)
        if again is not None:
            return again
        self._check_deadline(signed.deadline)
        self._check_signature(request.signer, signed, request.signature)
        cid = self._store.put(sealed.document)
        event = NewEvent(sealed.seal_id, sealed.event_hash, str(cid), None, 0)
        data = event_ledger.encode_attest(signed, request.signer, request.signature, request.consumer_data)
        to, consumed = self._ledger.contract_address, signed.consumer != ZERO_ADDRESS
        if self._ledger.attested(member, sealed.seal_id) != bytes(32):
            # in a batch it would be evidence alone, on which no contract acts
            known = self._known.of(member, [hex_text(sealed.seal_id)])
            single = {seal_id: place for seal_id, place in known.items() if place.root is None}
            call = (to, data, least_gas(to, data) + ATTESTATION_GAS + CONSUMER_GAS if consumed else None)
            return self._known.point(
                member, request.signer, sealed.seal_id, signed.deadline, [event], single, call
            )
        call = (to, data, self._gas(request.signer, data) if consumed else None)
        row = self._jobs.add(
            ATTESTATION, member, request.signer, sealed.seal_id, signed.deadline, [event], call
        )
        return self._runner.job(row, self._runner.submit_again(row))

    # -- jobs --------------------------------------------------------------------------------------------

    def job(self, capture_id: str, *, seals: bool = True) -> Job:
        """A job as it stands now. Raises UnknownJob; ChainError where a failed call has to be looked into."""
        row = self._jobs.get(capture_id)
        if row is None:
            raise UnknownJob(f"capture job {capture_id[:64]!r}: unknown")
        return self._runner.job(row, seals=seals)

    def jobs(self, limit: int = 30, before: datetime | None = None) -> list[Job]:
        """Jobs, newest first; `before` leaves out those made then or later."""
        cut = None if before is None else int(before.timestamp() * 1000)
        return [self._runner.job(row) for row in self._jobs.latest(limit, cut)]

    def recover(self) -> int:
        """Give jobs to the sender that never reached it, or whose events others brought and the chain lost.

        Number of jobs it was for. Raises ChainError where the node cannot be asked.
        """
        return self._watch.recover()

    def run(self, stop: threading.Event, pause: float = 2.0) -> None:
        """Recover, and look every `pause` seconds for what the chain lost, until `stop` is set."""
        self._watch.run(stop, pause)

    # -- what is asked of a request ------------------------------------------------------------------------

    def way_to_sign(self) -> dict[str, Any]:
        """How a capture is signed here, for whoever sent an unsigned one."""
        from chain.bindings.types import Anchor

        return {
            "header": signature_header.NAME,
            "format": 'v=1, signer="0x…", seed=:base64 of 32 random bytes:, deadline=Unix seconds, '
            "signature=:base64 of 65 bytes:",
            "signs": "EIP-712 Anchor of the batch that follows from document, seed and the signer's member",
            "domain": {
                "name": self._domain.name,
                "version": self._domain.version,
                "chainId": self._domain.chain_id,
                "verifyingContract": self._domain.verifying_contract,
            },
            "types": {"Anchor": [{"name": name, "type": kind} for name, kind in Anchor.MEMBERS["Anchor"]]},
            "command": "tradeseal capture FILE --as MEMBER",
        }

    def _check_size(self, body: bytes) -> None:
        if len(body) > self.limits.body:
            raise TooLarge("bytes of the body", len(body), self.limits.body)

    def _member_of(self, signer: str) -> int:
        try:
            return self._registry.require_role(signer, _ANY_ROLE)
        except CallReverted as error:
            raise SignerRefused(signer, decode_revert(error.data)) from None

    def _check_deadline(self, deadline: int) -> None:
        latest = self._rpc.get_block("latest")
        # a chain's clock may run ahead of ours, and stands still while nothing happens
        now = max(int(time.time()), 0 if latest is None else latest.timestamp)
        if deadline < now + self.limits.deadline_margin:
            raise DeadlineOver(deadline, now + self.limits.deadline_margin)

    def _check_signature(self, signer: str, message: TypedMessage, signature: bytes) -> None:
        digest = message.signing_hash(self._domain)
        if not is_signed_by(self._rpc, signer, digest, signature):
            raise SignatureMismatch(
                signer, message.PRIMARY_TYPE, message.message(), recover(digest, signature)
            )

    def _gas(self, signer: str, data: bytes) -> int:
        try:
            estimate = self._rpc.estimate_gas(self._ledger.contract_address, data, signer)
        except CallReverted as error:
            revert = decode_revert(error.data)
            name = None if revert.error is None else revert.error.NAME
            raise ContractRefused(revert.reason, name) from None
        return int(estimate * _GAS_MARGIN) + CONSUMER_GAS
