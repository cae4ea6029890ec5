"""Takes the README's picture: the example log in inspect's viewer, in a real browser. `make picture`."""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
PICTURE = ROOT / "docs/images/audit.png"
ADDRESS = "http://127.0.0.1:7597"
WIDTH, HEIGHT, TOOLBAR = 1400, 800, 28
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Serve logs/examples, open the baseline's log, and keep what stands below the toolbar (which shows a path)."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    inspect = Path(sys.executable).parent / "inspect"
    server = subprocess.Popen([inspect, "view", "--log-dir", ROOT / "logs/examples", "--port", "7597"])
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for _ in range(50):
                try:
                    page.goto(f"{ADDRESS}/#/tasks/pocket-baseline.eval")
                    break
                except Exception:  # noqa: BLE001 - the server is not up yet; the next line fails if it never is
                    page.wait_for_timeout(300)
            page.get_by_text("finch").first.wait_for(timeout=30_000)
            page.wait_for_timeout(1_000)
            PICTURE.parent.mkdir(parents=True, exist_ok=True)
            area = {"x": 0, "y": TOOLBAR, "width": WIDTH, "height": HEIGHT - TOOLBAR}
            page.screenshot(path=PICTURE, clip=area)  # type: ignore[arg-type]
            browser.close()
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
