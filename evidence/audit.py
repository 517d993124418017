"""The audit: chain, mirror and vault read again from the first block, and everything named that does not fit.

A second mirror is built from chain and vault and held against the installation's row by row, byte by byte;
contracts are asked whether they keep what they logged; every piece of content is read. Nothing is changed.
Memory does not grow with what is audited: both mirrors are read side by side, the logs a few hundred at a
time; only what a store needs to list itself does. The second mirror takes as much disk as the first.

What a mirror says of itself is audited as far as chain and vault can bear it out: chain, deployment, head and
checkpoints are; what is not is said in `evidence.audit_state`. Of a PostgreSQL mirror indexes are taken at
their word (`amcheck` looks at them), SQLite's are checked against their tables. Mirror rows behind a manifest
that the vault lost cannot be rebuilt: its finding names the events, and their rows are audited once it is
back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlmodel import Session

from chain.database import reading
from chain.deployment import Deployment
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence.audit_chain import ChainAudit, content_findings
from evidence.audit_mirror import row_findings, schema_findings
from evidence.audit_shadow import Shadow, shadow
from evidence.audit_state import is_height, mirror_state, queue_findings, state_findings
from evidence.audit_vault import vault_findings
from evidence.findings import Finding, Progress
from indexer.compare import reading_raw
from vault.store import ContentStore


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings, in the order of the stages."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 where everything fits, 1 where something does not, 2 where something could not be checked."""
        if any(not finding.unchecked for finding in self.findings):
            return 1
        return 2 if self.findings else 0

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

    The mirror is audited up to the block that it says it holds. Raises ChainError where the node fails and
    SQLAlchemyError where the database gives no answer: of these an audit is whole or it is none. What a store
    does not answer is named as unchecked.
    """
    found = (rpc.chain_id(), rpc.first_block_hash())
    if found != (deployment.chain_id, deployment.identity.first_block_hash):
        text = f"the node serves {found[0]}/{hex_text(found[1])}, the deployment is of {deployment.identity}"
        yield Finding("network", rpc.node, text)
        return
    progress("chain", 0, 1)
    head = rpc.block_number()
    with shadow(deployment, rpc, store) as built:
        damaged = None
        try:
            # long, and nobody's transaction is kept open meanwhile
            built.reach(_head(mirror, deployment, head))
        except DBAPIError as error:
            damaged = _damage(error)
            built.reach(head)
        progress("chain", 1, 1)
        with reading_raw(built.engine) as theirs:
            if damaged is not None:
                yield damaged
                yield from _checked(theirs, theirs, deployment, rpc, store, head, progress)
                return
        yield from _audited(built, deployment, rpc, mirror, store, progress)


def _audited(
    built: Shadow,
    deployment: Deployment,
    rpc: Rpc,
    mirror: Engine,
    store: ContentStore,
    progress: Progress,
) -> Iterator[Finding]:
    """All stages after the second mirror was built, over one view of the first, which may have moved on."""
    with reading_raw(mirror) as ours:
        until = _mirrored(ours, deployment, rpc.block_number())
        built.reach(until)
        with reading_raw(built.engine) as theirs:
            try:
                yield from state_findings(ours, deployment, rpc)
                yield from schema_findings(ours, theirs)
                yield from row_findings(ours, theirs)
                yield from queue_findings(ours)
            except DBAPIError as error:
                yield _damage(error)
            progress("mirror", 1, 1)
            yield from _checked(ours, theirs, deployment, rpc, store, until, progress)


def _checked(
    ours: Session,
    theirs: Session,
    deployment: Deployment,
    rpc: Rpc,
    store: ContentStore,
    block: int,
    progress: Progress,
) -> Iterator[Finding]:
    """Contracts, content and vault, as of one block."""
    yield from ChainAudit(theirs, deployment, rpc, block).findings()
    yield from content_findings(theirs, store)
    progress("contracts", 1, 1)
    yield from vault_findings(ours, theirs, store, progress)


def _head(mirror: Engine, deployment: Deployment, latest: int) -> int:
    with reading(mirror) as session:
        return _mirrored(session, deployment, latest)


def _mirrored(session: Session, deployment: Deployment, latest: int) -> int:
    """The block that a mirror says it holds, if the chain has come so far."""
    state = mirror_state(session)
    if state is None:
        return deployment.first_block - 1
    mirrored = state["head_number"]
    return min(latest, mirrored) if is_height(mirrored) else latest


def _damage(error: DBAPIError) -> Finding:
    """The finding that a database is damaged. Raises the error itself where it gives no answer instead."""
    state = getattr(error.orig, "sqlstate", None) or ""
    # SQLite's bare DatabaseError is a malformed file, PostgreSQL's class XX a damaged page or index
    if type(error) is DatabaseError or state.startswith("XX"):
        return Finding("mirror", "database", f"cannot be read: {error.orig}")
    raise error
