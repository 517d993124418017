"""The item's passport: its place in an issue, and whether somebody stopped it."""

from typing import Final

from chain.bindings import events, product_passport, rights_registry
from chain.bindings.types import IssueRecord
from chain.fields import hex_text
from epcis import tree
from epcis.digital_link import parse
from evidence import calls
from evidence.bundle import PassportProof
from evidence.checking import Checking
from evidence.fields import gln_text, time_text
from evidence.report import Link, Status

_NOBODY: Final = 0


class PassportChecks:
    """Checks the passport of one bundle, or what its absence means."""

    def __init__(self, checking: Checking) -> None:
        self._checking = checking

    def run(self) -> None:
        """Check it."""
        link = parse(self._checking.bundle.item)
        serial = link.qualifier("21")
        given = self._checking.bundle.passport
        if link.ai != "01" or serial is None:
            if given is not None:
                self._checking.add(
                    Link.SERIAL, Status.CONTRADICTED, "only serialised trade items have passports"
                )
            return
        if given is None:
            self._no_passport()
            return
        place = hex_text(given.issue_id)
        self._checking.judge(
            Link.SERIAL,
            (given.gtin, given.serial) == (link.value, serial)
            and tree.verify(tree.item_leaf(serial), given.index, given.size, given.path, given.root)
            and given.issue_id == calls.issue_id_of(given.maker, given.root),
            f"item {given.index} of the issue of {given.size} with root {hex_text(given.root)}",
            "GTIN, serial, path, root and issue id do not belong together",
            place,
        )
        self._checking.on_chain(Link.ISSUE, place, lambda: self._issue(given, place))
        self._checking.logged(
            place,
            given.transaction,
            lambda one: (
                isinstance(one, events.Issued)
                and (one.issue_id, one.maker, one.root) == (given.issue_id, given.maker, given.root)
            ),
        )
        self._checking.on_chain(Link.RECALL, place, lambda: self._recall(given, place))

    def _no_passport(self) -> None:
        if self._checking.chain_usable:
            with self._checking.asking(Link.ISSUE):
                issue = self._issue_of()
                if issue != bytes(32):
                    text = f"the bundle names no passport, the chain has one of issue {hex_text(issue)}"
                    self._checking.add(Link.ISSUE, Status.CONTRADICTED, text)
                    return
        text = "the bundle names no passport: nothing here shows that this item was ever issued"
        self._checking.add(Link.ISSUE, Status.UNCHECKED, text)

    def _issue_of(self) -> bytes:
        """The issue that the item's token was minted from; zero for none."""
        return product_passport.decode_issue_of_result(
            self._checking.ask_passport(calls.issue_of(self._checking.token))
        )

    def _issue(self, given: PassportProof, place: str) -> None:
        record = product_passport.decode_issue_record_result(
            self._checking.ask_passport(calls.issue_record(given.issue_id))
        )
        on_chain = (record.maker, record.gtin, record.size, record.root)
        if not self._checking.judge(
            Link.ISSUE,
            on_chain == (given.maker, int(given.gtin), given.size, given.root),
            f"member {gln_text(record.maker)} issued {record.size} items of GTIN {record.gtin:014d} "
            f"(block of {time_text(record.issued_at)})",
            "maker, GTIN, size or root of the issue are others on the chain",
            place,
        ):
            return
        first = self._issue_of()
        if first not in (bytes(32), given.issue_id):
            self._checking.add(
                Link.ISSUE,
                Status.CONTRADICTED,
                f"the item's passport was materialised from another issue, {hex_text(first)}",
                place,
            )
        with self._checking.asking(Link.LICENCE, place):
            self._licence(record, place)

    def _licence(self, issued: IssueRecord, place: str) -> None:
        """How the licence stands now. Its end does not contradict the record; whoever reads should know."""
        found = rights_registry.decode_licence_record_result(
            self._checking.ask(self._checking.rights, calls.licence_record(issued.licence))
        )
        licence = f"licence {hex_text(issued.licence)}"
        text = f"issued under {licence} of member {gln_text(found.licensor)}"
        if not self._checking.judge(
            Link.LICENCE,
            found.licensee == issued.maker,
            f"{text}, which stands as of block {self._checking.block}"
            if not found.revoked_at
            else f"{text}, REVOKED at {time_text(found.revoked_at)}",
            f"{licence} is member {gln_text(found.licensee)}'s, not the maker's",
            place,
        ):
            return
        if found.revoked_at:
            self._checking.notice(
                f"the {licence} that it was issued under was revoked at {time_text(found.revoked_at)}"
            )

    def _recall(self, given: PassportProof, place: str) -> None:
        found = product_passport.decode_recall_of_result(
            self._checking.ask_passport(calls.recall_of(given.issue_id, self._checking.item))
        )
        if found.by == _NOBODY:
            self._checking.add(
                Link.RECALL, Status.VERIFIED, f"not recalled as of block {self._checking.block}", place
            )
            return
        text = f"RECALLED by member {gln_text(found.by)}, evidence {hex_text(found.evidence)}"
        self._checking.notice(text, first=True)
        self._checking.add(Link.RECALL, Status.VERIFIED, text, place)
