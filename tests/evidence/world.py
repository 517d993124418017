"""A real network in small: Anvil, the contracts, members with keys, sender, indexer, vault and captures."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from sqlalchemy import Engine

from chain.anvil import AnvilProcess, start
from chain.bindings import escrow, member_registry, product_passport, rights_registry, types
from chain.codec import TypedMessage, checksum, keccak256
from chain.database import open_engine
from chain.deploy import Plan, deploy
from chain.deployment import Deployment
from chain.migrations import upgrade_outbox
from chain.operation import Operation
from chain.rpc import Rpc
from chain.sender import Sender, SenderSettings
from epcis.digital_link import item_id
from epcis.gs1 import check_digit
from evidence.batch import IssueBatch, attestation, build_batch, build_issue
from evidence.bundle import Trust
from evidence.capture import AttestRequest, CaptureService
from evidence.jobs import Job
from evidence.migrations import upgrade_evidence
from evidence.signature_header import SignatureHeader
from indexer.run import Indexer
from vault.store import LocalStore

YEAR = 365 * 86_400
BRAND_OWNER, MAKER, CARRIER, TRADER = 1 << 0, 1 << 1, 1 << 3, 1 << 5
PREFIX = "9506000"
MARK = keccak256(b"a mark")


class Key:
    """A key from a seed, signing as members and relayers do."""

    def __init__(self, seed: str) -> None:
        self._secret = keccak256(b"evidence test key " + seed.encode())
        public = PrivateKey(self._secret).public_key.format(compressed=False)[1:]
        self.address = checksum("0x" + keccak256(public)[12:].hex())

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a digest."""
        made = PrivateKey(self._secret).sign_recoverable(digest, hasher=None)
        return made[:64] + bytes([made[64] + 27])

    def sign_typed(self, typed_data: dict[str, Any]) -> bytes:
        """EIP-712."""
        raise NotImplementedError

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        """As the sender wants it."""
        from eth_account import Account

        return bytes(Account.from_key(self._secret).sign_transaction(transaction).raw_transaction)


@dataclass(frozen=True)
class Member:
    """An organisation with one key."""

    name: str
    gln: str
    key: Key


def member(name: str, number: int) -> Member:
    """A member whose GLN begins with the prefix and ends in `number`."""
    body = f"{PREFIX}{number:05d}"
    return Member(name, f"{body}{check_digit(body)}", Key(name))


class World:
    """One network; `service` captures, `index()` brings the mirror up to date."""

    def __init__(self, folder: Path, mirror_url: str | None = None, packed_from: int | None = None) -> None:
        self.relayer = Key("relayer")
        self.anvil: AnvilProcess = start(folder / "chain", accounts=[self.relayer.address])
        self.rpc = Rpc(self.anvil.url)
        self.engine: Engine = open_engine(f"sqlite:///{folder / 'service.db'}")
        upgrade_outbox(self.engine)
        upgrade_evidence(self.engine)
        self.mirror: Engine = open_engine(
            mirror_url or f"sqlite:///{folder / 'mirror.db'}", synchronous="NORMAL"
        )
        vault = folder / "vault"
        self.store = LocalStore(vault) if packed_from is None else LocalStore(vault, packed_from)
        settings = SenderSettings(poll=0.01, idle_poll=0.02)
        self.sender = Sender(self.engine, self.rpc, self.relayer, settings=settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.sender.run, args=(self._stop,), daemon=True)
        self._thread.start()
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        self.maker = member("maker", 1)
        self.brand = member("brand", 2)
        self.carrier = member("carrier", 3)
        self.deployment: Deployment = deploy(
            self.sender, Plan([Key(f"seat {n}").address for n in range(3)], 2)
        )
        self._admit()
        self.licence = self._licence()
        self.indexer = Indexer(
            self.mirror,
            self.rpc,
            self.deployment.all_addresses(),
            self.store,
            start_block=self.deployment.first_block,
        )
        self.indexer.run_once()
        self.service = self.new_service()

    def close(self) -> None:
        """End everything that was started."""
        self._stop.set()
        self._thread.join()
        self.rpc.close()
        self.anvil.stop()
        self.engine.dispose()
        self.mirror.dispose()

    def new_service(self) -> CaptureService:
        """A service as a process makes it at its start."""
        return CaptureService(
            self.engine, self.sender, self.rpc, self.deployment, self.store, mirror=self.mirror
        )

    @property
    def trust(self) -> Trust:
        """The installation's own trust anchor."""
        return Trust.model_validate(self.deployment.trust_anchor())

    def now(self) -> int:
        """The later of chain and machine time, Unix seconds."""
        block = self.rpc.get_block("latest")
        assert block is not None
        return max(block.timestamp, int(time.time()))

    def index(self) -> None:
        """Bring the mirror up to date."""
        self.indexer.run_once()

    def send(self, to: str, data: bytes) -> Operation:
        """Relay a call and wait until it is mined."""
        operation = self.sender.submit(to, data, key=f"{to}{keccak256(data).hex()}", purpose="test")
        settled = self.sender.wait(operation.id, 20)
        assert settled.succeeded, settled.error
        return settled

    def sign(self, contract: str, message: TypedMessage, by: Member) -> bytes:
        """A member's EIP-712 signature."""
        return by.key.sign(message.signing_hash(self.deployment.domain(contract)))

    # -- the story's parts ---------------------------------------------------------------------------------

    def header(self, document: bytes, by: Member, *, seed: bytes = bytes(32), deadline: int = 0) -> str:
        """The header with which a member captures a document."""
        deadline = deadline or self.now() + 3600
        anchor = build_batch(document, by.gln, seed).anchor(deadline)
        signature = self.sign("EventLedger", anchor, by)
        return SignatureHeader(by.key.address, seed, deadline, signature).serialise()

    def capture(self, document: bytes, by: Member, seed: bytes = bytes(32)) -> Job:
        """Capture and wait until it is on the chain."""
        return self.finished(self.service.capture(document, self.header(document, by, seed=seed)))

    def attest_request(self, event: bytes, by: Member, **more: Any) -> AttestRequest:
        """A signed request for one attestation."""
        import json

        made = attestation(event, deadline=self.now() + 3600, **more)
        return AttestRequest(
            event=json.loads(event),
            attestation=made.message,
            signer=by.key.address,
            signature=self.sign("EventLedger", made.message, by),
        )

    def attest(self, event: bytes, by: Member, **more: Any) -> Job:
        """Attest one event and wait until it is on the chain."""
        return self.finished(self.service.attest_request(self.attest_request(event, by, **more)))

    def finished(self, job: Job) -> Job:
        """The job once it has ended."""
        wait_until(lambda: not self.service.job(job.capture_id).running)
        return self.service.job(job.capture_id)

    def issue(self, *serials: str, gtin: str = "09506000134352") -> IssueBatch:
        """The maker issues items under the brand's licence."""
        batch = build_issue(gtin, serials, self.maker.gln)
        message = batch.issue(self.licence, self.now() + 3600)
        self.store.put(batch.manifest)
        data = product_passport.encode_issue(
            message, self.maker.key.address, self.sign("ProductPassport", message, self.maker)
        )
        self.send(self.deployment.address("ProductPassport"), data)
        return batch

    def recall(self, batch: IssueBatch, item: bytes = bytes(32)) -> None:
        """The maker stops an item, or the whole issue."""
        issue_id = keccak256(int(self.maker.gln).to_bytes(32, "big") + batch.root)
        message = types.Recall(issue_id, item, b"\1" * 32, self.now() + 3600)
        data = product_passport.encode_recall(
            message, self.maker.key.address, self.sign("ProductPassport", message, self.maker)
        )
        self.send(self.deployment.address("ProductPassport"), data)

    def open_order(self, shipment: str) -> types.Order:
        """Brand buys from maker; the carrier's delivery of the shipment proves it."""
        order = types.Order(
            buyer=int(self.brand.gln),
            seller=int(self.maker.gln),
            buyer_account=Key("brand account").address,
            payee=Key("maker account").address,
            token=self.deployment.address("EventLedger"),  # any contract will do while nothing is funded
            amount=5000,
            shipment=item_id(shipment),
            prover=int(self.carrier.gln),
            arbiter=0,
            deliver_by=self.now() + YEAR,
            grace=0,
            inspection_window=0,
            ruling_period=0,
            unruled_seller_bps=0,
            on_revocation=0,
            lines=(types.OrderLine(9506000134352, self.licence, 1, b"DE"),),
            terms=bytes(32),
            salt=bytes(32),
        )
        data = escrow.encode_open(
            order,
            self.brand.key.address,
            self.sign("Escrow", order, self.brand),
            self.maker.key.address,
            self.sign("Escrow", order, self.maker),
        )
        self.send(self.deployment.address("Escrow"), data)
        return order

    # -- setting the scene -----------------------------------------------------------------------------------

    def as_council(self, to: str, data: bytes) -> None:
        """A call from the council's address, for setting the scene."""
        council = self.deployment.address("Council")
        self.anvil.fund([council])
        self.rpc.request("anvil_impersonateAccount", [council])
        sent = self.rpc.request(
            "eth_sendTransaction", [{"from": council, "to": to, "data": "0x" + data.hex()}]
        )
        transaction = bytes.fromhex(sent[2:])
        wait_until(lambda: self.rpc.get_receipt(transaction) is not None)
        receipt = self.rpc.get_receipt(transaction)
        assert receipt is not None
        assert receipt.succeeded

    def _admit(self) -> None:
        registry = self.deployment.address("MemberRegistry")
        roles = {"maker": MAKER | TRADER, "brand": BRAND_OWNER | TRADER, "carrier": CARRIER}
        for one in (self.maker, self.brand, self.carrier):
            account = Key(f"{one.name} account").address
            data = member_registry.encode_admit(
                int(one.gln), b"DE", roles[one.name], one.name, account, one.key.address, self.now() + YEAR
            )
            self.as_council(registry, data)

    def _licence(self) -> bytes:
        rights = self.deployment.address("RightsRegistry")
        brand, now = int(self.brand.gln), self.now()
        self.as_council(rights, rights_registry.encode_assign_prefix(PREFIX, brand))
        mark = rights_registry.encode_register_mark(MARK, brand, "EXAMPLE", (b"DE",), (25,), now + 5 * YEAR)
        self.as_council(rights, mark)
        terms = types.Licence(
            mark=MARK,
            licensee=int(self.maker.gln),
            gtins=(9506000134352,),
            territories=(b"DE",),
            valid_from=now - 60,
            valid_until=now + YEAR,
            quantity=1_000_000,
            salt=bytes(32),
            deadline=now + 3600,
        )
        signature = self.sign("RightsRegistry", terms, self.brand)
        self.send(rights, rights_registry.encode_grant(terms, self.brand.key.address, signature))
        return terms.struct_hash()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Poll a condition; AssertionError where it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


@contextmanager
def running_world(
    folder: Path, mirror_url: str | None = None, packed_from: int | None = None
) -> Iterator[World]:
    """A world that is closed at the end; its mirror on SQLite, or where `mirror_url` says.

    `packed_from` documents that are kept together are a pack of the vault; None: as many as usual.
    """
    world = World(folder, mirror_url, packed_from)
    try:
        yield world
    finally:
        world.close()
