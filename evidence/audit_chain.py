"""What the logs say against what the contracts keep, and against the documents."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import func
from sqlmodel import Session, col, select

from chain.bindings import escrow, event_ledger, product_passport, types
from chain.codec import DecodeError
from chain.deployment import Deployment
from chain.errors import RpcError
from chain.fields import hex_text, raw_bytes
from chain.rpc import Rpc
from epcis import canonical
from evidence.chain_records import EFFECT_MASK, attestation_record
from evidence.documents import Refused, read_sealed
from evidence.findings import Finding
from evidence.signed_fields import ZERO32, compare
from indexer.read.events import struct
from indexer.read.orders import order
from indexer.tables.chainlog import RawLog
from indexer.tables.content import CONTRADICTS, IssuedItem, Manifest, SealedEvent
from indexer.tables.provenance import Anchored, Attested, Issued
from indexer.tables.settlement import OrderOpened
from vault.cid import Cid, InvalidCid
from vault.store import ContentStore, VaultError

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE: Final = 500
"""logs that are held and asked about at a time"""


class ChainAudit:
    """Checks over a mirror that was just built, as of one block, a few hundred rows at a time."""

    def __init__(self, session: Session, deployment: Deployment, rpc: Rpc, block: int) -> None:
        self._session = session
        self._deployment = deployment
        self._rpc = rpc
        self._block = block

    def findings(self) -> Iterator[Finding]:
        """Logs nobody can read, and whatever ledger, passports and escrow keep otherwise than they said."""
        for row in _streamed(self._session, select(RawLog).where(col(RawLog.decode_error).is_not(None))):
            place = f"{row.block_hash}/{row.log_index}"
            yield Finding("chain", place, f"a log that cannot be read: {row.decode_error}")
        yield from self._anchors()
        yield from self._attestations()
        yield from self._issues()
        yield from self._orders()

    def _anchors(self) -> Iterator[Finding]:
        kept = self._ask(
            "EventLedger",
            _streamed(self._session, select(Anchored)),
            lambda row: event_ledger.encode_anchored(row.member, raw_bytes(row.root)),
            event_ledger.decode_anchored_result,
        )
        for row, found in kept:
            if isinstance(found, str) or tuple(found) != (row.size, row.block_time):
                text = f"size and time were logged as {row.size}, {row.block_time}; the ledger keeps {found}"
                yield Finding("chain", f"anchor/{row.member:013d}/{row.root}", text)

    def _attestations(self) -> Iterator[Finding]:
        kept = self._ask(
            "EventLedger",
            _streamed(self._session, select(Attested)),
            lambda row: event_ledger.encode_attested(row.member, raw_bytes(row.seal_id)),
            event_ledger.decode_attested_result,
        )
        for row, found in kept:
            signed: types.Attestation = struct(types.Attestation, row)
            wanted = attestation_record(signed.struct_hash(), row.member, row.block_time)
            if isinstance(found, str) or int.from_bytes(found, "big") & EFFECT_MASK != wanted & EFFECT_MASK:
                yield Finding(
                    "chain",
                    f"attestation/{row.member:013d}/{row.seal_id}",
                    "the ledger keeps another record than was logged",
                    events=(row.seal_id,),
                )

    def _issues(self) -> Iterator[Finding]:
        kept = self._ask(
            "ProductPassport",
            _streamed(self._session, select(Issued)),
            lambda row: product_passport.encode_issue_record(raw_bytes(row.issue_id)),
            product_passport.decode_issue_record_result,
        )
        for row, found in kept:
            wanted = types.IssueRecord(
                row.maker, row.gtin, row.size, row.block_time, raw_bytes(row.licence), raw_bytes(row.root)
            )
            if found != wanted:
                text = f"logged as {wanted}, the passport contract keeps {found}"
                yield Finding("chain", f"issue/{row.issue_id}", text)

    def _orders(self) -> Iterator[Finding]:
        domain = self._deployment.domain("Escrow")
        hashes = _streamed(self._session, select(OrderOpened.order).distinct())
        found = (one for one in (order(self._session, it) for it in hashes) if one is not None)
        kept = self._ask(
            "Escrow", found, lambda one: escrow.encode_state(raw_bytes(one.hash)), escrow.decode_state_result
        )
        for one, state in kept:
            place = f"order/{one.hash}"
            if hex_text(one.terms.signing_hash(domain)) != one.hash:
                yield Finding("chain", place, "the order's hash is not that of its terms")
            if isinstance(state, str) or (state.status, state.outcome) != (one.status, one.outcome):
                text = f"its logs end in {one.status.name}/{one.outcome.name}, the escrow keeps {state}"
                yield Finding("chain", place, text)

    def _ask(
        self, contract: str, rows: Iterable[T], call: Callable[[T], bytes], read: Callable[[bytes], R]
    ) -> Iterator[tuple[T, R | str]]:
        """Rows with what a view returns for each; text where a call failed. Raises ChainError where the node
        does."""
        to, block = self._deployment.address(contract), hex(self._block)
        for some in _parts(rows):
            requests = [("eth_call", [{"to": to, "data": hex_text(call(row))}, block]) for row in some]
            for row, answer in zip(some, self._rpc.batch(requests), strict=True):
                yield row, _read(answer, read)


def _streamed(session: Session, query: Any) -> Iterator[Any]:
    """Rows that are let go once they were looked at."""
    for part in session.exec(query.execution_options(yield_per=_AT_ONCE)).partitions():
        yield from part
        session.expunge_all()


def _parts(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _read(answer: Any, read: Callable[[bytes], R]) -> R | str:
    if isinstance(answer, RpcError):
        return f"an error: {answer.message}"
    try:
        return read(bytes.fromhex(str(answer).removeprefix("0x")))
    except (DecodeError, ValueError) as error:
        return f"nonsense: {error}"


def content_findings(session: Session, store: ContentStore) -> Iterator[Finding]:
    """Documents and manifests that are not what was signed, and items that were issued twice."""
    for manifest in _streamed(session, select(Manifest).where(Manifest.state == CONTRADICTS)):
        place = f"{manifest.kind}/{manifest.member:013d}/{manifest.root}"
        yield Finding("manifest", place, f"{manifest.cid}: {manifest.reason}")
    for event in _streamed(session, select(SealedEvent).where(SealedEvent.state == CONTRADICTS)):
        place = f"{event.member:013d}/{event.seal_id}"
        yield Finding("event", place, f"{event.cid}: {event.reason}", events=(event.seal_id,))
    for row in _streamed(session, select(Attested)):
        yield from _fields(row, store)
    yield from _issued_twice(session)


def _fields(row: Attested, store: ContentStore) -> Iterator[Finding]:
    place = f"{row.member:013d}/{row.seal_id}"
    signed: types.Attestation = struct(types.Attestation, row)
    try:
        document = canonical.loads(store.get(Cid.from_bytes(signed.cid)))
        differences = compare(signed, read_sealed(document), document)
    except (VaultError, OSError):
        if signed.extension == ZERO32:
            return  # what the vault lacks is named as that
        text = f"extension: signed {row.extension}, version 1 has none"
        yield Finding("fields", place, text, events=(row.seal_id,))
    except (InvalidCid, canonical.JsonError, Refused) as error:
        text = f"what was signed names no EPCIS event: {error}"
        yield Finding("fields", place, text, events=(row.seal_id,))
    else:
        for difference in differences:
            yield Finding("fields", place, str(difference), events=(row.seal_id,))


def _issued_twice(session: Session) -> Iterator[Finding]:
    often = select(IssuedItem.item_id).group_by(col(IssuedItem.item_id)).having(func.count() > 1)
    for item_id in _streamed(session, often):
        query = select(IssuedItem.issue_id, IssuedItem.uri).where(IssuedItem.item_id == item_id)
        in_order = col(IssuedItem.block_number), col(IssuedItem.log_index), col(IssuedItem.position)
        issues = session.exec(query.order_by(*in_order)).all()
        first, *others = [issue_id for issue_id, _ in issues]
        text = f"issued more than once: {first} counts, and {', '.join(others)}"
        yield Finding("issue", item_id, text, items=(issues[0][1],))
