"""What a member signs about itself: its keys and its account."""

import time
from collections.abc import Sequence

from chain import requests
from chain.bindings import types
from cli import acts
from cli.acts import Act
from cli.session import Member, Session, deadline

_EVERY_ROLE = 0x3FF
"""The activity roles of contracts/access/Roles.sol: a key acts in those that its member has."""


def grant_key(
    session: Session, key: str, member: Member, granted: str, days: int, roles: Sequence[str] = ()
) -> Act:
    """A further key of the member, live from now for some days, limited to `roles` where some are given.

    `key` and `granted` name local keys: the granted one signs, too, so that nobody takes a key of others.
    """
    now = int(time.time())
    message = types.KeyGrant(
        gln=member.gln,
        key=session.address_of(granted),
        valid_from=now - 60,  # the chain's clock may be behind ours
        valid_until=now + days * 86_400,
        roles=acts.role_mask(roles) if roles else _EVERY_ROLE,
        deadline=deadline(),
    )
    signer, signature = session.sign(key, "MemberRegistry", message)
    _, own = session.sign(granted, "MemberRegistry", message)
    return "/members/keys", requests.GrantKey(
        message=message, signer=signer, signature=signature, key_signature=own
    )


def revoke_key(session: Session, key: str, member: Member, address: str) -> Act:
    """The end of a key of the member."""
    message = types.KeyRevocation(member.gln, address, deadline())
    signer, signature = session.sign(key, "MemberRegistry", message)
    return "/members/key-revocations", requests.RevokeKey(message=message, signer=signer, signature=signature)


def change_account(session: Session, key: str, member: Member, account: str, nonce: int) -> Act:
    """Another account for the member's passports; `nonce` counts such changes from 0.

    `key` and `account` name local keys: the account signs, too, so that nobody registers that of others.
    """
    message = types.AccountChange(member.gln, session.address_of(account), nonce, deadline())
    signer, signature = session.sign(key, "MemberRegistry", message)
    _, own = session.sign(account, "MemberRegistry", message)
    return "/members/accounts", requests.ChangeAccount(
        message=message, signer=signer, signature=signature, account_signature=own
    )
