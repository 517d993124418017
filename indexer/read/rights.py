"""Company prefixes, trademarks and licences with their present standing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col

from indexer.read.values import ascii_text, gln, gtin, in_order, seconds
from indexer.tables.ip import (
    LicenceConsumed,
    LicenceGranted,
    LicenceRevoked,
    MarkCancelled,
    MarkRegistered,
    PrefixAssigned,
)


@dataclass(frozen=True, slots=True)
class Prefix:
    """A GS1 Company Prefix and the GLN of its owner."""

    prefix: str
    owner: str
    assigned_at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """A trademark; territories are ISO 3166-1 alpha-2, classes per the Nice Agreement."""

    id: str
    owner: str
    name: str
    territories: list[str]
    nice_classes: list[int]
    registered_at: datetime
    valid_until: datetime
    cancelled_at: datetime | None
    cancellation: str | None
    """SHA-256 of the published reason"""

    def live_at(self, moment: datetime) -> bool:
        """Whether the mark stands."""
        return moment < self.valid_until and (self.cancelled_at is None or moment < self.cancelled_at)


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence; `quantity` and `consumed` count items."""

    id: str
    mark: Mark | None
    licensor: str
    licensee: str
    gtins: list[str]
    territories: list[str]
    granted_at: datetime
    valid_from: datetime
    valid_until: datetime
    quantity: int
    consumed: int
    signer: str
    revoked_at: datetime | None
    revocation: str | None
    """SHA-256 of the published reason"""

    def live_at(self, moment: datetime) -> bool:
        """Whether goods may be made or sold under it: in its period, not revoked, its mark standing."""
        revoked = self.revoked_at is not None and moment >= self.revoked_at
        mark = self.mark is not None and self.mark.live_at(moment)
        return self.valid_from <= moment < self.valid_until and not revoked and mark


def prefixes(session: Session) -> list[Prefix]:
    """All company prefixes in the order they were recorded."""
    return [
        Prefix(row.prefix, gln(row.owner), seconds(row.block_time))
        for row in in_order(session, PrefixAssigned)
    ]


def marks(session: Session) -> list[Mark]:
    """All trademarks in the order they were registered."""
    cancelled = {row.mark: row for row in in_order(session, MarkCancelled)}
    found = []
    for row in in_order(session, MarkRegistered):
        end = cancelled.get(row.mark)
        found.append(
            Mark(
                id=row.mark,
                owner=gln(row.owner),
                name=row.name,
                territories=[ascii_text(code) for code in row.territories],
                nice_classes=list(row.nice_classes),
                registered_at=seconds(row.block_time),
                valid_until=seconds(row.valid_until),
                cancelled_at=seconds(end.block_time) if end else None,
                cancellation=end.reason if end else None,
            )
        )
    return found


def mark(session: Session, mark_id: str) -> Mark | None:
    """One trademark by its id in lower-case hexadecimal."""
    return next((one for one in marks(session) if one.id == mark_id), None)


def licences(session: Session, licensor: str | None = None, licensee: str | None = None) -> list[Licence]:
    """Licences in the order they were granted, of one licensor or licensee (GLN) where given."""
    conditions: list[Any] = []
    if licensor is not None:
        conditions.append(col(LicenceGranted.licensor) == int(licensor))
    if licensee is not None:
        conditions.append(col(LicenceGranted.licensee) == int(licensee))
    return _licences(session, conditions)


def licence(session: Session, licence_id: str) -> Licence | None:
    """One licence by its id in lower-case hexadecimal."""
    found = _licences(session, [col(LicenceGranted.licence) == licence_id])
    return found[0] if found else None


def _licences(session: Session, conditions: list[Any]) -> list[Licence]:
    known = {one.id: one for one in marks(session)}
    revoked = {row.licence: row for row in in_order(session, LicenceRevoked)}
    consumed = {row.licence: row.consumed for row in in_order(session, LicenceConsumed)}
    found = []
    for row in in_order(session, LicenceGranted, *conditions):
        end = revoked.get(row.licence)
        found.append(
            Licence(
                id=row.licence,
                mark=known.get(row.mark),
                licensor=gln(row.licensor),
                licensee=gln(row.licensee),
                gtins=[gtin(number) for number in row.gtins],
                territories=[ascii_text(code) for code in row.territories],
                granted_at=seconds(row.block_time),
                valid_from=seconds(row.valid_from),
                valid_until=seconds(row.valid_until),
                quantity=row.quantity,
                consumed=consumed.get(row.licence, 0),
                signer=row.signer,
                revoked_at=seconds(end.block_time) if end else None,
                revocation=end.reason if end else None,
            )
        )
    return found
