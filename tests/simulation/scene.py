"""Before the story: contracts deployed, members admitted, a licence granted, orders funded."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine

from chain.bindings import escrow, fiat_token, member_registry, rights_registry, types
from chain.codec import Domain, TypedMessage, keccak256
from chain.database import open_engine
from chain.deploy import Plan, TokenPlan, deploy
from chain.deployment import Deployment
from chain.migrations import upgrade_outbox
from chain.operation import Operation
from chain.rpc import Rpc
from chain.sender import Sender
from epcis.digital_link import item_id
from epcis.gs1 import check_digit
from evidence.gateway.migrations import upgrade_gateway
from evidence.migrations import upgrade_evidence
from indexer.schema import migrate
from tests.evidence.world import BRAND_OWNER, CARRIER, MAKER, MARK, PREFIX, TRADER, YEAR, Key, Member, member
from tests.simulation.clock import EPOCH, ToldClock
from tests.simulation.node import Node

ARBITER, TOKEN_ISSUER = 1 << 6, 1 << 7
GTIN = 9506000134352
TOKEN, CURRENCY = "Test Euro", "EUR"
FOREVER = (1 << 256) - 1
ORDERS = 6
DELIVER_BY = EPOCH + 20 * 86_400
GRACE = 86_400


@dataclass(frozen=True)
class Order:
    """A funded order: its terms, its hash, and the unit whose delivery proves it."""

    terms: types.Order
    hash: bytes
    sscc: str


@dataclass(frozen=True)
class Scene:
    """What every story of a run begins with."""

    deployment: Deployment
    state: Path
    """Anvil's saved state"""
    service_db: Path
    mirror_db: Path
    spool_db: Path
    """empty SQLite databases with all tables"""
    licence: bytes
    orders: tuple[Order, ...]

    def sign(self, contract: str, message: TypedMessage, key: Key) -> bytes:
        """An EIP-712 signature."""
        return key.sign(message.signing_hash(self.deployment.domain(contract)))


RELAYER, STRANGER = Key("relayer"), Key("stranger")
"""the account of our sender, and another one that relays what it sees"""
MAKER_, BRAND, CARRIER_, BANK = (
    member(name, number) for number, name in enumerate(("maker", "brand", "carrier", "bank"), start=1)
)
MEMBERS: tuple[Member, ...] = (MAKER_, BRAND, CARRIER_)
BUYER_ACCOUNT, PAYEE = Key("brand account"), Key("maker account")
SITE = Key("nobody's key")
"""of no member"""


class _Stepping(Sender):
    """A sender whose `wait` does the work itself, block by block."""

    node: Node

    def wait(self, operation_id: int, timeout: float) -> Operation:
        for _ in range(20):
            self.run_once()
            self.node.mine()
            self.run_once()
            found = self.operation(operation_id)
            if found.settled:
                return found
        raise AssertionError(f"operation {operation_id} does not settle: {found}")


class TypedKey(Key):
    """A key that signs typed data as a whole, as the gateway wants it."""

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        from eth_account import Account

        return bytes(Account.sign_typed_data(self._secret, full_message=typed_data).signature)


def sscc(number: int) -> str:
    """Digital Link of a logistic unit."""
    body = f"0{PREFIX}{number:09d}"
    return f"https://id.gs1.org/00/{body}{check_digit(body)}"


def build(folder: Path) -> Scene:
    """Set the scene with a node of its own, which is ended when it is saved."""
    clock = ToldClock()
    folder.mkdir(parents=True, exist_ok=True)
    node = Node(folder, clock)
    service_db, mirror_db, spool_db = (folder / f"{name}.db" for name in ("service", "mirror", "spool"))
    for path, upgrades in (
        (spool_db, (upgrade_gateway,)),
        (service_db, (upgrade_outbox, upgrade_evidence)),
        (mirror_db, (migrate,)),
    ):
        engine = open_engine(f"sqlite:///{path}")
        for upgrade in upgrades:
            upgrade(engine)
        _settle(engine)
    working = folder / "deploying.db"
    working.write_bytes(service_db.read_bytes())
    engine = open_engine(f"sqlite:///{working}")
    try:
        with clock.installed(Random(0)):
            node.start()
            builder = _Builder(node, engine)
            deployment = builder.deployment
            orders = builder.build()
            state = folder / "state.json"
            node.save(state)
    finally:
        engine.dispose()
        node.close()
    return Scene(deployment, state, service_db, mirror_db, spool_db, builder.licence, orders)


def _settle(engine: Engine) -> None:
    """One file without a log beside it, so that it can be copied."""
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    engine.dispose()


class _Builder:
    def __init__(self, node: Node, engine: Engine) -> None:
        self._node = node
        self._rpc: Rpc = node.rpc
        for account in (RELAYER.address, STRANGER.address):
            node.ask("anvil_setBalance", account, hex(10**30))
        node.mine()
        self._sender = _Stepping(engine, node.rpc, RELAYER)
        self._sender.node = node
        plan = Plan(
            [Key(f"seat {number}").address for number in range(3)],
            2,
            [TokenPlan(TOKEN, "TEUR", CURRENCY, 2, int(BANK.gln))],
        )
        self.deployment = deploy(self._sender, plan)
        self.licence = b""

    def build(self) -> tuple[Order, ...]:
        """Members, licence, money, orders."""
        roles = {
            MAKER_: MAKER | TRADER,
            BRAND: BRAND_OWNER | TRADER,
            CARRIER_: CARRIER,
            BANK: TOKEN_ISSUER | ARBITER,
        }
        for one, role in roles.items():
            account = Key(f"{one.name} account").address
            admitted = member_registry.encode_admit(
                int(one.gln), b"DE", role, one.name, account, one.key.address, EPOCH + YEAR
            )
            self._as_council("MemberRegistry", admitted)
        self._grant()
        token = self.deployment.address(CURRENCY)
        money = Domain(TOKEN, "1", self.deployment.chain_id, token)
        mint = types.Mint(BUYER_ACCOUNT.address, 10**9, keccak256(b"payment"), EPOCH + 86_400)
        signature = BANK.key.sign(mint.signing_hash(money))
        self._send(token, fiat_token.encode_mint(mint, BANK.key.address, signature))
        return tuple(self._order(number, token, money) for number in range(ORDERS))

    def _grant(self) -> None:
        brand = int(BRAND.gln)
        self._as_council("RightsRegistry", rights_registry.encode_assign_prefix(PREFIX, brand))
        mark = rights_registry.encode_register_mark(MARK, brand, "EXAMPLE", (b"DE",), (25,), EPOCH + 5 * YEAR)
        self._as_council("RightsRegistry", mark)
        terms = types.Licence(
            mark=MARK,
            licensee=int(MAKER_.gln),
            gtins=(GTIN,),
            territories=(b"DE",),
            valid_from=EPOCH,
            valid_until=EPOCH + YEAR,
            quantity=100_000,
            salt=bytes(32),
            deadline=EPOCH + YEAR,
        )
        signature = BRAND.key.sign(terms.signing_hash(self.deployment.domain("RightsRegistry")))
        rights = self.deployment.address("RightsRegistry")
        self._send(rights, rights_registry.encode_grant(terms, BRAND.key.address, signature))
        self.licence = terms.struct_hash()

    def _order(self, number: int, token: str, money: Domain) -> Order:
        """Opened and funded; every second one pays at once, the others after an inspection window."""
        unit = sscc(number)
        terms = types.Order(
            buyer=int(BRAND.gln),
            seller=int(MAKER_.gln),
            buyer_account=BUYER_ACCOUNT.address,
            payee=PAYEE.address,
            token=token,
            amount=4**number,
            shipment=item_id(unit),
            prover=int(CARRIER_.gln),
            arbiter=int(BANK.gln) * (number % 2),
            deliver_by=DELIVER_BY,
            grace=GRACE,
            inspection_window=600 * (number % 2),
            ruling_period=600 * (number % 2),
            unruled_seller_bps=0,
            on_revocation=0,
            lines=(types.OrderLine(GTIN, self.licence, 1, b"DE"),),
            terms=bytes(32),
            salt=number.to_bytes(32, "big"),
        )
        domain = self.deployment.domain("Escrow")
        escrow_at = self.deployment.address("Escrow")
        signatures = [one.key.sign(terms.signing_hash(domain)) for one in (BRAND, MAKER_)]
        opened = escrow.encode_open(
            terms, BRAND.key.address, signatures[0], MAKER_.key.address, signatures[1]
        )
        self._send(escrow_at, opened)
        order_hash = terms.signing_hash(domain)
        pays = types.ReceiveWithAuthorization(
            BUYER_ACCOUNT.address, escrow_at, terms.amount, 0, FOREVER, order_hash
        )
        signature = BUYER_ACCOUNT.sign(pays.signing_hash(money))
        self._send(escrow_at, escrow.encode_fund(terms, 0, FOREVER, signature))
        return Order(terms, order_hash, unit)

    def _send(self, to: str, data: bytes) -> None:
        made = self._sender.submit(to, data, key=keccak256(data).hex(), purpose="scene")
        done = self._sender.wait(made.id, 0)
        assert done.succeeded, done.error

    def _as_council(self, contract: str, data: bytes) -> None:
        council, to = self.deployment.address("Council"), self.deployment.address(contract)
        self._node.ask("anvil_setBalance", council, hex(10**24))
        self._node.ask("anvil_impersonateAccount", council)
        call = {"from": council, "to": to, "data": "0x" + data.hex(), "gas": hex(2_000_000)}
        sent = self._node.ask("eth_sendTransaction", call)
        self._node.mine()
        receipt = self._rpc.get_receipt(bytes.fromhex(sent[2:]))
        assert receipt is not None
        assert receipt.succeeded
