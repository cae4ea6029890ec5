"""The report in a real browser: its doors open transcripts, by keys too; it fits a phone and a sheet of paper."""

import re
import runpy
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cordelia.scoreboard.page.figures import figures
from cordelia.scoreboard.page.render import page as render
from cordelia.scoreboard.page.viewer import address, names
from cordelia.scoreboard.page.words import slug
from cordelia.scoreboard.page.write import write_report
from cordelia.scoreboard.reading import read_frame

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOYS = runpy.run_path(str(Path(__file__).parents[1] / "scoreboard/page_toys.py"))
EXAMPLES = Path(__file__).parents[2] / "logs/examples"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PATIENCE = 120_000
"""Milliseconds; a busy machine is slow and not wrong."""
CELL = "table.heat td button"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a board of realistic size, with few runs a cell."""
    board = TOYS["board"](runs=8)
    drawn = {slug(each): figures(each) for each in board.groups}
    logs = names(link.log for group in board.groups for cell in group.cells for link in cell.samples)
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(render(board, drawn, partial(address, logs), "Toys", "report"), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser: "Browser", toy: Path) -> "Iterator[tuple[Page, list[str]]]":
    """The toy's page, and what went wrong on it."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    wrong = watched(page)
    page.goto(toy.as_uri())
    yield page, wrong
    assert wrong == []
    page.close()


def outside(url: str) -> list[str]:
    return [url] if url.startswith("http") and not url.startswith("http://127.0.0.1") else []


def watched(page: "Page") -> list[str]:
    wrong: list[str] = []
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: wrong.extend(outside(request.url)))
    return wrong


def test_figures_are_seen_and_the_page_tells_that_it_is_a_file(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(widths) == 20 and min(widths) > 300
    assert page.get_by_role("heading", level=2).count() == 3
    assert "python -m http.server --directory report" in page.locator("#served").inner_text()


def test_tab_reaches_cells_arrows_walk_and_enter_opens(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    cells = page.locator("table.heat").first.locator("button")
    page.locator(".scroll", has=page.locator("table.heat")).first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == cells.nth(0).inner_text().replace("\n", "")
    style = "getComputedStyle(document.activeElement)"
    assert page.evaluate(f"{style}.outlineStyle") == "solid", "one sees where one is"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert cells.nth(6).evaluate("node => node === document.activeElement"), "second row, second column"
    page.keyboard.press("Enter")
    runs = page.locator(".runs:popover-open")
    assert runs.get_by_role("heading").inner_text() == "dunnock · blackbox"
    assert runs.get_by_role("link").count() == 8
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Run 1: ")
    page.keyboard.press("Escape")
    assert runs.count() == 0
    assert cells.nth(6).evaluate("node => node === document.activeElement"), "and one is back where one was"


def test_first_tab_offers_to_skip(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]


def test_a_phone_scrolls_down_only(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    held = page.evaluate(
        "[...document.querySelectorAll('table')].every((table) => table.parentElement.matches('.scroll')"
        " && table.parentElement.clientWidth <= 360)"
    )
    assert held, "wide tables scroll in themselves"
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth < 400)")
    seen = page.evaluate(
        "[...document.images].every((image) => { const box = image.getBoundingClientRect();"
        " return box.left >= 0 && box.right <= 360 && box.width >= 300; })"
    )
    assert seen, "figures of a phone's width lie wholly in view"
    page.locator(CELL).first.click()
    box = page.locator(".runs:popover-open").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_few_runs_look_like_few_runs(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    look = page.locator(CELL).first.evaluate(
        "node => [getComputedStyle(node).borderTopStyle, getComputedStyle(node.parentElement).backgroundImage]"
    )
    assert look[0] == "dashed"
    assert "repeating-linear-gradient" in look[1]


def test_tables_sort_by_their_headings(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    table = page.locator("table.sortable").first
    heading = table.locator("th", has_text="false positives")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert table.locator("tbody tr").first.locator("th").inner_text() == "baseline"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert "anthropic" in table.locator("tbody tr").first.locator("th").inner_text()


def test_paper_shows_all_tables_and_where_files_lie(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    after = page.locator(".files a").first.evaluate("node => getComputedStyle(node, '::after').content")
    assert "(" in after, "the name of the file follows its link"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 between its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_both_colour_schemes_can_be_read(opened: "tuple[Page, list[str]]") -> None:
    page, _ = opened
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        lightness = [sum(map(int, colour[4:-1].split(","))) / 765 for colour in colours]
        assert abs(lightness[0] - lightness[1]) > 0.7, colours
        seen.add(tuple(colours))
    assert len(seen) == 2


def luminance(colour: str) -> float:
    """Of `rgb(…)` from 0 to 255 or `color(srgb …)` from 0 to 1, as WCAG defines it."""
    scale = 255 if colour.startswith("rgb") else 1
    parts = [float(part) / scale for part in re.findall(r"[\d.]+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_number_in_every_cell_can_be_read(opened: "tuple[Page, list[str]]", scheme: str) -> None:
    page, _ = opened
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    cells = page.evaluate(
        "[...document.querySelectorAll('.cell')].map((cell) => { cell.style.setProperty('--p', 100);"
        " return [getComputedStyle(cell).backgroundColor, getComputedStyle(cell.firstElementChild).color]; })"
    )
    for colours in {tuple(each) for each in cells}:
        dark, light = sorted(map(luminance, colours))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colours


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a report on the example logs, with transcripts, on a plain web server."""
    folder = tmp_path_factory.mktemp("report") / "report"
    write_report(read_frame([EXAMPLES]), folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_cell_opens_the_transcript_behind_it(browser: "Browser", served: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    wrong = watched(page)
    page.goto(f"{served}/")
    assert not page.locator("#served").is_visible(), "it is served"
    cell = page.locator("table.heat", has_text="baseline").locator("tr", has_text="siskin").locator("td a").first
    cell.focus()
    page.keyboard.press("Enter")
    page.get_by_text("vegetable soup").first.wait_for()
    assert "/viewer/index.html#/logs/pocket-baseline.eval/samples/sample/siskin/1/" in page.url
    assert wrong == []
    page.close()
