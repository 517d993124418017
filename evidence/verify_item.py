"""Verification of an item where it is served: chain, mirror and vault against each other."""

from collections.abc import Iterable

from sqlalchemy import Engine, select
from sqlmodel import Session, col

from chain.blocks import Receipt
from chain.database import reading
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.fields import hex_text
from chain.rpc import Rpc
from epcis import canonical
from evidence.bundle import EventProof, Trust
from evidence.proof import Gap, collect
from evidence.report import Link, Report, Status
from evidence.verify import BundleVerifier
from indexer.decode import UndecodableError, event_row
from indexer.document import ContradictionError, read_document
from indexer.read.items import ItemHistory
from indexer.tables.content import SealedEvent
from indexer.tables.provenance import Issued
from vault.store import ContentStore


def verify_item(
    item: str,
    deployment: Deployment,
    trust: Trust | None,
    rpc: Rpc | None,
    mirror: Engine,
    store: ContentStore,
) -> Report:
    """Verify everything that this installation says of an item (EPC URN or Digital Link on any host).

    `deployment` is what the mirror follows; `trust` comes from elsewhere, or from the installation's own
    deployment, and is what the node is held against. Raises DigitalLinkError for what names nothing. An
    unknown item has nothing that could be checked: exit code 2.
    """
    collected = collect(item, deployment, mirror, store)
    verifier = BundleVerifier(collected.bundle, trust, rpc)
    if not collected.history.known:
        text = "nothing is known of this item here"
        verifier.notice(text)
        verifier.add(Link.BUNDLE, Status.UNCHECKED, text)
        return verifier.report()
    verifier.run()
    _vault(verifier, collected.gaps, len(collected.bundle.events))
    with reading(mirror) as session:
        for event in collected.bundle.events:
            _event(verifier, session, event)
        if verifier.chain_usable and rpc is not None:
            _logs(verifier, session, rpc, collected.history)
    return verifier.report()


def _vault(verifier: BundleVerifier, gaps: Iterable[Gap], read: int) -> None:
    for gap in gaps:
        status = Status.UNCHECKED if gap.missing else Status.CONTRADICTED
        verifier.add(gap.link, status, f"{gap.cid}: {gap.reason}" if gap.cid else gap.reason, gap.place)
    if read:
        verifier.add(Link.VAULT, Status.VERIFIED, f"{read} documents are the bytes that their CIDs name")


def _event(verifier: BundleVerifier, session: Session, event: EventProof) -> None:
    """The mirror's columns of an event are what its document says."""
    place = hex_text(event.seal_id)
    row = session.get(SealedEvent, (event.member, place))
    if row is None:
        verifier.add(Link.MIRROR, Status.UNCHECKED, "a reorganisation took it away meanwhile", place)
        return
    try:
        said = read_document(canonical.dumps(event.document), place, hex_text(event.event_hash))
    except ContradictionError as error:
        verifier.add(Link.MIRROR, Status.CONTRADICTED, str(error), place)
        return
    wrong = [name for name, value in said.columns.items() if getattr(row, name) != value]
    if row.event_hash != hex_text(event.event_hash):
        wrong.append("event_hash")
    verifier.judge(
        Link.MIRROR,
        not wrong,
        "the mirror says what the document says",
        f"the mirror says otherwise: {', '.join(wrong)}",
        place,
    )


def _logs(verifier: BundleVerifier, session: Session, rpc: Rpc, history: ItemHistory) -> None:
    """The mirror's rows behind proofs and issues are the chain's logs."""
    places = [
        (event.seal_id, proof.transaction, proof.block_hash, proof.log_index)
        for event in history.events
        for proof in event.proofs
    ]
    issued = {one.issue_id: one.transaction for one in history.issues}
    places += [
        (row.issue_id, issued[row.issue_id], row.block_hash, row.log_index)
        for row in session.scalars(select(Issued).where(col(Issued.issue_id).in_(issued)))
    ]
    receipts: dict[str, Receipt | None] = {}
    for place, transaction, block_hash, log_index in places:
        try:
            if transaction not in receipts:
                receipts[transaction] = rpc.get_receipt(bytes.fromhex(transaction[2:]))
            wrong = _differs(session, rpc, receipts[transaction], block_hash, log_index)
        except ChainError as error:
            verifier.add(Link.MIRROR, Status.UNCHECKED, str(error), place)
            continue
        verifier.judge(
            Link.MIRROR,
            wrong is None,
            f"the mirror's row is log {log_index} of transaction {transaction}",
            f"log {log_index} of transaction {transaction}: {wrong}",
            place,
        )


def _differs(
    session: Session, rpc: Rpc, receipt: Receipt | None, block_hash: str, log_index: int
) -> str | None:
    """What is wrong with a mirrored log; None where it is the chain's."""
    logs = () if receipt is None else receipt.logs
    log = next(
        (one for one in logs if (hex_text(one.block_hash), one.log_index) == (block_hash, log_index)), None
    )
    if log is None:
        return "the chain has no such log"
    block = rpc.get_block(log.block_hash)
    if block is None:
        return "the chain has no such block"
    try:
        wanted = event_row(log, block.timestamp)
    except UndecodableError as error:
        return str(error)
    found = session.get(type(wanted), (block_hash, log_index))
    if found is None:
        return "the mirror lacks its row"
    names = [name for name in type(wanted).model_fields if getattr(found, name) != getattr(wanted, name)]
    return f"the mirror has another {', '.join(names)}" if names else None
