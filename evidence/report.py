"""The outcome of a verification: a line for each link of the chain of evidence, and a verdict on the record.

A verdict is about a record, never about goods: a code can be copied onto other goods.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Status(StrEnum):
    """What became of one check."""

    VERIFIED = "verified"
    CONTRADICTED = "contradicted"
    UNCHECKED = "unchecked"


class Link(StrEnum):
    """What a check is about, in the order of the chain of evidence."""

    BUNDLE = "bundle"
    NETWORK = "network"
    CONTRACTS = "contracts"
    DOCUMENT = "document"
    SUBJECT = "subject"
    DISCLOSURE = "disclosure"
    INCLUSION = "inclusion"
    ANCHOR = "anchor"
    ATTESTATION = "attestation"
    SIGNED_FIELDS = "signed fields"
    TRANSACTION = "transaction"
    ISSUE = "issue"
    SERIAL = "serial"
    LICENCE = "licence"
    RECALL = "recall"
    MIRROR = "mirror"
    VAULT = "vault"
    ROUTE = "route"


EXIT_CODES: Final = {Status.VERIFIED: 0, Status.CONTRADICTED: 1, Status.UNCHECKED: 2}

_VERDICTS: Final = {
    Status.VERIFIED: "This record is verified: every link was checked and holds.",
    Status.CONTRADICTED: "This record is contradicted: at least one link does not hold.",
    Status.UNCHECKED: "This record is not fully verified: at least one link could not be checked.",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One checked link. `place` says of what: an event's sealId, an issue's id, or nothing for the whole."""

    link: Link
    status: Status
    detail: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one item, in order.

    `notices` are facts about the goods that whoever scans should see first: what stops them, and what their
    members took back. None repeats.
    """

    item: str
    checks: tuple[Check, ...]
    notices: tuple[str, ...] = ()
    known: bool = True
    """whether anything at all is recorded of the item"""

    @property
    def verdict(self) -> Status:
        """Contradicted if anything is; unchecked if anything is, or nothing was checked; else verified."""
        found = {check.status for check in self.checks}
        if Status.CONTRADICTED in found:
            return Status.CONTRADICTED
        if Status.UNCHECKED in found or not found:
            return Status.UNCHECKED
        return Status.VERIFIED

    @property
    def text(self) -> str:
        """The verdict on the record in a sentence; `notices` stand beside it."""
        return _VERDICTS[self.verdict]

    @property
    def exit_code(self) -> int:
        """0 verified, 1 contradicted, 2 something could not be checked."""
        return EXIT_CODES[self.verdict]

    def failing(self) -> list[Check]:
        """Checks that do not hold or could not be made."""
        return [check for check in self.checks if check.status is not Status.VERIFIED]

    def to_json(self) -> dict[str, Any]:
        """For `--json` and the page."""
        return {
            "item": self.item,
            "verdict": self.verdict.value,
            "text": self.text,
            "notices": list(self.notices),
            "checks": [
                {"link": check.link.value, "status": check.status.value, "detail": check.detail}
                | ({} if check.place is None else {"place": check.place})
                for check in self.checks
            ],
        }
