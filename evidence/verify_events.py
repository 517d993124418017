"""Each event of a bundle: its document, its place on the chain, and what it has to do with the item."""

from collections import defaultdict
from typing import Any

from chain.bindings import event_ledger, events
from chain.fields import hex_text
from epcis import tree
from epcis.canonical import JsonError
from epcis.sealed import Sealed, SealError, join
from evidence import calls
from evidence.bundle import AttestationProof, BatchProof, EventProof
from evidence.chain_records import EFFECT_APPLIED, EFFECT_MASK
from evidence.checking import Checking
from evidence.fields import gln_text, time_text
from evidence.readings import Reading
from evidence.report import Link, Status


class EventChecks:
    """Checks the events of one bundle."""

    def __init__(self, checking: Checking) -> None:
        self._checking = checking
        self._valid: dict[bytes, Reading] = {}
        """valid events by sealId"""

    def run(self) -> None:
        """Check each event, then whether all of them belong to the item."""
        for proof in self._checking.bundle.events:
            self._event(proof)
        self._subjects()

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
        reading = self._checking.reading(proof)
        sealed = reading.sealed
        if sealed is None:
            text = f"is no EPCIS event: {reading.refusal}"[:500]
            self._checking.add(Link.DOCUMENT, Status.CONTRADICTED, text, place)
            return None
        wrong = []
        if sealed.seal_id != proof.seal_id:
            wrong.append(f"its sealId is {hex_text(sealed.seal_id)}")
        if sealed.event_hash != proof.event_hash:
            wrong.append(f"its event hash is {hex_text(sealed.event_hash)}, not {hex_text(proof.event_hash)}")
        if not self._checking.judge(
            Link.DOCUMENT, not wrong, "sealId and CBV event hash are the document's", "; ".join(wrong), place
        ):
            return None
        self._valid[sealed.seal_id] = reading
        return sealed

    def _batch(self, proof: EventProof, batch: BatchProof, place: str) -> None:
        leaf = tree.event_leaf(proof.seal_id, proof.event_hash, batch.salt)
        included = self._checking.judge(
            Link.INCLUSION,
            tree.verify(leaf, batch.index, batch.size, batch.path, batch.root),
            f"event {batch.index} of the batch of {batch.size} with root {hex_text(batch.root)}",
            f"the path does not lead to the root {hex_text(batch.root)}",
            place,
        )
        member = gln_text(proof.member)

        def anchored() -> None:
            found = event_ledger.decode_anchored_result(
                self._checking.ask_ledger(calls.anchored(proof.member, batch.root))
            )
            self._checking.judge(
                Link.ANCHOR,
                found.size == batch.size and found.recorded_at > 0,
                f"member {member} anchored this root (block of {time_text(found.recorded_at)})",
                f"member {member} anchored no such root"
                if found.size == 0
                else f"member {member} anchored this root with size {found.size}, not {batch.size}",
                place,
            )

        if included:
            self._checking.on_chain(Link.ANCHOR, place, anchored)
            self._checking.logged(
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
            self._checking.add(
                Link.SIGNED_FIELDS, Status.CONTRADICTED, "what was signed is about another event", place
            )
        elif sealed is not None:
            differences = self._checking.reading(proof).compared(signed)
            self._checking.judge(
                Link.SIGNED_FIELDS,
                not differences,
                "the signed fields are what the document says",
                "; ".join(str(one) for one in differences),
                place,
            )
        else:
            self._checking.add(
                Link.SIGNED_FIELDS, Status.UNCHECKED, "there is no valid document to compare", place
            )
        member = gln_text(proof.member)

        def attested() -> None:
            found = event_ledger.decode_attested_result(
                self._checking.ask_ledger(calls.attested(proof.member, proof.seal_id))
            )
            wanted = calls.attestation_record(signed, proof.member, given.recorded_at)
            held = int.from_bytes(found, "big")
            # what came of an order is no fact about the goods, and anybody may name an order in vain
            effect = "" if held & EFFECT_APPLIED else "; recorded, its effect on an order was not applied"
            self._checking.judge(
                Link.ATTESTATION,
                held != 0 and held & EFFECT_MASK == wanted & EFFECT_MASK,
                f"member {member} attested these fields (block of {time_text(given.recorded_at)}){effect}",
                f"member {member} attested no such event"
                if held == 0
                else f"member {member} attested other fields, or at another time",
                place,
            )

        self._checking.on_chain(Link.ATTESTATION, place, attested)
        self._checking.logged(
            place,
            given.transaction,
            lambda one: (
                isinstance(one, events.Attested) and (one.member, one.attestation) == (proof.member, signed)
            ),
        )

    def _disclosure(self, disclosure: dict[str, Any], sealed: Sealed, place: str) -> None:
        try:
            join(sealed.document, disclosure)
        except (SealError, JsonError) as error:
            self._checking.add(Link.DISCLOSURE, Status.CONTRADICTED, str(error)[:500], place)
        else:
            self._checking.add(
                Link.DISCLOSURE, Status.VERIFIED, "the disclosed values are those committed to", place
            )

    def _errors(self, proof: EventProof, place: str) -> None:
        """A declared error does not contradict a record: it is part of it, and whoever reads should know."""
        if self._checking.chain_usable:
            with self._checking.asking(Link.ATTESTATION, place):
                declaration = event_ledger.decode_error_of_result(
                    self._checking.ask_ledger(calls.error_of(proof.member, proof.seal_id))
                )
                if declaration != bytes(32):
                    self._checking.notice(
                        f"member {gln_text(proof.member)} declared the event {place} erroneous by "
                        f"{hex_text(declaration)}"
                    )

    def _subjects(self) -> None:
        """Each event names the item, or a unit that some event of this bundle packed it into."""
        about = self._packed_into(self._checking.item)
        for seal_id, reading in self._valid.items():
            self._checking.judge(
                Link.SUBJECT,
                not about.isdisjoint(reading.things),
                "the event names the item, or what it was packed into",
                "the event names neither the item nor anything it was packed into",
                hex_text(seal_id),
            )

    def _packed_into(self, item: bytes) -> set[bytes]:
        """The item, and every unit that holds it or holds one that does."""
        holders: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for reading in self._valid.values():
            for inside in reading.inside:
                holders[inside] |= reading.unit
        found, new = {item}, [item]
        while new:
            above = holders[new.pop()] - found
            found |= above
            new += above
        return found
