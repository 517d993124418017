"""The whole service in small: a real chain, real contracts, members with keys, and the API on a real port."""

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.services import Services
from chain.bindings import member_registry, types
from chain.codec import TypedMessage
from chain.deploy import Plan, TokenPlan, deploy
from chain.requests import FundOrder, MintTokens, OpenOrder, Request
from chain.rpc import Rpc
from epcis import digital_link
from evidence.batch import attestation, build_batch, build_issue
from evidence.capture import CaptureService, Limits
from evidence.signature_header import SignatureHeader
from indexer.run import Indexer
from oracle.keeper import order_data
from tests.evidence.world import BRAND_OWNER, CARRIER, MAKER, YEAR, Key, Member, World, member, wait_until

CUSTOMS, TRADER, ARBITER, TOKEN_ISSUER, ORACLE = 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
GTIN = "09506000134352"
MAX_BODY = 256 * 1024
CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"


class ApiWorld(World):
    """A network with everybody that the API's tests need; `http` talks to its service."""

    def _build(self) -> None:
        self.maker, self.brand, self.carrier = member("maker", 1), member("brand", 2), member("carrier", 3)
        self.buyer, self.bank, self.arbiter = member("buyer", 4), member("bank", 5), member("arbiter", 6)
        self.customs = [member("customs one", 7), member("customs two", 8)]
        self.stranger = Member("stranger", member("stranger", 99).gln, Key("stranger"))
        self.buyer_account = Key("buyer account")
        self.payee = Key("maker account").address
        seats = [Key(f"seat {n}").address for n in range(3)]
        euro = TokenPlan("Test Euro", "TEUR", "EUR", 2, int(self.bank.gln))
        self.deployment = deploy(self.sender, Plan(seats, 2, [euro]))
        self._admit()
        self.licence = self._licence()
        self.indexer = Indexer(
            self.mirror,
            self.rpc,
            self.deployment.all_addresses(),
            self.store,
            start_block=self.deployment.first_block,
            poll_seconds=0.02,
        )
        self.indexer.run_once()
        self.service = self.new_service()

    def new_service(self) -> CaptureService:
        """Captures with the API's body limit."""
        return CaptureService(
            self.engine,
            self.sender,
            self.rpc,
            self.deployment,
            self.store,
            mirror=self.mirror,
            limits=Limits(body=MAX_BODY),
        )

    def _admit(self) -> None:
        registry = self.deployment.address("MemberRegistry")
        everybody = [
            (self.maker, MAKER | TRADER),
            (self.brand, BRAND_OWNER),
            (self.carrier, CARRIER),
            (self.buyer, TRADER),
            (self.bank, TOKEN_ISSUER),
            (self.arbiter, ARBITER),
            *((one, CUSTOMS) for one in self.customs),
        ]
        for one, roles in everybody:
            account = Key(f"{one.name} account").address
            admit = member_registry.encode_admit(
                int(one.gln), b"DE", roles, one.name, account, one.key.address, self.now() + YEAR
            )
            self.as_council(registry, admit)

    def services(
        self, rpc: Rpc | None = None, workers: dict[str, threading.Thread] | None = None
    ) -> Services:
        """What the application is built with; `rpc`: another node than the real one."""
        made = Services(
            deployment=self.deployment,
            rpc=self.rpc,
            sender=self.sender,
            mirror=self.mirror,
            store=self.store,
            capture=self.service,
            indexer=self.indexer,
            public_url="https://seal.example",
            max_body=MAX_BODY,
            workers=workers or {},
        )
        if rpc is None:
            return made
        capture = CaptureService(
            self.engine, self.sender, rpc, self.deployment, self.store, mirror=self.mirror
        )
        return replace(made, rpc=rpc, capture=capture)

    # -- what members sign -----------------------------------------------------------------------------------

    def signed(self, contract: str, message: TypedMessage, by: Member) -> dict[str, Any]:
        """`message`, `signer` and `signature` of a request."""
        return {
            "message": message.message(),
            "signer": by.key.address,
            "signature": "0x" + self.sign(contract, message, by).hex(),
        }

    def document(self, *epcs: str, step: str = "commissioning", **fields: Any) -> bytes:
        """An EPCIS document of one event that nobody else captures."""
        event = {
            "type": "ObjectEvent",
            "eventID": f"urn:uuid:{secrets.token_hex(16)}",
            "eventTime": "2026-11-02T06:30:00.000+01:00",
            "eventTimeZoneOffset": "+01:00",
            "epcList": list(epcs),
            "action": "OBSERVE",
            "bizStep": step,
            **fields,
        }
        return document_of(event)

    def capture_headers(self, document: bytes, by: Member, **more: Any) -> dict[str, str]:
        """Headers of a signed capture."""
        return {"TradeSeal-Capture": self.header(document, by, seed=secrets.token_bytes(32), **more)}

    def foreign_header(self, document: bytes, by: Member) -> dict[str, str]:
        """A capture signed for another chain id."""
        domain = replace(self.deployment.domain("EventLedger"), chain_id=1)
        deadline = self.now() + 3600
        anchor = build_batch(document, by.gln, bytes(32)).anchor(deadline)
        signature = by.key.sign(anchor.signing_hash(domain))
        header = SignatureHeader(by.key.address, bytes(32), deadline, signature)
        return {"TradeSeal-Capture": header.serialise()}

    def attestation_body(self, event: dict[str, Any], by: Member, **more: Any) -> dict[str, Any]:
        """Body of a signed attestation; `order`: the Order that it proves."""
        order = more.pop("order", None)
        if order is not None:
            more |= {
                "order": order.signing_hash(self.deployment.domain("Escrow")),
                "milestone": 1,
                "consumer": self.deployment.address("Escrow"),
            }
        made = attestation(json.dumps(event).encode(), deadline=self.now() + 3600, **more)
        data = b"" if order is None else order_data(order)
        return {
            "event": event,
            "attestation": made.message.message(),
            "signer": by.key.address,
            "signature": "0x" + self.sign("EventLedger", made.message, by).hex(),
            "consumerData": "0x" + data.hex(),
        }

    def issue_body(self, *serials: str, by: Member | None = None, deadline: int = 0) -> dict[str, Any]:
        """Body of an issue of serials by the maker."""
        who = by or self.maker
        batch = build_issue(GTIN, serials, who.gln)
        message = batch.issue(self.licence, deadline or self.now() + 3600)
        return {**self.signed("ProductPassport", message, who), "serials": list(serials)}

    def mint(self, amount: int) -> Request:
        """The bank mints for the buyer."""
        to = self.buyer_account.address
        message = types.Mint(to, amount, secrets.token_bytes(32), self.now() + 3600)
        signature = self.bank.key.sign(message.signing_hash(self._token_domain()))
        return MintTokens(currency="EUR", message=message, signer=self.bank.key.address, signature=signature)

    def _token_domain(self) -> Any:
        return replace(
            self.deployment.domain("Escrow"),
            name="Test Euro",
            verifying_contract=self.deployment.address("EUR"),
        )

    def order(self, shipment: str, **fields: Any) -> types.Order:
        """Terms between buyer and maker."""
        given: dict[str, Any] = {
            "buyer": int(self.buyer.gln),
            "seller": int(self.maker.gln),
            "buyer_account": self.buyer_account.address,
            "payee": self.payee,
            "token": self.deployment.address("EUR"),
            "amount": 12_345,
            "shipment": digital_link.item_id(shipment),
            "prover": int(self.carrier.gln),
            "arbiter": int(self.arbiter.gln),
            "deliver_by": self.now() + 30 * 86_400,
            "grace": 86_400,
            "inspection_window": 0,
            "ruling_period": 86_400,
            "unruled_seller_bps": 5_000,
            "on_revocation": 0,
            "lines": (types.OrderLine(int(GTIN), self.licence, 3, b"DE"),),
            "terms": bytes(32),
            "salt": secrets.token_bytes(32),
        }
        return types.Order(**(given | fields))

    def opening(self, order: types.Order) -> OpenOrder:
        """An order signed by both sides."""
        return OpenOrder(
            order=order,
            buyer_signer=self.buyer.key.address,
            buyer_signature=self.sign("Escrow", order, self.buyer),
            seller_signer=self.maker.key.address,
            seller_signature=self.sign("Escrow", order, self.maker),
        )

    def funding(self, order: types.Order) -> FundOrder:
        """The buyer account's authorisation."""
        nonce = order.signing_hash(self.deployment.domain("Escrow"))
        before = self.now() + 3600
        escrow = self.deployment.address("Escrow")
        authorisation = types.ReceiveWithAuthorization(
            self.buyer_account.address, escrow, order.amount, 0, before, nonce
        )
        signature = self.buyer_account.sign(authorisation.signing_hash(self._token_domain()))
        return FundOrder(order=order, valid_after=0, valid_before=before, signature=signature)


def document_of(*events: dict[str, Any]) -> bytes:
    """An EPCIS document of these events."""
    return json.dumps(
        {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-11-05T10:20:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The application on a free port; gives its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Client:
    """What tests say to the service."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=40, trust_env=False)

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        """JSON of a GET that must end as `status`."""
        answer = self.http.get(path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(
        self,
        path: str,
        body: Any,
        status: int = 200,
        wait: int | None = 20,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """JSON of a POST that must end as `status`; waits for the operation's end unless told not to."""
        content = body.to_json() if isinstance(body, Request) else body
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = {"Content-Type": "application/json"} | (headers or {})
        if wait is not None:
            sent["Prefer"] = f"wait={wait}"
        answer = self.http.post(path, content=data, headers=sent)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert found["status"] == status
            assert found["instance"] == path
        return found


def slug(problem: dict[str, Any]) -> str:
    """The last part of a problem's type."""
    return str(problem["type"]).rpartition("/")[2]
