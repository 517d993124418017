"""A network on a real Anvil with money in it: orders are opened, funded, proven and disputed by members."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from chain.bindings import escrow, event_ledger, fiat_token, member_registry, rights_registry, types
from chain.codec import Domain, keccak256
from chain.operation import Operation
from chain.outbox_tables import OperationRow
from epcis.digital_link import item_id
from evidence.batch import attestation
from indexer.read import order as read_order
from indexer.read.orders import Order
from oracle.keeper import Keeper, Patience, order_data
from tests.evidence import documents as docs
from tests.evidence.world import YEAR, Key, World, member

ARBITER, TOKEN_ISSUER = 1 << 6, 1 << 7
FOREVER = (1 << 256) - 1
AMOUNT = 5_000
TOKEN = "Test Euro"
PATIENCE = Patience(tries=3, first_pause=0.0)
"""No pauses, where a test does not look at them."""


class KeeperWorld(World):
    """Brand buys from maker with tokens of a bank; the carrier proves, an arbiter may rule."""

    def __init__(self, folder: Path) -> None:
        self._numbers = 0
        super().__init__(folder)

    def _build(self) -> None:
        super()._build()
        self.bank, self.arbiter = member("bank", 4), member("arbiter", 5)
        for one, role in ((self.bank, TOKEN_ISSUER), (self.arbiter, ARBITER)):
            data = member_registry.encode_admit(
                int(one.gln), b"DE", role, one.name, Key(f"{one.name} account").address, one.key.address,
                self.now() + YEAR,
            )  # fmt: skip
            self.as_council(self.deployment.address("MemberRegistry"), data)
        code = fiat_token.deployment_code(
            TOKEN, "TEUR", "EUR", 2, int(self.bank.gln), self.deployment.address("MemberRegistry")
        )
        made = self.sender.submit(None, code, key="token", purpose="token")
        address = self.sender.wait(made.id, 20).contract_address
        assert address is not None
        self.token = address
        self.buyer_account = Key("brand account")
        self.payee = Key("maker account").address
        mint = types.Mint(self.buyer_account.address, 10**9, keccak256(b"payment"), self.now() + 3600)
        signature = self.bank.key.sign(mint.signing_hash(self.token_domain))
        self.send(address, fiat_token.encode_mint(mint, self.bank.key.address, signature))

    @property
    def token_domain(self) -> Domain:
        return Domain(TOKEN, "1", self.deployment.chain_id, self.token)

    @property
    def escrow(self) -> str:
        return self.deployment.address("Escrow")

    def keeper(self, patience: Patience = PATIENCE, **more: Any) -> Keeper:
        """A keeper as a process makes it at its start."""
        return Keeper(self.mirror, self.rpc, self.sender, self.deployment, 0.02, patience, **more)

    # -- time ------------------------------------------------------------------------------------------------

    def block_time(self) -> int:
        """Unix seconds of the newest block."""
        block = self.rpc.get_block("latest")
        assert block is not None
        return block.timestamp

    def travel_to(self, timestamp: int) -> None:
        """Mine a block in exactly that second; later blocks go on from it."""
        assert timestamp >= self.block_time(), "time does not run back"
        if timestamp > self.block_time():
            self.rpc.request("evm_setNextBlockTimestamp", [timestamp])
            self.rpc.request("evm_mine", [])
        assert self.block_time() == timestamp

    # -- orders ----------------------------------------------------------------------------------------------

    def new_order(self, **changes: Any) -> types.Order:
        """A shipment of its own, 1,000 s to deliver, 100 s of grace; opened."""
        self._numbers += 1
        plain = types.Order(
            buyer=int(self.brand.gln),
            seller=int(self.maker.gln),
            buyer_account=self.buyer_account.address,
            payee=self.payee,
            token=self.token,
            amount=AMOUNT,
            shipment=item_id(docs.SSCC),
            prover=int(self.carrier.gln),
            arbiter=int(self.arbiter.gln),
            deliver_by=self.now() + 1000,
            grace=100,
            inspection_window=500,
            ruling_period=800,
            unruled_seller_bps=6000,
            on_revocation=0,
            lines=(types.OrderLine(9506000134352, self.licence, 1, b"DE"),),
            terms=bytes(32),
            salt=self._numbers.to_bytes(32, "big"),
        )
        order = replace(plain, **changes)
        data = escrow.encode_open(
            order,
            self.brand.key.address,
            self.sign("Escrow", order, self.brand),
            self.maker.key.address,
            self.sign("Escrow", order, self.maker),
        )
        self.send(self.escrow, data)
        return order

    def hash_of(self, order: types.Order) -> bytes:
        """The order's hash."""
        return order.signing_hash(self.deployment.domain("Escrow"))

    def fund(self, order: types.Order) -> None:
        """Lock the buyer's money."""
        nonce = self.hash_of(order)
        message = types.ReceiveWithAuthorization(
            order.buyer_account, self.escrow, order.amount, 0, FOREVER, nonce
        )
        signature = self.buyer_account.sign(message.signing_hash(self.token_domain))
        self.send(self.escrow, escrow.encode_fund(order, 0, FOREVER, signature))

    def funded(self, **changes: Any) -> types.Order:
        """An order whose money is locked, mirrored."""
        order = self.new_order(**changes)
        self.fund(order)
        self.index()
        return order

    def attestation_of(self, order: types.Order) -> types.Attestation:
        """The carrier's statement that this order's shipment was delivered."""
        self._numbers += 1
        event = docs.delivery() | {"eventID": f"urn:uuid:00000000-0000-4000-8000-{self._numbers:012d}"}
        made = attestation(
            docs.bare(event),
            subject=docs.SSCC,
            deadline=self.now() + 3600,
            order=self.hash_of(order),
            milestone=1,
            consumer=self.escrow,
        )
        return made.message

    def attest_delivery(
        self, order: types.Order, data: bytes | None = None, stingy: bool = False
    ) -> types.Attestation:
        """The carrier proves delivery; a stingy relayer gives what the node says that the record needs."""
        message = self.attestation_of(order)
        signature = self.sign("EventLedger", message, self.carrier)
        consumer_data = order_data(order) if data is None else data
        call = event_ledger.encode_attest(message, self.carrier.key.address, signature, consumer_data)
        ledger = self.deployment.address("EventLedger")
        gas = self.rpc.estimate_gas(ledger, call, self.relayer.address) if stingy else 2_000_000
        self.relay(ledger, call, gas)
        self.index()
        return message

    def relay(self, to: str, data: bytes, gas: int | None = None) -> None:
        """Send a call, also one that was sent before; wait until it is mined."""
        self._numbers += 1
        operation = self.sender.submit(to, data, key=f"relay {self._numbers}", purpose="test", gas=gas)
        operation = self.sender.wait(operation.id, 20)
        assert operation.succeeded, operation.error

    def dispute(self, order: types.Order) -> None:
        """The buyer disputes."""
        claim = types.Dispute(self.hash_of(order), keccak256(b"photographs"), self.now() + 3600)
        signature = self.buyer_account.sign(claim.signing_hash(self.deployment.domain("Escrow")))
        self.send(self.escrow, escrow.encode_dispute(order, claim, signature))
        self.index()

    def state(self, order: types.Order) -> types.State:
        """The order's state on the chain."""
        return escrow.Escrow(self.escrow, self.rpc).state(self.hash_of(order))

    def mirrored(self, order: types.Order) -> Order:
        """The order as the mirror has it."""
        self.index()
        with Session(self.mirror) as session:
            found = read_order(session, "0x" + self.hash_of(order).hex())
        assert found is not None
        return found

    def balance(self, account: str) -> int:
        """Minor units."""
        return fiat_token.FiatToken(self.token, self.rpc).balance_of(account)

    def end_licence(self) -> None:
        """The brand revokes the licence."""
        message = types.LicenceRevocation(self.licence, b"\1" * 32, self.now() + 3600)
        signature = self.sign("RightsRegistry", message, self.brand)
        data = rights_registry.encode_revoke(message, self.brand.key.address, signature)
        self.send(self.deployment.address("RightsRegistry"), data)

    # -- the keeper's doing ----------------------------------------------------------------------------------

    def kept(self, word: str) -> list[Operation]:
        """The keeper's operations whose key has this word, in order."""
        with Session(self.engine) as session:
            keys = session.exec(select(OperationRow.key).order_by(OperationRow.id)).all()  # type: ignore[arg-type]  # a column, to SQLAlchemy
        found = [self.sender.by_key(key) for key in keys if key.startswith("keeper/") and word in key]
        return [one for one in found if one is not None]

    def clear(self) -> None:
        """Let time pass until every order that earlier tests left is over."""
        self.travel_to(self.block_time() + 3000)
        self.index()
        while self.keeper().run_once():
            self.settle_all()

    def settle_all(self) -> None:
        """Wait until nothing of the keeper is under way, and mirror it."""
        for one in self.kept(""):
            self.sender.wait(one.id, 20)
        self.index()
