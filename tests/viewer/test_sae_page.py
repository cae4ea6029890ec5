"""The page of an autoencoder, in a real browser: what a person sees, finds and can reach without a mouse."""

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cordelia.testbeds.sae.page import page as render

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOYS = runpy.run_path(str(Path(__file__).parents[1] / "testbeds/sae_toys.py"))
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[Page, list[str], list[str]]]":
    """The toy's page, what went wrong on it, and what it asked for."""
    from playwright.sync_api import sync_playwright

    file = tmp_path_factory.mktemp("page") / "sae.html"
    file.write_text(render(TOYS["axes_sae"](), TOYS["axes_catalog"]()), encoding="utf-8")
    wrong: list[str] = []
    asked: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        page.get_by_role("heading", name="Feature 2").wait_for(timeout=30_000)
        yield page, wrong, asked
        browser.close()


def headings(page: "Page") -> list[str]:
    return page.locator("article h2").all_inner_texts()


def test_features_are_shown_shaded_and_nothing_runs_or_is_fetched(
    opened: "tuple[Page, list[str], list[str]]",
) -> None:
    page, wrong, asked = opened
    assert headings(page)[:2] == ["Feature 2", "Feature 3"], "strongest first"
    lantern = page.locator("#f2 .text span", has_text="lantern")
    faint = page.locator("#f2 .text span", has_text=" the").first
    colours = [each.evaluate("node => getComputedStyle(node).backgroundColor") for each in (faint, lantern)]
    shades = [float(colour.rstrip(")").split(",")[-1]) for colour in colours]
    assert 0 < shades[0] < shades[1], colours
    assert "</script><img src=x onerror=alert(1)>" in page.locator("#f2").inner_text()
    assert page.locator("img").count() == 0
    assert wrong == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_it_is_searched_ordered_and_walked_by_keys(opened: "tuple[Page, list[str], list[str]]") -> None:
    page, wrong, _ = opened
    page.keyboard.press("/")
    page.keyboard.type("lantern")
    assert headings(page) == ["Feature 2"]
    assert page.locator("#count").inner_text() == "1 of 7 features"
    page.keyboard.press("Escape")
    assert len(headings(page)) == 7
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "f3"
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == "f2"
    page.locator("#query").fill("3")
    assert headings(page) == ["Feature 3"], "a number is a feature"
    page.locator("#query").fill("no such thing")
    assert headings(page) == []
    page.locator("#query").fill("")
    page.locator("#order").select_option("number")
    assert headings(page)[0] == "Feature 0"
    assert wrong == []


def test_both_colour_schemes_can_be_read(opened: "tuple[Page, list[str], list[str]]") -> None:
    page, _, _ = opened
    seen = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        seen[scheme] = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
    assert seen["light"] != seen["dark"]
    for colours in seen.values():
        lightness = [sum(map(int, colour[4:-1].split(","))) / 765 for colour in colours]
        assert abs(lightness[0] - lightness[1]) > 0.7, colours
