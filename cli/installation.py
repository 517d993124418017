"""This installation as commands read it directly: its chain, deployment, mirror and vault."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chain import deployment
from chain.deployment import Deployment
from cli.failure import Exit, Failure
from cli.home import Home, HomeError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chain.rpc import Rpc
    from cli.settings import Settings
    from evidence.bundle import Trust
    from vault.content import ContentStore


@dataclass(frozen=True, slots=True)
class Installation:
    """What was opened; `deployment` is of the chain that `rpc` serves."""

    rpc: "Rpc"
    deployment: Deployment
    mirror: "Engine"
    store: "ContentStore"


@contextmanager
def chain_of(
    settings: "Settings", home: Home, url: str | None = None, exclusive: bool = False
) -> Iterator[str]:
    """URL of the installation's node while it is used.

    The one given, else TRADESEAL_RPC_URL, else that of the running service; where none runs, the embedded
    chain is started for as long as this lasts. `exclusive` keeps every other process from serving meanwhile.
    Raises Failure.
    """
    with ExitStack() as stack:
        if not home.root.is_dir():
            raise Failure(f"home {home.root}: nothing is installed there", Exit.UNCHECKED)
        given = url or (str(settings.rpc_url) if settings.rpc_url is not None else None)
        held = False
        if exclusive or (given is None and not home.served):
            try:
                stack.enter_context(home.lock())
                held = True
            except HomeError as error:
                if exclusive:
                    raise Failure(f"{error}: end it first") from None
        if given is None and not held:
            given = home.service_rpc_url()
            if given is None:
                raise Failure(f"home {home.root}: is starting or ending", Exit.UNREACHABLE)
        if given is None:
            if not home.chain.is_dir() or not any(home.chain.iterdir()):
                raise Failure(f"home {home.root}: no chain was ever started there", Exit.UNCHECKED)
            from chain import anvil

            try:
                given = stack.enter_context(anvil.start(home.chain)).url
            except anvil.AnvilError as error:
                raise Failure(str(error), Exit.UNREACHABLE) from None
        yield given


@contextmanager
def opened(
    settings: "Settings", home: Home, url: str | None = None, exclusive: bool = False
) -> Iterator[Installation]:
    """Chain, deployment, mirror and vault of this installation. Raises Failure where one is missing."""
    from chain.rpc import Rpc
    from chain.sender import read_identity
    from cli.content import opened_vault

    with ExitStack() as stack:
        node = stack.enter_context(chain_of(settings, home, url, exclusive))
        rpc = stack.enter_context(Rpc(node))
        identity = read_identity(rpc)
        found = deployment.load(home.deployments, identity)
        if found is None:
            raise Failure(f"network {identity}: no deployment is known in {home.deployments}", Exit.UNCHECKED)
        mirror = stack.enter_context(existing_mirror(settings, home))
        if mirror is None:
            raise Failure(f"home {home.root}: has no mirror yet; start `tradeseal up`", Exit.UNCHECKED)
        store = stack.enter_context(opened_vault(settings, home))
        yield Installation(rpc, found, mirror, store)


@contextmanager
def existing_mirror(settings: "Settings", home: Home) -> "Iterator[Engine | None]":
    """The mirror's database; None where there is none yet."""
    from cli.node import open_mirror

    if settings.database is None and not (home.root / "mirror.db").exists():
        yield None
        return
    engine = open_mirror(settings, home)
    try:
        yield engine
    finally:
        engine.dispose()


def known_deployment(home: Home, trust: "Trust | None") -> Deployment | None:
    """The deployment that a trust anchor is of, else the only one there is; None where that leaves none."""
    records = sorted(home.deployments.glob("*.json")) if home.deployments.is_dir() else []
    found = [deployment.read(path) for path in records]
    if trust is not None:
        wanted = (trust.chain_id, trust.first_block)
        found = [one for one in found if (one.chain_id, one.identity.first_block_hash) == wanted]
    return found[0] if len(found) == 1 else None


def trust_of(settings: "Settings", home: Home, given: Path | None) -> "Trust | None":
    """The trust anchor: --trust, else TRADESEAL_TRUST, else what this installation's own deployment wrote.

    None where there is none; a file that is named and cannot be read is a Failure.
    """
    from cli.files import read_bytes
    from evidence.bundle import BundleError, read_trust

    path = given or settings.trust
    if path is None:
        if not home.trust_file.exists():
            return None
        path = home.trust_file
    try:
        return read_trust(read_bytes(path))
    except BundleError as error:
        raise Failure(f"{path}: {error}", Exit.UNCHECKED) from None


def write_trust(home: Home, network: Deployment) -> None:
    """What this installation itself deployed, or was told out of band, is what its `verify` trusts."""
    text = json.dumps(network.trust_anchor(), indent=2) + "\n"
    with suppress(OSError):
        if home.trust_file.read_text(encoding="utf-8") == text:
            return
    part = Path(f"{home.trust_file}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(home.trust_file)
