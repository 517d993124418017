"""The item's page in a real browser: fits a small phone, asks nobody else, breaks no policy of its own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import GTIN, ApiWorld, Client

BROWSER = Path(os.environ.get("TRADESEAL_CHROMIUM", "/usr/bin/chromium"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER.exists(), reason="no Chromium: set TRADESEAL_CHROMIUM"),
]

_CONTRAST = """
() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll("main *")) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!own) continue;
    const [a, b] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([node.textContent.trim().slice(0, 40), ratio]);
  }
  return poor;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(BROWSER), args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_url(world: ApiWorld, api: Client) -> str:
    serial = "BROWSER-123456789012"
    link = f"https://id.gs1.org/01/{GTIN}/21/{serial}"
    api.post("/items/issues", world.issue_body(serial))
    document = world.document(link, bizLocation={"id": "https://id.gs1.org/414/9506000000015"})
    api.post("/epcis/capture", document, headers=world.capture_headers(document, world.maker))
    return f"{api.url}/01/{GTIN}/21/{serial}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_page_fits_reads_well_and_asks_nobody_else(
    browser: Any, page_url: str, api: Client, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    answer = page.goto(page_url)
    assert answer.status == 200
    assert page.url.startswith(f"{api.url}/items/")
    assert page.get_by_role("heading", name="This record is consistent").is_visible()
    assert page.get_by_role("heading", name="Made and given this serial number").is_visible()
    assert page.get_by_text("In force").is_visible()
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_CONTRAST) == []
    assert messages == []
    assert [one for one in requests if not one.startswith(api.url)] == []
    context.close()


def test_the_page_needs_no_script(browser: Any, page_url: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.goto(page_url)
    page.locator("summary", has_text="How this is anchored").first.click()
    assert page.get_by_text("Anchored in a batch").first.is_visible()
    page.get_by_role("link", name="Check it yourself").click()
    assert page.url.endswith("#yourself")
    context.close()
