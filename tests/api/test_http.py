"""What every route does with requests that are wrong as HTTP or as JSON."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.world import GTIN, MAX_BODY, ApiWorld, Client, slug

pytestmark = pytest.mark.slow


def test_unknown_paths_and_methods_are_problems(api: Client) -> None:
    assert slug(api.get("/nothing", 404)) == "not-found"
    answer = api.http.put("/members")
    assert answer.status_code == 405
    assert slug(answer.json()) == "method-not-allowed"
    assert answer.headers["content-type"] == "application/problem+json"


def test_head_is_get_without_content(api: Client) -> None:
    answer = api.http.head("/members")
    assert answer.status_code == 200
    assert answer.content == b""
    assert api.http.head(f"/items/{GTIN}/NOBODY").status_code == 404


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]]", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b"\xff\xfe", b"[" * 5000]
)
def test_what_is_no_json_is_malformed(api: Client, body: bytes) -> None:
    assert slug(api.post("/rights/licences", body, 400)) == "malformed-json"


def test_a_number_beyond_json_is_named_with_its_place(api: Client) -> None:
    problem = api.post("/rights/licences", b'{"message": {"quantity": 9007199254740993}}', 400)
    assert slug(problem) == "malformed-json"
    assert problem["errors"][0]["pointer"] == "/message/quantity"


def test_every_wrong_member_is_named(api: Client) -> None:
    problem = api.post("/escrows/withdrawals", {"token": "0x12", "colour": "red"}, 400)
    assert slug(problem) == "invalid-request"
    assert {one["pointer"] for one in problem["errors"]} == {"/token", "/account", "/colour"}


def test_undeclared_members_inside_a_message_are_named(world: ApiWorld, api: Client) -> None:
    body = world.mint(1).to_json()
    body["message"]["colour"] = "red"
    assert "colour" in api.post("/tokens/mints", body, 400)["detail"]


def test_other_media_types_are_refused(api: Client) -> None:
    problem = api.post("/escrows/withdrawals", b"a=1", 415, headers={"Content-Type": "text/plain"})
    assert slug(problem) == "unsupported-media-type"


def test_a_wrong_path_parameter_is_named(api: Client) -> None:
    for path in ("/operations/abc", "/escrows/0x12", "/rights/licences/abc", "/members/123"):
        problem = api.get(path, 400)
        assert slug(problem) == "invalid-request"
        assert problem["errors"][0]["pointer"].startswith("/path/")


def test_unknown_operations_are_not_found(api: Client) -> None:
    assert slug(api.get("/operations/999999", 404)) == "not-found"


def test_a_body_over_the_limit_is_refused_before_it_is_read(api: Client) -> None:
    answer = api.http.post("/epcis/capture", content=b" " * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert slug(answer.json()) == "body-too-large"
    assert answer.json()["limit"] == MAX_BODY
    assert api.get("/members")["members"]


def test_a_chunked_body_over_the_limit_is_cut(api: Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 4096 + 2):
            yield b" " * 4096

    with httpx.Client(base_url=api.url, trust_env=False) as client:
        answer = client.post("/epcis/capture", content=chunks())
    assert answer.status_code == 413
    assert slug(answer.json()) == "body-too-large"
    assert api.get("/members")["members"]


def test_the_limit_answers_while_the_client_still_sends(api: Client) -> None:
    """A client that never stops sending gets the answer and then the end of the connection."""
    host = urlsplit(api.url)
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as connection:
        connection.sendall(b"POST /epcis/capture HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
        for _ in range(MAX_BODY // 65536 + 1):
            connection.sendall(chunk)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in head.lower()
    assert slug(json.loads(body)) == "body-too-large"


def test_headers_keep_browsers_from_guessing(api: Client) -> None:
    for path in ("/members", "/nothing", "/docs", "/"):
        headers = api.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_pages_of_the_service_are_there(api: Client) -> None:
    assert "/escrows/{order}/funding" in api.http.get("/docs").text
    assert "text/css" in api.http.get("/assets/page.css").headers["content-type"]
    assert api.http.get("/assets/../app.py").status_code == 404
    assert slug(api.get("/assets/app.py", 404)) == "not-found"


def test_nothing_is_told_about_unexpected_errors(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.app import create_app

    app = create_app(world.services())

    def broken() -> Any:
        raise RuntimeError("secret detail")

    app.add_api_route("/broken", broken)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/broken")

    import asyncio

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert slug(answer.json()) == "internal"
    assert "secret" not in answer.text
