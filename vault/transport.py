"""HTTP to a store that may be slow, short, endless or away: every answer is bounded in bytes and in time."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import urllib3

from vault.content import StoreUnavailable

_CONNECT_WITHIN: Final = 5.0
_PIECE: Final = 64 * 1024
_CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class AnswerTooLong(Exception):
    """The answer has more bytes than were allowed for it; it was not read further."""


class Endpoint:
    """One HTTP server, with connections kept open; may be used by several threads.

    `timeout` is in seconds: for one answer from the request to its last byte. `place` names it in errors.
    """

    def __init__(
        self, url: str, timeout: float, place: str, headers: Mapping[str, str] | None = None
    ) -> None:
        parts = urlsplit(url)
        self.place = place
        self.timeout = timeout
        self._headers = dict(headers or {})
        self._prefix = parts.path.rstrip("/")
        kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
        self._pool = kind(
            parts.hostname or "",
            parts.port,
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=min(_CONNECT_WITHIN, timeout), read=timeout),
            retries=False,
        )

    def close(self) -> None:
        """Close connections that are kept."""
        self._pool.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        limit: int,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, read an answer of at most `limit` bytes. Raises StoreUnavailable, AnswerTooLong.

        A body that is no bytes is sent in chunks; the time that sending takes is not counted.
        """
        with self._response(method, path, body, headers) as response:
            deadline = time.monotonic() + self.timeout
            pieces: list[bytes] = []
            room = limit
            for piece in self._pieces(response, deadline):
                room -= len(piece)
                if room < 0:
                    raise AnswerTooLong
                pieces.append(piece)
            return Answer(response.status, response.headers, b"".join(pieces))

    def lines(self, method: str, path: str, *, longest: int = 1 << 20) -> Iterator[tuple[int, bytes]]:
        """(HTTP status, line) of an answer of any length, as it comes; `timeout` counts for each piece.

        Raises StoreUnavailable, AnswerTooLong where one line has more than `longest` bytes.
        """
        with self._response(method, path, None, None) as response:
            rest = b""
            for piece in self._pieces(response, None):
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    yield response.status, line
                if len(rest) > longest:
                    raise AnswerTooLong
            if rest:
                yield response.status, rest
            elif response.status != 200:
                raise StoreUnavailable(self.place, f"answered with HTTP status {response.status}")

    @contextmanager
    def _response(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str] | None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """A response whose body is not read yet; its connection is kept only where it was read whole."""
        response = None
        sent = body if body is None or isinstance(body, bytes) else _Sent(body)
        try:
            for last in (False, True):
                try:
                    response = self._pool.urlopen(
                        method,
                        self._prefix + path,
                        body=sent,
                        headers={**self._headers, **(headers or {})},
                        preload_content=False,
                        redirect=False,
                        assert_same_host=False,
                    )
                    break
                except urllib3.exceptions.ProtocolError:
                    # A kept connection that the server closed meanwhile; a stream cannot be sent twice.
                    if last or isinstance(sent, _Sent):
                        raise
            assert response is not None  # noqa: S101 - the loop ends by a response or an error
            yield response
            response.release_conn()
            response = None
        except Exception as error:
            if isinstance(sent, _Sent) and sent.error is not None:
                raise sent.error from None
            failure = self._failure(error)
            if failure is None:
                raise
            raise failure from error
        finally:
            if response is not None:
                response.close()

    def _failure(self, error: Exception) -> StoreUnavailable | None:
        """What urllib3 raises, as the vault says it; None for other errors."""
        match error:
            case urllib3.exceptions.NewConnectionError():  # which urllib3 counts among its timeouts
                return StoreUnavailable(self.place, _reason(error))
            case urllib3.exceptions.TimeoutError():
                return self._late()
            case urllib3.exceptions.HTTPError() | OSError():
                return StoreUnavailable(self.place, _reason(error))
        return None

    def _pieces(self, response: urllib3.BaseHTTPResponse, deadline: float | None) -> Iterator[bytes]:
        while True:
            piece = response.read1(_PIECE, decode_content=False)
            if not piece:
                return
            yield piece
            if deadline is not None and time.monotonic() > deadline:
                raise self._late()

    def _late(self) -> StoreUnavailable:
        return StoreUnavailable(self.place, f"gave no whole answer within {self.timeout:g} s")


class _Sent:
    """A body that is made while it is sent; remembers the error of its making."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise


def _reason(error: Exception) -> str:
    """The innermost reason in few words: urllib3 wraps them, with object addresses in the text."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
