"""The gateway's own HTTP door and the commands that talk to it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.gateway import create_gateway_app
from chain.database import open_engine
from cli.failure import Failure
from cli.gatewaying import address_of
from cli.submitting import documents_of
from evidence.gateway import Bounds, Gateway
from evidence.gateway.migrations import upgrade_gateway
from tests.cli.program import tradeseal
from tests.evidence import documents as docs
from tests.evidence.gateway.model_service import DOMAIN, MEMBER, NETWORK, ModelService, holds
from tests.evidence.gateway.test_gateway import LIMITS
from tests.evidence.world import wait_until

pytestmark = pytest.mark.slow


@dataclass
class Served:
    """A gateway behind its door; somebody has to drive it."""

    service: ModelService
    gateway: Gateway
    http: httpx.Client

    def post(self, body: bytes, path: str = "/epcis/capture", status: int = 202) -> Any:
        answer = self.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    def settle(self) -> None:
        while not self.gateway.idle:
            done = self.gateway.run_once()
            self.service.now += 0 if done.busy else max(done.next_due or 0, 0.001)


@contextmanager
def serving(folder: Path, token: str | None = None, bounds: Bounds = LIMITS.bounds) -> Iterator[Served]:
    engine = open_engine(f"sqlite:///{folder / 'spool.db'}")
    upgrade_gateway(engine)
    service = ModelService()
    gateway = Gateway(
        engine,
        service,
        service.key,
        DOMAIN,
        network=NETWORK,
        member=MEMBER,
        limits=replace(LIMITS, bounds=bounds),
        clock=lambda: service.now,
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = create_gateway_app(gateway, token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=40, trust_env=False) as client:
            yield Served(service, gateway, client)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        engine.dispose()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as made:
        yield made


def document(name: str, count: int) -> bytes:
    return docs.document(*[docs.commissioning(f"{name}-{number}") for number in range(count)])


def test_a_document_gets_receipts_then_states_then_proofs(served: Served) -> None:
    given = document("http", 3)
    answer = served.post(given)
    assert [one["state"] for one in answer["receipts"]] == ["accepted"] * 3
    waiting = served.get(f"/capture/{answer['captureID']}")
    assert waiting["running"]
    seal_id = answer["receipts"][0]["sealId"]
    assert "has no proof yet" in served.get(f"/events/{seal_id}/proof", 404)["detail"]
    served.settle()
    done = served.get(f"/capture/{answer['captureID']}")
    assert (done["running"], done["success"]) == (False, True)
    assert holds(served.get(f"/events/{seal_id}/proof"), served.service.anchored)
    assert served.get(f"/events/{seal_id}")["state"] == "final"
    assert served.get("/status")["final"] == 3
    assert served.get("/health")["takesEvents"]
    served.get("/events/0x" + "00" * 32, 404)
    served.get("/capture/" + "0" * 32, 404)
    served.get("/capture/%00", 400)


def test_each_bad_event_is_named_and_none_is_taken(served: Served) -> None:
    bad = {**docs.commissioning("bad"), "action": "PERHAPS"}
    problem = served.post(docs.document(bad, docs.commissioning("good"), bad), status=400)
    assert {one["event"] for one in problem["errors"]} == {0, 2}
    assert served.get("/status")["waitingEvents"] == 0


def test_a_refused_event_is_listed_and_its_document_kept(served: Served) -> None:
    seal_id = served.post(document("refused", 1))["receipts"][0]["sealId"]
    kept = served.get(f"/events/{seal_id}/document")
    served.service.bad = {bytes.fromhex(seal_id[2:]): "has no licence"}
    served.settle()
    assert served.get("/status")["refusals"] == [{"sealId": seal_id, "reason": "has no licence"}]
    assert served.get(f"/events/{seal_id}/document") == kept
    served.service.bad = {}
    assert served.post(json.dumps(kept).encode())["receipts"][0]["sealId"] == seal_id
    served.settle()
    assert served.get(f"/events/{seal_id}")["state"] == "final"
    assert served.get("/status")["refusals"] == []


def test_too_many_events_in_one_document_are_413(served: Served) -> None:
    problem = served.post(document("many", 21), status=413)
    assert problem["limit"] == 20


def test_a_full_spool_is_503_with_the_time_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path, bounds=Bounds(events=5)) as served:
        served.post(document("a", 5))
        json_type = {"Content-Type": "application/json"}
        answer = served.http.post("/epcis/capture", content=document("b", 1), headers=json_type)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "5 events" in answer.json()["detail"]
        served.get("/health", 503)
        served.settle()
        served.post(document("b", 1))


def test_an_effect_is_attested_singly(served: Served) -> None:
    event = json.loads(docs.bare(docs.delivery()))
    effect = {"order": "0x" + "05" * 32, "milestone": 1, "consumer": "0x" + "44" * 20}
    answer = served.post(json.dumps({"event": event, "effect": effect}).encode(), "/attestations")
    served.settle()
    assert served.service.attested == [bytes.fromhex(answer["receipts"][0]["sealId"][2:])]
    served.post(b'{"event": {}, "effect": {"milestone": -1}}', "/attestations", 400)
    served.post(b"{", "/attestations", 400)


def test_with_a_token_nobody_without_it_is_heard(tmp_path: Path) -> None:
    with serving(tmp_path, "secret") as served:
        served.post(document("a", 1), status=401)
        served.get("/status", 401)
        served.get("/health")
        served.http.headers["Authorization"] = "Bearer wrong"
        served.get("/status", 401)
        served.http.headers["Authorization"] = "Bearer secret"
        served.post(document("a", 1))


def test_commands_submit_files_and_lines_and_tell_where_events_are(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADESEAL_GATEWAY_URL", str(served.http.base_url))
    whole, lines = tmp_path / "whole.jsonld", tmp_path / "lines.ndjson"
    whole.write_text(json.dumps(json.loads(document("file", 2)), indent=2))
    lines.write_bytes(
        b"\n".join(docs.bare(docs.commissioning(f"line-{number}")) for number in range(3)) + b"\n"
    )
    found = tradeseal("gateway", "submit", str(whole), str(lines), "--json")
    assert found.code == 0, found.err
    assert [len(one["receipts"]) for one in found.data["documents"]] == [2, 1, 1, 1]
    seal_id = found.data["documents"][0]["receipts"][0]["sealId"]
    assert tradeseal("gateway", "proof", seal_id).code == 1
    served.settle()
    assert tradeseal("gateway", "status", "--json").data["final"] == 5
    assert "final" in tradeseal("gateway", "status").out
    assert holds(tradeseal("gateway", "proof", seal_id, "--json").data, served.service.anchored)
    again = tradeseal("gateway", "submit", str(whole))
    assert "2 events accepted, 0 new" in again.out
    whole.write_bytes(docs.document({**docs.commissioning("x"), "action": "PERHAPS"}))
    refused = tradeseal("gateway", "submit", str(whole), "--json")
    assert refused.code == 1
    assert not refused.data["documents"][0]["accepted"]


def test_a_gateway_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESEAL_GATEWAY_URL", "http://127.0.0.1:1")
    assert tradeseal("gateway", "status").code == 3


@pytest.mark.parametrize("listen", ["0.0.0.0:8438", "192.0.2.1:1", "example.com:80", "[::]:5"])
def test_others_reach_a_gateway_only_with_a_token(listen: str) -> None:
    with pytest.raises(Failure, match="TRADESEAL_GATEWAY_TOKEN"):
        address_of(listen, None)
    assert address_of(listen, "secret")[1] == int(listen.rpartition(":")[2])
    assert address_of("127.0.0.1:0", None) == ("127.0.0.1", 0)
    assert address_of("[::1]:7", None) == ("::1", 7)


def test_a_file_is_one_document_or_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "given"
    cases: list[tuple[bytes, int]] = [(b'{"a":\n1}', 1), (b'{"a":1}', 1), (b'{"a":1}\n\n{"b":2}\n', 2)]
    for content, count in cases:
        path.write_bytes(content)
        parts = list(documents_of(str(path)))
        assert [json.loads(part) for part in parts]
        assert len(parts) == count


def test_what_a_service_answers_means_the_right_thing_for_a_batch(served: Served) -> None:
    """Proven with the gateway's own door as the service: it is HTTP with the same problems."""
    from cli.door import HttpDoor
    from evidence.gateway import Refusal, ServiceAway, TooMuch, Unsettled

    door = HttpDoor(str(served.http.base_url))
    bad = {**docs.commissioning("bad"), "action": "PERHAPS"}
    with pytest.raises(Refusal) as caught:
        door.capture(docs.document(docs.commissioning("good"), bad), "v=1")
    assert list(caught.value.events) == [1]
    with pytest.raises(TooMuch):
        door.capture(document("many", 21), "v=1")
    with pytest.raises(Unsettled):  # receipts are no job
        door.capture(document("good", 1), "v=1")
    assert door.job("unknown") is None
    door.close()
    gone = HttpDoor("http://127.0.0.1:1")
    with pytest.raises(ServiceAway):
        gone.job("x")
    gone.close()
