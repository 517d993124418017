"""The audit: chain, mirror and vault read again from the first block, and everything named that does not fit.

A second mirror is built from chain and vault and compared with the installation's row by row; contracts are
asked whether they keep what they logged; every piece of content is read. Nothing is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, col

from chain.database import reading
from chain.deployment import Deployment
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence.audit_chain import ChainAudit, content_findings
from evidence.audit_mirror import (
    dump,
    is_height,
    mirror_findings,
    mirror_state,
    rebuilt,
    state_findings,
)
from evidence.findings import Finding, Progress
from indexer.compare import Rows
from indexer.tables.content import PRESENT, Content, EventEpc, EventProof, IssuedItem, Manifest, SealedEvent
from vault.store import ContentStore, LocalStore


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings, in the order of the stages."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 where everything fits, else 1."""
        return 1 if self.findings else 0

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"clean": not self.findings, "findings": [finding.to_json() for finding in self.findings]}


def audit(
    deployment: Deployment,
    rpc: Rpc,
    mirror: Engine,
    store: ContentStore,
    progress: Progress = lambda _stage, _done, _total: None,
) -> AuditReport:
    """Read everything again and report all that does not fit; see `findings`."""
    return AuditReport(tuple(findings(deployment, rpc, mirror, store, progress)))


def findings(
    deployment: Deployment,
    rpc: Rpc,
    mirror: Engine,
    store: ContentStore,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Iterator[Finding]:
    """Findings as they are made: network, how far the mirror came, its rows, contracts, content, vault.

    The mirror is audited up to the block that it says it holds. Raises ChainError where the node fails: an
    audit is whole or it is none.
    """
    found = (rpc.chain_id(), rpc.first_block_hash())
    if found != (deployment.chain_id, deployment.identity.first_block_hash):
        text = f"the node serves {found[0]}/{hex_text(found[1])}, the deployment is of {deployment.identity}"
        yield Finding("network", rpc.node, text)
        return
    head = rpc.block_number()
    ours: dict[str, Rows] | None = None
    try:
        with reading(mirror) as session:
            state = mirror_state(session)
            stated = list(state_findings(session, state, deployment, rpc))
        ours = dump(mirror)
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # the database does not answer, rather than wrongly
        yield Finding("mirror", "database", f"cannot be read: {error.orig}")
    else:
        yield from stated
        mirrored = deployment.first_block - 1 if state is None else state["head_number"]
        if is_height(mirrored):
            head = min(head, mirrored)
    progress("chain", 0, 1)
    with rebuilt(deployment, rpc, store, head) as shadow:
        progress("chain", 1, 1)
        if ours is not None:
            yield from mirror_findings(ours, dump(shadow))
        progress("mirror", 1, 1)
        with reading(shadow) as session:
            yield from ChainAudit(session, deployment, rpc, head).findings()
            yield from content_findings(session, store)
        progress("contracts", 1, 1)
        yield from _vault(shadow if ours is None else mirror, shadow, store, progress)


def _vault(mirror: Engine, shadow: Engine, store: ContentStore, progress: Progress) -> Iterator[Finding]:
    """Content that the chain names and the vault lacks or has otherwise, then whatever else lies there."""
    named: set[str] = set()
    with reading(shadow) as session, reading(mirror) as ours:
        for content in session.scalars(select(Content).where(col(Content.state) != PRESENT)):
            named.add(content.cid)
            yield _damaged(session, ours, content)
    if not isinstance(store, LocalStore):
        return
    # checked again whether or not the chain names it: a refused capture leaves documents behind
    for problem in store.verify_all(lambda done, total: progress("vault", done, total)):
        place = str(problem.path) if problem.cid is None else str(problem.cid)
        if place not in named:
            yield Finding("vault", place, problem.reason)


def _damaged(session: Session, ours: Session, content: Content) -> Finding:
    """What a piece of content is of. What only the mirror can still say is taken from it."""
    events: dict[tuple[int, str], None] = {}
    items: dict[str, None] = {}
    what = []
    for manifest in session.scalars(select(Manifest).where(col(Manifest.cid) == content.cid)):
        what.append(f"manifest of {manifest.kind} {manifest.root} of member {manifest.member:013d}")
        place = (manifest.block_hash, manifest.log_index)
        query = select(EventProof).where(
            col(EventProof.block_hash) == place[0], col(EventProof.log_index) == place[1]
        )
        events.update({(one.member, one.seal_id): None for one in ours.scalars(query)})
        issued = select(IssuedItem).where(
            col(IssuedItem.block_hash) == place[0], col(IssuedItem.log_index) == place[1]
        )
        items.update({one.uri: None for one in ours.scalars(issued)})
    for event in session.scalars(select(SealedEvent).where(col(SealedEvent.cid) == content.cid)):
        what.append(f"event {event.seal_id} of member {event.member:013d}")
        events[event.member, event.seal_id] = None
    for member, seal_id in events:
        query_things = select(EventEpc.uri).where(  # type: ignore[call-overload]  # sqlmodel types columns as values
            col(EventEpc.member) == member, col(EventEpc.seal_id) == seal_id
        )
        items.update(dict.fromkeys(ours.scalars(query_things)))
    return Finding(
        "vault",
        content.cid,
        f"content is {content.state}: " + ("; ".join(what) or "named by the chain"),
        events=tuple(seal_id for _, seal_id in events),
        items=tuple(items),
    )
