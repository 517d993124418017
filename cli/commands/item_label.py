"""`tradeseal item label`: printable labels, as pictures or on sheets."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cli.failure import Exit, Failure
from cli.output import JsonFlag, counted, emit
from cli.session import Session

Size = tuple[float, float]
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)x([0-9]+(?:\.[0-9]+)?)")
_LABEL: Size = (50.0, 25.0)


def size(text: str, option: str) -> Size:
    """Width and height in mm of a text such as 70x37. Raises Failure, which names the option."""
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise Failure(f"{option} {text!r}: must be two lengths in mm, such as 70x37", Exit.UNCHECKED)
    return float(found[1]), float(found[2])


def label(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="Sheets: .pdf. One label each: .png, .svg."),
    ],
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]...", help="Digital Link, EPC URN, or GTIN/SERIAL.")
    ] = None,
    serials: Annotated[Path | None, typer.Option(metavar="FILE", help="More items, one a line.")] = None,
    gtin: Annotated[
        str | None, typer.Option(metavar="GTIN", help="What the lines of --serials are serial numbers of.")
    ] = None,
    issue: Annotated[
        str | None, typer.Option(metavar="ID", help="Refuse items that are not of this issue.")
    ] = None,
    before_issue: Annotated[
        bool, typer.Option("--before-issue", help="Do not ask whether the items were issued.")
    ] = False,
    sheet: Annotated[str, typer.Option(metavar="NAME", help="a4-3x8, a4-4x10 or letter-3x10.")] = "a4-3x8",
    label_size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Labels of this size in mm instead.")
    ] = None,
    page: Annotated[str, typer.Option(metavar="WxH", help="With --size: the page, in mm.")] = "210x297",
    margin: Annotated[str, typer.Option(metavar="XxY", help="With --size: its margins, in mm.")] = "10x10",
    gap: Annotated[str, typer.Option(metavar="XxY", help="With --size: between labels, in mm.")] = "0x0",
    start: Annotated[int, typer.Option(min=1, help="First free place of the first sheet.")] = 1,
    crop_marks: Annotated[bool, typer.Option("--crop-marks", help="Cutting lines in the margins.")] = False,
    module: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Side of a module, 0.396 to 0.99; else 0.495, or what fits."),
    ] = None,
    dpi: Annotated[int, typer.Option(help="Dots an inch of a PNG.")] = 600,
    json: JsonFlag = False,
) -> None:
    """Print labels: the item's QR code, and GTIN and serial number in plain text.

    Pictures of several items go to FILE's name with the item's behind it.

    Example: tradeseal item label --serials serials.txt --gtin 09521300000107 --sheet a4-3x8 -o labels.pdf
    """
    from cli.files import read_lines
    from cli.labels import paper, pictures, sheets
    from cli.labels.subjects import items as named
    from cli.labels.subjects import require_issued, subjects
    from cli.labels.symbol import LabelError

    kind = output.suffix.lower()
    if kind not in (".pdf", ".png", ".svg"):
        raise Failure(f"{output}: the name must end in .pdf, .png or .svg", Exit.UNCHECKED)
    if gtin is not None and serials is None:
        raise Failure("--gtin goes with --serials FILE", Exit.UNCHECKED)
    if before_issue and issue is not None:
        raise Failure("give either --issue or --before-issue", Exit.UNCHECKED)
    names = named(items or [], [] if serials is None else read_lines(serials), gtin)
    session = Session()
    try:
        one = None if label_size is None else size(label_size, "--size")
        layout = (
            sheets.named(sheet)
            if one is None
            else sheets.fitted(one, size(page, "--page"), size(margin, "--margin"), size(gap, "--gap"))
        )
        layout.places(start)
        if not before_issue:
            require_issued(session.api, names, issue)
        given = subjects(names, session.public_url)
        if kind == ".pdf":
            written = list(
                paper.write_sheets(given, output, layout, start=start, crop_marks=crop_marks, module=module)
            )
        else:
            written = list(
                pictures.write_pictures(given, output, one or _LABEL, module, dpi, single=len(names) == 1)
            )
    except LabelError as error:
        raise Failure(str(error), Exit.UNCHECKED) from None
    except OSError as error:
        raise Failure(f"{error.filename or output}: {error.strerror or error}", Exit.UNCHECKED) from None
    files = [str(path) for path in written]
    shown = files if len(files) < 10 else [counted(len(files), "file")]
    emit({"labels": len(names), "files": files}, json, "\n".join([counted(len(names), "label"), *shown]))
