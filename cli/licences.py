"""The licence that a command means where it names none: the only one that fits."""

from typing import Any

from cli.failure import Failure
from cli.session import Session


def fitting(licences: list[dict[str, Any]], licensee: str, gtin: str, territory: str | None) -> bytes:
    """Id of the only live licence of a member (GLN, 13 digits) for a GTIN (14 digits) and a territory.

    `licences` as the service lists them. Raises Failure naming what there is where it is not exactly one.
    """
    found = [
        one
        for one in licences
        if one["live"]
        and one["licensee"] == licensee
        and gtin in one["gtins"]
        and (territory is None or territory in one["territories"])
    ]
    if len(found) == 1:
        return bytes.fromhex(str(found[0]["id"])[2:])
    where = "" if territory is None else f" in {territory}"
    what = f"{licensee} and GTIN {gtin}{where}"
    if not found:
        raise Failure(f"licence: no live one is for {what}; see `tradeseal rights list`")
    ids = ", ".join(str(one["id"]) for one in found)
    raise Failure(f"licence: {len(found)} are for {what}, name one of {ids}")


def of_network(session: Session) -> list[dict[str, Any]]:
    """All licences that the service knows."""
    found: list[dict[str, Any]] = session.api.get("/rights/licences")["licences"]
    return found
