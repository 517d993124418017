"""Sheets of labels as they are sold, and ones of any size. Millimetres."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cli.labels.symbol import LabelError

LARGEST_PAGE: Final = 2000.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """Labels in `columns` and `rows` from `left`, `top` on; `gap_x` and `gap_y` lie between two."""

    page_width: float
    page_height: float
    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    gap_x: float = 0.0
    gap_y: float = 0.0

    @property
    def count(self) -> int:
        """Labels on a page."""
        return self.columns * self.rows

    def places(self, start: int = 1) -> Iterator[tuple[int, float, float]]:
        """Page from 0, left and top of one label after another, row by row, without end.

        `start`: first place on the first page, from 1, for a sheet of which some are used. Raises LabelError.
        """
        if not 1 <= start <= self.count:
            raise LabelError(f"start {start}: the sheet has places 1 to {self.count}")
        return self._places(start - 1)

    def _places(self, place: int) -> Iterator[tuple[int, float, float]]:
        while True:
            page, on_page = divmod(place, self.count)
            row, column = divmod(on_page, self.columns)
            yield (
                page,
                self.left + column * (self.width + self.gap_x),
                self.top + row * (self.height + self.gap_y),
            )
            place += 1


SHEETS: Final = {
    "a4-3x8": Sheet(210, 297, 3, 8, 70, 37, 0, 0.5),
    "a4-4x10": Sheet(210, 297, 4, 10, 48.5, 25.4, 8, 21.5),
    "letter-3x10": Sheet(215.9, 279.4, 3, 10, 66.675, 25.4, 4.7625, 12.7, 3.175, 0),
}


def named(name: str) -> Sheet:
    """The sheet of this name. Raises LabelError, which names those that there are."""
    try:
        return SHEETS[name.lower()]
    except KeyError:
        raise LabelError(f"sheet {name!r}: there are {', '.join(SHEETS)}") from None


def fitted(
    label: tuple[float, float],
    page: tuple[float, float],
    margin: tuple[float, float],
    gap: tuple[float, float],
) -> Sheet:
    """As many labels as fit on a page inside its margins, each size (width, height). Raises LabelError."""
    for what, size in (("label", label), ("page", page)):
        if min(size) <= 0 or max(size) > LARGEST_PAGE:
            raise LabelError(
                f"{what} of {size[0]:g} x {size[1]:g} mm: sides are above 0 and up to {LARGEST_PAGE:g}"
            )
    columns, rows = (
        int((whole - 2 * edge + between + 1e-6) // (one + between))
        for whole, edge, between, one in zip(page, margin, gap, label, strict=True)
    )
    if columns < 1 or rows < 1:
        raise LabelError(
            f"label of {label[0]:g} x {label[1]:g} mm: does not fit on a page of {page[0]:g} x {page[1]:g} "
            f"mm with margins of {margin[0]:g} and {margin[1]:g} mm"
        )
    return Sheet(*page, columns, rows, *label, *margin, *gap)
