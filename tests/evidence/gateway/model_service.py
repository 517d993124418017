"""A service in memory that judges captures as a real one does, and fails as it is told to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from coincurve import PrivateKey
from eth_account import Account

from chain.codec import Domain, checksum, keccak256
from epcis import canonical
from epcis.tree import event_leaf, verify
from evidence.batch import batch_of
from evidence.capture import AttestRequest
from evidence.documents import read_document, read_event
from evidence.gateway import (
    Accepted,
    DeadlinePassed,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
)
from evidence.signature_header import parse
from evidence.signatures import recover
from evidence.signed_fields import compare

MEMBER = "9506000000015"
DOMAIN = Domain("TradeSeal", "1", 31337, "0x" + "11" * 20)
TRANSACTION = "0x" + "33" * 32
NETWORK = "31337/0x" + "22" * 32


class MemberKey:
    """The member's key, which signs typed data as any signer does."""

    def __init__(self, seed: bytes = b"gateway test key") -> None:
        self._secret = keccak256(seed)
        public = PrivateKey(self._secret).public_key.format(compressed=False)[1:]
        self.address = checksum("0x" + keccak256(public)[12:].hex())

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        """EIP-712 by eth_account, which is not ours."""
        return bytes(Account.sign_typed_data(self._secret, full_message=typed_data).signature)

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """A gateway sends none."""
        raise NotImplementedError


@dataclass
class Job:
    """A job: what it anchors, and the looks that it still takes."""

    id: str
    root: bytes | None
    seal_ids: list[bytes]
    looks: int
    failure: str | None = None


@dataclass
class ModelService:
    """A `Door`. `now` is its clock; what it refuses and when it is away is set by tests."""

    key: MemberKey = field(default_factory=MemberKey)
    now: float = 1_800_000_000.0
    away: bool = False
    looks: int = 1
    """answers `running` so often"""
    most_events: int = 10_000
    bad: dict[bytes, str] = field(default_factory=dict)
    """sealIds that are refused, with the reason"""
    lets_act: bool = True
    fails: list[str] = field(default_factory=list)
    """the next jobs fail with these reasons"""
    jobs: dict[str, Job] = field(default_factory=dict)
    anchored: dict[bytes, list[bytes]] = field(default_factory=dict)
    """root -> sealIds, in leaf order"""
    attested: list[bytes] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    documents: dict[bytes, set[bytes]] = field(default_factory=dict)
    """root -> digests of the documents it was posted with"""
    proofs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """sealId -> what the mirror has of events that another capture anchored"""
    depth: int = 1_000
    """blocks on top of whatever is anchored"""

    cut: Callable[[], None] | None = None
    """called before and after every request"""

    def capture(self, document: bytes, header: str) -> Accepted:
        """As `POST /epcis/capture`."""
        self._reach("capture")
        return self._after(self._capture(document, header))

    def _capture(self, document: bytes, header: str) -> Accepted:
        signed = parse(header)
        events = read_document(document)
        if len(events) > self.most_events:
            raise TooMuch(f"{len(events)} events, {self.most_events} are allowed")
        refused = {
            place: self.bad[one.seal_id] for place, one in enumerate(events) if one.seal_id in self.bad
        }
        if refused:
            raise Refusal("; ".join(refused.values()), refused)
        batch = batch_of(events, MEMBER, signed.seed)
        digest = batch.anchor(signed.deadline).signing_hash(DOMAIN)
        self._check(signed.signer, recover(digest, signed.signature))
        live = next((one for one in self.jobs.values() if one.root == batch.root and not one.failure), None)
        if live is not None:
            return self._answer(live)
        if signed.deadline < self.now + 30:
            raise DeadlinePassed(f"deadline {signed.deadline} at {self.now}")
        self.documents.setdefault(batch.root, set()).add(sha256(document).digest())
        seal_ids = [one.seal_id for one in events]
        place = {seal_id: root for root, leaves in self.anchored.items() for seal_id in leaves}
        if all(one in place for one in seal_ids):
            root = place[seal_ids[0]] if len({place[one] for one in seal_ids}) == 1 else None
            return self._answer(self._job(root, seal_ids))
        job = self._job(batch.root, seal_ids)
        if job.failure is None:
            self.anchored[batch.root] = seal_ids
        return self._answer(job)

    def attest(self, request: bytes) -> Accepted:
        """As `POST /attestations`."""
        self._reach("attest")
        return self._after(self._attest(request))

    def _attest(self, request: bytes) -> Accepted:
        body = AttestRequest.model_validate(canonical.loads(request))
        _, sealed = read_event(body.event)
        signed = body.attestation
        assert compare(signed, sealed, canonical.loads(sealed.document)) == []
        self._check(body.signer, recover(signed.signing_hash(DOMAIN), body.signature))
        if sealed.seal_id in self.bad:
            raise Refusal(self.bad[sealed.seal_id])
        for job in self.jobs.values():
            if job.root is None and job.seal_ids == [sealed.seal_id] and not job.failure:
                return self._answer(job)
        if signed.deadline < self.now + 30:
            raise DeadlinePassed(f"deadline {signed.deadline} at {self.now}")
        job = self._job(None, [sealed.seal_id])
        if job.failure is None:
            self.attested.append(sealed.seal_id)
        return self._answer(job)

    def job(self, job_id: str) -> Accepted | None:
        """As `GET /epcis/capture/{id}`."""
        self._reach("job")
        return self._answer(self.jobs[job_id]) if job_id in self.jobs else None

    def proof(
        self, member: str, seal_id: str, kind: str | None = None, root: str | None = None
    ) -> Mapping[str, Any] | None:
        """As the service's mirror has it."""
        self._reach("proof")
        assert member == MEMBER
        known = self.proofs.get(seal_id)
        if known is not None:
            return {**known, "depth": self.depth}
        sealed = bytes.fromhex(seal_id[2:])
        there = {"kind": kind, "transaction": TRANSACTION, "depth": self.depth}
        if kind == "attestation":
            return there if sealed in self.attested else None
        if root is not None and sealed in self.anchored.get(bytes.fromhex(root[2:]), []):
            return {**there, "root": root}
        return None

    def _reach(self, what: str) -> None:
        self.posts.append(what)
        if self.cut is not None:
            self.cut()
        if self.away:
            raise ServiceAway("connection refused")

    def _after(self, answer: Accepted) -> Accepted:
        if self.cut is not None:
            self.cut()
        return answer

    def _check(self, signer: str, recovered: str | None) -> None:
        assert recovered == signer == self.key.address
        if not self.lets_act:
            raise SignerRejected("key not live")

    def _job(self, root: bytes | None, seal_ids: list[bytes]) -> Job:
        failure = self.fails.pop(0) if self.fails else None
        job = Job(f"job-{len(self.jobs)}", root, seal_ids, self.looks, failure)
        self.jobs[job.id] = job
        return job

    def _answer(self, job: Job) -> Accepted:
        if job.looks > 0:
            job.looks -= 1
            return Accepted(job.id, running=True, success=False, root=job.root)
        if job.failure is not None:
            return Accepted(job.id, running=False, success=False, root=job.root, errors=(job.failure,))
        return Accepted(job.id, running=False, success=True, root=job.root, transaction=TRANSACTION)


def holds(proof: Mapping[str, Any], anchored: Mapping[bytes, list[bytes]]) -> bool:
    """Whether a batch proof is of a leaf under a root that was anchored (RFC 9162)."""
    inner = proof["proof"]
    root = bytes.fromhex(inner["root"][2:])
    leaf = event_leaf(
        *(bytes.fromhex(one[2:]) for one in (proof["sealId"], proof["eventHash"], inner["salt"]))
    )
    path = [bytes.fromhex(one[2:]) for one in inner["path"]]
    seal_id = bytes.fromhex(proof["sealId"][2:])
    return (
        anchored[root][inner["index"]] == seal_id
        and inner["size"] == len(anchored[root])
        and verify(leaf, inner["index"], inner["size"], path, root)
    )
