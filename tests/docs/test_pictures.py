"""Pictures cannot drift: the one of an autoencoder is of the autoencoder that ships."""

import json
import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs/examples/sae_picture.py"


def test_the_picture_is_of_the_autoencoder_that_ships() -> None:
    taken = runpy.run_path(str(SCRIPT))
    record = json.loads(taken["RECORD"].read_text(encoding="utf-8"))
    assert record == taken["made_of"](), "the picture is of another autoencoder; run `make picture`"
