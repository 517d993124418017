"""Verification of a proof bundle against a node and a trust anchor (protocol, section 10).

What can be checked without a node is checked without one; what a node must say is asked of the network that
the trust anchor names, and of no other. A link that could not be checked is reported as that, and never as
verified.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from chain import codec
from chain.abi_errors import decode_revert
from chain.abi_events import decode_log
from chain.bindings import events
from chain.bindings.event_ledger import EventLedger
from chain.bindings.product_passport import ProductPassport
from chain.codec import DecodeError, keccak256
from chain.errors import CallReverted, ChainError
from chain.rpc import Rpc
from epcis import tree
from epcis.canonical import JsonError
from epcis.digital_link import item_id, parse
from epcis.sealed import Sealed, SealError, join
from evidence.bundle import AttestationProof, BatchProof, Bundle, EventProof, PassportProof, Trust
from evidence.documents import Refused, read_sealed
from evidence.fields import gln_text, hex_text
from evidence.report import Check, Link, Report, Status
from evidence.signed_fields import compare, things

T = TypeVar("T")
_NOBODY: Final = 0
_PACKING: Final = ("AggregationEvent", "AssociationEvent")
_MASK: Final = (1 << 256) - 2


def verify_bundle(bundle: Bundle, trust: Trust | None, rpc: Rpc | None) -> Report:
    """Check every link of a bundle.

    `trust` None, `rpc` None or a node that fails leave links unchecked; nothing is raised for what a bundle
    says. The verdict is about the record: whether goods are what their code says, it cannot tell.
    """
    verifier = BundleVerifier(bundle, trust, rpc)
    verifier.run()
    return verifier.report()


class BundleVerifier:
    """One verification; collects checks and notices."""

    def __init__(self, bundle: Bundle, trust: Trust | None, rpc: Rpc | None) -> None:
        self.bundle = bundle
        self.checks: list[Check] = []
        self.notices: list[str] = []
        self._trust = trust
        self._rpc = rpc
        self._block = 0
        self.chain_usable = False
        """whether the node serves the trust anchor's network"""
        self._valid: dict[bytes, dict[str, Any]] = {}
        """valid events by sealId"""

    def run(self) -> None:
        """Make all checks of the bundle."""
        self._network()
        for proof in self.bundle.events:
            self._event(proof)
        self._subjects()
        self._passport()

    def report(self) -> Report:
        """What was found so far."""
        return Report(self.bundle.item, tuple(self.checks), tuple(self.notices))

    def add(self, link: Link, status: Status, detail: str, place: str | None = None) -> None:
        """Note the outcome of one check."""
        self.checks.append(Check(link, status, detail, place))

    def judge(self, link: Link, holds: bool, good: str, bad: str, place: str | None = None) -> bool:
        """Note a check that either holds or is contradicted."""
        status = Status.VERIFIED if holds else Status.CONTRADICTED
        self.add(link, status, good if holds else bad, place)
        return holds

    # -- network -----------------------------------------------------------------------------------------

    def _network(self) -> None:
        trust = self._trust
        if trust is None:
            self.add(
                Link.NETWORK,
                Status.UNCHECKED,
                "there is no trust anchor: nothing on a chain can be believed without one",
            )
            return
        named = self.bundle.chain
        same = (named.chain_id, named.first_block) == (trust.chain_id, trust.first_block)
        addresses = self.bundle.contracts
        differing = [
            name
            for name in ("registry", "ledger", "passport")
            if getattr(addresses, name).lower() != getattr(trust, name).lower()
        ]
        if not same:
            self.add(
                Link.NETWORK,
                Status.CONTRADICTED,
                f"the bundle is of chain {named.chain_id}/{hex_text(named.first_block)}, the trust anchor of "
                f"{trust.chain_id}/{hex_text(trust.first_block)}",
            )
        if differing:
            self.add(
                Link.CONTRACTS,
                Status.CONTRADICTED,
                f"the bundle names other contracts than the trust anchor: {', '.join(differing)}",
            )
        if same and not differing:
            self._node(trust)

    def _node(self, trust: Trust) -> None:
        rpc = self._rpc
        if rpc is None:
            self.add(Link.NETWORK, Status.UNCHECKED, "there is no node to ask")
            return
        with self._asking(Link.NETWORK):
            found = (rpc.chain_id(), rpc.first_block_hash())
            if not self.judge(
                Link.NETWORK,
                found == (trust.chain_id, trust.first_block),
                f"the node serves the trust anchor's chain {trust.chain_id}",
                f"the node serves chain {found[0]}/{hex_text(found[1])}, the trust anchor is of "
                f"{trust.chain_id}/{hex_text(trust.first_block)}",
            ):
                return
            self._block = rpc.block_number()
            empty = [
                name
                for name in ("registry", "ledger", "passport")
                if not rpc.get_code(getattr(trust, name), self._block)
            ]
            if empty:
                self.add(Link.CONTRACTS, Status.CONTRADICTED, f"there is no contract at: {', '.join(empty)}")
                return
            self._ledger = EventLedger(trust.ledger, rpc)
            self._passports = ProductPassport(trust.passport, rpc)
            registries = {
                self._ledger.registry(block=self._block).lower(),
                self._passports.registry(block=self._block).lower(),
            }
            self.chain_usable = self.judge(
                Link.CONTRACTS,
                registries == {trust.registry.lower()},
                f"ledger and passports answer to the trust anchor's registry (as of block {self._block})",
                f"ledger or passports answer to another registry: {', '.join(sorted(registries))}",
            )

    @contextmanager
    def _asking(self, link: Link, place: str | None = None) -> Iterator[None]:
        """What a node fails at is unchecked; what a contract refuses is contradicted."""
        try:
            yield
        except CallReverted as error:
            self.add(link, Status.CONTRADICTED, f"the contract says: {decode_revert(error.data)}", place)
        except (ChainError, DecodeError) as error:
            self.add(link, Status.UNCHECKED, str(error), place)

    def _on_chain(self, link: Link, place: str, check: Callable[[], None]) -> None:
        """Run a check that needs the trusted network, or say that it could not be made."""
        if not self.chain_usable:
            self.add(link, Status.UNCHECKED, "the network could not be trusted or asked", place)
            return
        with self._asking(link, place):
            check()

    # -- events ------------------------------------------------------------------------------------------

    def _event(self, proof: EventProof) -> None:
        place = hex_text(proof.seal_id)
        sealed = self._document(proof, place)
        if isinstance(proof.proof, BatchProof):
            self._batch(proof, proof.proof, place)
        else:
            self._attestation(proof, proof.proof, sealed, place)
        if proof.disclosure is not None and sealed is not None:
            self._disclosure(proof.disclosure, sealed, place)
        self._errors(proof, place)

    def _document(self, proof: EventProof, place: str) -> Sealed | None:
        """The event sealed anew, if it is one and has the identity it is said to have."""
        try:
            sealed = read_sealed(proof.document)
        except Refused as error:
            self.add(Link.DOCUMENT, Status.CONTRADICTED, f"is no EPCIS event: {error}"[:500], place)
            return None
        wrong = []
        if sealed.seal_id != proof.seal_id:
            wrong.append(f"its sealId is {hex_text(sealed.seal_id)}")
        if sealed.event_hash != proof.event_hash:
            wrong.append(f"its event hash is {hex_text(sealed.event_hash)}, not {hex_text(proof.event_hash)}")
        if not self.judge(
            Link.DOCUMENT, not wrong, "sealId and CBV event hash are the document's", "; ".join(wrong), place
        ):
            return None
        self._valid[sealed.seal_id] = proof.document
        return sealed

    def _batch(self, proof: EventProof, batch: BatchProof, place: str) -> None:
        leaf = tree.event_leaf(proof.seal_id, proof.event_hash, batch.salt)
        included = self.judge(
            Link.INCLUSION,
            tree.verify(leaf, batch.index, batch.size, batch.path, batch.root),
            f"event {batch.index} of the batch of {batch.size} with root {hex_text(batch.root)}",
            f"the path does not lead to the root {hex_text(batch.root)}",
            place,
        )
        member = gln_text(proof.member)

        def anchored() -> None:
            found = self._ledger.anchored(proof.member, batch.root, block=self._block)
            self.judge(
                Link.ANCHOR,
                found.size == batch.size and found.recorded_at > 0,
                f"member {member} anchored this root (block time {found.recorded_at})",
                f"member {member} anchored no such root"
                if found.size == 0
                else f"member {member} anchored this root with size {found.size}, not {batch.size}",
                place,
            )

        if included:
            self._on_chain(Link.ANCHOR, place, anchored)
            self._logged(
                place,
                batch.transaction,
                lambda one: (
                    isinstance(one, events.Anchored)
                    and (one.member, one.root, one.size) == (proof.member, batch.root, batch.size)
                ),
            )

    def _attestation(
        self,
        proof: EventProof,
        given: AttestationProof,
        sealed: Sealed | None,
        place: str,
    ) -> None:
        signed = given.attestation
        if (signed.seal_id, signed.event_hash) != (proof.seal_id, proof.event_hash):
            self.add(Link.SIGNED_FIELDS, Status.CONTRADICTED, "what was signed is about another event", place)
        elif sealed is not None:
            differences = compare(signed, sealed, proof.document)
            self.judge(
                Link.SIGNED_FIELDS,
                not differences,
                "the signed fields are what the document says",
                "; ".join(str(one) for one in differences),
                place,
            )
        else:
            self.add(Link.SIGNED_FIELDS, Status.UNCHECKED, "there is no valid document to compare", place)
        member = gln_text(proof.member)

        def attested() -> None:
            found = self._ledger.attested(proof.member, proof.seal_id, block=self._block)
            wanted = attestation_record(signed.struct_hash(), proof.member, given.recorded_at)
            held = int.from_bytes(found, "big")
            self.judge(
                Link.ATTESTATION,
                held != 0 and held & _MASK == wanted & _MASK,
                f"member {member} attested these fields (block time {given.recorded_at})",
                f"member {member} attested no such event"
                if held == 0
                else f"member {member} attested other fields, or at another time",
                place,
            )
            if held != 0 and held & 1 == 0:
                self.notices.append(f"the effect of the attestation {place} is still pending")

        self._on_chain(Link.ATTESTATION, place, attested)
        self._logged(
            place,
            given.transaction,
            lambda one: (
                isinstance(one, events.Attested) and (one.member, one.attestation) == (proof.member, signed)
            ),
        )

    def _logged(self, place: str, transaction: bytes, fits: Callable[[codec.Event], bool]) -> None:
        """Whether a transaction holds the log it is named for, by one of the trusted contracts."""

        def logged() -> None:
            trust, rpc = self._trust, self._rpc
            if trust is None or rpc is None:
                return
            receipt = rpc.get_receipt(transaction)
            if receipt is None:
                # nodes forget old receipts; what the contracts keep was asked apart from this
                text = f"the node knows no transaction {hex_text(transaction)}"
                self.add(Link.TRANSACTION, Status.UNCHECKED, text, place)
                return
            trusted = {trust.ledger.lower(), trust.passport.lower()}
            found = (
                decode_log(log.topics, log.data) for log in receipt.logs if log.address.lower() in trusted
            )
            self.judge(
                Link.TRANSACTION,
                any(one is not None and fits(one) for one in found),
                f"recorded by transaction {hex_text(transaction)}",
                f"transaction {hex_text(transaction)} does not record it",
                place,
            )

        self._on_chain(Link.TRANSACTION, place, logged)

    def _disclosure(self, disclosure: dict[str, Any], sealed: Sealed, place: str) -> None:
        try:
            join(sealed.document, disclosure)
        except (SealError, JsonError) as error:
            self.add(Link.DISCLOSURE, Status.CONTRADICTED, str(error)[:500], place)
        else:
            self.add(Link.DISCLOSURE, Status.VERIFIED, "the disclosed values are those committed to", place)

    def _errors(self, proof: EventProof, place: str) -> None:
        """A declared error does not contradict a record: it is part of it, and whoever reads should know."""
        if self.chain_usable:
            with self._asking(Link.ATTESTATION, place):
                declaration = self._ledger.error_of(proof.member, proof.seal_id, block=self._block)
                if declaration != bytes(32):
                    self.notices.append(
                        f"member {gln_text(proof.member)} declared the event {place} erroneous by "
                        f"{hex_text(declaration)}"
                    )

    def _subjects(self) -> None:
        """Each event names the item, or a unit that some event of this bundle packed it into."""
        about = {item_id(self.bundle.item)}
        named = {seal_id: set(things(event)) for seal_id, event in self._valid.items()}
        grown = True
        while grown:
            grown = False
            for event in self._valid.values():
                if event.get("type") not in _PACKING or event.get("action") == "DELETE":
                    continue
                parent = set(things({"parentID": event.get("parentID")}))
                inside = set(things({**event, "parentID": None}))
                if inside & about and not parent <= about:
                    about |= parent
                    grown = True
        for seal_id, mentioned in named.items():
            self.judge(
                Link.SUBJECT,
                bool(mentioned & about),
                "the event names the item, or what it was packed into",
                "the event names neither the item nor anything it was packed into",
                hex_text(seal_id),
            )

    # -- passport ----------------------------------------------------------------------------------------

    def _passport(self) -> None:
        link = parse(self.bundle.item)
        serial = link.qualifier("21")
        given = self.bundle.passport
        if link.ai != "01" or serial is None:
            if given is not None:
                self.add(Link.SERIAL, Status.CONTRADICTED, "only serialised trade items have passports")
            return
        if given is None:
            self._no_passport()
            return
        place = hex_text(given.issue_id)
        self.judge(
            Link.SERIAL,
            (given.gtin, given.serial) == (link.value, serial)
            and tree.verify(tree.item_leaf(serial), given.index, given.size, given.path, given.root)
            and given.issue_id == issue_id_of(given.maker, given.root),
            f"item {given.index} of the issue of {given.size} with root {hex_text(given.root)}",
            "GTIN, serial, path, root and issue id do not belong together",
            place,
        )
        self._on_chain(Link.ISSUE, place, lambda: self._issue(given, place))
        self._logged(
            place,
            given.transaction,
            lambda one: (
                isinstance(one, events.Issued)
                and (one.issue_id, one.maker, one.root) == (given.issue_id, given.maker, given.root)
            ),
        )
        self._on_chain(Link.RECALL, place, lambda: self._recall(given, place))

    def _no_passport(self) -> None:
        token = int.from_bytes(item_id(self.bundle.item), "big")
        if self.chain_usable:
            with self._asking(Link.ISSUE):
                issue = self._passports.issue_of(token, block=self._block)
                if issue != bytes(32):
                    text = f"the bundle names no passport, the chain has one of issue {hex_text(issue)}"
                    self.add(Link.ISSUE, Status.CONTRADICTED, text)
                    return
        self.notices.append("no passport: nothing here shows that this item was ever issued")
        self.add(Link.ISSUE, Status.UNCHECKED, "the bundle names no passport")

    def _issue(self, given: PassportProof, place: str) -> None:
        record = self._passports.issue_record(given.issue_id, block=self._block)
        on_chain = (record.maker, record.gtin, record.size, record.root)
        if not self.judge(
            Link.ISSUE,
            on_chain == (given.maker, int(given.gtin), given.size, given.root),
            f"member {gln_text(record.maker)} issued {record.size} items of GTIN {record.gtin:014d} "
            f"(block time {record.issued_at})",
            "maker, GTIN, size or root of the issue are others on the chain",
            place,
        ):
            return
        token = int.from_bytes(item_id(self.bundle.item), "big")
        first = self._passports.issue_of(token, block=self._block)
        if first not in (bytes(32), given.issue_id):
            self.add(
                Link.ISSUE,
                Status.CONTRADICTED,
                f"the item's passport was materialised from another issue, {hex_text(first)}",
                place,
            )

    def _recall(self, given: PassportProof, place: str) -> None:
        found = self._passports.recall_of(given.issue_id, item_id(self.bundle.item), block=self._block)
        if found.by == _NOBODY:
            self.add(Link.RECALL, Status.VERIFIED, f"not recalled as of block {self._block}", place)
            return
        text = f"RECALLED by member {gln_text(found.by)}, evidence {hex_text(found.evidence)}"
        self.notices.insert(0, text)
        self.add(Link.RECALL, Status.VERIFIED, text, place)


def attestation_record(struct_hash: bytes, member: int, recorded_at: int) -> int:
    """What the ledger keeps of an attestation (protocol, section 8); its lowest bit means something else."""
    encoded = struct_hash + member.to_bytes(32, "big") + recorded_at.to_bytes(32, "big")
    return int.from_bytes(keccak256(encoded), "big")


def issue_id_of(maker: int, root: bytes) -> bytes:
    """Id of an issue (protocol, section 8): keccak256(abi.encode(maker, root))."""
    return keccak256(maker.to_bytes(32, "big") + root)
