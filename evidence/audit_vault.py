"""The vault against what the chain names, and every piece of content against its CID."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from evidence.findings import Finding, Progress
from indexer.compare import printable
from indexer.tables.content import (
    PENDING,
    PRESENT,
    Content,
    ContentQueue,
    EventEpc,
    EventProof,
    IssuedItem,
    Manifest,
    SealedEvent,
)
from vault.content import StoreUnavailable
from vault.store import ContentStore


def vault_findings(
    ours: Session, theirs: Session, store: ContentStore, progress: Progress
) -> Iterator[Finding]:
    """Content that the chain names and the vault lacks or has otherwise, then whatever else lies there.

    `ours` is the mirror, `theirs` the one built anew; what only the mirror can still say of lost content is
    taken from it. What a store did not answer is a finding that is unchecked.
    """
    damaged = select(col(Content.cid), col(Content.state)).where(
        col(Content.state).not_in([PRESENT, PENDING])
    )
    for cid, state in theirs.execute(damaged.execution_options(yield_per=500)):
        yield _named(ours, theirs, cid, f"content is {state}")
    yield from _unread(ours, theirs)
    try:
        # checked again whether or not the chain names it: a refused capture leaves documents behind
        for problem in store.verify_all(lambda done, total: progress("vault", done, total)):
            if problem.cid is None:
                yield Finding("vault", problem.place, problem.reason, unchecked=not problem.checked)
            elif not _is_damaged(theirs, str(problem.cid)):
                detail = f"{problem.reason} ({problem.place})"
                yield Finding("vault", str(problem.cid), detail, unchecked=not problem.checked)
    except StoreUnavailable as error:
        yield Finding("vault", error.place, f"could not be read: {error.reason}", unchecked=True)


def _unread(ours: Session, theirs: Session) -> Iterator[Finding]:
    """Content that could not be read, for one reason in one finding."""
    reason = col(ContentQueue.reason)
    pending = (
        select(reason, func.count(), func.min(col(Content.cid)))
        .join(Content, col(Content.cid) == col(ContentQueue.cid))
        .where(col(Content.state) == PENDING)
        .group_by(reason)
    )
    for why, count, first in theirs.execute(pending.execution_options(yield_per=500)):
        more = f", and {count - 1} more for the same reason" if count > 1 else ""
        yield _named(ours, theirs, first, f"content could not be read{more}: {why}", unchecked=True)


def _is_damaged(theirs: Session, cid: str) -> bool:
    """Whether it was named as damaged; of what could not be read before more may be known by now."""
    state = theirs.scalar(select(col(Content.state)).where(col(Content.cid) == cid))
    return state not in (None, PRESENT, PENDING)


def _named(ours: Session, theirs: Session, cid: str, detail: str, unchecked: bool = False) -> Finding:
    """A finding that says what a piece of content is of."""
    events: dict[str, None] = {}
    items: dict[str, None] = {}
    what = []
    for manifest in theirs.scalars(select(Manifest).where(col(Manifest.cid) == cid)):
        what.append(f"manifest of {manifest.kind} {manifest.root} of member {manifest.member:013d}")
        proofs = (
            col(EventProof.block_hash) == manifest.block_hash,
            col(EventProof.log_index) == manifest.log_index,
        )
        events.update(_texts(ours, select(col(EventProof.seal_id)).where(*proofs)))
        same = (
            col(EventEpc.member) == col(EventProof.member),
            col(EventEpc.seal_id) == col(EventProof.seal_id),
        )
        items.update(_texts(ours, select(col(EventEpc.uri)).where(*proofs, *same).distinct()))
        issued = (
            col(IssuedItem.block_hash) == manifest.block_hash,
            col(IssuedItem.log_index) == manifest.log_index,
        )
        items.update(_texts(ours, select(col(IssuedItem.uri)).where(*issued)))
    for event in theirs.scalars(select(SealedEvent).where(col(SealedEvent.cid) == cid)):
        what.append(f"event {event.seal_id} of member {event.member:013d}")
        events[event.seal_id] = None
        of_event = col(EventEpc.member) == event.member, col(EventEpc.seal_id) == event.seal_id
        items.update(_texts(ours, select(col(EventEpc.uri)).where(*of_event)))
    about = "; ".join(what) or "named by the chain"
    return Finding("vault", cid, f"{detail}: {about}", tuple(events), tuple(items), unchecked)


def _texts(session: Session, query: Select[Any]) -> dict[str, None]:
    """What a query gives, each once, fit to be printed; only text is asked for, which always can be read."""
    return dict.fromkeys(map(printable, session.scalars(query)))
