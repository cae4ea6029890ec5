"""Takes the picture of docs/sae.md: the page of pocket's autoencoder, in a real browser. `make picture`."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from cordelia.testbeds.find import CATALOG
from cordelia.testbeds.sae.catalog import load_catalog
from cordelia.testbeds.sae.page import page as render
from cordelia.testbeds.sae.published import load_sae

PICTURE = Path(__file__).parent.parent / "images/sae.png"
SAE = CATALOG / "pocket/sae"
WIDTH, HEIGHT = 1240, 860
QUERY = "water"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Write the page, open it, search for a word, and keep what is seen."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    sae = load_sae(SAE)
    with TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "sae.html"
        file.write_text(render(sae, load_catalog(SAE, sae)), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(file.as_uri())
        page.get_by_label("Search").fill(QUERY)
        page.locator("article").first.wait_for(timeout=30_000)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
