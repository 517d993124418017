"""The product's own contracts on a real chain, with members who sign: what the mirror is for."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from coincurve import PrivateKey

from chain import codec
from chain.bindings import (
    authority,
    council,
    escrow,
    event_ledger,
    fiat_token,
    member_registry,
    product_passport,
    quorum_reports,
    rights_registry,
    types,
)
from chain.bindings.events import OrderOpened
from chain.codec import Domain, TypedMessage, checksum, keccak256
from tests.indexer.devchain import SENDER

BRAND_OWNER, MAKER, CARRIER, CUSTOMS, TRADER, ARBITER, ISSUER = (1 << bit for bit in (0, 1, 3, 4, 5, 6, 7))
KEY_ADMIN = 1 << 31
PREFIX = "9521321"
GTIN = 9521321000018


def with_check_digit(digits: str) -> int:
    """GLN or GTIN from its other digits (GS1 General Specifications, 7.9.1)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return int(digits) * 10 + -total % 10


@dataclass(frozen=True)
class Signer:
    """A key pair out of a name."""

    name: str
    secret: bytes = field(repr=False)
    address: str

    @classmethod
    def of(cls, name: str) -> "Signer":
        secret = keccak256(name.encode())
        public = PrivateKey(secret).public_key.format(compressed=False)[1:]
        return cls(name, secret, checksum("0x" + keccak256(public)[12:].hex()))

    def sign(self, message: TypedMessage, domain: Domain) -> bytes:
        signature = PrivateKey(self.secret).sign_recoverable(message.signing_hash(domain), hasher=None)
        return signature[:64] + bytes([signature[64] + 27])


@dataclass(frozen=True)
class Party:
    """A member; `key` signs, `account` holds."""

    name: str
    number: int
    key: Signer
    account: Signer

    @property
    def gln(self) -> str:
        return f"{self.number:013d}"


class Asked(Protocol):
    """What a network's test asks a node."""

    def chain_id(self) -> int: ...
    def get_block(self, block: Any) -> Any: ...
    def get_receipt(self, transaction_hash: bytes) -> Any: ...
    def call(self, to: str, data: bytes, block: Any = "latest", sender: str | None = None) -> bytes: ...


class Chain(Protocol):
    """A chain that the test's own account may write to."""

    @property
    def rpc(self) -> Asked: ...
    @property
    def height(self) -> int: ...
    def deploy(self, code: bytes | None = None) -> str: ...
    def send(self, to: str | None, data: bytes) -> bytes: ...


class Network:
    """All contracts but the directory; the test's own account administers the authority."""

    def __init__(self, chain: Chain, sender: str = SENDER) -> None:
        self.chain = chain
        self.sender = sender
        self.chain_id = chain.rpc.chain_id()
        self.seats = [Signer.of(f"seat {i}") for i in range(3)]
        self.start = chain.height + 1
        admin = chain.deploy(authority.deployment_code(sender))
        registry = chain.deploy(member_registry.deployment_code(admin))
        rights = chain.deploy(rights_registry.deployment_code(admin, registry))
        ledger = chain.deploy(event_ledger.deployment_code(registry))
        passport = chain.deploy(product_passport.deployment_code(registry, rights))
        seats = tuple(seat.address for seat in self.seats)
        self.at = {
            "Authority": admin,
            "Council": chain.deploy(council.deployment_code(seats, 2)),
            "MemberRegistry": registry,
            "RightsRegistry": rights,
            "EventLedger": ledger,
            "ProductPassport": passport,
            "Escrow": chain.deploy(escrow.deployment_code(registry, rights, ledger)),
            "QuorumReports": chain.deploy(quorum_reports.deployment_code(registry, 2, 2)),
        }
        consume = rights_registry.encode_consume(b"\0" * 32, 0, 0, 0)[:4]
        self.call("Authority", authority.encode_set_target_function_role(rights, (consume,), 1))
        self.call("Authority", authority.encode_grant_role(1, passport, 0))
        self.brand = self.admit("Brand", 1, b"DE", BRAND_OWNER)
        self.maker = self.admit("Maker", 2, b"CN", MAKER | TRADER)
        self.carrier = self.admit("Carrier", 3, b"NL", CARRIER)
        self.buyer = self.admit("Buyer", 4, b"DE", TRADER)
        self.bank = self.admit("Bank", 5, b"DE", ISSUER | ARBITER)
        self.offices = [
            self.admit(f"Customs {i}", 6 + i, code, CUSTOMS) for i, code in enumerate((b"CN", b"DE"))
        ]
        code = fiat_token.deployment_code("Test Euro", "TEUR", "EUR", 2, self.bank.number, registry)
        self.at["FiatToken:EUR"] = chain.deploy(code)

    @property
    def now(self) -> int:
        block = self.chain.rpc.get_block("latest")
        assert block is not None
        timestamp: int = block.timestamp
        return timestamp

    @property
    def deadline(self) -> int:
        return self.now + 3600

    def call(self, contract: str, data: bytes) -> None:
        """A transaction that must succeed."""
        self.chain.rpc.call(self.at[contract], data, sender=self.sender)
        receipt = self.chain.rpc.get_receipt(self.chain.send(self.at[contract], data))
        assert receipt is not None
        assert receipt.succeeded

    def domain(self, contract: str) -> Domain:
        return Domain("TradeSeal", "1", self.chain_id, self.at[contract])

    def admit(self, name: str, number: int, country: bytes, roles: int) -> Party:
        gln = with_check_digit(f"{952132100000 + number:012d}")
        party = Party(name, gln, Signer.of(f"{name} key"), Signer.of(f"{name} account"))
        until = self.now + 365 * 86400
        data = member_registry.encode_admit(
            gln, country, roles, name, party.account.address, party.key.address, until
        )
        self.call("MemberRegistry", data)
        return party

    def licence(self, quantity: int) -> bytes:
        """The brand's licence to the maker for GTIN, sold in Germany, made in China."""
        mark = b"\x4d" * 32
        until = self.now + 300 * 86400
        self.call("RightsRegistry", rights_registry.encode_assign_prefix(PREFIX, self.brand.number))
        territories = (b"DE", b"CN")
        self.call(
            "RightsRegistry",
            rights_registry.encode_register_mark(
                mark, self.brand.number, "ACME", territories, (9, 25), until
            ),
        )
        terms = types.Licence(
            mark=mark,
            licensee=self.maker.number,
            gtins=(GTIN,),
            territories=territories,
            valid_from=self.now,
            valid_until=until,
            quantity=quantity,
            salt=b"\1" * 32,
            deadline=self.deadline,
        )
        signature = self.brand.key.sign(terms, self.domain("RightsRegistry"))
        self.call("RightsRegistry", rights_registry.encode_grant(terms, self.brand.key.address, signature))
        return terms.struct_hash()

    def anchor(self, root: bytes, size: int, cid: bytes, by: Party) -> None:
        batch = types.Anchor(root=root, size=size, cid=cid, deadline=self.deadline)
        signature = by.key.sign(batch, self.domain("EventLedger"))
        self.call("EventLedger", event_ledger.encode_anchor(batch, by.key.address, signature))

    def attest(self, by: Party, data: bytes = b"", **given: Any) -> None:
        fields: dict[str, Any] = {
            **dict.fromkeys(("subject", "biz_step", "disposition", "order", "extension"), b"\0" * 32),
            **dict.fromkeys(("place", "event_time", "quantity", "milestone"), 0),
            "unit": b"\0" * 3,
            "consumer": "0x" + "00" * 20,
            "deadline": self.deadline,
            **given,
        }
        attestation = types.Attestation(**fields)
        signature = by.key.sign(attestation, self.domain("EventLedger"))
        call = event_ledger.encode_attest(attestation, by.key.address, signature, data)
        self.call("EventLedger", call)

    def order(self, licence: bytes, shipment: bytes, amount: int) -> tuple[types.Order, bytes]:
        """An order opened and funded, its window zero; gives it and its hash."""
        token = self.at["FiatToken:EUR"]
        terms = types.Order(
            buyer=self.buyer.number,
            seller=self.maker.number,
            buyer_account=self.buyer.account.address,
            payee=self.maker.account.address,
            token=token,
            amount=amount,
            shipment=shipment,
            prover=self.carrier.number,
            arbiter=self.bank.number,
            deliver_by=self.now + 86400,
            grace=3600,
            inspection_window=0,
            ruling_period=86400,
            unruled_seller_bps=5000,
            on_revocation=1,
            lines=(types.OrderLine(gtin=GTIN, licence=licence, quantity=2, destination=b"DE"),),
            terms=b"\0" * 32,
            salt=b"\7" * 32,
        )
        domain = self.domain("Escrow")
        signatures = [party.key.sign(terms, domain) for party in (self.buyer, self.maker)]
        opened = escrow.encode_open(
            terms, self.buyer.key.address, signatures[0], self.maker.key.address, signatures[1]
        )
        self.call("Escrow", opened)
        mint = types.Mint(
            to=self.buyer.account.address,
            amount=amount,
            payment_reference=b"\3" * 32,
            deadline=self.deadline,
        )
        money = Domain("Test Euro", "1", self.chain_id, token)
        minted = fiat_token.encode_mint(mint, self.bank.key.address, self.bank.key.sign(mint, money))
        self.call("FiatToken:EUR", minted)
        order_hash = terms.signing_hash(domain)
        funding = types.ReceiveWithAuthorization(
            from_=self.buyer.account.address,
            to=self.at["Escrow"],
            value=amount,
            valid_after=0,
            valid_before=self.deadline,
            nonce=order_hash,
        )
        signature = self.buyer.account.sign(funding, money)
        self.call("Escrow", escrow.encode_fund(terms, 0, funding.valid_before, signature))
        return terms, order_hash

    def order_data(self, terms: types.Order) -> bytes:
        """What a relayer passes to the escrow with a proof of delivery."""
        kind = OrderOpened.SIGNATURE[OrderOpened.SIGNATURE.index(",(") + 1 : -1]
        return codec.encode((kind,), (terms.abi_tuple(),))
