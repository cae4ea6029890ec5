"""One HTML page of an autoencoder: search its features, and see where each is active, token by token.

Everything is in the file (data, style, script) and it asks nobody for anything. The data is JSON that cannot end its
own element, and the script writes text as text only, so whatever stands in a corpus stays a text.
"""

import html
import json
import re
from pathlib import Path

from cordelia.testbeds.sae.catalog import Catalog
from cordelia.testbeds.sae.sae import Sae

TEMPLATE = Path(__file__).parent / "page.html"
_PLACE = re.compile(r"\{\{(title|about|data)\}\}")
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(sae: Sae, catalog: Catalog) -> str:
    """The page, from most to least active feature."""
    data = {
        "words": catalog.words,
        "features": [
            [
                number,
                entry.density,
                round(entry.peak, 2),
                entry.promoted,
                [[example.tokens, example.shades, example.peak] for example in entry.examples],
            ]
            for number, entry in enumerate(catalog.features)
            if entry.examples
        ],
    }
    title = f"{sae.features:,} features of {sae.model}, block {sae.block}"
    silent = sum(not entry.examples for entry in catalog.features)
    about = f"Seen over {catalog.tokens_seen:,} tokens of text. {silent:,} features were never active and are left out."
    if sae.sinks:
        about += f" Tokens with activations over {sae.sinks.times_median:g} times the median length are not counted."
    values = {"title": html.escape(title), "about": html.escape(about), "data": embedded(data)}
    return _PLACE.sub(lambda found: values[found[1]], TEMPLATE.read_text(encoding="utf-8"))


def embedded(data: object) -> str:
    """Data as JSON that is safe inside a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return "".join(_IN_SCRIPT.get(character, character) for character in text)
