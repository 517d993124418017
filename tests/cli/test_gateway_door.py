"""What a service answers, whole or broken, means the right thing for a batch; real HTTP, made by hand."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.door import HttpDoor
from evidence.gateway import (
    DeadlinePassed,
    DoorError,
    Refusal,
    ServiceAway,
    SignerRejected,
    TooMuch,
    Unsettled,
)


@contextmanager
def answering(answer: bytes) -> Iterator[HttpDoor]:
    """A door to a service that gives these bytes to one request and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                request = b""
                while not request.endswith(b"{}"):
                    request += connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        door = HttpDoor(f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            yield door
        finally:
            door.close()
            thread.join(10)


def whole(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(head).encode() + body


JOB = {"captureID": "j-1", "running": True, "success": False}
CASES: dict[str, tuple[bytes, type[DoorError]]] = {
    "nothing": (b"", Unsettled),
    "half a head": (b"HTTP/1.1 202 Acc", Unsettled),
    "half a body": (b"HTTP/1.1 202 x\r\nContent-Length: 99\r\n\r\n{", Unsettled),
    "no JSON": (whole(202, b"accepted"), Unsettled),
    "deep JSON": (whole(202, b"[" * 200_000), Unsettled),
    "no job": (whole(202, b"{}"), Unsettled),
    "no job's id": (whole(202, json.dumps({**JOB, "captureID": "../../x?y"}).encode()), Unsettled),
    "success in words": (whole(202, json.dumps({**JOB, "success": "false"}).encode()), Unsettled),
    "strange transaction": (whole(202, json.dumps({**JOB, "transaction": {"a": 1}}).encode()), Unsettled),
    "endless": (whole(202, b" " * (9 * 1024 * 1024)), Unsettled),
    "500": (whole(500, b'{"detail": "in the log"}'), Unsettled),
    "500 of a proxy": (whole(500, b"<html>"), Unsettled),
    "502": (whole(502, b"<html>"), Unsettled),
    "504": (whole(504, b"{}"), Unsettled),
    "409": (whole(409, b'{"detail": "key reused"}'), Unsettled),
    "elsewhere": (whole(302, b"{}", "Location: http://127.0.0.1:1/"), Unsettled),
    "503": (whole(503, b'{"detail": "later"}'), ServiceAway),
    "503 of a proxy": (whole(503, b"<html>"), ServiceAway),
    "429": (whole(429, b"{}"), ServiceAway),
    "400": (whole(400, b'{"detail": "bad", "errors": 7}'), Refusal),
    "403": (whole(403, b"{}"), SignerRejected),
    "410": (whole(410, b"{}"), DeadlinePassed),
    "413": (whole(413, b"{}"), TooMuch),
}


@pytest.mark.parametrize(("answer", "meaning"), CASES.values(), ids=list(CASES))
def test_each_answer_means_one_thing(answer: bytes, meaning: type[DoorError]) -> None:
    with answering(answer) as door, pytest.raises(DoorError) as caught:
        door.capture(b"{}", "v=1")
    assert type(caught.value) is meaning


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((), None),
        (("Retry-After: 7",), 7.0),
        (("Retry-After: soon",), None),
        (("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:07 GMT"), 30.0),
        (("Retry-After: Sun, 06 Nov 1994 08:49:37 -0000", "Date: Sun, 06 Nov 1994 08:49:07 GMT"), None),
    ],
)
def test_the_time_to_come_again_is_read_as_it_is_given(
    headers: tuple[str, ...], seconds: float | None
) -> None:
    with answering(whole(503, b"{}", *headers)) as door, pytest.raises(ServiceAway) as caught:
        door.capture(b"{}", "v=1")
    assert caught.value.answered
    assert caught.value.retry_after == seconds
