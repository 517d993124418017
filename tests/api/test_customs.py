"""Reports by a quorum, and what they do to an item's page."""

import pytest

from chain.bindings import types
from chain.requests import Endorsed, ReportCustoms
from epcis import digital_link
from oracle.reports import Decision, customs_decision
from tests.api.test_items import HTML, Text, capture, issue, link
from tests.api.world import GTIN, ApiWorld, Client, slug

pytestmark = pytest.mark.slow


def report(world: ApiWorld, subject: str, decision: Decision, decided_at: str) -> ReportCustoms:
    message = customs_decision(
        subject=subject,
        country="DE",
        decision=decision,
        declaration=f"26DE{decided_at}",
        decided_at=decided_at,
        deadline=world.now() + 3600,
    )
    return ReportCustoms(message=message, endorsements=endorsed(world, message, 2))


def endorsed(world: ApiWorld, message: types.CustomsDecision, count: int) -> list[Endorsed]:
    offices = sorted(world.customs, key=lambda one: int(one.key.address, 16))[:count]
    return [
        Endorsed(signer=one.key.address, signature=world.sign("QuorumReports", message, one))
        for one in offices
    ]


def test_a_seizure_is_the_first_thing_to_read_until_it_is_lifted(world: ApiWorld, api: Client) -> None:
    issue(world, api, "SZ-1")
    capture(world, api, world.document(link("SZ-1")))
    seized = report(world, link("SZ-1"), Decision.SEIZED, "2026-11-03T08:00:00+01:00")
    assert api.post("/oracle/customs-decisions", seized)["status"] == "mined"
    record = api.get(f"/items/{GTIN}/SZ-1")
    assert [(one["country"], one["decision"]) for one in record["customs"]] == [("DE", "seized")]
    assert {one["gln"] for one in record["customs"][0]["signedBy"]} == {one.gln for one in world.customs}
    page = Text(api.http.get(f"/items/{GTIN}/SZ-1", headers=HTML).text).text
    assert "Seized by customs: " in page[:80]
    assert "Customs DE: seized" in page

    released = report(world, link("SZ-1"), Decision.RELEASED, "2026-11-04T08:00:00+01:00")
    api.post("/oracle/customs-decisions", released)
    page = Text(api.http.get(f"/items/{GTIN}/SZ-1", headers=HTML).text).text
    assert "Seized by customs" not in page
    assert page.index("Customs DE: seized") < page.index("Customs DE: released")


def test_one_office_is_no_quorum(world: ApiWorld, api: Client) -> None:
    subject = "https://id.gs1.org/00/095060000000000992"
    request = report(world, subject, Decision.RELEASED, "2026-11-05T08:00:00+01:00")
    alone = ReportCustoms(message=request.message, endorsements=request.endorsements[:1])
    problem = api.post("/oracle/customs-decisions", alone, 422)
    assert slug(problem) == "contract-refused"
    assert problem["contract"]["error"] == "QuorumMissing"
    assert digital_link.item_id(subject) == request.message.subject
