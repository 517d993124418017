"""A contract's reasons in words: what it refuses, with names, dates and GLNs in place of numbers.

The contract's own error stays behind each sentence by its name, and whole in what `--json` prints.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

_STATUSES: Final = ("unknown", "open", "funded", "proven", "disputed", "closed")
"""`IEscrow.Status` by number"""
Arguments = Mapping[str, Any]


def reason_text(contract: object) -> str | None:
    """A sentence for `{"error", "arguments", "text"}` of the API; None where none is known for it."""
    if not isinstance(contract, Mapping):
        return None
    name, arguments = contract.get("error"), contract.get("arguments")
    tell = _REASONS.get(str(name))
    if tell is None or not isinstance(arguments, Mapping):
        return None
    try:
        return f"{tell(arguments)} ({name})"
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):  # another version of the contracts
        return None


def refusal_of(problem: Mapping[str, Any] | None) -> str | None:
    """Name of the contract's error in a failure's problem or operation; None where it has none."""
    found = (problem or {}).get("contract") or (problem or {}).get("error")
    return found.get("error") if isinstance(found, Mapping) else None


def roles_text(mask: int) -> str:
    """Names of role bits, `none` for zero."""
    from indexer.read.values import roles

    return ", ".join(roles(mask)) or "none"


def time_text(unix: int) -> str:
    """Unix seconds as a date and time, UTC."""
    from indexer.read.values import seconds

    return seconds(unix).isoformat(timespec="seconds").replace("+00:00", "Z")


def gln_text(number: int) -> str:
    """A GLN as 13 digits."""
    return f"{number:013d}"


def _int(arguments: Arguments, name: str) -> int:
    return int(arguments[name])


def _gln(arguments: Arguments, name: str = "gln") -> str:
    return gln_text(_int(arguments, name))


def _when(arguments: Arguments, name: str) -> str:
    return time_text(_int(arguments, name))


def _code(arguments: Arguments, name: str) -> str:
    return bytes.fromhex(str(arguments[name])[2:]).decode("ascii")


# -- orders


def _order_invalid(arguments: Arguments) -> str:
    field, value = str(arguments["field"]), _int(arguments, "value")
    return f"the order cannot be opened: {_FIELDS[field](value)}"


def _arbiter(value: int) -> str:
    if value == 0:
        return "an inspection window needs an arbiter, and none is named"
    return f"the arbiter {gln_text(value)} is the buyer or the seller"


def _deliver_by(value: int) -> str:
    fault = "is over" if value <= time.time() else "is more than five years ahead"
    return f"deliverBy {time_text(value)} {fault}"


def _at_most_a_year(field: str) -> Callable[[int], str]:
    return lambda value: f"{field} is {timedelta(seconds=value)}, at most 365 days are taken"


def _ruling_period(value: int) -> str:
    if value == 0:
        return "rulingPeriod is 0, and with an inspection window the arbiter needs time to rule"
    return _at_most_a_year("rulingPeriod")(value)


def _account(field: str) -> Callable[[int], str]:
    return lambda value: f"{field} 0x{value:040x} is no account, or the escrow's or token's own"


_FIELDS: Final[Mapping[str, Callable[[int], str]]] = {
    "amount": lambda value: f"an amount of {value} minor units cannot be held",
    "token": lambda value: f"there is no token at 0x{value:040x}",
    "buyerAccount": _account("buyerAccount"),
    "payee": _account("payee"),
    "unruledSellerBps": lambda value: f"unruledSellerShare {value / 100:g} % is more than 100 %",
    "onRevocation": lambda value: f"onRevocation {value} is neither pay (0) nor refund (1)",
    "deliverBy": _deliver_by,
    "grace": _at_most_a_year("grace"),
    "inspectionWindow": _at_most_a_year("inspectionWindow"),
    "rulingPeriod": _ruling_period,
    "seller": lambda value: f"the seller {gln_text(value)} is the buyer, too",
    "prover": lambda value: f"the prover {gln_text(value)} is the seller, who cannot prove the delivery",
    "arbiter": _arbiter,
    "lines": lambda value: f"it has {value} lines, 1 to 50 are taken",
    "quantity": lambda _: "a line has a quantity of 0",
}


def _status_invalid(arguments: Arguments) -> str:
    actual, expected = (_STATUSES[_int(arguments, name)] for name in ("actual", "expected"))
    if expected == "unknown":
        return f"the order is known already; it is {actual}"
    return f"the order is {actual}, and this needs one that is {expected}"


# -- members


def _role_missing(arguments: Arguments) -> str:
    from indexer.read.values import roles

    required = " or ".join(roles(_int(arguments, "required"))) or "any role"
    return (
        f"{_gln(arguments)} needs {required} here; it, or its key, has {roles_text(_int(arguments, 'roles'))}"
    )


def _key_not_live(arguments: Arguments) -> str:
    if _int(arguments, "gln") == 0:
        return f"key {arguments['key']} belongs to no member of this network"
    span = f"from {_when(arguments, 'validFrom')} until {_when(arguments, 'validUntil')}"
    return f"key {arguments['key']} of {_gln(arguments)} is not live; it was {span}"


_REASONS: Final[Mapping[str, Callable[[Arguments], str]]] = {
    "OrderInvalid": _order_invalid,
    "StatusInvalid": _status_invalid,
    "TooEarly": lambda a: f"too early: it is {_when(a, 'timestamp')}, possible from {_when(a, 'from')}",
    "TooLate": lambda a: f"too late: it is {_when(a, 'timestamp')}, possible until {_when(a, 'until')}",
    "RoleMissing": _role_missing,
    "KeyNotLive": _key_not_live,
    "WrongMember": lambda a: f"key {a['signer']} acts for {_gln(a, 'actual')}, not for {_gln(a, 'expected')}",
    "MemberUnknown": lambda a: f"{_gln(a)} is no member of this network",
    "MemberExists": lambda a: f"{_gln(a)} is a member already",
    "MemberNotActive": lambda a: f"{_gln(a)} is suspended, or no member",
    "KeyTaken": lambda a: f"key {a['key']} is, or was, one of {_gln(a)}",
    "LiveKeyExists": lambda a: f"{_gln(a)} has a live key, {a['key']}, and grants further ones itself",
    "NotSeat": lambda a: f"{a['seat']} is no seat of the council",
    "ApprovalsMissing": lambda a: f"the action has {a['approvals']} of {a['threshold']} approvals",
    "AlreadyApproved": lambda a: f"the seat {a['seat']} has approved this action before",
    "AlreadyExecuted": lambda _: "the action was carried out before",
    "QuorumMissing": lambda a: f"{a['organisations']} of {a['quorum']} organisations endorsed it",
    "PaymentReferenceUsed": lambda a: f"the payment {a['paymentReference']} was minted before",
    "DeadlineExpired": lambda a: (
        f"what was signed could be relayed until {_when(a, 'deadline')}; it is {_when(a, 'timestamp')}"
    ),
    "TerritoryNotLicensed": lambda a: f"licence {a['licence']} is not for {_code(a, 'territory')}",
    "LicenceIsRevoked": lambda a: f"licence {a['licence']} was revoked at {_when(a, 'revokedAt')}",
    "LicenceNotLive": lambda a: (
        f"licence {a['licence']} is live from {_when(a, 'validFrom')} until {_when(a, 'validUntil')}"
    ),
    "NotLicensee": lambda a: f"licence {a['licence']} is {_gln(a, 'licensee')}'s, not {_gln(a, 'member')}'s",
    "GtinNotLicensed": lambda a: f"licence {a['licence']} is not for GTIN {_int(a, 'gtin'):014d}",
    "QuantityExceeded": lambda a: (
        f"licence {a['licence']} has {a['left']} items left, {a['wanted']} are wanted"
    ),
}
