"""A network with an escrow and a euro token, and what its members sign to trade through them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Evm, Receipt, Reverted, decode_revert
from tests.contracts.harness import (
    DAY,
    YEAR,
    Signer,
    World,
    gtin_of,
    sign,
    sign_typed,
    typed_digest,
    typed_fields,
)

AMOUNT = 1_250_000
HOUR = 3600
FOREVER = 2**256 - 1
TOKEN_NAME = "Example Euro"
SHIPMENT = sha256(b"https://id.gs1.org/00/095213210000000012").digest()

NONE, OPEN, FUNDED, PROVEN, DISPUTED, CLOSED = range(6)
OUTCOME_NONE, DELIVERED, WINDOW_ELAPSED, CONSENTED, RULED, UNRULED, REFUNDED, REVOCATION_REFUNDED = range(8)

_TRANSFER_FIELDS = [
    {"name": "from", "type": "address"},
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "validAfter", "type": "uint256"},
    {"name": "validBefore", "type": "uint256"},
    {"name": "nonce", "type": "bytes32"},
]
_CANCEL_FIELDS = [{"name": "authorizer", "type": "address"}, {"name": "nonce", "type": "bytes32"}]

Order = Mapping[str, Any]
_HASHES: dict[str, bytes] = {}


@contextmanager
def refused(error: str, **values: Any) -> Iterator[None]:
    """The transaction inside must be reverted with this error, and these of its values."""
    with pytest.raises(Reverted) as caught:
        yield
    found = caught.value
    assert found.name == error, f"{found}, expected {error}"
    assert {name: found.values[name] for name in values} == values


def decoded_reason(receipt: Receipt) -> tuple[str, Mapping[str, Any]]:
    """Name and values of the error for which a consumer failed, as the ledger tells it."""
    error = decode_revert(receipt.event("EffectFailed")["reason"])
    return error.name, error.values


def authorisation(
    token: Contract, kind: str, values: Mapping[str, Any], by: Signer, name: str = TOKEN_NAME
) -> bytes:
    """ERC-3009 signature; `kind` is TransferWithAuthorization or one of its two siblings."""
    fields = _CANCEL_FIELDS if kind == "CancelAuthorization" else _TRANSFER_FIELDS
    return sign_typed(token, kind, {kind: fields}, values, by, name)


@dataclass(frozen=True)
class Scene:
    """Ledger, escrow and token of one network, and a licence under which the maker sells to DE."""

    world: World
    ledger: Contract
    escrow: Contract
    token: Contract
    licence: bytes

    @property
    def evm(self) -> Evm:
        return self.world.evm

    @property
    def buyer_account(self) -> Signer:
        return self.world.buyer.account

    @property
    def payee(self) -> str:
        return self.world.maker.account.address

    def line(self, **changes: Any) -> dict[str, Any]:
        """Ten items of the licensed GTIN for Germany."""
        return {"gtin": gtin_of(1), "licence": self.licence, "quantity": 10, "destination": b"DE"} | changes

    def order(self, **changes: Any) -> dict[str, Any]:
        """The maker sells to the buyer, the carrier proves, no inspection window."""
        return {
            "buyer": self.world.buyer.gln,
            "seller": self.world.maker.gln,
            "buyerAccount": self.buyer_account.address,
            "payee": self.payee,
            "token": self.token.address,
            "amount": AMOUNT,
            "shipment": SHIPMENT,
            "prover": self.world.carrier.gln,
            "arbiter": self.world.arbiter.gln,
            "deliverBy": self.world.now + 30 * DAY,
            "grace": 3 * DAY,
            "inspectionWindow": 0,
            "rulingPeriod": 10 * DAY,
            "unruledSellerBps": 6_000,
            "onRevocation": 0,
            "lines": [self.line()],
            "terms": b"\x00" * 32,
            "salt": keccak(text="salt"),
        } | changes

    def order_hash(self, order: Order) -> bytes:
        """The order's hash by eth_account's encoder, computed once for each order."""
        known = f"{self.escrow.address} {order!r}"
        if known not in _HASHES:
            _HASHES[known] = self._order_hash(order)
        return _HASHES[known]

    def _order_hash(self, order: Order) -> bytes:
        domain = {
            "name": "TradeSeal",
            "version": "1",
            "chainId": self.evm.chain_id,
            "verifyingContract": self.escrow.address,
        }
        return typed_digest(domain, "Order", typed_fields(self.escrow.struct("Order")), order)

    def open(self, order: Order, buyer: Signer | None = None, seller: Signer | None = None) -> Receipt:
        """Both sides sign and somebody relays."""
        buyer, seller = buyer or self.world.buyer.key, seller or self.world.maker.key
        return self.escrow.transact(
            "open",
            order,
            buyer.address,
            sign(self.escrow, "Order", order, buyer),
            seller.address,
            sign(self.escrow, "Order", order, seller),
        )

    def funding_signature(self, order: Order, by: Signer | None = None, **changes: Any) -> bytes:
        """The buyer's ERC-3009 signature whose nonce is the order's hash."""
        values = {
            "from": order["buyerAccount"],
            "to": self.escrow.address,
            "value": order["amount"],
            "validAfter": 0,
            "validBefore": FOREVER,
            "nonce": self.order_hash(order),
        } | changes
        return authorisation(self.token, "ReceiveWithAuthorization", values, by or self.buyer_account)

    def fund(self, order: Order, by: Signer | None = None) -> Receipt:
        """Lock the buyer's money."""
        return self.escrow.transact("fund", order, 0, FOREVER, self.funding_signature(order, by))

    def attestation(self, order: Order, /, **changes: Any) -> dict[str, Any]:
        """The carrier's event that proves delivery of this order."""
        seal = keccak(text=f"delivery {self.order_hash(order).hex()}")
        return {
            "sealId": seal,
            "eventHash": keccak(seal),
            "subject": order["shipment"],
            "bizStep": sha256(b"https://ref.gs1.org/cbv/BizStep-receiving").digest(),
            "disposition": sha256(b"https://ref.gs1.org/cbv/Disp-in_progress").digest(),
            "place": self.world.buyer.gln,
            "eventTime": self.world.now * 1000,
            "quantity": 0,
            "unit": b"\x00" * 3,
            "order": self.order_hash(order),
            "milestone": 1,
            "cid": b"\x01\x55\x12\x20" + seal,
            "consumer": self.escrow.address,
            "extension": b"\x00" * 32,
            "deadline": self.world.deadline,
        } | changes

    def attest(
        self, attestation: Mapping[str, Any], data: bytes, by: Signer | None = None, **sending: Any
    ) -> Receipt:
        """Relay an attestation, by default the carrier's, with this consumer data."""
        by = by or self.world.carrier.key
        signature = sign(self.ledger, "Attestation", attestation, by)
        return self.ledger.transact("attest", attestation, by.address, signature, data, **sending)

    def encoded(self, order: Order) -> bytes:
        """abi.encode(Order), what the escrow wants as consumer data."""
        return self.escrow.encode("hashOrder", order)[4:]

    def prove(self, order: Order, /, by: Signer | None = None, **changes: Any) -> Receipt:
        """The carrier proves delivery."""
        return self.attest(self.attestation(order, **changes), self.encoded(order), by)

    def apply_effect(
        self, order: Order, attestation: Mapping[str, Any], recorded_at: int, **sending: Any
    ) -> Receipt:
        """Apply an effect that failed."""
        gln = self.world.carrier.gln
        return self.ledger.transact(
            "applyEffect", attestation, gln, recorded_at, self.encoded(order), **sending
        )

    def confirm(self, order: Order, /, by: Signer | None = None, **changes: Any) -> Receipt:
        """The buyer's account consents."""
        values = {"order": self.order_hash(order), "deadline": self.world.deadline} | changes
        signature = sign(self.escrow, "Consent", values, by or self.buyer_account)
        return self.escrow.transact("confirm", order, values, signature)

    def dispute(self, order: Order, /, by: Signer | None = None, **changes: Any) -> Receipt:
        """The buyer's account disputes."""
        values = {
            "order": self.order_hash(order),
            "evidence": keccak(text="photographs"),
            "deadline": self.world.deadline,
        } | changes
        signature = sign(self.escrow, "Dispute", values, by or self.buyer_account)
        return self.escrow.transact("dispute", order, values, signature)

    def rule(self, order: Order, seller_amount: int, /, by: Signer | None = None, **changes: Any) -> Receipt:
        """The arbiter splits."""
        values = {
            "order": self.order_hash(order),
            "sellerAmount": seller_amount,
            "evidence": keccak(text="expert's report"),
            "deadline": self.world.deadline,
        } | changes
        by = by or self.world.arbiter.key
        signature = sign(self.escrow, "Ruling", values, by)
        return self.escrow.transact("rule", order, values, by.address, signature)

    def settle(self, order: Order) -> Receipt:
        """Anybody settles."""
        return self.escrow.transact("settle", order)

    def refund(self, order: Order) -> Receipt:
        """Anybody triggers the refund."""
        return self.escrow.transact("refund", order)

    def opened(self, **changes: Any) -> dict[str, Any]:
        """An order in status Open."""
        order = self.order(**changes)
        self.open(order)
        return order

    def funded(self, **changes: Any) -> dict[str, Any]:
        """An order in status Funded."""
        order = self.opened(**changes)
        self.fund(order)
        return order

    def proven(self, **changes: Any) -> dict[str, Any]:
        """An order in status Proven: its window is five days unless told otherwise."""
        order = self.funded(**({"inspectionWindow": 5 * DAY} | changes))
        self.prove(order)
        return order

    def disputed(self, **changes: Any) -> dict[str, Any]:
        """An order in status Disputed."""
        order = self.proven(**changes)
        self.dispute(order)
        return order

    def state(self, order: Order) -> dict[str, int]:
        """State of an order."""
        found: dict[str, int] = self.escrow.call("state", self.order_hash(order))
        return found

    def status(self, order: Order) -> tuple[int, int]:
        """Status and outcome of an order."""
        found = self.state(order)
        return found["status"], found["outcome"]

    def balance(self, account: str, token: Contract | None = None) -> int:
        """What an account has of the token."""
        amount: int = (token or self.token).call("balanceOf", account)
        return amount

    def credit(self, account: str, token: Contract | None = None) -> int:
        """What waits for an account."""
        amount: int = self.escrow.call("credit", token or self.token, account)
        return amount

    def totals(self, token: Contract | None = None) -> dict[str, int]:
        """The escrow's books for a token."""
        values: Sequence[int] = self.escrow.call("totals", token or self.token)
        return dict(zip(("received", "paid", "held", "credited"), values, strict=True))

    def mint(
        self, to: str, amount: int, reference: str, token: Contract | None = None, **changes: Any
    ) -> Receipt:
        """The issuer mints against a payment."""
        values = {
            "to": to,
            "amount": amount,
            "paymentReference": keccak(text=reference),
            "deadline": self.world.deadline,
        } | changes
        token, by = token or self.token, self.world.issuer.key
        signature = sign(token, "Mint", values, by, TOKEN_NAME)
        return token.transact("mint", values, by.address, signature)

    def burn(self, amount: int, reference: str, by: Signer | None = None, **changes: Any) -> Receipt:
        """The issuer burns from its own account."""
        values = {
            "amount": amount,
            "paymentReference": keccak(text=reference),
            "deadline": self.world.deadline,
        } | changes
        by = by or self.world.issuer.key
        signature = sign(self.token, "Burn", values, by, TOKEN_NAME)
        return self.token.transact("burn", values, by.address, signature)

    def scripted_token(self, label: str = "", to: str | None = None) -> Contract:
        """A token that a test can make misbehave; the buyer's account has ten times the amount."""
        token = self.evm.deploy("ScriptedToken", label=label)
        token.transact("give", to or self.buyer_account.address, 10 * AMOUNT)
        return token


def build_scene(world: World) -> Scene:
    """Deploy ledger, escrow and token; the buyer's account gets ten times the usual amount."""
    ledger = world.evm.deploy("EventLedger", world.registry, label="settlement")
    escrow = world.evm.deploy("Escrow", world.registry, world.rights, ledger)
    token = world.evm.deploy("FiatToken", TOKEN_NAME, "EXEUR", "EUR", 2, world.issuer.gln, world.registry)
    licence = world.grant_licence(validUntil=world.now + 2 * YEAR)
    scene = Scene(world, ledger, escrow, token, licence)
    scene.mint(scene.buyer_account.address, 10 * AMOUNT, "first payment")
    return scene
