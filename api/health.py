"""How the service is: node, workers, mirror, vault, what waits."""

import time
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from api.services import Services
from chain.database import reading
from chain.errors import ChainError
from chain.operation import SETTLED, Status
from indexer.read import status as mirror_status
from vault.cid import Cid
from vault.store import VaultError

MAX_LAG: Final = 30
"""seconds that the mirror may be behind the chain"""
_PROBE: Final = Cid.parse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
"""of no bytes at all: whether it is there does not matter, that the store can say so does"""
_UNSETTLED: Final = tuple(status for status in Status if status not in SETTLED)


def look(services: Services) -> dict[str, Any]:
    """The state of everything, as `/health` gives it; `status` is ok or failing."""
    node = _node(services)
    workers = {name: thread.is_alive() for name, thread in services.workers.items()}
    parts: dict[str, dict[str, Any]] = {
        "node": node,
        "workers": {"ok": all(workers.values()), "alive": workers},
        "sender": _sender(services),
        "mirror": _mirror(services, node.get("block")),
        "vault": _vault(services),
    }
    ok = all(part["ok"] for part in parts.values())
    return {"status": "ok" if ok else "failing", **parts}


def _node(services: Services) -> dict[str, Any]:
    try:
        head = services.rpc.get_block("latest")
    except ChainError as error:
        return {"ok": False, "error": type(error).__name__}
    if head is None:
        return {"ok": False, "error": "no block"}
    return {"ok": True, "block": head.number, "time": head.timestamp}


def _sender(services: Services) -> dict[str, Any]:
    try:
        waiting = services.sender.outbox.operations(*_UNSETTLED, limit=100)
    except SQLAlchemyError as error:
        return {"ok": False, "error": type(error).__name__}
    held = next((one.problem for one in waiting if one.problem), None)
    return {"ok": True, "unsettled": len(waiting), "waitsFor": held}


def _mirror(services: Services, head: int | None) -> dict[str, Any]:
    try:
        with reading(services.mirror) as session:
            state = mirror_status(session)
    except SQLAlchemyError as error:
        return {"ok": False, "error": type(error).__name__}
    if state is None:
        return {"ok": False, "error": "holds nothing yet"}
    blocks = None if head is None else max(0, head - state.mirrored)
    seconds = _age(services, state.mirrored + 1) if blocks else 0
    return {
        "ok": seconds <= MAX_LAG,
        "block": state.mirrored,
        "lagBlocks": blocks,
        "lagSeconds": seconds,
        "lastError": services.indexer.last_error,
        "pendingContent": state.contents_waiting,
        "undecodedLogs": state.undecoded_logs,
        "contradictions": state.contradictions,
    }


def _age(services: Services, number: int) -> int:
    """Seconds since a block was made: how long the mirror has lacked it."""
    try:
        block = services.rpc.get_block(number)
    except ChainError:
        return 0  # the node's own part says so
    return 0 if block is None else max(0, int(time.time()) - block.timestamp)


def _vault(services: Services) -> dict[str, Any]:
    try:
        services.store.has(_PROBE)
    except (VaultError, OSError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True}
