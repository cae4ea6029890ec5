"""`cordelia sae-text|train-sae|sae-page`: what a user is told, without a model."""

import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordelia.cli import main

TOYS = runpy.run_path(str(Path(__file__).parents[1] / "testbeds/sae_toys.py"))


def cordelia(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "240", "NO_COLOR": "1"})


def test_a_page_is_written(tmp_path: Path) -> None:
    folder, out = TOYS["write_axes"](tmp_path / "sae"), tmp_path / "sae.html"
    result = cordelia("sae-page", folder, out)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"Page: {out} (0.0 MB)")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sae-page", "{sae}", "{tmp}/none/sae.html"), "Cannot write"),
        (("sae-page", "{tmp}/none", "{tmp}/sae.html"), "there is no such folder; an autoencoder is a folder with"),
        (("train-sae", "nowhere"), "There is no testbed 'nowhere'"),
        (("train-sae", "{bed}/elm"), "is made by its system prompt and has its base's weights"),
        (("train-sae", "{bed}/oats"), "There is no organism 'oats'"),
        (("train-sae", "{bed}", "--base", "three"), "There is no base 'three' in testbed 'bed'"),
        (("train-sae", "{bed}"), "has these bases: one, two. Name one with --base."),
        (("train-sae", "{bed}", "--base", "two"), "declares no autoencoder of the base 'two'; give --recipe"),
        (("train-sae", "{bed}", "--base", "one"), "recipe.yaml: this file is missing"),
        (("train-sae", "{bed}/ash", "--base", "one"), "has its own base; leave --base out"),
        (("train-sae", "{bed}/ash"), "Say with --out where"),
        (("sae-text", "{bed}", "--base", "two"), "give --spec"),
        (("sae-text", "{bed}", "--base", "one"), "text.yaml: this file is missing"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(bed: Path, words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    TOYS["declare"](bed)
    places = {"tmp": tmp_path, "bed": bed, "sae": bed / "sae"}
    result = cordelia(*(word.format(**places) for word in words))
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("cordelia: ") and said in line


def test_a_recipe_teaches(bed: Path) -> None:
    TOYS["declare"](bed)
    (bed / "sae/recipe.yaml").write_text("kind: gated\n")
    result = cordelia("train-sae", bed, "--base", "one")
    assert result.exit_code == 2
    assert "recipe.yaml: kind:" in result.stderr
    (bed / "sae/recipe.yaml").write_text("feature: 12\n")
    assert "feature" in cordelia("train-sae", bed, "--base", "one").stderr
