"""What a mirror says of itself: how far it came, where it paused, what it still has to read.

Not derivable from chain and vault, and so not audited: a `generation` higher than the writes that can be
counted, a pause (checkpoint) that was forgotten or is another block of the chain, and of content that waits
the reason and the number of attempts. None of them says anything about the chain, and none hides a row.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session

from chain.codec import checksum
from chain.deployment import Deployment
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence.findings import Finding
from indexer.bodies import LAST_RETRY_MS, clock_ms
from indexer.compare import printable, rows, same, values
from indexer.ledger import KEPT_CHECKPOINTS
from indexer.tables import metadata

_STATE: Final = metadata.tables["mirror_state"]
_CHECKPOINT: Final = metadata.tables["checkpoint"]
_QUEUE: Final = metadata.tables["content_queue"]
_AT_ONCE: Final = 500
_CLOCKS_APART_MS: Final = 600_000
"""how far the clocks of indexer and auditor may be apart"""
_UNQUEUED: Final = """
    SELECT content.cid, content.state FROM content
    LEFT JOIN content_queue ON content_queue.cid = content.cid
    WHERE content.state <> 'present' AND content_queue.cid IS NULL
"""
_NEEDLESS: Final = """
    SELECT content_queue.cid, content.cid FROM content_queue
    LEFT JOIN content ON content.cid = content_queue.cid
    WHERE content.cid IS NULL OR content.state = 'present'
    AND NOT EXISTS (
        SELECT 1 FROM manifest
        WHERE manifest.cid = content.cid AND manifest.state NOT IN ('present', 'contradicts'))
    AND NOT EXISTS (
        SELECT 1 FROM sealed_event
        WHERE sealed_event.cid = content.cid AND sealed_event.state NOT IN ('present', 'contradicts'))
"""


def mirror_state(session: Session) -> dict[str, Any] | None:
    """What a mirror says of itself, by column (some may be `Unreadable`); None where it is empty."""
    row = next(rows(session, _STATE), None)
    return None if row is None else values(_STATE, row)


def is_height(value: object) -> bool:
    """Whether a stored value can be the number of a block."""
    return isinstance(value, int) and value >= 0


def state_findings(session: Session, deployment: Deployment, rpc: Rpc) -> Iterator[Finding]:
    """How far the mirror says it came, against the chain. Raises ChainError."""
    states = [values(_STATE, row) for row in islice(rows(session, _STATE), 3)]
    if not states:
        yield Finding("mirror", "mirror_state", "the mirror is empty: it was never indexed")
        return
    state = states[0]
    if len(states) > 1:
        yield Finding(
            "mirror", "mirror_state/id", f"{[one['id'] for one in states]}: only one row may be there"
        )
    elif not same(state["id"], 1):
        yield Finding("mirror", "mirror_state/id", f"is {state['id']!r}, the one row has 1")
    wanted: Mapping[str, Any] = {
        "chain_id": str(deployment.chain_id),
        "first_block": hex_text(deployment.identity.first_block_hash),
        "addresses": {name: checksum(at) for name, at in sorted(deployment.all_addresses().items())},
        "start_block": deployment.first_block,
    }
    for name, value in wanted.items():
        if not same(state[name], value):
            text_ = f"is {state[name]!r}, the deployment says {value!r}"
            yield Finding("mirror", f"mirror_state/{name}", text_)
    head = state["head_number"], state["head_hash"]
    if head != (deployment.first_block - 1, ""):  # bound to the chain, and no block was mirrored yet
        yield from _blocks([("mirror_state/head", *head, None)], rpc)
    yield from _checkpoints(session, state, deployment, rpc)


def _checkpoints(
    session: Session, state: dict[str, Any], deployment: Deployment, rpc: Rpc
) -> Iterator[Finding]:
    head, count, at_head = state["head_number"], 0, state["head_hash"] == ""
    found = (values(_CHECKPOINT, row) for row in rows(session, _CHECKPOINT))
    while some := list(islice(found, _AT_ONCE)):
        count += len(some)
        for row in some:
            number = row["number"]
            at_head = at_head or (same(number, head) and row["hash"] == state["head_hash"])
            if is_height(number) and is_height(head) and not deployment.first_block <= number <= head:
                detail = f"the mirror holds blocks {deployment.first_block} to {head}"
                yield Finding("mirror", f"checkpoint/{number}", detail)
        places = [
            (f"checkpoint/{printable(row['number'])}", row["number"], row["hash"], row["timestamp"])
            for row in some
        ]
        yield from _blocks(places, rpc)
    if count > KEPT_CHECKPOINTS:
        yield Finding("mirror", "checkpoint", f"there are {count}, the mirror keeps {KEPT_CHECKPOINTS}")
    if not at_head and not _is_block(session, head):
        # it pauses at its head, or was brought back to a block that holds a log
        yield Finding(
            "mirror", f"checkpoint/{printable(head)}", "the mirror's head is none of its checkpoints"
        )
    yield from _generation(session, state["generation"], count)


def _is_block(session: Session, number: object) -> bool:
    if not is_height(number):
        return True  # named as no block of the chain
    query = text("SELECT 1 FROM block WHERE number = :number")
    return session.execute(query, {"number": number}).first() is not None


def _generation(session: Session, generation: object, checkpoints: int) -> Iterator[Finding]:
    """Every checkpoint, and whatever was read of the vault, took a write."""
    read = text("SELECT 1 FROM content WHERE state = 'present' LIMIT 1")
    least = checkpoints + (1 if session.execute(read).first() else 0)
    if not isinstance(generation, int) or generation < least:
        detail = f"is {generation!r}, and there were at least {least} writes"
        yield Finding("mirror", "mirror_state/generation", detail)


def _blocks(places: Sequence[tuple[str, Any, Any, Any]], rpc: Rpc) -> Iterator[Finding]:
    """Places that name a block by number, hash and time (None where they do not) which the chain has not."""
    numbers = [number for _, number, _, _ in places if is_height(number)]
    blocks = dict(zip(numbers, rpc.get_blocks(numbers), strict=True))
    for place, number, block_hash, timestamp in places:
        block = blocks.get(number) if is_height(number) else None
        if block is None or block.number != number:
            yield Finding("mirror", place, f"the chain has no block {number!r}")
        elif hex_text(block.hash) != block_hash:
            yield Finding("mirror", place, f"hash is {block_hash!r}, the chain's is {hex_text(block.hash)}")
        elif timestamp is not None and not same(timestamp, block.timestamp):
            yield Finding("mirror", place, f"timestamp is {timestamp!r}, the chain's is {block.timestamp}")


def queue_findings(session: Session) -> Iterator[Finding]:
    """Content that the mirror lacks and will never ask for again, and content that it has no reason to ask
    for."""
    for cid, state in session.execute(text(_UNQUEUED)):
        place = f"content_queue/{printable(cid)}"
        yield Finding("mirror", place, f"content is {printable(state)} and is never asked for again")
    for cid, named in session.execute(text(_NEEDLESS)):
        detail = (
            "no log names this content" if named is None else "content is present, and no row waits for it"
        )
        yield Finding("mirror", f"content_queue/{printable(cid)}", detail)
    latest = clock_ms() + LAST_RETRY_MS + _CLOCKS_APART_MS
    head = session.scalar(text("SELECT max(number) FROM block"))
    for row in rows(session, _QUEUE):
        one = values(_QUEUE, row)
        attempts, due, reason = one["attempts"], one["next_attempt"], one["reason"]
        wrong = None
        if not isinstance(attempts, int) or attempts < 0:
            wrong = f"attempts is {attempts!r}"
        elif not isinstance(due, int) or not 0 <= due <= latest:
            wrong = f"next_attempt is {due!r}, no indexer waits longer than until {latest}"
        elif (attempts == 0) != (reason is None):
            wrong = f"attempts is {attempts} and reason {reason!r}"
        elif attempts == 0 and is_height(head) and due > head:
            wrong = f"was never tried, and next_attempt is {due}, no block's number"
        if wrong is not None:
            yield Finding("mirror", f"content_queue/{printable(one['cid'])}", wrong)
