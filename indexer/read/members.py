"""Organisations with their present roles and keys."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col

from indexer.read.values import ascii_text, gln, in_order, latest, roles, seconds
from indexer.tables.access import (
    AccountChanged,
    KeyGranted,
    KeyRevoked,
    MemberAdmitted,
    MemberReinstated,
    MemberSuspended,
    RolesChanged,
)


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key; live from `valid_from` to before `valid_until`, or until it was revoked."""

    address: str
    roles: list[str]
    """the member's roles are limited to these, for this key"""
    valid_from: datetime
    valid_until: datetime
    granted_by: str
    revoked_at: datetime | None

    def live_at(self, moment: datetime) -> bool:
        """Whether the key itself was live; its member may have been suspended all the same."""
        ended = self.revoked_at is not None and moment >= self.revoked_at
        return self.valid_from <= moment < self.valid_until and not ended


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation as the registry has it now. `country` is ISO 3166-1 alpha-2."""

    gln: str
    name: str
    country: str
    account: str
    roles: list[str]
    active: bool
    admitted_at: datetime
    suspension: str | None
    """SHA-256 of the published decision while suspended"""
    keys: list[Key]


def members(session: Session) -> list[Member]:
    """All organisations in the order of their admission."""
    return _members(session, None)


def member(session: Session, member_gln: str | int) -> Member | None:
    """One organisation; None where the registry has none of that GLN."""
    found = _members(session, int(member_gln))
    return found[0] if found else None


def gln_of_key(session: Session, address: str) -> str | None:
    """The member whose key this is or once was."""
    row = latest(session, KeyGranted, col(KeyGranted.key) == address)
    return None if row is None else gln(row.gln)


def gln_of_account(session: Session, address: str) -> str | None:
    """The member whose account this is now."""
    for one in _members(session, None):
        if one.account == address:
            return one.gln
    return None


def _members(session: Session, only: int | None) -> list[Member]:
    def which(column: int) -> list[object]:
        return [] if only is None else [col(column) == only]

    admitted = in_order(session, MemberAdmitted, *which(MemberAdmitted.gln))
    masks = {row.gln: row.roles for row in admitted}
    masks |= {row.gln: row.roles for row in in_order(session, RolesChanged, *which(RolesChanged.gln))}
    accounts = {row.gln: row.account for row in admitted}
    accounts |= {
        row.gln: row.account for row in in_order(session, AccountChanged, *which(AccountChanged.gln))
    }
    standing: list[MemberSuspended | MemberReinstated] = [
        *in_order(session, MemberSuspended, *which(MemberSuspended.gln)),
        *in_order(session, MemberReinstated, *which(MemberReinstated.gln)),
    ]
    suspended: dict[int, str | None] = {}
    for row in sorted(standing, key=lambda log: (log.block_number, log.log_index)):
        suspended[row.gln] = row.reason if isinstance(row, MemberSuspended) else None
    revoked = {row.key: row.block_time for row in in_order(session, KeyRevoked, *which(KeyRevoked.gln))}
    keys: defaultdict[int, list[Key]] = defaultdict(list)
    for grant in in_order(session, KeyGranted, *which(KeyGranted.gln)):
        keys[grant.gln].append(
            Key(
                address=grant.key,
                roles=roles(grant.roles),
                valid_from=seconds(grant.valid_from),
                valid_until=seconds(grant.valid_until),
                granted_by=grant.by,
                revoked_at=seconds(revoked[grant.key]) if grant.key in revoked else None,
            )
        )
    return [
        Member(
            gln=gln(row.gln),
            name=row.name,
            country=ascii_text(row.country),
            account=accounts[row.gln],
            roles=roles(masks[row.gln]),
            active=suspended.get(row.gln) is None,
            admitted_at=seconds(row.block_time),
            suspension=suspended.get(row.gln),
            keys=keys[row.gln],
        )
        for row in admitted
    ]
