"""Verification of an item where it is served: chain, mirror and vault against each other.

Rows, documents, the head, recalls and the licence are read at each verification. What is not read again are
facts of blocks known by hash, while the chain has those blocks, and what the very same bytes said before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from chain.bindings import product_passport
from chain.database import reading
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.fields import hex_text
from chain.rpc import Rpc
from epcis.digital_link import parse
from evidence import calls
from evidence.bundle import Trust
from evidence.facts import Facts
from evidence.proof import Collected, collect
from evidence.readings import Reading
from evidence.report import Check, Link, Report, Status
from evidence.snapshot import Told, Wanted
from evidence.verify import BundleVerifier
from indexer.compare import same
from indexer.decode import UndecodableError, event_row
from indexer.document import ContradictionError
from indexer.read.namings import Values
from indexer.read.trace import (
    Standing,
    Trace,
    TracedEvent,
    TracedIssue,
    TracedProof,
    mirrored_block,
    standing_of,
)
from indexer.tables.content import PRESENT
from vault.store import ContentStore


def verify_item(
    item: str,
    deployment: Deployment,
    trust: Trust | None,
    rpc: Rpc | None,
    mirror: Engine,
    store: ContentStore,
    facts: Facts | None = None,
) -> Report:
    """Verify everything that this installation says of an item (EPC URN or Digital Link on any host).

    As `examine`, which tells the rows as well.
    """
    return examine(item, deployment, trust, rpc, mirror, store, facts)[0]


def examine(
    item: str,
    deployment: Deployment,
    trust: Trust | None,
    rpc: Rpc | None,
    mirror: Engine,
    store: ContentStore,
    facts: Facts | None = None,
) -> tuple[Report, Trace]:
    """Verify everything that this installation says of an item; with the mirror's rows that were verified.

    `deployment` is what the mirror follows; `trust` comes from elsewhere, or from the installation's own
    deployment, and is what the node is held against. `facts`: kept between verifications against the same
    node. Raises DigitalLinkError for what names nothing. An unknown item has nothing that could be checked:
    exit code 2.
    """
    facts = facts or Facts()
    collected = collect(item, deployment, mirror, store, facts)
    verifier = _ItemVerifier(collected, trust, rpc, mirror, facts)
    if not collected.trace.known:
        text = "nothing is known of this item here"
        verifier.known = False
        verifier.notice(text)
        verifier.add(Link.BUNDLE, Status.UNCHECKED, text)
    else:
        verifier.run()
    return verifier.report(), collected.trace


@dataclass(frozen=True, slots=True)
class _Judged:
    """What followed from a bundle and from what the node said."""

    trust: Trust | None
    told: Told
    checks: tuple[Check, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Logged:
    """A log that the mirror has a row of, and what shows it to be there."""

    place: str
    transaction: bytes | None
    block_hash: bytes | None
    log_index: int
    row: Values | None


class _ItemVerifier(BundleVerifier):
    """One verification of a bundle and of the rows that it was made of."""

    def __init__(
        self, collected: Collected, trust: Trust | None, rpc: Rpc | None, mirror: Engine, facts: Facts
    ) -> None:
        super().__init__(collected.bundle, trust, rpc, facts)
        self._collected = collected
        self._mirror = mirror
        self.readings = dict(collected.readings)
        self._trace = collected.trace
        self._gaps = collected.gaps
        self._logged = list(_logged(collected.trace))
        self._looked_again = False

    def wanted(self, trust: Trust) -> Wanted:
        """What the bundle asks, and what the mirror's rows are held against."""
        wanted = super().wanted(trust)
        for log in self._logged:
            if log.transaction is not None and log.block_hash is not None:
                wanted.transactions[log.transaction] = None
                wanted.blocks[log.block_hash] = None
        rights = self._facts.rights.get(trust.passport)
        licence = _raw(self._trace.issues[0].log["licence"]) if self._trace.issues else None
        if rights is not None and licence is not None:
            wanted.calls[rights, calls.licence_record(licence)] = None
        return wanted

    def run(self) -> None:
        """All checks of the bundle, then vault and mirror.

        Checks follow from rows, documents and what the node says. All of them were read again by now; where
        each byte is the one of last time, so is what follows.
        """
        self.check_network()
        told = self.snapshot.told if self.chain_usable else None
        known: _Judged | None = self._collected.judged
        if known is not None and told is not None and (known.trust, known.told) == (self._trust, told):
            self.checks, self.notices = list(known.checks), list(known.notices)
            return
        self.check_bundle()
        self._check_rows()
        if told is not None and not self.snapshot.asked_more and not self._looked_again:
            self._collected.judged = _Judged(self._trust, told, tuple(self.checks), tuple(self.notices))

    def _check_rows(self) -> None:
        self._vault()
        for event in self._trace.events:
            seal_id = _raw(event.row["seal_id"])
            reading = None if seal_id is None else self.readings.get(seal_id)
            if reading is not None:
                self._event(event, reading)
        for issue in self._trace.issues:
            self._item(issue)
        if self.chain_usable:
            for log in self._logged:
                self._log(log)
            self._standing()

    def _vault(self) -> None:
        for gap in self._gaps:
            status = Status.UNCHECKED if gap.missing else Status.CONTRADICTED
            self.add(
                gap.link, status, f"{gap.cid}: {gap.reason}" if gap.cid else gap.reason, gap.place or None
            )
        read = len(self.bundle.events)
        if read:
            self.add(Link.VAULT, Status.VERIFIED, f"{read} documents are the bytes that their CIDs name")

    def _event(self, event: TracedEvent, reading: Reading) -> None:
        """The mirror's rows of an event are what its document and its proofs say."""
        row, place = event.row, event.row["seal_id"]
        try:
            said = reading.mirrored()
        except ContradictionError as error:
            self.add(Link.MIRROR, Status.CONTRADICTED, str(error), place)
            return
        first = event.proofs[0].row
        wanted = {
            **said.columns,
            **{name: first[name] for name in ("block_hash", "log_index", "block_number", "position")},
            "record_time": first["block_time"],
            "event_hash": None if reading.sealed is None else hex_text(reading.sealed.event_hash),
            "cid": first["cid"],
            "state": PRESENT,
            "reason": None,
        }
        wrong = _differing(row, wanted)
        for name in event.names:
            position = name["position"]
            thing = said.things[position] if 0 <= position < len(said.things) else None
            given = (name["role"], name["uri"], name["item_id"], name["quantity"], name["unit"])
            if thing is None or given != (thing.role, thing.uri, thing.item_id, thing.quantity, thing.unit):
                wrong.append(f"thing {position}")
            if name["block_number"] != first["block_number"]:
                wrong.append(f"block_number of thing {position}")
        for proof in event.proofs:
            wrong += _of_proof(proof)
        self.judge(
            Link.MIRROR,
            not wrong,
            "the mirror says what the document says",
            f"the mirror says otherwise: {', '.join(dict.fromkeys(wrong))}",
            place,
        )

    def _item(self, issue: TracedIssue) -> None:
        row, log = issue.item, issue.log
        link = parse(self.bundle.item)
        wanted = {
            "uri": self.bundle.item,
            "serial": link.qualifier("21"),
            "issue_id": log["issue_id"],
            "block_number": log["block_number"],
        }
        wrong = _differing(row, wanted)
        if f"{log['gtin']:014d}" != link.value:
            wrong.append("gtin")
        self.judge(
            Link.MIRROR,
            not wrong,
            "the mirror lists the item in the issue",
            f"the mirror says otherwise of the item: {', '.join(wrong)}",
            log["issue_id"],
        )

    def _log(self, log: _Logged) -> None:
        """A row of the mirror is the chain's log."""
        name = f"log {log.log_index} of transaction {_shown(log.transaction)}"
        try:
            wrong = self._differs(log)
        except ChainError as error:
            self.add(Link.MIRROR, Status.UNCHECKED, str(error), log.place)
            return
        self.judge(Link.MIRROR, wrong is None, f"the mirror's row is {name}", f"{name}: {wrong}", log.place)

    def _differs(self, log: _Logged) -> str | None:
        """What is wrong with a mirrored log; None where it is the chain's."""
        if log.transaction is None or log.block_hash is None:
            return "the mirror lacks the log itself"
        receipt = self.snapshot.receipt(log.transaction)
        logs = () if receipt is None else receipt.logs
        found = next(
            (one for one in logs if (one.block_hash, one.log_index) == (log.block_hash, log.log_index)), None
        )
        if found is None:
            return "the chain has no such log"
        key = found.block_hash, found.log_index
        wanted = self._facts.rows.get(key)
        if wanted is None:
            block = self.snapshot.block(found.block_hash)
            if block is None:
                return "the chain has no such block"
            try:
                wanted = event_row(found, block.timestamp).model_dump()
            except UndecodableError as error:
                return str(error)
            self._facts.rows.put(key, wanted)
        if log.row is None:
            return "the mirror lacks its row"
        names = _differing(log.row, wanted)
        return f"the mirror has another {', '.join(names)}" if names else None

    def _standing(self) -> None:
        """Passport and recalls as the mirror has them are the chain's."""
        given = self.bundle.passport
        if given is None:
            return
        place = hex_text(given.issue_id)
        with self.asking(Link.MIRROR, place):
            minted = product_passport.decode_issue_of_result(self.ask_passport(calls.issue_of(self.token)))
            stop = self.ask_passport(calls.recall_of(given.issue_id, self.item))
            stopped = product_passport.decode_recall_of_result(stop).by != 0
            materialised = hex_text(minted) if any(minted) else None
            wrong = _otherwise(self._trace.standing, materialised, stopped, place)
            behind = ""
            if wrong:  # the mirror may have been behind, or still be
                self._looked_again = True
                with reading(self._mirror) as session:
                    issues = [one.log["issue_id"] for one in self._trace.issues]
                    standing = standing_of(session, self._trace.item_id, issues)
                    head = mirrored_block(session)
                wrong = _otherwise(standing, materialised, stopped, place)
                behind = f"; it has come to block {head} of {self.block}" if head < self.block else ""
            good, bad = "the mirror has the passport as it stands", f"the mirror has {'; '.join(wrong)}"
            if wrong and behind:
                self.add(Link.MIRROR, Status.UNCHECKED, bad + behind, place)
            else:
                self.judge(Link.MIRROR, not wrong, good, bad, place)


def _otherwise(standing: Standing, materialised: str | None, stopped: bool, issue: str) -> list[str]:
    """What the mirror says of a passport that the chain says otherwise."""
    wrong = []
    if materialised != standing.materialised:
        wrong.append(f"materialised from {standing.materialised}, the chain says {materialised}")
    if stopped != bool(standing.recalls) and (stopped or issue in standing.recalls):
        wrong.append("no recall" if stopped else "a recall that the chain does not know")
    return wrong


def _logged(trace: Trace) -> Iterator[_Logged]:
    """Every log that the rows of an item name."""
    for event in trace.events:
        for proof in event.proofs:
            yield _log_of(event.row["seal_id"], proof.row, proof.transaction, proof.log)
    for issue in trace.issues:
        yield _log_of(issue.log["issue_id"], issue.item, issue.transaction, issue.log)


def _log_of(place: str, row: Values, transaction: str | None, log: Values | None) -> _Logged:
    return _Logged(place, _raw(transaction), _raw(row["block_hash"]), row["log_index"], log)


def _of_proof(proof: TracedProof) -> list[str]:
    """Columns of event_proof that are not as the log has them. A leaf's own were led to the root."""
    row, log = proof.row, proof.log
    if log is None:
        return ["event_proof/log"]
    names = ["member", "signer", "block_number", "block_time"]
    if row["kind"] == "batch":
        return [f"event_proof/{name}" for name in [*names, "root", "size"] if row[name] != log[name]]
    wanted = {name: log[name] for name in [*names, "seal_id", "event_hash"]}
    wanted |= {"position": 0, "root": None, "size": None, "salt": None, "kind": "attestation"}
    return [f"event_proof/{name}" for name in _differing(row, wanted)]


def _differing(row: Values, wanted: Mapping[str, Any]) -> list[str]:
    """Columns in which a row is not what it should be; 1 is neither true nor 1.0."""
    return [name for name, value in wanted.items() if not same(row[name], value)]


def _raw(text: str | None) -> bytes | None:
    """32 bytes of 0x-hexadecimal text; None where a row has something else."""
    try:
        data = bytes.fromhex(text[2:]) if text is not None else b""
    except ValueError:
        return None
    return data if hex_text(data) == text and len(data) == 32 else None


def _shown(transaction: bytes | None) -> str:
    return "unknown" if transaction is None else hex_text(transaction)
