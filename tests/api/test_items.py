"""Items: issuing, links, page, record, proof and recall over HTTP."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from chain.bindings import types
from chain.database import open_engine, reading
from evidence.bundle import read_bundle
from evidence.report import Status
from evidence.verify import verify_bundle
from indexer.read import event
from tests.api.world import GTIN, ApiWorld, Client, serving, slug
from vault.cid import Cid

pytestmark = pytest.mark.slow

HTML = {"Accept": "text/html"}


class Text(HTMLParser):
    """Visible text of a page, and the tags in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " "


def issue(world: ApiWorld, api: Client, *serials: str) -> None:
    assert api.post("/items/issues", world.issue_body(*serials))["status"] == "mined"


def capture(world: ApiWorld, api: Client, document: bytes) -> None:
    api.post("/epcis/capture", document, headers=world.capture_headers(document, world.maker))


def link(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/21/{quote(serial, safe='-._~')}"


def test_a_link_leads_to_the_items_page(api: Client) -> None:
    for serial, path in (("A-1", "A-1"), ("A%2FB", "A%2FB"), ("A%2bB%22", "A%2BB%22")):
        answer = api.http.get(f"/01/{GTIN}/21/{serial}")
        assert answer.status_code == 307
        assert answer.headers["location"] == f"/items/{GTIN}/{path}"
    assert api.http.get(f"/01/{GTIN[1:]}/21/A-1").headers["location"] == f"/items/{GTIN}/A-1"


def test_a_wrong_check_digit_is_named(api: Client) -> None:
    for path in ("/01/09506000134353/21/A-1", "/items/09506000134353/A-1"):
        problem = api.get(path, 400)
        assert slug(problem) == "invalid-request"
        assert "check digit is 3, should be 2" in problem["detail"]
    assert slug(api.get(f"/01/{GTIN}/21/{'A' * 21}", 400)) == "invalid-request"


def test_an_unknown_item_is_not_found_and_its_page_says_what_that_means(api: Client) -> None:
    assert slug(api.get(f"/items/{GTIN}/NOBODY", 404)) == "not-found"
    page = api.http.get(f"/items/{GTIN}/NOBODY", headers=HTML)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "made-up code" in Text(page.text).text
    assert api.http.get(f"/items/{GTIN}/NOBODY", headers={"Accept": "image/png"}).status_code == 406


def test_an_item_is_issued_materialised_and_told(world: ApiWorld, api: Client) -> None:
    issue(world, api, "IT-1", "IT-2", "IT-3")
    capture(
        world, api, world.document(link("IT-2"), bizLocation={"id": "https://id.gs1.org/414/9506000000015"})
    )
    place = api.get(f"/items/{GTIN}/IT-2/issue")
    assert (place["index"], place["size"], place["materialised"]) == (1, 3, False)
    body = {name: place[name] for name in ("issueId", "index", "serial", "proof")}
    assert api.post("/items/materialisations", body)["status"] == "mined"

    record = api.get(f"/items/{GTIN}/IT-2")
    assert record["item"] == link("IT-2")
    assert record["status"]["verdict"] == "verified"
    assert record["product"]["maker"] == {"gln": world.maker.gln, "name": "maker"}
    assert record["product"]["licence"]["brand"] == "EXAMPLE"
    assert record["product"]["licence"]["live"] is True
    assert record["passport"]["holder"]["gln"] == world.maker.gln
    assert [one["bizStep"] for one in record["events"]] == ["https://ref.gs1.org/cbv/BizStep-commissioning"]
    assert record["events"][0]["proofs"][0]["keyLive"] is True

    report = api.get(f"/items/{GTIN}/IT-2/verification")
    assert report["verdict"] == "verified"


def test_the_page_tells_what_where_when_and_who(world: ApiWorld, api: Client) -> None:
    issue(world, api, "PG-1")
    place = "9506000000015"
    capture(world, api, world.document(link("PG-1"), bizLocation={"id": f"https://id.gs1.org/414/{place}"}))
    answer = api.http.get(f"/items/{GTIN}/PG-1", headers=HTML)
    page = Text(answer.text)
    for wanted in (
        "This record is consistent",
        "A code can be copied",
        "Made and given this serial number",
        "2 November 2026, 05:30 UTC",
        "06:30 local time (+01:00)",
        place,
        "signed by maker",
        world.maker.gln,
        "EXAMPLE",
        "In force",
        "tradeseal verify",
        "which you need not trust",
    ):
        assert wanted in page.text, wanted
    assert "authentic" not in page.text.lower()
    assert ("html", {"lang": "en"}) in page.tags
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "style")]
    addresses = [given.get("href") or given.get("src") or "" for _, given in page.tags]
    assert not [one for one in addresses if one.startswith(("http:", "https:", "//"))]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_members_write_cannot_become_markup(world: ApiWorld, api: Client) -> None:
    serial = "<b>&'x"
    capture(world, api, world.document(link(serial)))
    answer = api.http.get(f"/items/{GTIN}/{quote(serial, safe='')}", headers=HTML)
    assert answer.status_code == 200
    assert "<b>&'x" not in answer.text
    assert "&lt;b&gt;&amp;&#39;x" in answer.text


def test_events_of_the_pallet_it_travelled_on_are_shown_as_such(world: ApiWorld, api: Client) -> None:
    pallet = "https://id.gs1.org/00/095060000000000992"
    issue(world, api, "PAL-1")
    packing = {"type": "AggregationEvent", "parentID": pallet, "childEPCs": [link("PAL-1")], "action": "ADD"}
    document = json.loads(world.document(step="packing", **packing))
    del document["epcisBody"]["eventList"][0]["epcList"]
    capture(world, api, json.dumps(document).encode())
    capture(world, api, world.document(pallet, step="shipping", eventTime="2026-11-03T06:30:00.000+01:00"))
    events = api.get(f"/items/{GTIN}/PAL-1")["events"]
    assert [(one["through"], one["packs"]) for one in events] == [(None, pallet), (pallet, None)]
    page = Text(api.http.get(f"/items/{GTIN}/PAL-1", headers=HTML).text).text
    assert "Put into shipping unit SSCC 095060000000000992" in page
    assert "while it was in shipping unit SSCC 095060000000000992" in page


def test_the_proof_bundle_holds_for_whoever_brings_the_anchor(world: ApiWorld, api: Client) -> None:
    issue(world, api, "PR-1")
    capture(world, api, world.document(link("PR-1")))
    answer = api.http.get(f"/items/{GTIN}/PR-1/proof")
    assert "attachment" in answer.headers["content-disposition"]
    report = verify_bundle(read_bundle(answer.content), world.trust, world.rpc)
    assert report.verdict is Status.VERIFIED
    assert slug(api.get(f"/items/{GTIN}/NOBODY/proof", 404)) == "not-found"
    assert slug(api.get(f"/items/{GTIN}/NOBODY/verification", 404)) == "not-found"
    assert slug(api.get(f"/items/{GTIN}/NOBODY/issue", 404)) == "not-found"


def test_a_recall_comes_first(world: ApiWorld, api: Client) -> None:
    issue(world, api, "RC-1", "RC-2")
    issue_id = api.get(f"/items/{GTIN}/RC-1/issue")["issueId"]
    recall = types.Recall(bytes.fromhex(issue_id[2:]), bytes(32), b"\x09" * 32, world.now() + 3600)
    api.post("/items/recalls", world.signed("ProductPassport", recall, world.maker))
    record = api.get(f"/items/{GTIN}/RC-2")
    assert record["recalls"][0]["wholeIssue"] is True
    page = Text(api.http.get(f"/items/{GTIN}/RC-2", headers=HTML).text).text
    assert page.index("Recalled") < page.index("This record is consistent")
    assert "Do not buy, sell or use it" in page


def test_first_comes_what_concerns_the_goods_and_nothing_that_others_tried(
    world: ApiWorld, api: Client
) -> None:
    issue(world, api, "FX-1")

    def attested(**fields: object) -> str:
        document = json.loads(world.document(link("FX-1"), step="inspecting", **fields))
        event = {"@context": document["@context"], **document["epcisBody"]["eventList"][0]}
        # an order that nobody opened: its effect fails, and would for good
        body = world.attestation_body(
            event, world.carrier, subject=link("FX-1"), order=world.order(link("FX-1"))
        )
        answer = api.post("/attestations", body)
        return str(answer["capture"]["seals"][0]["sealId"])

    wrong = attested()
    record = api.get(f"/items/{GTIN}/FX-1")
    assert record["status"]["verdict"] == "verified"
    assert record["notices"] == []
    assert [one["proofs"][0]["effect"] for one in record["events"]] == ["failed"]
    page = Text(api.http.get(f"/items/{GTIN}/FX-1", headers=HTML).text).text
    assert "To be known first" not in page
    assert "its effect on an order was not applied" in page
    assert "block time" not in page

    declaring = attested()
    message = types.ErrorDeclaration(
        bytes.fromhex(wrong[2:]), bytes.fromhex(declaring[2:]), bytes(32), world.now() + 3600
    )
    api.post("/attestations/errors", world.signed("EventLedger", message, world.carrier))
    (notice,) = api.get(f"/items/{GTIN}/FX-1")["notices"]
    assert wrong in notice
    page = Text(api.http.get(f"/items/{GTIN}/FX-1", headers=HTML).text).text
    assert page.index("To be known first") < page.index(wrong) < page.index("What happened")


def test_serials_that_are_not_the_signed_ones_are_refused(world: ApiWorld, api: Client) -> None:
    body = world.issue_body("SR-1", "SR-2") | {"serials": ["SR-1", "SR-3"]}
    problem = api.post("/items/issues", body, 400)
    assert {one["pointer"] for one in problem["errors"]} == {"/message/root", "/message/cid"}
    twice = api.post("/items/issues", world.issue_body("SR-1") | {"serials": ["SR-1", "SR-1"]}, 400)
    assert "twice" in twice["detail"]
    wrong = world.issue_body("SR-1")
    wrong["message"]["gtin"] = 9506000134353
    assert "/message/gtin" in api.post("/items/issues", wrong, 400)["detail"]


def test_an_unlicensed_maker_gets_the_contracts_reason(world: ApiWorld, api: Client) -> None:
    body = world.issue_body("UL-1", by=world.carrier)
    problem = api.post("/items/issues", body, 422)
    assert problem["contract"]["error"] in ("NotLicensee", "RoleMissing")


def test_content_that_was_altered_is_a_contradiction(world: ApiWorld, api: Client) -> None:
    capture(world, api, world.document(link("AL-1")))
    seal = api.get(f"/items/{GTIN}/AL-1")["events"][0]
    with reading(world.mirror) as session:
        found = event(session, seal["member"]["gln"], seal["sealId"])
    assert found is not None
    path = world.store.path_of(Cid.parse(found.cid))
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content.replace(b"commissioning", b"decommissioned"[:13]))
    try:
        page = Text(api.http.get(f"/items/{GTIN}/AL-1", headers=HTML).text).text
        assert "Something here contradicts" in page
        assert "does not hold" in page
        assert slug(api.get(f"/items/{GTIN}/AL-1/proof", 503)) == "not-ready"
    finally:
        path.write_bytes(content)
    assert api.get(f"/items/{GTIN}/AL-1/verification")["verdict"] != "contradicted"


def test_a_database_that_is_away_is_a_503_and_no_hang(world: ApiWorld) -> None:
    away = open_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    with serving(replace(world.services(), mirror=away)) as url:
        client = Client(url)
        for path in ("", "/verification", "/proof", "/issue"):
            problem = client.get(f"/items/{GTIN}/ANY{path}", 503)
            assert slug(problem) == "not-ready"
        client.http.close()
    away.dispose()
