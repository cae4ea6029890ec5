"""The catalog of an autoencoder's features, and its page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sae_toys import axes_catalog, axes_sae, stored_as, write_axes

from cordelia.contracts.errors import ContentError
from cordelia.testbeds.sae.catalog import EXAMPLES, FILE, Catalog, load_catalog, make_catalog
from cordelia.testbeds.sae.page import embedded, page
from cordelia.testbeds.sae.sinks import SinkRule


def test_examples_are_the_places_where_a_feature_is_most_active() -> None:
    texts = [[0, 1, 2], [0, 3, 1, 2], [0, 2, 2]]
    rows = np.zeros((7, 8), np.float16)  # the tokens after the first of each text, in order
    rows[1, 2], rows[4, 2], rows[2, 5] = 3, 6, 1
    words = ["<s>", " a", " lamp", " tea"]
    catalog = make_catalog(axes_sae(), texts, stored_as(rows), words, [[f" p{feature}"] for feature in range(8)])
    lamp = catalog.features[2]
    assert lamp.density == pytest.approx(2 / 7)
    assert [example.peak for example in lamp.examples] == [6, 3]
    assert ["".join(catalog.text(example)) for example in lamp.examples] == ["<s> tea a lamp", "<s> a lamp"]
    assert [example.shades for example in lamp.examples] == ["0009", "005"], "ninths of the feature's own peak"
    assert lamp.promoted == [" p2"]
    assert catalog.features[0].examples == []
    assert catalog.features[0].density == 0


def test_attention_sinks_are_no_place_of_a_feature_and_no_token_of_its_density() -> None:
    texts = [[0, 1, 2, 3], [0, 2, 3]]
    rows = np.zeros((5, 8), np.float16)
    rows[:, 2] = [2, 50, 3, 50, 1]  # 50 is more than ten times 2; 20 would not be
    sae = replace(axes_sae(), sinks=SinkRule(times_median=10, median_length=2))
    catalog = make_catalog(sae, texts, stored_as(rows), ["<s>", " a", " massive", " tea"], [[]] * 8)
    entry = catalog.features[2]
    assert catalog.tokens_seen == 3
    assert entry.density == 1
    assert [(example.peak, example.shades) for example in entry.examples] == [(3, "0609"), (1, "003")]
    assert ["".join(catalog.text(example)) for example in entry.examples] == ["<s> a massive tea", "<s> massive tea"]
    plain = make_catalog(axes_sae(), texts, stored_as(rows), ["<s>", " a", " massive", " tea"], [[]] * 8)
    assert plain.features[2].peak == 50, "an autoencoder without the rule reads them"
    assert "over 10 times the median length are not counted" in page(sae, catalog)
    assert "median" not in page(axes_sae(), plain)


def test_a_text_gives_a_feature_one_example_and_the_best_are_kept() -> None:
    texts = [[0, 1, 1] for _ in range(EXAMPLES + 5)]
    rows = np.zeros((2 * len(texts), 8), np.float16)
    rows[:, 0] = np.arange(2 * len(texts))
    catalog = make_catalog(axes_sae(), texts, stored_as(rows), ["<s>", " a"], [[]] * 8)
    peaks = [example.peak for example in catalog.features[0].examples]
    assert peaks == [2 * len(texts) - 1 - 2 * place for place in range(EXAMPLES)]


def test_rarity_is_the_log_of_one_over_density() -> None:
    rarity = axes_catalog().rarity()
    assert rarity[2] == pytest.approx(np.log(1_000), rel=1e-5)
    assert rarity[7] == pytest.approx(np.log(1_000), rel=1e-5), "never seen counts as seen once in 1,000 tokens"
    assert rarity[0] == pytest.approx(np.log(2), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["features"].pop(), "describes 7 features, and the autoencoder has 8"),
        (lambda data: data["features"][2]["examples"][0].update(tokens=[0, 1, 2, 99]), "a token beyond the 7 words"),
        (lambda data: data["features"][2]["examples"][0].update(tokens=[0, -1, 2, 3]), "a token beyond the 7 words"),
        (lambda data: data["features"][2]["examples"][0].update(shades="12"), "needs one shade for each token"),
        (lambda data: data["features"][2].update(density=2), "density"),
        (lambda data: data.update(html="<b>"), "html"),
    ],
)
def test_a_catalog_that_does_not_fit_is_refused(change: object, said: str, tmp_path: Path) -> None:
    folder = write_axes(tmp_path / "sae")
    assert len(load_catalog(folder, axes_sae()).features) == 8
    data = json.loads((folder / FILE).read_text())
    change(data)  # type: ignore[operator]
    (folder / FILE).write_text(json.dumps(data))
    with pytest.raises(ContentError, match=said):
        load_catalog(folder, axes_sae())


def test_nothing_in_a_text_becomes_markup() -> None:
    text = page(axes_sae("<b>some</b>/{{data}}"), axes_catalog())
    assert text.count("<script") == 2, "the data and the code"
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "&lt;b&gt;some&lt;/b&gt;/{{data}}" in text
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    held = json.loads(data[1])
    assert "</script><img src=x onerror=alert(1)>" in held["words"], "and nothing is lost"
    assert [feature[0] for feature in held["features"]] == [0, 1, 2, 3, 4, 5, 6], "7 was never active"


def test_the_page_asks_nobody_for_anything() -> None:
    text = page(axes_sae(), axes_catalog())
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|//[a-z]+\.[a-z]|@import|fetch\(|XMLHttp", text)


def test_data_survives_what_would_end_a_script() -> None:
    data = {"a": "</script>\u2028&lt;<!--"}
    text = embedded(data)
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == data


def test_a_catalog_without_examples_makes_a_page() -> None:
    catalog = axes_catalog()
    silent = Catalog(tokens_seen=1, words=[], features=[catalog.features[7]] * 8)
    assert "8 features were never active" in page(axes_sae(), silent)
