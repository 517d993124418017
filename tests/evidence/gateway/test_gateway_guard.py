"""Nobody but whom it is for reaches a gateway: no web page, no empty token, nobody who is only slow."""

import socket
from pathlib import Path

import pytest
from pydantic import SecretStr

from api import gateway as gateway_app
from api.gateway_guard import Guard, is_this_machine
from cli.failure import Failure
from cli.gatewaying import token_of
from cli.session import Session
from tests.evidence.gateway.test_gateway_http import Served, document, served, serving

__all__ = ["served"]

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {**JSON, "Origin": "https://evil.example"},
        {**JSON, "Origin": "null"},
        {**JSON, "Sec-Fetch-Site": "cross-site"},
        {**JSON, "Sec-Fetch-Site": "same-origin"},  # of a page whose name was made to lead here
        {**JSON, "Host": "evil.example:8438"},
        {**JSON, "Host": "127.0.0.1.evil.example"},
        {**JSON, "Host": ""},
    ],
)
def test_a_web_page_cannot_have_events_signed(served: Served, headers: dict[str, str]) -> None:
    answer = served.http.post("/epcis/capture", content=document("page", 1), headers=headers)
    assert answer.status_code == 403, answer.text
    assert served.http.get("/status", headers=headers).status_code == 403
    assert served.gateway.idle


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_what_a_form_can_send_is_not_taken(served: Served, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = served.http.post("/epcis/capture", content=document("form", 1), headers=headers)
    assert answer.status_code == 415, answer.text
    assert served.http.post("/attestations", content=b"{}", headers=headers).status_code == 415
    assert served.gateway.idle


def test_with_a_token_every_path_but_health_asks_for_it(tmp_path: Path) -> None:
    with serving(tmp_path, "a secret of some length") as guarded:
        for path in ("/openapi.json", "/redoc", "/docs", "/nowhere", "/status", "/health/"):
            assert guarded.http.get(path).status_code == 401, path
        told = guarded.get("/health")
        assert "away" not in told, "the reason is not for everybody"
        for wrong in (b"", b"Bearer", b"Bearer \xe4", b"Basic a secret of some length"):
            given = [(b"Authorization", wrong)]
            assert guarded.http.get("/status", headers=given).status_code == 401
        given = [(b"Authorization", b"bearer a secret of some length"), (b"Origin", b"https://own.example")]
        assert guarded.http.get("/status", headers=given).status_code == 200


@pytest.mark.parametrize("token", ["", "  ", "short"])
def test_a_token_that_anybody_could_give_is_none(token: str) -> None:
    session = Session()
    session.__dict__["settings"] = session.settings.model_copy(update={"gateway_token": SecretStr(token)})
    with pytest.raises(Failure, match="TRADESEAL_GATEWAY_TOKEN") as caught:
        token_of(session)
    assert "short" not in str(caught.value)


def test_an_empty_token_guards_nothing_and_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Guard(lambda *_: None, " ")  # type: ignore[arg-type]  # never called


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:8438", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8438", True),
        ("127.9.9.9", True),
        ("[::1", False),
        ("localhost.evil.example", False),
        ("user@localhost", False),
        ("localhost/x", False),
        ("localhost:port", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_hosts_of_this_machine(host: str, own: bool) -> None:
    assert is_this_machine(host) is own


def test_clients_that_never_end_their_bodies_are_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_app, "_BODY_SECONDS", 0.2)
    url = served.http.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=20) as slow:
        slow.sendall(
            b"POST /epcis/capture HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        assert slow.recv(65_536).startswith(b"HTTP/1.1 408")
    served.post(document("after", 1))


def test_a_spool_that_cannot_be_written_is_503_and_acknowledges_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is full: told by SQLite itself, at the size that the file has by now."""
    engine = served.gateway.spool.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    from sqlalchemy import event

    def bound(connection: object, *_: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(engine, "begin", bound, insert=True)
    try:
        answer = served.http.post("/epcis/capture", content=document("full", 20), headers=JSON)
        big = [
            served.http.post("/epcis/capture", content=document(f"full-{n}", 10), headers=JSON)
            for n in range(3)
        ]
    finally:
        event.remove(engine, "begin", bound)
    refused = [one for one in (answer, *big) if one.status_code == 503]
    assert refused, "the disk never was full"
    assert all(int(one.headers["Retry-After"]) > 0 for one in refused)
    assert "commissioning" not in caplog.text, "documents do not reach the log"
