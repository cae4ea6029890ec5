"""Takes the picture of docs/sae.md: the page of pocket's autoencoder, in a real browser. `make picture`.

Beside the picture it writes down what the picture was made of, so that a test notices when another autoencoder ships.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from cordelia.testbeds.find import CATALOG
from cordelia.testbeds.sae.catalog import load_catalog
from cordelia.testbeds.sae.page import page as render
from cordelia.testbeds.sae.published import load_sae
from cordelia.testbeds.weights import sha256_of

PICTURE = Path(__file__).parent.parent / "images/sae.png"
RECORD = PICTURE.with_suffix(".json")
SAE = CATALOG / "pocket/sae"
SHOWN = ("cfg.json", "sae_weights.safetensors", "examples.json")
"""The files that the page is made of."""

WIDTH, HEIGHT = 1240, 860
QUERY = "water"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def made_of() -> dict[str, str]:
    """The SHA-256 of the picture, and of each file of the autoencoder that ships now."""
    return {PICTURE.name: sha256_of(PICTURE), **{name: sha256_of(SAE / name) for name in SHOWN}}


def main() -> None:
    """Write the page, open it, search for a word, and keep what is seen."""
    from playwright.sync_api import sync_playwright

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
    RECORD.write_text(json.dumps(made_of(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
