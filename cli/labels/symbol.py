"""The QR code of a label: its modules, and how large GS1 wants them.

Sizes are those of GS1 General Specifications, section 5.12.3.1 (symbol specification table 1, QR code with a
Digital Link URI): module ("X-dimension") 0.396 to 0.990 mm, 0.495 mm as target, quiet zone of four modules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LEAST_MODULE: Final = 0.396
TARGET_MODULE: Final = 0.495
LARGEST_MODULE: Final = 0.990
QUIET: Final = 4
ERROR_CORRECTION: Final = "m"


class LabelError(ValueError):
    """A label cannot be made as it was asked for; the text names the sizes, in mm."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR code: `rows` of 0 and 1 (dark), as many as there are columns, quiet zone left out."""

    rows: tuple[bytes, ...]

    @property
    def modules(self) -> int:
        """Modules a side, quiet zone left out."""
        return len(self.rows)

    @property
    def span(self) -> int:
        """Modules a side, quiet zone included."""
        return self.modules + 2 * QUIET

    def rectangles(self) -> Iterator[tuple[int, int, int, int]]:
        """Left, top, width, height in modules of rectangles that make up the dark ones, none twice."""
        open_runs: dict[tuple[int, int], int] = {}
        for top, row in enumerate([*self.rows, bytes(self.modules)]):
            runs = set(_runs(row))
            for left, right in sorted(open_runs.keys() - runs):
                begun = open_runs.pop((left, right))
                yield left, begun, right - left, top - begun
            for run in runs:
                open_runs.setdefault(run, top)


def symbol_of(url: str) -> Symbol:
    """The code as `tradeseal item qr` makes it: error correction M, better where that takes no more room."""
    import segno

    code = segno.make(url, error=ERROR_CORRECTION, micro=False)
    return Symbol(tuple(bytes(row) for row in code.matrix))


def module_size(symbol: Symbol, room: float, wanted: float | None, label: str) -> float:
    """Millimetres a module of a code in `room` mm a side: `wanted`, else the target, or the most that fits.

    `label` begins the message of LabelError, which is raised where no module that GS1 allows fits.
    """
    if wanted is not None and not LEAST_MODULE <= wanted <= LARGEST_MODULE:
        raise LabelError(
            f"module of {wanted:g} mm: GS1 General Specifications, 5.12.3.1, allow {LEAST_MODULE} to "
            f"{LARGEST_MODULE:.3f} mm"
        )
    least = LEAST_MODULE if wanted is None else wanted
    if symbol.span * least > room + 1e-9:
        raise LabelError(
            f"{label}: a code of {symbol.modules} modules and {QUIET} of quiet zone on each side takes "
            f"{symbol.span * least:.1f} mm at {least:g} mm a module; {max(room, 0):.1f} mm are there"
        )
    return min(TARGET_MODULE, room / symbol.span) if wanted is None else wanted


def _runs(row: bytes) -> Iterator[tuple[int, int]]:
    left = row.find(1)
    while left >= 0:
        right = row.find(0, left)
        right = len(row) if right < 0 else right
        yield left, right
        left = row.find(1, right)
