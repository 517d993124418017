"""Who may speak to a member's gateway: whoever has its token, or programs of its own machine.

Without a token, being on that machine is what counts. A browser is there too, and sends what any web page
tells it to: such requests are told by their `Origin` and `Sec-Fetch-Site` (Fetch, section 3.2; Fetch
Metadata), and, where a page had its own name resolve to this machine, by their `Host`.
"""

import hmac
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, answer

_OPEN: Final = "/health"
"""told to everybody: it says nothing of what is submitted"""


class Guard:
    """ASGI middleware: nothing of a request is read before it is clear who may send it."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """`token`: bearer token asked of everybody; None: only this machine's programs are heard.

        Raises ValueError for an empty one, which anybody could give.
        """
        if token is not None and not token.strip():
            raise ValueError("token: is empty")
        self._app = app
        self._token = None if token is None else token.strip().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "http":
            problem = self._problem(Headers(scope=scope), scope["path"])
            if problem is not None:
                await answer(Request(scope), problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _problem(self, headers: Headers, path: str) -> Problem | None:
        if self._token is None:
            return _of_browser(headers)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if path == _OPEN:
            return None
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token):
            return None
        return Problem(
            401,
            "not-authorised",
            "a bearer token is required: Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer", "Connection": "close"},
        )


def _of_browser(headers: Headers) -> Problem | None:
    """Why a request is not one of a program on this machine."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_this_machine(hosts[0]):
        return _refused(f"Host {', '.join(hosts)[:200]!r}: must be this machine's own name")
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None:
        return _refused(f"Origin {origin[:200]!r}: web pages are not heard without a token")
    if site != "none":
        return _refused(f"Sec-Fetch-Site {site[:200]!r}: web pages are not heard without a token")
    return None


def _refused(detail: str) -> Problem:
    return Problem(403, "not-authorised", detail, headers={"Connection": "close"})


def is_this_machine(host: str) -> bool:
    """Whether a `Host` (RFC 9110, section 7.2) is `localhost` or a loopback address; a port may follow."""
    try:
        parsed = urlsplit(f"//{host}")
        name, _ = parsed.hostname, parsed.port
        if name is None or parsed.netloc != host or "@" in host:
            return False
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
