"""An HTTP server that misbehaves: in place of any answer it sends what a vault that lies might send."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Handler = BaseHTTPRequestHandler


def wrong(handler: Handler) -> None:
    """Other bytes than were asked for."""
    _head(handler, 200, length=6)
    handler.wfile.write(b"forged")


def short(handler: Handler) -> None:
    """Fewer bytes than announced, then the end."""
    _head(handler, 200, length=1000)
    handler.wfile.write(b"sealed")
    handler.wfile.flush()
    handler.connection.close()


def endless(handler: Handler) -> None:
    """Bytes for as long as somebody reads."""
    _head(handler, 200, chunked=True)
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def vast(handler: Handler) -> None:
    """An object of a size that no disk holds."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-5/999999999999999")
    handler.send_header("Content-Length", "6")
    handler.end_headers()
    handler.wfile.write(b"SEALED")


def dripping(handler: Handler) -> None:
    """A byte now and then, so that no single read takes long."""
    _head(handler, 200, length=100_000)
    server = handler.server
    assert isinstance(server, _Server)
    while not server.closing.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def silent(handler: Handler) -> None:
    """Nothing at all."""
    server = handler.server
    assert isinstance(server, _Server)
    server.closing.wait()


def failing(handler: Handler) -> None:
    """An error that says nothing of the content."""
    _head(handler, 500, length=4)
    handler.wfile.write(b"oops")


def elsewhere(handler: Handler) -> None:
    """A redirection to a place that must not be asked."""
    handler.send_response(307)
    handler.send_header("Location", "http://127.0.0.1:9/forged")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def babbling(handler: Handler) -> None:
    """What is no HTTP."""
    handler.wfile.write(b"\x00\x01\x02 what do you mean?\r\n\r\n")
    handler.connection.close()


LIES: list[Callable[[Handler], None]] = [
    wrong,
    short,
    endless,
    vast,
    dripping,
    silent,
    failing,
    elsewhere,
    babbling,
]


def _head(handler: Handler, status: int, length: int | None = None, chunked: bool = False) -> None:
    handler.send_response(status)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    if chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    closing: threading.Event

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is hoped for."""


class Liar:
    """A running server that answers everything by one lie."""

    def __init__(self, lie: Callable[[Handler], None]) -> None:
        class Lying(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                lie(self)

            do_POST = do_GET  # noqa: N815 - names that the base class looks for
            do_PUT = do_GET  # noqa: N815
            do_HEAD = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Lying)
        self._server.closing = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
