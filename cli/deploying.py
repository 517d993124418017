"""Deployment to a chain that is not the embedded one."""

import threading
from collections.abc import Callable, Sequence

from chain import deployment
from chain.deploy import Plan, TokenPlan, check, deploy
from chain.deployment import Deployment, DeploymentError
from chain.rpc import Rpc
from chain.sender import Sender, SenderSettings
from cli import acts
from cli.failure import Exit, Failure
from cli.funds import missing_coins
from cli.home import Home, HomeError
from cli.installation import write_trust
from cli.node import RELAYER, open_databases
from cli.settings import Settings


def parse_token(text: str) -> TokenPlan:
    """A token from `CUR:DECIMALS:GLN:SYMBOL:NAME`. Raises Failure."""
    parts = text.split(":", 4)
    if len(parts) != 5 or not all(parts):
        raise Failure(f"token {text[:80]!r}: must be CUR:DECIMALS:GLN:SYMBOL:NAME", Exit.UNCHECKED)
    currency, decimals, issuer, symbol, name = parts
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise Failure(f"token {text!r}: currency {currency!r} is no ISO 4217 code", Exit.UNCHECKED)
    if not decimals.isdecimal() or int(decimals) > 18:
        raise Failure(f"token {text!r}: decimals {decimals!r} must be 0 to 18", Exit.UNCHECKED)
    return TokenPlan(name, symbol, currency, int(decimals), acts.gln(issuer, "token's issuer"))


def deploy_network(
    settings: Settings,
    home: Home,
    url: str | None,
    seats: Sequence[str],
    threshold: int,
    tokens: Sequence[TokenPlan],
    tell: Callable[[str], None],
) -> Deployment:
    """Deploy to the node at `url` or TRADESEAL_RPC_URL, record it, and trust it from now on.

    A network that was deployed from here before is checked and given back. Raises Failure, ChainError.
    """
    node = url or (str(settings.rpc_url) if settings.rpc_url is not None else None)
    if node is None:
        raise Failure(
            "no chain to deploy to: give --rpc or set TRADESEAL_RPC_URL (`tradeseal up` deploys to its own)",
            Exit.UNCHECKED,
        )
    if not threshold <= len(seats) < 2 * threshold:
        raise Failure(
            f"threshold {threshold}: must be more than half of the {len(seats)} seats and no more than all",
            Exit.UNCHECKED,
        )
    try:
        home.create()
        with home.lock(), Rpc(node) as rpc:
            if not home.key_path(RELAYER).exists():
                tell(f"made key {RELAYER}: {home.create_key(RELAYER)}; it pays for transactions")
            return _deploy(settings, home, rpc, Plan(seats, threshold, tokens), tell)
    except (HomeError, ValueError) as error:
        raise Failure(str(error), Exit.UNCHECKED) from None


def _deploy(settings: Settings, home: Home, rpc: Rpc, plan: Plan, tell: Callable[[str], None]) -> Deployment:
    databases = open_databases(settings, home)
    try:
        sender = Sender(databases.state, rpc, home.signer(RELAYER), settings=SenderSettings(poll=0.1))
        found = deployment.load(home.deployments, sender.identity)
        if found is None:
            missing = missing_coins(rpc, sender.signer.address)
            if missing is not None:
                raise Failure(missing)
            stop = threading.Event()
            thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
            thread.start()
            try:
                found = deploy(sender, plan, tell)
            except DeploymentError as error:
                raise Failure(str(error)) from None
            finally:
                stop.set()
                thread.join(10)
        check(found, sender.signer.address, rpc)
        deployment.save(home.deployments, found)
        write_trust(home, found)
    finally:
        databases.dispose()
    return found
