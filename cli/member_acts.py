"""What a member signs about itself: its keys and its account."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from chain import requests
from chain.bindings import types
from cli import acts
from cli.acts import Act
from cli.failure import Failure
from cli.session import Member, Session, deadline

_KEY_ADMIN: Final = "KEY_ADMIN"


def grant_key(
    session: Session, key: str, member: Member, granted: str, days: int, roles: Sequence[str]
) -> Act:
    """A further key of the member for `roles`, live from now for some days.

    `key` and `granted` name local keys: the granted one signs, too, so that nobody takes a key of others.
    """
    now = int(time.time())
    message = types.KeyGrant(
        gln=member.gln,
        key=session.address_of(granted),
        valid_from=now - 60,  # the chain's clock may be behind ours
        valid_until=now + days * 86_400,
        roles=acts.role_mask(roles),
        deadline=deadline(),
    )
    signer, signature = session.sign(key, "MemberRegistry", message)
    _, own = session.sign(granted, "MemberRegistry", message)
    return "/members/keys", requests.GrantKey(
        message=message, signer=signer, signature=signature, key_signature=own
    )


def granted_roles(session: Session, record: Mapping[str, Any], key: str) -> list[str]:
    """Names of the roles that a local key of the member has, as the API's record says; the new key gets them.

    Raises Failure where that key may not administer keys: the contract would refuse what it grants.
    """
    address = session.address_of(key)
    for one in record["keys"]:
        if one["address"] == address:
            if _KEY_ADMIN not in one["roles"]:
                raise Failure(f"{key}: may not grant keys, since it was granted without {_KEY_ADMIN}")
            return list(one["roles"])
    raise Failure(f"{key}: is no key of {record['name']} ({record['gln']})")


def require_other_admin(record: Mapping[str, Any], address: str) -> None:
    """Raises Failure where ending the key leaves the member none that may administer its keys."""
    now = datetime.now(UTC)

    def administers(key: Mapping[str, Any]) -> bool:
        ended = key["revokedAt"] is not None or datetime.fromisoformat(key["validUntil"]) <= now
        begun = datetime.fromisoformat(key["validFrom"]) <= now
        return _KEY_ADMIN in key["roles"] and begun and not ended

    left = [key["address"] for key in record["keys"] if administers(key)]
    if left == [address]:
        raise Failure(
            f"{address}: is the last key of {record['name']} ({record['gln']}) that may administer its keys; "
            "without one, only the council can give it another, once all its keys have ended. "
            "Grant another first, or end it all the same with --force"
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
