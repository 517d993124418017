"""The keeper by itself: what `tradeseal oracle run` composes."""

import threading
from collections.abc import Callable
from typing import Any

from chain.errors import ChainError
from chain.operation import Operation
from chain.outbox import NotSettled
from chain.sender import Sender, SenderSettings
from cli.failure import Exit, Failure
from cli.home import Home
from cli.installation import opened
from cli.node import RELAYER, open_databases
from cli.settings import Settings
from cli.waiting import until_stopped
from indexer.run import Indexer
from oracle.keeper import Keeper

_SETTLED_WITHIN = 60.0  # seconds


def keep(
    settings: Settings, home: Home, url: str | None, once: bool, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Follow the chain and do what is due, until stopped or (`once`) until what is due now has ended.

    Needs the installation's relayer key. The embedded chain is refused while `up` serves it, which keeps
    deadlines itself. Gives the operations submitted where `once`. Raises Failure, ChainError, HomeError.
    """
    if url is None and settings.rpc_url is None and home.served:
        raise Failure(f"home {home.root}: `tradeseal up` serves it and keeps its deadlines", Exit.REFUSED)
    with opened(settings, home, url) as ours:
        databases = open_databases(settings, home)
        try:
            sender = Sender(
                databases.state, ours.rpc, home.signer(RELAYER), settings=SenderSettings(poll=0.1)
            )
            indexer = Indexer(
                ours.mirror,
                ours.rpc,
                ours.deployment.all_addresses(),
                ours.store,
                start_block=ours.deployment.first_block,
            )
            indexer.run_once()
            keeper = Keeper(ours.mirror, ours.rpc, sender, ours.deployment)
            if not once:
                tell(f"keeping deadlines of {ours.deployment.identity}; Ctrl-C ends it")
                until_stopped(sender.run, indexer.run, keeper.run)
                return []
            return _once(sender, keeper)
        finally:
            databases.dispose()


def _once(sender: Sender, keeper: Keeper) -> list[dict[str, Any]]:
    known = {one.id for one in sender.outbox.operations()}
    ended: list[Operation] = []
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
    thread.start()
    try:
        while keeper.run_once():  # it has a limited number under way at a time
            due = [one for one in sender.outbox.operations() if one.id not in known]
            known |= {one.id for one in due}
            ended += [sender.wait(one.id, _SETTLED_WITHIN) for one in due]
    except NotSettled as error:
        raise ChainError(str(error)) from None
    finally:
        stop.set()
        thread.join(10)
    return [
        {"id": one.id, "purpose": one.purpose, "status": one.status.value, "error": one.error}
        for one in ended
    ]
