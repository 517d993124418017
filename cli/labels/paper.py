"""Sheets of labels as PDF, drawn as shapes: they print sharp at any resolution."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.labels.design import Design, Subject, design
from cli.labels.sheets import Sheet
from cli.labels.symbol import LabelError, Symbol, symbol_of

if TYPE_CHECKING:
    from fpdf import FPDF

LABELS_A_FILE: Final = 5000
"""A PDF is kept in memory until it is whole: more labels become further files."""
_MARK_FROM, _MARK_LENGTH, _MARK_WIDTH = 0.5, 4.0, 0.1


def write_sheets(
    subjects: Iterable[Subject],
    path: Path,
    sheet: Sheet,
    *,
    start: int = 1,
    crop_marks: bool = False,
    module: float | None = None,
    labels_a_file: int = LABELS_A_FILE,
) -> Iterator[Path]:
    """Write sheets to `path`, what is beyond `labels_a_file` labels to `-2`, `-3`, …; yields each file.

    Subjects are read as they are needed. `start`: first place of the first sheet that is free, from 1. Raises
    LabelError, before anything of that file is written, and OSError.
    """
    # Whole sheets only, so that the next file begins on a fresh one.
    first = labels_a_file - labels_a_file % sheet.count or sheet.count
    given = iter(subjects)
    number = 1
    while batch := list(islice(given, first - (start - 1))):
        target = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        _write(batch, target, sheet, start, crop_marks, module)
        yield target
        number, start = number + 1, 1


def _write(
    subjects: list[Subject], path: Path, sheet: Sheet, start: int, crop_marks: bool, module: float | None
) -> None:
    from fpdf import FPDF

    paper = FPDF(unit="mm", format=(sheet.page_width, sheet.page_height))
    paper.set_auto_page_break(False)
    paper.set_margin(0)
    paper.set_creator("TradeSeal")
    paper.set_title(f"{len(subjects)} labels")
    shown = -1
    for subject, (page, left, top) in zip(subjects, sheet.places(start), strict=False):
        while shown < page:
            paper.add_page()
            paper.set_font("helvetica")
            shown += 1
            if crop_marks:
                _marks(paper, sheet)
        symbol = symbol_of(subject.url)
        try:
            made = design(subject, symbol, sheet.width, sheet.height, module)
        except LabelError as error:
            raise LabelError(f"{' '.join(subject.lines)}: {error}") from None
        _draw(paper, made, symbol, left, top)
    paper.output(str(path))


def _draw(paper: "FPDF", made: Design, symbol: Symbol, left: float, top: float) -> None:
    side = made.module
    for x, y, width, height in symbol.rectangles():
        paper.rect(
            left + made.left + x * side, top + made.top + y * side, width * side, height * side, style="F"
        )
    paper.set_font_size(made.text * paper.k)
    for line in made.lines:
        paper.text(left + line.left, top + line.base, line.text)


def _marks(paper: "FPDF", sheet: Sheet) -> None:
    """Cutting lines in the page's margins, where they cannot run into a neighbour's quiet zone."""
    paper.set_line_width(_MARK_WIDTH)
    xs = {sheet.left + column * (sheet.width + sheet.gap_x) for column in range(sheet.columns)}
    xs |= {x + sheet.width for x in xs}
    ys = {sheet.top + row * (sheet.height + sheet.gap_y) for row in range(sheet.rows)}
    ys |= {y + sheet.height for y in ys}
    up, left = min(ys) - _MARK_FROM, min(xs) - _MARK_FROM
    down, right = max(ys) + _MARK_FROM, max(xs) + _MARK_FROM
    for x in sorted(xs):
        if up > 0:
            paper.line(x, max(up - _MARK_LENGTH, 0), x, up)
        if down < sheet.page_height:
            paper.line(x, down, x, min(down + _MARK_LENGTH, sheet.page_height))
    for y in sorted(ys):
        if left > 0:
            paper.line(max(left - _MARK_LENGTH, 0), y, left, y)
        if right < sheet.page_width:
            paper.line(right, y, min(right + _MARK_LENGTH, sheet.page_width), y)
