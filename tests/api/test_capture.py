"""Captures over HTTP: accepted once, found again, refused with the reason."""

import json
from typing import Any

import pytest

from tests.api.world import GTIN, ApiWorld, Client, document_of, slug

pytestmark = pytest.mark.slow


def item(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def capture(world: ApiWorld, api: Client, document: bytes) -> dict[str, Any]:
    headers = world.capture_headers(document, world.maker)
    return api.post("/epcis/capture", document, headers=headers)


def test_a_capture_is_acknowledged_and_its_job_found_where_it_says(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-1"))
    answer = api.http.post(
        "/epcis/capture", content=document, headers=world.capture_headers(document, world.maker)
    )
    assert answer.status_code == 202
    job = api.get(answer.headers["location"])
    assert job["captureID"] == answer.json()["captureID"]
    assert len(job["seals"]) == 1


def test_a_waiting_client_reads_its_own_writes(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-2"))
    job = capture(world, api, document)
    assert job["success"] is True
    assert job["running"] is False
    found = api.get(f"/epcis/events/{job['seals'][0]['sealId']}")
    sent = json.loads(document)["epcisBody"]["eventList"][0]
    assert {name: found[name] for name in sent} == sent
    assert found["@context"] == json.loads(document)["@context"]
    assert found["recordTime"].endswith("Z")


def test_the_same_event_again_succeeds_and_points_to_its_seal(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-3"))
    first = capture(world, api, document)
    again = capture(world, api, document)
    assert again["success"] is True
    assert again["seals"][0]["sealId"] == first["seals"][0]["sealId"]
    assert again["seals"][0]["transaction"] == first["seals"][0]["transaction"]


def test_an_unsigned_capture_is_told_how_to_sign(world: ApiWorld, api: Client) -> None:
    problem = api.post("/epcis/capture", world.document(item("CAP-4")), 403)
    assert slug(problem) == "signature-required"
    assert problem["way"]["domain"]["verifyingContract"] == world.deployment.address("EventLedger")


def test_an_unreadable_signature_header_is_refused(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-5"))
    problem = api.post("/epcis/capture", document, 400, headers={"TradeSeal-Capture": "v=1"})
    assert slug(problem) == "invalid-request"
    assert "signer" in problem["detail"]


def test_a_signature_over_another_document_is_refused(world: ApiWorld, api: Client) -> None:
    headers = world.capture_headers(world.document(item("CAP-6")), world.maker)
    problem = api.post("/epcis/capture", world.document(item("CAP-7")), 403, headers=headers)
    assert slug(problem) == "signature-invalid"
    assert problem["signer"] == world.maker.key.address
    assert set(problem["expected"]) == {"root", "size", "cid", "deadline"}


def test_a_signature_for_another_chain_is_refused(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-8"))
    problem = api.post("/epcis/capture", document, 403, headers=world.foreign_header(document, world.maker))
    assert slug(problem) == "signature-invalid"


def test_a_signer_that_nobody_admitted_is_refused(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-9"))
    problem = api.post(
        "/epcis/capture", document, 403, headers=world.capture_headers(document, world.stranger)
    )
    assert slug(problem) == "signer-unknown"
    assert problem["signer"] == world.stranger.key.address


def test_a_deadline_that_is_over_is_refused(world: ApiWorld, api: Client) -> None:
    document = world.document(item("CAP-10"))
    headers = world.capture_headers(document, world.maker, deadline=world.now() - 1)
    problem = api.post("/epcis/capture", document, 410, headers=headers)
    assert slug(problem) == "deadline-expired"


def test_a_wrong_check_digit_is_named_with_its_place(world: ApiWorld, api: Client) -> None:
    good = world.document(item("CAP-11"))
    bad = good.replace(GTIN.encode(), GTIN[:-1].encode() + b"9")
    problem = api.post("/epcis/capture", bad, 400, headers=world.capture_headers(good, world.maker))
    assert slug(problem) == "invalid-document"
    assert problem["errors"][0]["pointer"].startswith("/epcisBody/eventList/0/epcList")


def test_an_undeclared_field_is_refused_and_a_declared_extension_kept(world: ApiWorld, api: Client) -> None:
    good = world.document(item("CAP-12"))
    document = json.loads(good)
    document["epcisBody"]["eventList"][0]["colour"] = "red"
    problem = api.post(
        "/epcis/capture", json.dumps(document).encode(), 400, headers=world.capture_headers(good, world.maker)
    )
    assert slug(problem) == "invalid-document"
    assert any("colour" in one["pointer"] for one in problem["errors"])

    document["@context"].append({"ex": "https://voc.example/"})
    event = document["epcisBody"]["eventList"][0]
    event["ex:colour"] = event.pop("colour")
    job = capture(world, api, json.dumps(document).encode())
    assert api.get(f"/epcis/events/{job['seals'][0]['sealId']}")["ex:colour"] == "red"


def test_numbers_that_json_lacks_and_broken_json_are_malformed(world: ApiWorld, api: Client) -> None:
    headers = world.capture_headers(world.document(item("CAP-13")), world.maker)
    for body in (b'{"a": NaN}', b"{", b"\xff", b'{"a": 1, "a": 2}'):
        problem = api.post("/epcis/capture", body, 400, headers=headers)
        assert slug(problem) in ("malformed-json", "invalid-document"), body


def test_events_are_found_by_their_fields_and_pages_survive_new_ones(world: ApiWorld, api: Client) -> None:
    for _ in range(3):
        capture(world, api, world.document(item("PAGE-1"), step="storing"))
    parameters: dict[str, str | int] = {"MATCH_anyEPC": item("PAGE-1"), "EQ_bizStep": "storing", "perPage": 2}
    first = api.http.get("/epcis/events", params=parameters)
    assert first.json()["type"] == "EPCISQueryDocument"
    capture(world, api, world.document(item("PAGE-1"), step="storing"))
    following = first.links["next"]["url"]
    second = api.http.get(following)
    ids = [one["eventID"] for answer in (first, second) for one in events_of(answer.json())]
    assert len(ids) == len(set(ids)) >= 3

    other = following.replace("storing", "shipping")
    assert slug(api.get(other, 400)) == "invalid-request"
    assert slug(api.get("/epcis/events?nextPageToken=x", 400)) == "invalid-request"


def events_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return found


def test_query_parameters_are_checked(api: Client) -> None:
    for query in ("GE_eventTime=yesterday", "perPage=0", "LT_eventTime=2026-01-01T00:00:00", "EQ_bizstep=x"):
        problem = api.get(f"/epcis/events?{query}", 400)
        assert slug(problem) == "invalid-request"
        assert query.partition("=")[0] in problem["errors"][0]["pointer"]


def test_an_event_id_of_several_events_names_the_candidates(world: ApiWorld, api: Client) -> None:
    document = json.loads(world.document(item("TWICE-1")))
    event = document["epcisBody"]["eventList"][0]
    first = capture(world, api, document_of(event))
    second = capture(world, api, document_of({**event, "bizStep": "shipping"}))
    problem = api.get(f"/epcis/events/{event['eventID']}", 409)
    seals = {first["seals"][0]["sealId"], second["seals"][0]["sealId"]}
    assert {one["sealId"] for one in problem["candidates"]} == seals
    for candidate in problem["candidates"]:
        assert api.get(candidate["href"])["eventID"] == event["eventID"]


def test_what_is_not_there_is_not_found(api: Client) -> None:
    for path in ("/epcis/events/urn:uuid:none", "/epcis/capture/none", f"/epcis/events/0x{'12' * 32}"):
        assert slug(api.get(path, 404)) == "not-found"


def test_an_attestation_is_an_operation_and_replaying_it_changes_nothing(
    world: ApiWorld, api: Client
) -> None:
    document = json.loads(world.document(item("ATT-1"), step="inspecting"))
    event = {"@context": document["@context"], **document["epcisBody"]["eventList"][0]}
    body = world.attestation_body(event, world.maker)
    first = api.post("/attestations", body)
    assert first["status"] == "mined"
    assert first["capture"]["success"] is True
    again = api.post("/attestations", body)
    assert again["transaction"] == first["transaction"]
    other = world.attestation_body(event, world.maker)
    assert api.post("/attestations", other)["transaction"] == first["transaction"]


def test_signed_fields_that_contradict_the_event_are_named(world: ApiWorld, api: Client) -> None:
    document = json.loads(world.document(item("ATT-2"), step="inspecting"))
    event = {"@context": document["@context"], **document["epcisBody"]["eventList"][0]}
    body = world.attestation_body(event, world.maker)
    body["attestation"]["eventTime"] = "1762334100000"
    problem = api.post("/attestations", body, 400)
    assert [one["pointer"] for one in problem["errors"]] == ["/attestation/eventTime"]
