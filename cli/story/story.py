"""The story's steps. Each posts what a member signed; each can be told again without happening twice."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from chain.bindings import types
from chain.messages import read_message
from cli import acts
from cli.failure import Failure
from cli.node import SEATS
from cli.session import Member, Session, deadline, salt
from cli.story.cast import (
    ARBITER,
    BANK,
    BRAND,
    BRAND_PREFIX,
    BUYER,
    CARRIER,
    CAST,
    COPYCAT,
    CUSTOMS_CH,
    CUSTOMS_DE,
    INSPECTOR,
    MAKER,
    MARK_NAME,
    PRICE,
    Organisation,
)
from cli.story.journal import Journal
from epcis import digital_link
from oracle.reports import Decision, customs_decision, read_readings, sensor_window

DOCUMENTS: Final = Path(__file__).parent / "documents"
_CURRENCY: Final = "EUR"
_YEAR: Final = 365 * 86400
_NICE_CHEESE: Final = 29
Say = Callable[[str, str], None]
"""Told what happened: a heading, a sentence."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the story left behind: the item's Digital Link, its path on the service, the order's hash."""

    item: str
    path: str
    order: str


class Story:
    """Tells the story through a running service, with the local keys of its cast."""

    def __init__(
        self, session: Session, say: Say, documents: Path = DOCUMENTS, patience: float = 60.0
    ) -> None:
        self._session = session
        self._say = say
        self._documents = documents
        self._journal = Journal(session.home.root / "story", lambda: session.api, patience)
        production = self._json("1-production")["epcisBody"]["eventList"][0]
        links = [digital_link.parse(digital_link.normalise(epc)) for epc in production["epcList"]]
        self._gtin = links[0].value
        self._serials = [str(link.qualifier("21")) for link in links]
        packing = self._json("3-packing-and-shipping")["epcisBody"]["eventList"][0]
        self._shipment = digital_link.normalise(packing["parentID"])
        everything = b"".join(path.read_bytes() for path in sorted(documents.iterdir()))
        self._edition = sha256(everything).hexdigest()[:12]
        """Changes with any document, so that an edited story is told anew."""

    @property
    def steps_before(self) -> int:
        """How many steps an earlier telling has sent."""
        return self._journal.count

    def tell(self) -> Told:
        """Everything, in order. Raises Failure where something that should go well does not."""
        self._admit_all()
        licence = self._license()
        self._mint()
        self._issue(licence)
        self._capture(MAKER, "1-production", "Production")
        self._capture(INSPECTOR, "2-inspection", "Inspection")
        order = self._order(licence)
        self._capture(MAKER, "3-packing-and-shipping", "Packed and shipped")
        self._capture(CUSTOMS_CH, "4-export", "Export")
        self._customs("4-export-decision")
        self._capture(CARRIER, "5-transport", "Transport")
        self._sensor("5-readings")
        self._capture(CUSTOMS_DE, "6-import", "Import")
        self._customs("6-import-decision")
        self._deliver(order)
        self._refuse_copy(licence)
        item = digital_link.item_uri(self._gtin, self._serials[0])
        return Told(item, self._item_path(), "0x" + acts.order_hash(self._session, order).hex())

    def _item_path(self) -> str:
        """The first item's path on the service."""
        encoded = digital_link.item_uri(self._gtin, self._serials[0]).rpartition("/")[2]
        return f"/items/{self._gtin}/{encoded}"

    # -- members and rights

    def _admit_all(self) -> None:
        for one in CAST:
            for name in (one.key, f"{one.key}-account"):
                if not self._session.home.key_path(name).exists():
                    self._session.home.create_key(name)
            self._council(
                f"admit-{one.key}",
                acts.admit(
                    one.gln,
                    one.country,
                    one.roles,
                    one.name,
                    self._session.address_of(f"{one.key}-account"),
                    self._session.address_of(one.key),
                ),
            )
        self._say(
            "Members", f"a council of {len(SEATS)} admitted {len(CAST)} organisations, two seats signing each"
        )

    def _council(self, step: str, setter: acts.Setter) -> None:
        """Two seats sign an action and anybody carries it out."""
        first = f"{step}-1"
        self._journal.submit(
            first,
            lambda: acts.approve(self._session, acts.council_action(self._session, setter), SEATS[0]),
            wait=False,
        )
        action = read_message(types.CouncilAction, self._journal.request(first)["message"])
        self._journal.submit(f"{step}-2", lambda: acts.approve(self._session, action, SEATS[1]), wait=False)
        self._journal.submit(f"{step}-do", lambda: acts.execute(action))

    def _license(self) -> bytes:
        mark = sha256(MARK_NAME.encode()).digest()
        self._council("prefix", acts.assign_prefix(BRAND_PREFIX, BRAND.gln))
        until = int(time.time()) + 10 * _YEAR
        self._council(
            "mark", acts.register_mark(mark, BRAND.gln, MARK_NAME, ["CH", "DE", "AT"], [_NICE_CHEESE], until)
        )
        step = f"licence-{self._gtin}"
        self._journal.submit(
            step,
            lambda: acts.grant_licence(
                self._session,
                BRAND.key,
                mark=mark,
                licensee=MAKER.gln,
                gtins=[self._gtin],
                territories=["CH", "DE"],
                quantity=1000,
                days=365,
            ),
        )
        licence = read_message(types.Licence, self._journal.request(step)["message"]).struct_hash()
        self._say(
            "Rights", f"{BRAND.name} licenses {MAKER.name}: GTIN {self._gtin}, made in CH, sold in CH and DE"
        )
        return licence

    def _mint(self) -> None:
        account = self._session.address_of(f"{BUYER.key}-account")
        reference = sha256(f"payment {self._edition}".encode()).digest()
        self._journal.submit(
            f"mint-{self._edition}",
            lambda: acts.mint(self._session, BANK.key, _CURRENCY, account, PRICE, reference),
        )
        self._say("Money", f"{BANK.name} minted EUR {PRICE / 100:,.2f} for {BUYER.name}")

    def _issue(self, licence: bytes) -> None:
        digest = sha256("\n".join([self._gtin, *self._serials]).encode()).hexdigest()[:12]
        self._journal.submit(
            f"issue-{digest}",
            lambda: acts.issue(self._session, MAKER.key, self._gtin, self._serials, licence, _member(MAKER)),
        )
        record = self._session.api.get(f"{self._item_path()}/issue")
        self._journal.submit(f"materialise-{digest}", lambda: acts.materialise(record, self._serials[0]))
        self._say("Passports", f"{MAKER.name} issued {len(self._serials)} items; the first is now a token")

    # -- events

    def _capture(self, who: Organisation, name: str, heading: str) -> None:
        document = self._path(name).read_bytes()

        def make() -> dict[str, Any]:
            header = acts.capture(self._session, who.key, document, _member(who), salt())
            return {
                "path": "/epcis/capture",
                "text": document.decode(),
                "headers": {"TradeSeal-Capture": header},
            }

        digest = sha256(document).hexdigest()[:12]
        job = self._journal.capture(f"capture-{name}-{digest}", make)
        count = len(job["seals"])
        self._say(heading, f"{who.name} sealed {count} event{'s' * (count != 1)} and signed the root")

    def _customs(self, name: str) -> None:
        facts = self._json(name)
        digest = sha256(self._path(name).read_bytes()).hexdigest()[:12]
        self._journal.submit(
            f"customs-{name}-{digest}",
            lambda: acts.report_customs(
                self._session,
                [CUSTOMS_CH.key, CUSTOMS_DE.key],
                customs_decision(
                    subject=facts["subject"],
                    country=facts["country"],
                    decision=Decision[facts["decision"].upper()],
                    declaration=facts["declaration"],
                    decided_at=facts["decidedAt"],
                    deadline=deadline(),
                ),
            ),
        )
        self._say(
            "Customs",
            f"{facts['country']}: {facts['decision']} ({facts['declaration']}), both offices signing",
        )

    def _sensor(self, name: str) -> None:
        facts = self._json(name)
        readings = read_readings(facts["readings"])
        digest = sha256(self._path(name).read_bytes()).hexdigest()[:12]
        self._journal.submit(
            f"sensor-{digest}",
            lambda: acts.report_sensor(
                self._session,
                [CARRIER.key, INSPECTOR.key],
                sensor_window(
                    readings,
                    subject=facts["subject"],
                    device=facts["device"],
                    measurement=facts["measurement"],
                    unit=facts["unit"],
                    deadline=deadline(),
                ),
            ),
        )
        low, high = (bound([one.value for one in readings]) / 1_000_000 for bound in (min, max))
        self._say(
            "Sensor", f"{len(readings)} readings, {low:.1f} to {high:.1f} °C, reported by two organisations"
        )

    # -- settlement

    def _order(self, licence: bytes) -> types.Order:
        step = f"order-{self._edition}"

        def make() -> acts.Act:
            order = self._terms(licence)
            buyer, seller = (self._session.sign(one.key, "Escrow", order) for one in (BUYER, MAKER))
            return acts.open_order(self._session, order, buyer, seller)

        self._journal.submit(step, make)
        order = read_message(types.Order, self._journal.request(step)["order"])
        self._journal.submit(
            f"fund-{self._edition}",
            lambda: acts.fund(self._session, f"{BUYER.key}-account", order, _CURRENCY),
        )
        self._say(
            "Escrow",
            f"EUR {PRICE / 100:,.2f} locked; released by {CARRIER.name}'s proof of delivery, nothing else",
        )
        return order

    def _terms(self, licence: bytes) -> types.Order:
        line = types.OrderLine(int(self._gtin), licence, len(self._serials), b"DE")
        return types.Order(
            buyer=int(BUYER.gln),
            seller=int(MAKER.gln),
            buyer_account=self._session.address_of(f"{BUYER.key}-account"),
            payee=self._session.address_of(f"{MAKER.key}-account"),
            token=self._session.network.address(_CURRENCY),
            amount=PRICE,
            shipment=digital_link.item_id(self._shipment),
            prover=int(CARRIER.gln),
            arbiter=int(ARBITER.gln),
            deliver_by=int(time.time()) + 30 * 86400,
            grace=3 * 86400,
            inspection_window=0,
            ruling_period=14 * 86400,
            unruled_seller_bps=5000,
            on_revocation=0,
            lines=(line,),
            terms=bytes(32),
            salt=salt(),
        )

    def _deliver(self, order: types.Order) -> None:
        found = acts.order_hash(self._session, order)
        event = self._path("7-delivery").read_bytes()

        def make() -> dict[str, Any]:
            message = acts.seal_event(self._session, event, subject=self._shipment, order=order)
            path, body = acts.attest(self._session, CARRIER.key, event, message, order)
            return {"path": path, "body": body, "headers": {}}

        operation = self._journal.operate(f"deliver-{self._edition}", make)
        record = self._session.api.get(f"/escrows/0x{found.hex()}")
        if record["status"].upper() != "CLOSED":
            raise Failure(f"delivery was proven, but the escrow is {record['status']}: {record.get('next')}")
        self._say(
            "Delivery",
            f"{CARRIER.name} signed the delivery; transaction {operation['transaction'][:18]}… recorded it "
            f"and paid {MAKER.name} EUR {PRICE / 100:,.2f}",
        )

    def _refuse_copy(self, licence: bytes) -> None:
        """An unlicensed maker signs an issue of the same GTIN, and the contract says why not."""
        copies = [f"{serial}-COPY"[:20] for serial in self._serials]
        path, request = acts.issue(self._session, COPYCAT.key, self._gtin, copies, licence, _member(COPYCAT))
        try:
            self._session.api.submit(path, request)
        except Failure as failure:
            self._say("Copy refused", f"{COPYCAT.name} tried to issue the same goods: {failure}")
        else:
            raise Failure("an unlicensed copy was issued")

    # -- files

    def _path(self, name: str) -> Path:
        for suffix in (".jsonld", ".json"):
            path = self._documents / (name + suffix)
            if path.exists():
                return path
        raise Failure(f"{self._documents / name}.jsonld: the story's document is missing")

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._path(name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise Failure(f"{self._path(name)}: {error}") from None


def _member(one: Organisation) -> Member:
    return Member(int(one.gln), one.name, one.country, "")
