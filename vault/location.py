"""Opens a vault by its URLs.

| URL | store |
| --- | --- |
| `file:///srv/vault` | a folder |
| `ipfs+http://127.0.0.1:5001` | a Kubo daemon's RPC API (`ipfs+https` too); `?timeout=SECONDS&pin=NAME` |
| `s3+https://host/bucket/prefix` | S3-compatible storage (`s3+http` too); `?region=NAME&timeout=SECONDS` |

Several, separated by commas or spaces, are one replicated vault: read in this order, written to all of them.
Credentials never stand in a URL: they would end up in logs and process lists.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from vault.content import Vault
from vault.ledger import Ledger
from vault.store import LocalStore

_TIMEOUT: Final = 30.0
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_S3_OPTIONS: Final = frozenset({"region", "timeout"})
_IPFS_OPTIONS: Final = frozenset({"timeout", "pin"})


class LocationError(ValueError):
    """A vault's URL that cannot be used; the text never repeats credentials."""


@dataclass(frozen=True, slots=True)
class Location:
    """One store's URL, read. `options` are of the URL's query."""

    scheme: str
    host: str
    port: int | None
    path: str
    options: dict[str, str]

    @property
    def server(self) -> str:
        """URL of the HTTP server behind an `ipfs+` or `s3+` URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme.partition('+')[2]}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def timeout(self) -> float:
        """Seconds for one answer."""
        return float(self.options.get("timeout", _TIMEOUT))


def read_locations(text: str) -> list[Location]:
    """The stores that a setting names. Raises LocationError."""
    urls = [url for url in re.split(r"[\s,]+", text) if url]
    if not urls:
        raise LocationError("no URL is given")
    found = [_read(url) for url in urls]
    for number, one in enumerate(found):
        if one in found[:number]:
            raise LocationError(f"{urls[number]}: is given twice")
    return found


def _read(url: str) -> Location:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise LocationError(f"vault URL {url.rpartition('@')[2]!r}: {error}") from None
    if "@" in parts.netloc:
        raise LocationError(
            f"vault URL of {parts.hostname!r}: credentials do not belong into it; S3 takes them from "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    one = Location(parts.scheme, parts.hostname or "", port, unquote(parts.path), options)
    shown = f"vault URL {parts.scheme}://{parts.netloc}{parts.path}"
    match parts.scheme:
        case "file":
            if one.host not in ("", "localhost") or not one.path.startswith("/") or one.path == "/":
                raise LocationError(f"{shown}: a folder is given as file:///absolute/path")
            allowed: frozenset[str] = frozenset()
        case "ipfs+http" | "ipfs+https":
            if not one.host or one.path not in ("", "/"):
                raise LocationError(f"{shown}: a daemon is given as {parts.scheme}://HOST:PORT")
            allowed = _IPFS_OPTIONS
        case "s3+http" | "s3+https":
            if not one.host or not _BUCKET.fullmatch(one.path.strip("/").split("/")[0]):
                raise LocationError(f"{shown}: storage is given as {parts.scheme}://HOST/BUCKET[/PREFIX]")
            allowed = _S3_OPTIONS
        case _:
            known = "file:, ipfs+http:, ipfs+https:, s3+http: and s3+https:"
            raise LocationError(f"vault URL with scheme {parts.scheme!r}: known are {known}")
    unknown = sorted(set(options) - allowed)
    if unknown:
        # A value may be a credential that somebody put there: only the name is repeated.
        raise LocationError(f"{shown}: option {unknown[0]!r} is not known")
    try:
        usable = 0 < one.timeout <= 3600
    except ValueError:
        usable = False
    if not usable:
        raise LocationError(f"{shown}: timeout {options['timeout']!r} is no number of seconds up to 3600")
    return one


def open_vault(
    text: str,
    state: Path,
    *,
    acknowledge: int | None = None,
    ipfs_authorization: str | None = None,
) -> Vault:
    """The vault that the URLs name. Raises LocationError, StoreUnavailable.

    `state` is a folder of this installation: its ledger of pins and owed copies, and content on its way. Of
    several stores, `acknowledge` must have a write before it counts; None: all. `ipfs_authorization` is sent
    to daemons as the HTTP header Authorization.
    """
    locations = read_locations(text)
    if acknowledge is not None and not 1 <= acknowledge <= len(locations):
        raise LocationError(
            f"{acknowledge} stores are to acknowledge a write, and {len(locations)} are given"
        )
    if len(locations) == 1 and locations[0].scheme == "file":
        return LocalStore(Path(locations[0].path))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = Ledger(state / "vault.db")
    spool = state / "vault-spool"
    opened = [_open(one, ledger, spool, ipfs_authorization) for one in locations]
    if len(opened) == 1:
        return opened[0]
    from vault.replicated import ReplicatedStore

    try:
        return ReplicatedStore(opened, ledger, spool, acknowledge)
    except ValueError as error:  # two URLs of one place
        raise LocationError(str(error)) from None


def _open(one: Location, ledger: Ledger, spool: Path, authorization: str | None) -> Vault:
    # Each kind's libraries are imported only where it is used: a command starts half a second sooner.
    openers: dict[str, Callable[[], Vault]] = {
        "file": lambda: LocalStore(Path(one.path)),
        "ipfs": lambda: _open_ipfs(one, ledger, authorization),
        "s3": lambda: _open_s3(one, spool),
    }
    return openers[one.scheme.partition("+")[0]]()


def _open_ipfs(one: Location, ledger: Ledger, authorization: str | None) -> Vault:
    from vault.ipfs import PIN_NAME, IpfsStore

    return IpfsStore(one.server, ledger, one.timeout, authorization, one.options.get("pin", PIN_NAME))


def _open_s3(one: Location, spool: Path) -> Vault:
    from vault.s3 import S3Store

    bucket, _, prefix = one.path.strip("/").partition("/")
    return S3Store(
        one.server,
        bucket,
        spool,
        prefix=prefix,
        region=one.options.get("region", "us-east-1"),
        timeout=one.timeout,
    )
