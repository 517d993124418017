"""What members ask for: signed requests, drawn from the dice, each with the effect it must have once."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chain import requests as relayed
from chain.bindings import event_ledger, types
from chain.codec import TypedMessage, keccak256
from chain.messages import read_message
from epcis import canonical
from epcis.digital_link import item_id
from evidence.batch import Batch, IssueBatch, attestation, build_batch, build_issue
from evidence.documents import read_document
from evidence.signature_header import SignatureHeader, parse
from oracle.keeper import order_data
from tests.evidence import documents as docs
from tests.evidence.world import Member
from tests.simulation.clock import Clock
from tests.simulation.scene import CARRIER_, GTIN, MAKER_, MEMBERS, SITE, Order, Scene

Effect = tuple[Any, ...]
"""("anchor", GLN, root) | ("attest", GLN, sealId) | ("issue", root) | ("item", id) | ("error", GLN, sealId) |
("pay", number)"""
LONG = 40 * 86_400
BOGUS_CONSUMER = "0x" + "ab" * 20
"""an address without code"""


@dataclass
class Ask:
    """One thing that a member wants, and what it was told about it."""

    number: int
    kind: str
    by: Member
    effects: list[Effect]
    events: list[tuple[int, bytes]] = field(default_factory=list)
    """(member, sealId) that must be on the chain once it is done"""
    valid: bool = True
    needs: "Ask | None" = None
    """what must be on the chain before"""
    state: str = "new"
    """new, unknown, acknowledged, refused, given up"""
    tries: int = 0
    round: int = 0
    """grows where what was acknowledged failed, so that it is asked for as something new"""
    jobs: list[str] = field(default_factory=list)
    """capture ids that it was acknowledged with"""
    operations: list[int] = field(default_factory=list)
    document: bytes = b""
    header: str | None = None
    batch: Batch | None = None
    seed: bytes = b""
    issue: IssueBatch | None = None
    request: relayed.Request | None = None
    body: bytes = b""
    order: Order | None = None
    deadline: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number} by {self.by.name}"


class Members:
    """Makes asks. Everything random comes from the dice it is given."""

    def __init__(self, scene: Scene, clock: Clock, dice: Random) -> None:
        self._scene = scene
        self._clock = clock
        self._dice = dice
        self.asks: list[Ask] = []
        self._events: list[dict[str, Any]] = []
        self._serials = 0
        self._orders = list(scene.orders)

    def draw(self) -> Ask | None:
        """A new ask."""
        kinds = ["batch"] * 5 + ["attest"] * 3 + ["deliver"] * 2 + ["pay"] * 3 + ["issue", "bad", "bad"]
        kinds += ["gateway"] * 5
        kinds += ["again"] * 2 if any(one.batch and one.valid for one in self.asks) else []
        kinds += ["item"] * 2 if any(one.kind == "issue" for one in self.asks) else []
        kinds += ["error"] if any(one.kind == "attest" for one in self.asks) else []
        made: Ask | None = getattr(self, f"_{self._dice.choice(kinds)}")()
        if made is not None:
            self.asks.append(made)
        return made

    # -- kinds -------------------------------------------------------------------------------------------

    def _batch(self) -> Ask:
        by = self._dice.choice(MEMBERS)
        events = [self._event() for _ in range(self._dice.choice([1, 1, 2, 3, 5]))]
        if self._events and self._dice.random() < 0.3:
            events.append(self._dice.choice(self._events))  # maybe of another member, maybe of a batch before
        self._events += events
        return self._signed_batch(by, docs.document(*events))

    def _again(self) -> Ask | None:
        """The same document signed anew: under another seed it is another batch of the same events."""
        earlier = self._dice.choice([one for one in self.asks if one.batch and one.valid])
        return self._signed_batch(earlier.by, earlier.document)

    def _signed_batch(self, by: Member, document: bytes, key: Any = None, lifetime: int = 0) -> Ask:
        seed = self._dice.randbytes(32)
        deadline = int(self._clock.now) + (lifetime or self._lifetime())
        batch = build_batch(document, by.gln, seed)
        signature = self._scene.sign("EventLedger", batch.anchor(deadline), key or by.key)
        header = SignatureHeader(by.key.address, seed, deadline, signature).serialise()
        return Ask(
            self._number(),
            "batch",
            by,
            [("anchor", int(by.gln), batch.root)],
            [(int(by.gln), leaf.seal_id) for leaf in batch.leaves],
            document=document,
            header=header,
            batch=batch,
            seed=seed,
            deadline=deadline,
        )

    def _attest(self) -> Ask:
        event = self._event()
        consumer = {} if self._dice.random() < 0.7 else {"consumer": BOGUS_CONSUMER}
        return self._signed_attestation(self._dice.choice(MEMBERS), event, consumer, b"")

    def _deliver(self) -> Ask | None:
        """The carrier proves a delivery; a careless relayer gives wrong data, and the keeper mends it."""
        if not self._orders:
            return None
        order = self._orders.pop()
        event = docs.delivery(sscc=order.sscc)
        more = {
            "subject": order.sscc,
            "order": order.hash,
            "milestone": 1,
            "consumer": self._scene.deployment.address("Escrow"),
        }
        data = order_data(order.terms) if self._dice.random() < 0.6 else self._dice.randbytes(64)
        made = self._signed_attestation(CARRIER_, event, more, data)
        made.kind, made.order = "deliver", order
        return made

    def _gateway(self) -> Ask:
        """Plain documents to the carrier's gateway, which seals, signs and posts by itself."""
        by = CARRIER_
        if self._orders and self._dice.random() < 0.3:
            order = self._orders.pop()
            document = docs.bare(docs.delivery(sscc=order.sscc))
            ask = Ask(self._number(), "gateway", by, [], order=order, document=document)
        else:
            events = [self._event() for _ in range(self._dice.choice([1, 2, 4]))]
            earlier = [one for one in self.asks if one.kind == "gateway" and one.order is None]
            document = docs.document(*events)
            if earlier and self._dice.random() < 0.2:
                document = self._dice.choice(earlier).document
            ask = Ask(self._number(), "gateway", by, [], document=document)
        ask.events = [(int(by.gln), sealed.seal_id) for sealed in read_document(ask.document)]
        return ask

    def _signed_attestation(
        self, by: Member, event: dict[str, Any], more: dict[str, Any], data: bytes, key: Any = None
    ) -> Ask:
        deadline = int(self._clock.now) + self._lifetime()
        document = docs.bare(event)
        made = attestation(document, deadline=deadline, **more)
        signature = self._scene.sign("EventLedger", made.message, key or by.key)
        body = {
            "event": json.loads(document),
            "attestation": made.message.message(),
            "signer": by.key.address,
            "signature": "0x" + signature.hex(),
            "consumerData": "0x" + data.hex(),
        }
        return Ask(
            self._number(),
            "attest",
            by,
            [("attest", int(by.gln), made.sealed.seal_id)],
            [(int(by.gln), made.sealed.seal_id)],
            body=json.dumps(body).encode(),
            deadline=deadline,
        )

    def _issue(self) -> Ask:
        serials = [self._serial() for _ in range(self._dice.choice([1, 3, 8]))]
        batch = build_issue(f"{GTIN:014d}", serials, MAKER_.gln)
        deadline = int(self._clock.now) + LONG
        message = batch.issue(self._scene.licence, deadline)
        signature = self._scene.sign("ProductPassport", message, MAKER_.key)
        request = relayed.IssueItems(
            message=message, serials=serials, signer=MAKER_.key.address, signature=signature
        )
        return Ask(
            self._number(),
            "issue",
            MAKER_,
            [("issue", batch.root)],
            issue=batch,
            request=request,
            deadline=deadline,
        )

    def _item(self) -> Ask | None:
        issue = self._dice.choice([one for one in self.asks if one.kind == "issue"])
        assert issue.issue is not None
        batch = issue.issue
        index = self._dice.randrange(batch.size)
        serial = batch.serials[index]
        made = item_id(docs.item(serial))
        if any(("item", made) in one.effects for one in self.asks):
            return None
        issue_id = keccak256(int(MAKER_.gln).to_bytes(32, "big") + batch.root)
        request = relayed.Materialise(
            issue_id=issue_id, index=index, serial=serial, proof=list(batch.tree.proof(index))
        )
        effects: list[Effect] = [("item", made)]
        return Ask(self._number(), "item", MAKER_, effects, needs=issue, request=request)

    def _error(self) -> Ask | None:
        wrong = self._dice.choice([one for one in self.asks if one.kind == "attest"])
        if not wrong.valid or any(one.needs is wrong for one in self.asks):
            return None
        _, seal_id = wrong.events[0]
        message = types.ErrorDeclaration(
            seal_id, self._dice.randbytes(32), bytes(32), int(self._clock.now) + LONG
        )
        signature = self._scene.sign("EventLedger", message, wrong.by.key)
        request = relayed.DeclareError(message=message, signer=wrong.by.key.address, signature=signature)
        effects: list[Effect] = [("error", int(wrong.by.gln), seal_id)]
        return Ask(self._number(), "error", wrong.by, effects, needs=wrong, request=request)

    def _pay(self) -> Ask:
        """A transfer of money: nothing but the sender keeps it from happening twice."""
        number = self._number()
        return Ask(number, "pay", self._dice.choice(MEMBERS), [("pay", number)])

    def _bad(self) -> Ask:
        """A request that must be refused, and whose effect must never be seen."""
        kind = self._dice.randrange(5)
        by = self._dice.choice(MEMBERS)
        document = docs.document(self._event())
        if kind == 0:
            made = self._signed_batch(by, document, key=SITE)
        elif kind == 1:
            made = self._signed_batch(by, document, lifetime=-(10**6))
        elif kind == 2:
            made = self._signed_batch(by, document)
            made.header = None
        elif kind == 3:
            made = self._signed_batch(by, document)
            made.document = made.document.replace(b'"action": "ADD"', b'"action": "OBSERVE"')
        else:
            made = self._signed_attestation(by, self._event(), {}, b"", key=SITE)
        made.kind = "bad"
        made.valid = False
        return made

    # -- again ----------------------------------------------------------------------------------------------

    def signed_again(self, ask: Ask) -> None:
        """A member whose capture failed signs the same once more, with a deadline of its own."""
        deadline = int(self._clock.now) + LONG
        ask.deadline = deadline
        if ask.batch is not None and ask.header is not None:
            signature = self._scene.sign("EventLedger", ask.batch.anchor(deadline), ask.by.key)
            ask.header = SignatureHeader(ask.by.key.address, ask.seed, deadline, signature).serialise()
        elif ask.body:
            body = json.loads(ask.body)
            body["attestation"]["deadline"] = str(deadline)
            signed = attestation(
                json.dumps(body["event"]).encode(),
                subject=None if ask.order is None else ask.order.sscc,
                deadline=deadline,
                order=bytes(32) if ask.order is None else ask.order.hash,
                milestone=body["attestation"]["milestone"],
                consumer=body["attestation"]["consumer"],
            )
            body["attestation"] = signed.message.message()
            body["signature"] = "0x" + self._scene.sign("EventLedger", signed.message, ask.by.key).hex()
            ask.body = json.dumps(body).encode()

    # -- pieces ------------------------------------------------------------------------------------------

    def _lifetime(self) -> int:
        """Seconds until the signature expires: sometimes so few that it may be too late."""
        return self._dice.choice([60, 900, LONG, LONG, LONG])

    def _number(self) -> int:
        return len(self.asks)

    def _serial(self) -> str:
        self._serials += 1
        return f"S{self._serials}"

    def _event(self) -> dict[str, Any]:
        minute = self._dice.randrange(60)
        time = f"2026-03-01T08:{minute:02d}:00.000+01:00"
        if self._dice.random() < 0.2:
            return docs.packing(self._serial(), self._serial())
        return docs.commissioning(self._serial(), time=time)


def call_of(ask: Ask) -> bytes:
    """Calldata with which anybody may relay what a member signed."""
    if ask.batch is not None:
        assert ask.header is not None
        header = parse(ask.header)
        return event_ledger.encode_anchor(ask.batch.anchor(header.deadline), header.signer, header.signature)
    body = canonical.loads(ask.body)
    message: TypedMessage = read_message(types.Attestation, body["attestation"])
    return event_ledger.encode_attest(
        message,  # type: ignore[arg-type]  # it was read as one
        body["signer"],
        bytes.fromhex(body["signature"][2:]),
        bytes.fromhex(body["consumerData"][2:]),
    )
