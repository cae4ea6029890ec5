"""Takes the pictures of the worked example's page, in a real browser: python docs/examples/report_picture.py [LOGS].

LOGS are those of `cordelia sweep docs/examples/arms.yaml`. Of each split it keeps the top with the affordance plot, and
the heatmap.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from cordelia.scoreboard.models import Board, Group
from cordelia.scoreboard.page.numbers import numbers
from cordelia.scoreboard.page.words import slug
from cordelia.scoreboard.page.write import write_report
from cordelia.scoreboard.reading import read_frame

ROOT = Path(__file__).parent.parent.parent
LOGS = ROOT / "logs/sweeps/arms"
PICTURES = ROOT / "docs/images"
RESULT = ROOT / "docs/results/arms.json"
TITLE = "The auditor without a language model, one arm at a time"
WIDTH = 1100
EDGE = 16
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main(logs: Path) -> None:
    """Write a report; keep its pictures, arms-<split>[-heatmap].png, in docs/images and its numbers in docs/results."""
    with TemporaryDirectory() as folder, opened() as page:
        report = write_report(read_frame([logs]), Path(folder) / "report", TITLE, transcripts=False)
        RESULT.write_text(numbers(without_transcripts(report.board), {}))
        page.goto(report.page.as_uri())
        for group in report.board.groups:
            part = slug(group)
            picture(page, group, "", f"[id='{part}']", f"section:has(> [id='{part}-affordances']) figure")
            heatmap = f"section:has(> [id='{part}-heatmap'])"
            picture(page, group, "-heatmap", heatmap, heatmap)


def without_transcripts(board: Board) -> Board:
    """The board without the places of single audits."""
    groups = [
        group.model_copy(update={"cells": [cell.model_copy(update={"samples": []}) for cell in group.cells]})
        for group in board.groups
    ]
    return board.model_copy(update={"groups": groups})


def picture(page: Page, group: Group, name: str, first: str, last: str) -> None:
    """Keep what stands from the top of one element to the end of another."""
    begin, end = (page.locator(each).first.bounding_box() for each in (first, last))
    assert begin is not None and end is not None
    top = begin["y"] - EDGE / 2
    area = {"x": 0, "y": top, "width": WIDTH, "height": end["y"] + end["height"] + EDGE - top}
    path = PICTURES / f"arms-{group.split}{name}.png"
    page.screenshot(path=path, clip=area, full_page=True)  # type: ignore[arg-type]
    sys.stdout.write(f"{path}\n")


@contextmanager
def opened() -> Iterator[Page]:
    with sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser.new_page(viewport={"width": WIDTH, "height": 1000})
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else LOGS)
