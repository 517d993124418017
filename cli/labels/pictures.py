"""One label as a picture: PNG with whole dots a module, SVG in millimetres."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from cli.labels.design import Design, Subject, design
from cli.labels.symbol import LARGEST_MODULE, LEAST_MODULE, LabelError, Symbol, symbol_of

if TYPE_CHECKING:
    from PIL import ImageFont

INCH: Final = 25.4
LEAST_DPI, LARGEST_DPI = 150, 2400


def write_pictures(
    subjects: Iterable[Subject],
    path: Path,
    size: tuple[float, float],
    module: float | None,
    dpi: int,
    *,
    single: bool,
) -> Iterator[Path]:
    """Write each label to a file, PNG or SVG by `path`'s end; yields the files.

    `path` itself is written where it is the `single` one, else each goes beside it under a name of its own.
    Raises LabelError, OSError.
    """
    for subject in subjects:
        target = path if single else path.with_stem(f"{path.stem}-{_name(subject)}")
        if path.suffix.lower() == ".svg":
            write_svg(subject, target, size, module)
        else:
            write_png(subject, target, size, module, dpi)
        yield target


def _name(subject: Subject) -> str:
    """GTIN and serial number as the address has them, percent-encoded: nothing a file name cannot hold."""
    gtin, _, serial = subject.url.rpartition("/01/")[2].partition("/21/")
    return f"{gtin}-{serial}"


def write_svg(subject: Subject, path: Path, size: tuple[float, float], module: float | None = None) -> None:
    """Write one label of `size` mm. Raises LabelError, OSError."""
    symbol = symbol_of(subject.url)
    path.write_text(svg(design(subject, symbol, *size, module), symbol), encoding="utf-8")


def svg(made: Design, symbol: Symbol) -> str:
    """SVG 1.1, as large on paper as the label."""
    squares = "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in symbol.rectangles())
    texts = "\n".join(
        f'<text x="{line.left:.3f}" y="{line.base:.3f}" textLength="{line.width:.3f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(line.text)}</text>'
        for line in made.lines
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{made.width:g}mm" height="{made.height:g}mm" '
        f'viewBox="0 0 {made.width:g} {made.height:g}">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<path transform="translate({made.left:.4f} {made.top:.4f}) scale({made.module:.6f})" '
        f'shape-rendering="crispEdges" d="{squares}"/>\n'
        f'<g font-family="Helvetica, Arial, sans-serif" font-size="{made.text:.3f}">\n{texts}\n</g>\n'
        "</svg>\n"
    )


def write_png(
    subject: Subject, path: Path, size: tuple[float, float], module: float | None = None, dpi: int = 600
) -> None:
    """Write one label of `size` mm. Raises LabelError, OSError."""
    from PIL import Image, ImageDraw

    if not LEAST_DPI <= dpi <= LARGEST_DPI:
        raise LabelError(f"{dpi} dots an inch: {LEAST_DPI} to {LARGEST_DPI} are possible")
    symbol = symbol_of(subject.url)
    dots = _dots(design(subject, symbol, *size, module).module, dpi, exact=module is not None)
    # Again with the module that has whole dots: the printer must not round them one by one.
    made = design(subject, symbol, *size, dots * INCH / dpi)
    scale = dpi / INCH
    picture = Image.new("L", (round(made.width * scale), round(made.height * scale)), 255)
    draw = ImageDraw.Draw(picture)
    left, top = round(made.left * scale), round(made.top * scale)
    for x, y, width, height in symbol.rectangles():
        corner = (left + x * dots, top + y * dots)
        draw.rectangle((*corner, corner[0] + width * dots - 1, corner[1] + height * dots - 1), fill=0)
    for line in made.lines:
        font = _font(line.text, made.text * scale, line.width * scale)
        draw.text((line.left * scale, line.base * scale), line.text, fill=0, font=font, anchor="ls")
    picture.save(path, format="PNG", dpi=(dpi, dpi))


def _dots(module: float, dpi: int, exact: bool) -> int:
    """Whole dots a module: a little less than `module`, unless that would be below GS1's least."""
    dots = round(module * dpi / INCH) if exact else int(module * dpi / INCH + 1e-6)
    if not exact and dots * INCH / dpi < LEAST_MODULE:
        dots += 1
    if not LEAST_MODULE <= dots * INCH / dpi <= LARGEST_MODULE:
        raise LabelError(
            f"{dpi} dots an inch: no whole number of dots makes a module near {module:.3f} mm and of "
            f"{LEAST_MODULE} to {LARGEST_MODULE:.3f} mm; more dots an inch do"
        )
    return dots


def _font(text: str, size: float, width: float) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """Pillow's own type, so that a picture is the same everywhere, no wider than `width` dots."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    return ImageFont.load_default(size * min(1.0, width / font.getlength(text)))
