"""Which items get labels: as they are named on the command line, and whether they were issued."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from cli.failure import Exit, Failure
from cli.item_names import ItemName, item_of
from cli.labels.design import Subject, interpretation

if TYPE_CHECKING:
    from cli.client import ApiClient


def items(named: Sequence[str], serials: Sequence[str], gtin: str | None) -> list[ItemName]:
    """Items in the order given, `serials` behind them: of `gtin`, or, without one, each a whole name.

    Raises Failure for what is no item, for one that is named twice, and where there are none.
    """
    prefix = "" if gtin is None else f"{gtin}/"
    found: dict[str, ItemName] = {}
    for text in chain(named, (prefix + serial for serial in serials)):
        name = item_of(text)
        if found.setdefault(name.uri, name) is not name:
            raise Failure(f"item {text!r}: is named twice, and one item has one label", Exit.UNCHECKED)
    if not found:
        raise Failure("no item: name some, or give --serials FILE", Exit.UNCHECKED)
    return list(found.values())


def require_issued(api: "ApiClient", names: Sequence[ItemName], issue: str | None) -> None:
    """Raises Failure for the first item that nobody issued, or that is not of `issue` (0x…, None for any)."""
    for name in names:
        try:
            record = api.get(f"{name.page}/issue")
        except Failure as refused:
            if refused.code is not Exit.REFUSED:
                raise
            raise Failure(
                f"item {name.gtin}/{name.serial}: {refused}; --before-issue prints labels ahead of it"
            ) from None
        if issue is not None and str(record["issueId"]).lower() != issue.lower():
            raise Failure(f"item {name.gtin}/{name.serial}: is of issue {record['issueId']}, not of {issue}")


def subjects(names: Sequence[ItemName], public_url: str) -> Iterator[Subject]:
    """What the labels say; the code holds the address that `tradeseal item qr` gives."""
    for name in names:
        yield Subject(public_url + name.path, interpretation(name.gtin, name.serial))
