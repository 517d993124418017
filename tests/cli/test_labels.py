"""Labels read back by a scanner library from PNG, SVG and sheets; sizes as GS1 has them; what is refused."""

import os
import random
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from cli.failure import Failure
from cli.labels import sheets
from cli.labels.design import PADDING, SMALLEST_TEXT, Subject, design, interpretation
from cli.labels.paper import write_sheets
from cli.labels.pictures import INCH, write_pictures, write_png, write_svg
from cli.labels.sheets import Sheet
from cli.labels.subjects import items
from cli.labels.symbol import LARGEST_MODULE, LEAST_MODULE, QUIET, TARGET_MODULE, LabelError, symbol_of
from tests.cli.program import tradeseal

GTIN = "09506000134352"
CHROMIUM = Path(os.environ.get("TRADESEAL_CHROMIUM", "/usr/bin/chromium"))
CHARSET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


def subject(serial: str) -> Subject:
    from cli.item_names import item_of

    name = item_of(f"{GTIN}/{serial}")
    return Subject("https://trace.example.com" + name.path, interpretation(name.gtin, name.serial))


def scanned(picture: Image.Image) -> list[tuple[str, float, float]]:
    """Text, left and top of every QR code, ordered from the top left as a page is read."""
    found = [
        (one.text, float(one.position.top_left.x), float(one.position.top_left.y))
        for one in zxingcpp.read_barcodes(picture)
    ]
    return sorted(found, key=lambda one: (round(one[2] / 20), one[1]))


def pages(path: Path, dpi: int = 200) -> Iterator[Image.Image]:
    """Each page of a PDF as PDFium draws it."""
    pdfium = pytest.importorskip("pypdfium2")
    document = pdfium.PdfDocument(path)
    try:
        for page in document:
            yield page.render(scale=dpi / 72).to_pil()
    finally:
        document.close()


def test_rectangles_are_the_dark_modules_and_nothing_twice() -> None:
    for serial in ("A1", "x" * 20, CHARSET_82[:20]):
        symbol = symbol_of(subject(serial).url)
        seen = [bytearray(symbol.modules) for _ in symbol.rows]
        for left, top, width, height in symbol.rectangles():
            for y in range(top, top + height):
                for x in range(left, left + width):
                    seen[y][x] += 1
        assert tuple(bytes(row) for row in seen) == symbol.rows


@pytest.mark.parametrize(
    ("size", "dpi"), [((50, 25), 600), ((50, 25), 300), ((20, 30), 300), ((70, 37), 203), ((19.5, 40), 600)]
)
def test_a_png_is_read_and_has_its_size_and_quiet_zone(
    tmp_path: Path, size: tuple[float, float], dpi: int
) -> None:
    one = subject("A/1%")
    path = tmp_path / "label.png"
    write_png(one, path, size, dpi=dpi)
    picture = Image.open(path)
    assert picture.info["dpi"] == pytest.approx((dpi, dpi), rel=1e-3)
    assert picture.size == tuple(round(side * dpi / INCH) for side in size)
    assert [text for text, _, _ in scanned(picture)] == [one.url]
    symbol = symbol_of(one.url)
    _, left, top = scanned(picture)[0]
    corner = zxingcpp.read_barcodes(picture)[0].position
    module = (corner.top_right.x - corner.top_left.x) / symbol.modules
    assert LEAST_MODULE * 0.97 <= module * INCH / dpi <= LARGEST_MODULE
    # Four modules all round are white, up to the text beside the code.
    quiet = int(QUIET * module) - 2
    side = round(module * symbol.modules)
    around = picture.crop((int(left) - quiet, int(top) - quiet, int(left) + side + quiet, int(top) - 2))
    assert around.getextrema() == (255, 255)
    around = picture.crop((int(left) - quiet, int(top) - quiet, int(left) - 2, int(top) + side + quiet))
    assert around.getextrema() == (255, 255)


def test_serials_of_every_character_and_length(tmp_path: Path) -> None:
    seed = 20261122
    print("seed", seed)
    chance = random.Random(seed)
    serials = {"".join(chance.choices(CHARSET_82, k=chance.randint(1, 20))) for _ in range(15)}
    wanted = [subject(serial) for serial in sorted({*serials, "W" * 20, "i"})]
    files = list(write_pictures(wanted, tmp_path / "all.png", (80, 30), None, 300, single=False))
    assert len({file.name.lower() for file in files}) == len(wanted)
    for one, file in zip(wanted, files, strict=True):
        assert [text for text, _, _ in scanned(Image.open(file))] == [one.url]
        made = design(one, symbol_of(one.url), 80, 30)
        assert all(line.left + line.width <= 80 - PADDING + 1e-6 for line in made.lines)
        assert made.text >= SMALLEST_TEXT


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: set TRADESEAL_CHROMIUM")
def test_an_svg_is_read_from_a_browser(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    wanted = [subject("A&<1>'"), subject("W" * 20)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 400, "height": 300}, device_scale_factor=3)
        for number, one in enumerate(wanted):
            path = tmp_path / f"{number}.svg"
            write_svg(one, path, (60, 30))
            page.goto(path.as_uri())
            shot = tmp_path / f"{number}.png"
            page.screenshot(path=str(shot))
            assert [text for text, _, _ in scanned(Image.open(shot))] == [one.url]
            box: Any = page.evaluate(
                "() => [...document.querySelectorAll('text')].map(t => [t.textContent, t.getBBox().width])"
            )
            assert [text for text, _ in box] == list(one.lines)
            assert all(width < 60 for _, width in box)
        browser.close()


@pytest.mark.parametrize("name", sorted(sheets.SHEETS))
def test_every_sheet_is_read_back_place_by_place(tmp_path: Path, name: str) -> None:
    sheet, start = sheets.named(name), 6
    wanted = [subject(f"N{number:03d}") for number in range(sheet.count)]
    files = list(write_sheets(iter(wanted), tmp_path / "s.pdf", sheet, start=start, crop_marks=True))
    assert files == [tmp_path / "s.pdf"]
    read, scale = [], 200 / INCH
    for page, picture in enumerate(pages(files[0])):
        assert picture.size == pytest.approx((sheet.page_width * scale, sheet.page_height * scale), abs=2)
        read += [(page, *one) for one in scanned(picture)]
    assert [text for _, text, _, _ in read] == [one.url for one in wanted]
    for (page, _, x, y), place in zip(read, sheet.places(start), strict=False):
        assert page == place[0]
        assert place[1] < x / scale < place[1] + sheet.width
        assert place[2] < y / scale < place[2] + sheet.height


def test_places_run_by_rows_from_the_first_free_one() -> None:
    sheet = Sheet(100, 100, 2, 2, 40, 30, 5, 10, 10, 20)
    assert list(islice(sheet.places(4), 3)) == [(0, 55, 60), (1, 5, 10), (1, 55, 10)]
    for start in (0, 5):
        with pytest.raises(LabelError, match=f"start {start}: the sheet has places 1 to 4"):
            sheet.places(start)


@pytest.mark.parametrize("name", sorted(sheets.SHEETS))
def test_named_sheets_lie_on_their_page(name: str) -> None:
    sheet = sheets.named(name)
    *_, (page, left, top) = islice(sheet.places(), sheet.count)
    assert page == 0
    assert left + sheet.width <= sheet.page_width + 1e-6
    assert top + sheet.height <= sheet.page_height + 1e-6


def test_own_sizes_fill_the_page() -> None:
    sheet = sheets.fitted((60, 30), (210, 297), (10, 10), (5, 0))
    assert (sheet.columns, sheet.rows, sheet.left, sheet.gap_x) == (3, 9, 10, 5)
    with pytest.raises(LabelError, match="does not fit on a page of 210 x 297"):
        sheets.fitted((200, 30), (210, 297), (10, 10), (0, 0))
    with pytest.raises(LabelError, match="sides are above 0"):
        sheets.fitted((0, 30), (210, 297), (10, 10), (0, 0))
    with pytest.raises(LabelError, match="there are a4-3x8, a4-4x10, letter-3x10"):
        sheets.named("a3")


def test_labels_beyond_a_file_go_to_further_files(tmp_path: Path) -> None:
    sheet = Sheet(100, 100, 2, 2, 45, 45, 5, 5)
    wanted = [subject(f"N{number}") for number in range(12)]
    files = list(write_sheets(iter(wanted), tmp_path / "s.pdf", sheet, start=3, labels_a_file=9))
    assert [file.name for file in files] == ["s.pdf", "s-2.pdf"]
    read = [text for file in files for picture in pages(file) for text, _, _ in scanned(picture)]
    assert read == [one.url for one in wanted]


def test_modules_are_the_target_where_it_fits_and_never_below_the_least() -> None:
    one = subject("A1")
    symbol = symbol_of(one.url)
    assert symbol.modules == 33
    assert design(one, symbol, 70, 37).module == TARGET_MODULE
    tight = design(one, symbol, 60, symbol.span * 0.4 + 2 * PADDING)
    assert tight.module == pytest.approx(0.4)
    assert design(one, symbol, 70, 37, module=0.6).module == 0.6
    with pytest.raises(LabelError, match=r"20 x 10 mm: .* 33 modules .* 16\.2 mm at 0\.396 mm .* 8\.0 mm"):
        design(one, symbol, 20, 10)
    with pytest.raises(LabelError, match=r"takes 32\.8 mm at 0\.8 mm a module; 25\.4 mm are there"):
        design(one, symbol, 70, 27.4, module=0.8)
    for wrong in (0.39, 1.0):
        with pytest.raises(LabelError, match=r"5\.12\.3\.1, allow 0\.396 to 0\.990 mm"):
            design(one, symbol, 70, 37, module=wrong)
    with pytest.raises(LabelError, match=r"the text .* takes .* mm are there"):
        design(subject("W" * 20), symbol_of(subject("W" * 20).url), 25, 60)


def test_a_resolution_that_cannot_make_whole_dots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="more dots an inch do"):
        write_png(subject("A1"), tmp_path / "a.png", (70, 37), module=0.396, dpi=150)
    with pytest.raises(LabelError, match="150 to 2400"):
        write_png(subject("A1"), tmp_path / "a.png", (70, 37), dpi=72)
    assert list(tmp_path.iterdir()) == []


def test_one_item_has_one_label() -> None:
    assert [one.serial for one in items(["9506000134352/A1"], ["B2"], GTIN)] == ["A1", "B2"]
    with pytest.raises(Failure, match="named twice"):
        items(["9506000134352/A1"], ["A1"], GTIN)
    with pytest.raises(Failure, match="check digit"):
        items([], ["A1"], "09506000134353")
    with pytest.raises(Failure, match="no item"):
        items([], [], None)


def test_the_command_before_an_issue(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESEAL_PUBLIC_URL", "https://trace.example.com")
    serials = tmp_path / "serials.txt"
    serials.write_text("A1\n\n  A/2\n", encoding="utf-8")
    given = ("item", "label", "--serials", str(serials), "--gtin", GTIN, "--before-issue")
    picture, paper = tmp_path / "one.png", tmp_path / "all.pdf"
    assert tradeseal(*given, "-o", str(paper), "--json").data == {"labels": 2, "files": [str(paper)]}
    texts = [text for page in pages(paper) for text, _, _ in scanned(page)]
    assert texts == [f"https://trace.example.com/01/{GTIN}/21/{serial}" for serial in ("A1", "A%2F2")]
    found = tradeseal("item", "label", f"{GTIN}/A1", "--before-issue", "-o", str(picture), "--json")
    assert found.data == {"labels": 1, "files": [str(picture)]}
    for wrong, said in {
        ("-o", "labels.doc"): "must end in .pdf, .png or .svg",
        ("-o", str(paper), "--size", "70"): "--size '70': must be two lengths",
        ("-o", str(paper), "--start", "25"): "start 25: the sheet has places 1 to 24",
        ("-o", str(paper), "--size", "15x15"): "13.0 mm are there",
        ("-o", str(paper), "--issue", "0x00"): "either --issue or --before-issue",
        ("-o", str(tmp_path / "no" / "x.pdf")): "No such file",
    }.items():
        refused = tradeseal(*given, *wrong)
        assert refused.code == 2, refused
        assert said in refused.err


@pytest.mark.deep
def test_ten_thousand_labels_in_bounded_memory(tmp_path: Path) -> None:
    """Python's own allocations: a file's labels at most, whatever the number of files."""

    def peak(number: int) -> int:
        tracemalloc.start()
        given = (subject(f"N{count:06d}") for count in range(number))
        files = list(
            write_sheets(given, tmp_path / f"{number}.pdf", sheets.named("a4-4x10"), labels_a_file=1000)
        )
        assert len(files) == number // 1000
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(10_000) < 1.3 * peak(1_000)
