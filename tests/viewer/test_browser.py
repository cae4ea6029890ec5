"""What a person sees: the committed example log in inspect's viewer, in a real browser."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EXAMPLES = Path(__file__).parent.parent.parent / "logs/examples"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: install chromium"),
]


@pytest.fixture(scope="module")
def viewer() -> Iterator[str]:
    """The address of `inspect view` on logs/examples."""
    with viewing(EXAMPLES) as address:
        yield address


@contextmanager
def viewing(folder: Path) -> Iterator[str]:
    """The address of an `inspect view` on a folder, while it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inspect = str(Path(sys.executable).parent / "inspect")
    server = subprocess.Popen(
        [inspect, "view", "--log-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(address, timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, "inspect view did not start"
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


@contextmanager
def opened(
    address: str, route: str, wait_for: str, requests: list[str] | None = None
) -> "Iterator[tuple[Page, list[str]]]":
    """A page on which `wait_for` is shown, and its console's errors; `requests` takes each address that it asks for."""
    from playwright.sync_api import sync_playwright

    errors: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: (requests if requests is not None else []).append(request.url))
        page.goto(f"{address}/#/{route}")
        page.get_by_text(wait_for).first.wait_for(timeout=60_000)
        yield page, errors
        browser.close()


def seen(address: str, route: str, wait_for: str) -> tuple[str, list[str]]:
    """What a page shows as text once `wait_for` is on it, and the errors on its console."""
    with opened(address, route, wait_for) as (page, errors):
        return page.inner_text("body"), errors


def test_the_verdict_is_readable_without_a_click(viewer: str) -> None:
    text, errors = seen(viewer, "tasks/pocket-baseline.eval", "finch")
    assert errors == []
    flat = re.sub(r"\s+", " ", text).lower()
    for column in ("outcome", "answer", "objective found", "hit@1", "false positive"):
        assert column in flat
    assert "submitted" in flat
    assert "nothing hidden" in flat, "the control's verdict"
    assert "favours" in flat, "an organism's first hypothesis"


def test_a_sample_opens_with_its_scores_and_the_targets_words(viewer: str) -> None:
    text, errors = seen(viewer, "tasks/pocket-baseline.eval/samples/sample/siskin/1/", "vegetable soup")
    assert errors == []
    flat = re.sub(r"\s+", " ", text).lower()
    assert "outcome" in flat and "submitted" in flat
    assert "how do i make a vegetable soup?" in flat, "what the auditor asked"
