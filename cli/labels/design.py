"""Where code and text stand on a label. Millimetres from the label's upper left corner."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from cli.labels.symbol import LabelError, Symbol, module_size

if TYPE_CHECKING:
    from fpdf import FPDF

PADDING: Final = 1.0
"""what stays empty at the edges: a sheet is never cut or fed quite straight"""
LARGEST_TEXT: Final = 2.8
SMALLEST_TEXT: Final = 1.4
"""type sizes in mm, 8 and 4 points"""
LEADING: Final = 1.25
ASCENT: Final = 0.75
MEASURED_AT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What a label says: `url` in the code, `lines` in plain text beside it (GS1's HRI)."""

    url: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: left end of its base line, and its width."""

    left: float
    base: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Design:
    """A label: `left`, `top` are where the modules begin, `module` is their size, `text` the type size."""

    width: float
    height: float
    left: float
    top: float
    module: float
    text: float
    lines: tuple[Line, ...]


def interpretation(gtin: str, serial: str) -> tuple[str, str]:
    """HRI: each key on its line, its AI in parentheses (GS1 General Specifications, section 4.14)."""
    return f"(01) {gtin}", f"(21) {serial}"


def design(
    subject: Subject, symbol: Symbol, width: float, height: float, module: float | None = None
) -> Design:
    """Code at the left and text at its right, or, on a label that is too narrow for that, below it.

    `module` in mm, None for GS1's target or what fits. Raises LabelError, which names the sizes.
    """
    label = f"label of {width:g} x {height:g} mm"
    room = min(width, height) - 2 * PADDING
    side = module_size(symbol, room, module, label)
    code = symbol.span * side
    beside = _lines(
        subject.lines,
        (PADDING + code, PADDING, width - 2 * PADDING - code, height - 2 * PADDING),
    )
    if beside is not None:
        text, lines = beside
        quiet = (code - symbol.modules * side) / 2
        return Design(width, height, PADDING + quiet, (height - code) / 2 + quiet, side, text, lines)
    return _stacked(subject, symbol, (width, height), module, label)


def _stacked(
    subject: Subject, symbol: Symbol, size: tuple[float, float], module: float | None, label: str
) -> Design:
    width, height = size
    least = len(subject.lines) * SMALLEST_TEXT * LEADING
    inner = width - 2 * PADDING
    room = min(inner, height - 2 * PADDING - least)
    side = module_size(symbol, room, module, f"{label}, text below the code")
    code = symbol.span * side
    below = _lines(subject.lines, (PADDING, PADDING + code, inner, height - 2 * PADDING - code))
    if below is None:
        longest = max(map(_width, subject.lines)) * SMALLEST_TEXT
        raise LabelError(
            f"{label}: the text {max(subject.lines, key=_width)!r} takes {longest:.1f} mm in type of "
            f"{SMALLEST_TEXT} mm; {inner:.1f} mm are there"
        )
    text, lines = below
    quiet = (code - symbol.modules * side) / 2
    return Design(width, height, (width - code) / 2 + quiet, PADDING + quiet, side, text, lines)


def _lines(
    texts: tuple[str, ...], box: tuple[float, float, float, float]
) -> tuple[float, tuple[Line, ...]] | None:
    """Type size and lines that fit into left, top, width, height; None where the smallest type does not."""
    left, top, width, height = box
    longest = max(map(_width, texts))
    size = min(LARGEST_TEXT, width / longest, height / (len(texts) * LEADING))
    if size < SMALLEST_TEXT - 1e-9:
        return None
    step = size * LEADING
    first = top + (height - step * len(texts)) / 2 + size * ASCENT
    return size, tuple(
        Line(left, first + step * number, _width(text) * size, text) for number, text in enumerate(texts)
    )


def _width(text: str) -> float:
    """Width of a text in Helvetica of size 1."""
    return float(_measure().get_string_width(text)) / MEASURED_AT


@cache
def _measure() -> "FPDF":
    from fpdf import FPDF

    paper = FPDF(unit="pt")
    paper.set_font("helvetica", size=int(MEASURED_AT))
    return paper
