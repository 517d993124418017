"""Further setters of the council, beside those of `cli.acts`: each gives the call that seats approve."""

import time
from collections.abc import Sequence

from chain.bindings import council, member_registry, rights_registry
from cli import acts
from cli.acts import Setter


def set_roles(gln: str, roles: Sequence[str]) -> Setter:
    """A member's roles are replaced."""
    return Setter("MemberRegistry", member_registry.encode_set_roles(acts.gln(gln), acts.role_mask(roles)))


def suspend(gln: str, reason: bytes) -> Setter:
    """A member is suspended; `reason` is SHA-256 of the published decision."""
    return Setter("MemberRegistry", member_registry.encode_suspend(acts.gln(gln), reason))


def reinstate(gln: str) -> Setter:
    """A suspended member may act again."""
    return Setter("MemberRegistry", member_registry.encode_reinstate(acts.gln(gln)))


def recover_key(gln: str, key: str, days: int) -> Setter:
    """A member that lost all its keys gets a new one, live for some days."""
    until = int(time.time()) + days * 86_400
    return Setter("MemberRegistry", member_registry.encode_recover_key(acts.gln(gln), key, until))


def cancel_mark(mark: bytes, reason: bytes) -> Setter:
    """A trademark ends; `reason` is SHA-256 of the published reason."""
    return Setter("RightsRegistry", rights_registry.encode_cancel_mark(mark, reason))


def set_seats(seats: Sequence[str], threshold: int) -> Setter:
    """All seats are replaced."""
    return Setter("Council", council.encode_set_seats(tuple(seats), threshold))
