"""The main job by commands alone, on a running installation: from keys to a paid escrow, verified."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.durations import format_time
from tests.cli import service
from tests.cli.program import tradeseal
from tests.cli.service import ARBITER, BUYER, CARRIER, CUSTOMS, GTIN, MAKER, ok, refused
from tests.evidence.documents import OTHER_SSCC, SSCC, bare, commissioning, delivery, document, packing

pytestmark = pytest.mark.slow


class Scene:
    """One installation; `licence` is the maker's."""

    def __init__(self, home: Path, record: dict[str, Any]) -> None:
        self.home = home
        self.url: str = record["url"]
        self.rpc: str = record["rpcUrl"]
        self.licence = service.set_up()
        self.folder = home.parent
        self._time = 0
        self.event = ""

    def write(self, name: str, content: bytes | str) -> str:
        """A file beside the home."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def order(self, name: str, **more: str) -> str:
        """An order file, TOML, for two items."""
        self._time += 1
        fields = {
            "buyer": BUYER,
            "seller": MAKER,
            "prover": CARRIER,
            "amount": "1250.00",
            "currency": "EUR",
            "shipment": SSCC,
            "deliverBy": format_time(int(time.time()) + 30 * 86_400),
            **more,
        }
        line = {"gtin": GTIN, "licence": self.licence, "destination": "DE"}
        text = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
        text += "[[lines]]\nquantity = 2\n" + "".join(f'{key} = "{value}"\n' for key, value in line.items())
        return self.write(name, text)

    def delivered(self, order: str) -> None:
        """The carrier attests a delivery, each at a time of its own."""
        self._time += 1
        self.event = self.write("delivery.jsonld", bare(delivery(f"2026-03-09T17:30:{self._time:02d}+02:00")))
        ok("attest", self.event, "--as", "carrier", "--order", order)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A running installation with members and a licence."""
    home = tmp_path_factory.mktemp("installation") / "home"
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("TRADESEAL_")]:
            environment.delenv(name)
        environment.setenv("TRADESEAL_HOME", str(home))
        with service.running(home) as record:
            yield Scene(home, record)


def test_the_story_by_commands_alone(scene: Scene) -> None:
    assert ok("rights", "check", GTIN, "--to", "DE", "--licence", scene.licence, "--member", MAKER)["allowed"]
    no = tradeseal(
        *("rights", "check", GTIN, "--to", "FR", "--licence", scene.licence, "--member", MAKER, "--json")
    )
    assert (no.code, no.data["allowed"], no.data["reason"]["error"]) == (1, False, "TerritoryNotLicensed")

    issue = ok(
        *("item", "issue", GTIN, "--serials", scene.write("serials.txt", "A1\nA2\n\n")),
        *("--licence", scene.licence, "--as", "maker"),
    )
    assert issue["size"] == 2
    ok("item", "materialise", f"{GTIN}/A1")
    shown = ok("item", "show", f"{GTIN}/A1")
    assert shown["passport"]["holder"]["gln"] == MAKER
    assert shown["product"]["issueId"] == issue["issueId"]

    produced = scene.write("production.jsonld", document(commissioning("A1", "A2"), packing("A1", "A2")))
    captured = ok("capture", produced, "--as", "maker")["files"][0]["job"]
    assert [seal["existing"] for seal in captured["seals"]] == [False, False]
    again = ok("capture", produced, "--as", "maker")["files"][0]["job"]
    assert [seal["existing"] for seal in again["seals"]] == [True, True]
    assert [seal["sealId"] for seal in again["seals"]] == [seal["sealId"] for seal in captured["seals"]]

    broken = scene.write("broken.jsonld", "{")
    mixed = tradeseal("capture", broken, produced, "--as", "maker", "--json")
    assert mixed.code == 1
    assert [one["captured"] for one in mixed.data["files"]] == [False, True]

    ok("token", "mint", "EUR", BUYER, "5000", "--reference", "invoice 1", "--as", "bank")
    twice = ("token", "mint", "EUR", BUYER, "4000", "--reference", "invoice 1", "--as", "bank")
    assert "reference 'invoice 1': was minted before" in refused(*twice).err
    assert ok("token", "balance", "EUR", "buyer")["balance"]["amount"] == "500000"

    path = scene.order("order.toml")
    signed = str(scene.folder / "signed.json")
    first = ok("escrow", "sign", path, "--as", "buyer", "-o", signed)
    assert list(first["signatures"]) == ["buyer"]
    assert "seller did not sign" in refused("escrow", "open", signed).err
    order = ok("escrow", "open", signed, "--as", "maker")["order"]
    assert order == first["hash"]
    assert "must fund" in refused("escrow", "release", order).err
    assert ok("escrow", "fund", order, "--as", "buyer")["amount"]["amount"] == "125000"
    assert "must prove delivery" in refused("escrow", "release", order).err
    _refused_as_proof(scene, order)
    assert "TooEarly" in refused("escrow", "refund", order).err

    scene.delivered(order)
    closed = ok("escrow", "show", order)
    again = tradeseal("attest", scene.event, "--as", "carrier", "--order", order)
    assert again.code == 0
    assert "closed: delivered; seller was paid 1250.00 EUR" in again.out
    assert (closed["status"], closed["outcome"]) == ("closed", "delivered")
    assert ok("token", "balance", "EUR", "maker")["balance"]["amount"] == "125000"
    assert "closed already" in refused("escrow", "release", order).err

    assert ok("verify", f"{GTIN}/A1")["verdict"] == "verified"
    assert ok("audit") == {"clean": True, "findings": []}
    assert ok("indexer", "check")["clean"] is True


def test_a_bundle_is_verified_away_from_here_and_never_without_trust(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _issued(scene, "B1")
    bundle, trust = str(scene.folder / "b1.json"), str(scene.folder / "trust.json")
    ok("proof", "export", f"{GTIN}/B1", "-o", bundle)
    ok("trust", "export", "-o", trust)
    monkeypatch.setenv("TRADESEAL_HOME", str(scene.folder / "elsewhere"))
    assert ok("verify", bundle, "--trust", trust, "--rpc", scene.rpc)["verdict"] == "verified"
    for without in ((), ("--trust", trust), ("--rpc", scene.rpc)):
        found = tradeseal("verify", bundle, *without, "--json")
        assert (found.code, found.data["verdict"]) == (2, "unchecked")
    nobody = tradeseal("verify", bundle, "--trust", trust, "--rpc", "http://127.0.0.1:1", "--json")
    assert (nobody.code, nobody.data["verdict"]) == (2, "unchecked")
    nonsense = tradeseal("verify", bundle, "--trust", trust, "--rpc", scene.url, "--json")
    assert (nonsense.code, nonsense.data["verdict"]) == (2, "unchecked")
    other = json.loads(Path(trust).read_text()) | {"firstBlock": "0x" + "00" * 32}
    wrong = scene.write("wrong.json", json.dumps(other))
    assert tradeseal("verify", bundle, "--trust", wrong, "--rpc", scene.rpc).code == 1
    monkeypatch.setenv("TRADESEAL_API_URL", scene.url)
    assert ok("verify", f"{GTIN}/B1", "--trust", trust, "--rpc", scene.rpc)["verdict"] == "verified"
    assert tradeseal("verify", f"{GTIN}/B1").code == 2


def test_release_relays_a_delivery_that_came_before_the_money(scene: Scene) -> None:
    ok("token", "mint", "EUR", BUYER, "1250.00", "--reference", "invoice 3", "--as", "bank")
    order = ok("escrow", "open", scene.order("early.toml"), "--as", "buyer", "--as", "maker")["order"]
    scene.delivered(order)
    assert ok("escrow", "show", order)["status"] == "open"
    before = int(ok("token", "balance", "EUR", MAKER)["balance"]["amount"])
    ok("escrow", "fund", order, "--as", "buyer")
    # The service's keeper looks for such deliveries, too: one of the two is first, and it is paid once.
    tradeseal("escrow", "release", order)
    deadline = time.monotonic() + 60
    while ok("escrow", "show", order)["status"] != "closed":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert ok("escrow", "show", order)["outcome"] == "delivered"
    assert int(ok("token", "balance", "EUR", MAKER)["balance"]["amount"]) == before + 125000


def test_early_consent_dispute_and_ruling(scene: Scene) -> None:
    ok("token", "mint", "EUR", BUYER, "3000.00", "--reference", "invoice 2", "--as", "bank")
    before = int(ok("token", "balance", "EUR", MAKER)["balance"]["amount"])
    more = {"inspectionWindow": "7d", "arbiter": ARBITER}

    order = ok("escrow", "open", scene.order("a.toml", **more), "--as", "buyer", "--as", "maker")["order"]
    ok("escrow", "fund", order, "--as", "buyer")
    scene.delivered(order)
    assert "may dispute" in refused("escrow", "release", order).err
    assert "buyer account's alone" in refused("escrow", "release", order, "--as", "maker").err
    assert ok("escrow", "release", order, "--as", "buyer")["outcome"] == "consented"
    assert int(ok("token", "balance", "EUR", MAKER)["balance"]["amount"]) == before + 125000

    order = ok("escrow", "open", scene.order("b.toml", **more), "--as", "buyer", "--as", "maker")["order"]
    ok("escrow", "fund", order, "--as", "buyer")
    scene.delivered(order)
    blamed = refused("escrow", "confirm", order, "--as", "maker").err
    assert "here `--as buyer`" in blamed
    photos = scene.write("photos.zip", b"damaged")
    assert ok("escrow", "dispute", order, "--evidence", photos, "--as", "buyer")["status"] == "disputed"
    ruling = ("escrow", "rule", order, "--evidence", photos, "--as", "arbiter", "--seller-amount")
    assert "more than the order's 1250.00 EUR" in refused(*ruling, "1250.01", code=2).err
    assert ok(*ruling, "800.00")["outcome"] == "ruled"
    record = ok("escrow", "show", order)
    assert (record["sellerAmount"]["amount"], record["buyerAmount"]["amount"]) == ("80000", "45000")
    assert {one["hash"] for one in ok("escrow", "list", "--status", "closed")["orders"]} >= {order}
    assert "no credit waits" in refused("escrow", "withdraw", "maker", code=2).err


def test_seats_see_what_they_approve_and_one_alone_is_not_enough(scene: Scene) -> None:
    path = str(scene.folder / "action.json")
    proposed = ok(
        "council", "propose", "roles", CARRIER, "--role", "CARRIER", "--as", "council-1", "-o", path
    )
    assert proposed["description"] == f"MemberRegistry.setRoles(gln={CARRIER}, roles=CARRIER)"
    assert (
        ok("council", "show", path)["id"]
        == ok("council", "show", proposed["id"][:14])["id"]
        == proposed["id"]
    )
    assert "has 1 of 2 approvals" in refused("council", "execute", proposed["id"]).err
    assert "is no seat of the council" in refused("council", "approve", proposed["id"], "--as", "maker").err
    assert proposed["id"] in {one["id"] for one in ok("council", "list", "--open")["actions"]}
    assert ok("council", "approve", path, "--as", "council-3", "--execute")["executed"] is True
    assert ok("member", "show", CARRIER)["roles"] == ["CARRIER"]
    ok("council", "propose", "roles", CARRIER, "--role", "carrier", "--role", "oracle", *service.COUNCIL)


def test_a_member_rotates_its_keys(scene: Scene) -> None:
    ok("key", "new", "maker-2")
    assert refused("member", "grant-key", MAKER, "--key", "maker-2", "--as", "buyer")
    ok("member", "grant-key", MAKER, "--key", "maker-2", "--as", "maker", "--role", "MAKER")
    ok("member", "revoke-key", MAKER, "--key", "maker-2", "--as", "maker")
    keys = ok("member", "show", MAKER)["keys"]
    assert [key["revokedAt"] is None for key in keys] == [True, False]

    # docs/members.md: the new key revokes the old one, and so on for ever; the last such key stays.
    old = "maker"
    for new in ("maker-3", "maker-4"):
        ok("key", "new", new)
        ok("member", "grant-key", MAKER, "--key", new, "--as", old)
        assert "KEY_ADMIN" in ok("member", "show", MAKER)["keys"][-1]["roles"]
        if old != "maker":  # which later tests sign with
            ok("member", "revoke-key", MAKER, "--key", old, "--as", new)
        old = new
    ok("key", "new", "arbiter-2")
    last = refused("member", "revoke-key", ARBITER, "--key", "arbiter", "--as", "arbiter").err
    assert "last key" in last
    assert "--force" in last
    ok("member", "grant-key", ARBITER, "--key", "arbiter-2", "--as", "arbiter", "--role", "ARBITER")
    assert (
        "without KEY_ADMIN"
        in refused("member", "grant-key", ARBITER, "--key", "maker-2", "--as", "arbiter-2").err
    )
    assert "last key" in refused("member", "revoke-key", ARBITER, "--key", "arbiter", "--as", "arbiter").err
    assert "all its member's roles, KEY_ADMIN" in tradeseal("member", "show", MAKER).out


def test_reports_need_their_quorum(scene: Scene) -> None:
    decision = {
        "subject": SSCC,
        "country": "CH",
        "decision": "released",
        "declaration": "26CH01",
        "decidedAt": "2026-03-04T13:20:00+01:00",
    }
    path = scene.write("decision.json", json.dumps(decision))
    assert "QuorumMissing" in refused("oracle", "customs", path, "--as", "customs-ch").err
    offices = [word for name in CUSTOMS for word in ("--as", name)]
    assert ok("oracle", "customs", path, *offices)["report"].startswith("0x")
    readings = [{"time": f"2026-03-04T13:{minute}:00Z", "value": 3.25} for minute in (10, 20)]
    facts = {"subject": SSCC, "device": "sensor-1", "measurement": "Temperature", "unit": "CEL"}
    window = scene.write("window.json", json.dumps({**facts, "readings": readings}))
    assert ok("oracle", "sensor", window, "--as", "carrier", "--as", "arbiter")["report"].startswith("0x")


def test_a_recall_stops_one_item_or_the_issue(scene: Scene) -> None:
    issue = _issued(scene, "C1", "C2")
    notice = scene.write("notice.txt", "stop")
    ok("item", "recall", f"{GTIN}/C1", "--evidence", notice, "--as", "maker")
    assert len(ok("item", "show", f"{GTIN}/C1")["recalls"]) == 1
    assert ok("item", "show", f"{GTIN}/C2")["recalls"] == []
    ok("item", "recall", "--issue", issue, "--evidence", notice, "--as", "brand")
    assert ok("item", "show", f"{GTIN}/C2")["recalls"][0]["wholeIssue"] is True
    assert "name either" in refused("item", "recall", "--evidence", notice, "--as", "maker", code=2).err


def test_a_code_leads_to_the_items_page(scene: Scene) -> None:
    picture = scene.folder / "code.png"
    found = ok("item", "qr", f"{GTIN}/A1", "-o", str(picture))
    assert found["url"] == f"{scene.url}/01/{GTIN}/21/A1"
    from PIL import Image
    from zxingcpp import read_barcodes  # what a phone does

    with Image.open(picture) as image:
        assert [code.text for code in read_barcodes(image.convert("L"))] == [found["url"]]
    assert "█" in tradeseal("item", "qr", f"{GTIN}/A1").out
    refused("item", "qr", f"{GTIN}/A1", "-o", str(scene.folder / "code.gif"), code=2)


def test_labels_are_of_items_that_were_issued(scene: Scene) -> None:
    paper = str(scene.folder / "labels.pdf")
    issue = _issued(scene, "L1")
    found = ok("item", "label", f"{GTIN}/L1", "--issue", issue, "-o", paper)
    assert found == {"labels": 1, "files": [paper]}
    said = refused("item", "label", f"{GTIN}/L1", f"{GTIN}/NEVER", "-o", paper).err
    assert f"item {GTIN}/NEVER: " in said
    assert "--before-issue" in said
    said = refused("item", "label", f"{GTIN}/L1", "--issue", "0x" + "00" * 32, "-o", paper).err
    assert f"item {GTIN}/L1: is of issue {issue}" in said


def test_the_operators_commands(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "end it first" in refused("indexer", "reindex").err
    assert "keeps its deadlines" in refused("oracle", "run").err
    assert ok("indexer", "run", "--once")["waiting"] == 0
    assert ok("operation", "1")["status"] == "mined"
    # A second installation, on a chain of somebody else's
    from chain import anvil
    from chain.rpc import Rpc

    monkeypatch.setenv("TRADESEAL_HOME", str(tmp_path / "second"))
    ok("key", "new", "relayer")
    seats = [f"seat-{number}" for number in (1, 2, 3)]
    addresses = [ok("key", "new", seat)["address"] for seat in seats]
    relayer = ok("key", "list")["keys"][0]["address"]
    with anvil.start(tmp_path / "chain", accounts=[relayer]) as chain:
        given = [word for seat in seats for word in ("--seat", seat)]
        token = ("--token", "CHF:2:9521307000018:TSCHF:TradeSeal Franc")
        deploy = ("deploy", "--rpc", chain.url, *given, "--threshold", "2", *token)
        with Rpc(chain.url) as rpc:
            held = hex(rpc.balance(relayer))
            rpc.request("anvil_setBalance", (relayer, "0x0"))
            assert f"relayer {relayer} has no coins" in refused(*deploy).err
            rpc.request("anvil_setBalance", (relayer, held))
        made = ok(*deploy)
        assert made["chainId"] == chain.chain_id
        assert list(made["tokens"]) == ["CHF"]
        assert ok(*deploy) == made  # once
        assert ok("trust", "show")["ledger"] == made["contracts"]["EventLedger"]
    assert len(addresses) == 3


def test_a_stopped_installation_is_read_checked_and_rebuilt(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("stopped") / "home"
    monkeypatch.setenv("TRADESEAL_HOME", str(home))
    with service.running(home):
        ok("key", "new", "maker")
        admitted = ("--name", "M", "--country", "DE", "--role", "MAKER", "--key", "maker", *service.COUNCIL)
        ok("council", "propose", "admit", MAKER, *admitted)
        produced = home.parent / "production.jsonld"
        produced.write_bytes(document(commissioning("A1")))
        sealed = ok("capture", str(produced), "--as", "maker")["files"][0]["job"]["seals"][0]
    assert ok("audit")["clean"] is True
    assert ok("indexer", "reindex")["logs"] > 0
    assert ok("oracle", "run", "--once") == {"operations": []}
    assert ok("audit")["clean"] is True

    from vault.cid import Cid
    from vault.store import LocalStore

    path = LocalStore(home / "vault").path_of(Cid.parse(sealed["cid"]))
    shutil.copy(path, home.parent / "kept")
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    found = tradeseal("audit", "--json")
    assert found.code == 1
    assert any(sealed["cid"] in one["place"] for one in found.data["findings"])


def _refused_as_proof(scene: Scene, order: str) -> None:
    """What would prove nothing is refused before it is signed, or said afterwards."""
    good = delivery("2026-03-09T10:00:00+02:00")

    def attest(event: dict[str, Any], *more: str) -> tuple[str, ...]:
        return (
            "attest",
            scene.write("no.jsonld", bare(event)),
            "--order",
            order,
            *(more or ("--as", "carrier")),
        )

    assert f"is proven by The carrier ({CARRIER})" in refused(*attest(good, "--as", "maker")).err
    assert "is about the shipment" in refused(*attest(delivery(sscc=OTHER_SSCC))).err
    assert "lies in the future" in refused(*attest(delivery("2036-03-09T10:00:00+02:00"))).err
    assert "bizStep shipping" in refused(*attest(good | {"bizStep": "shipping"})).err
    without = scene.write("without.jsonld", bare(good))
    ok("attest", without, "--as", "carrier")
    assert "not proven" in refused(*attest(good)).err
    assert ok("escrow", "show", order)["status"] == "funded"


def _issued(scene: Scene, *serials: str) -> str:
    """Issue and capture items; gives the issue's id."""
    given = [word for serial in serials for word in ("--serial", serial)]
    issue = ok("item", "issue", GTIN, *given, "--licence", scene.licence, "--as", "maker")
    events = scene.write("more.jsonld", document(commissioning(*serials)))
    ok("capture", events, "--as", "maker")
    return str(issue["issueId"])
