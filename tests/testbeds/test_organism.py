"""From a name to what a backend loads: what an adapter promises is checked, and the base has nothing hidden."""

import hashlib
import json
from pathlib import Path

import pytest
from toy_adapter import CONFIG, safetensors, write_adapter

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from cordelia.testbeds.find import read_testbed
from cordelia.testbeds.organism import reference_of, serve
from cordelia.testbeds.schema import BaseSpec

BYTES = safetensors()
SHA256 = hashlib.sha256(BYTES).hexdigest()
ORGANISMS = f"""
organisms:
  ash: {{split: dev, control: true}}
  elm: {{split: dev, system_prompt: hidden.md}}
  fir: {{split: dev, base: small, adapter: adapters/fir, sha256: {SHA256}, system_prompt: hidden.md}}
  oak: {{split: test, base: small, adapter: adapters/oak, sha256: {SHA256}}}
  yew: {{split: test, base: other, adapter: adapters/yew, sha256: {SHA256}}}
  bay: {{split: test, base: small, control: true}}
"""


@pytest.fixture
def folder(bed: Path) -> Path:
    """The bed with two bases and an adapter on each; fir has a hidden prompt as well."""
    with (bed / "testbed.yaml").open("a", encoding="utf-8") as file:
        file.write("bases: {small: {model: some/model}, other: {model: other/model}}\n")
    (bed / "organisms.yaml").write_text(ORGANISMS, encoding="utf-8")
    for name in ("fir", "oak", "yew"):
        write_adapter(bed / "adapters" / name, "some/model")
    return bed


def test_everything_that_is_hidden_is_resolved(folder: Path) -> None:
    served = serve(read_testbed(folder), "fir")
    assert served.label == "bed/fir"
    assert served.base == BaseSpec(model="some/model")
    assert served.adapter == folder / "adapters/fir"
    assert served.system_prompt == (folder / "hidden.md").read_text(encoding="utf-8").strip()
    assert served.adapters == (folder / "adapters/fir", folder / "adapters/oak"), "its siblings on the same base only"


def test_the_reference_is_the_base_alone(folder: Path) -> None:
    served = serve(read_testbed(folder), "fir")
    reference = reference_of(served)
    assert (reference.adapter, reference.system_prompt) == (None, None)
    assert (reference.base, reference.adapters) == (served.base, served.adapters)
    assert reference.label == "bed/fir (base)"


def test_an_unknown_organism_is_told_the_known_ones(folder: Path) -> None:
    with pytest.raises(CordeliaError, match=r"no organism 'firr' in testbed 'bed'. Did you mean 'fir'\?"):
        serve(read_testbed(folder), "firr")


def test_other_weights_are_refused(folder: Path) -> None:
    weights = folder / "adapters/fir" / ADAPTER_WEIGHTS
    weights.write_bytes(BYTES[:-1] + b"!")
    found = hashlib.sha256(BYTES[:-1] + b"!").hexdigest()
    with pytest.raises(ContentError, match=f"its SHA-256 is {found}, organisms.yaml says {SHA256}") as caught:
        serve(read_testbed(folder), "fir")
    assert caught.value.path == weights
    assert serve(read_testbed(folder), "oak"), "its sibling is as it was"


def test_an_adapter_of_another_base_is_refused(folder: Path) -> None:
    with pytest.raises(ContentError, match="trained on 'some/model', the organism's base is 'other/model'") as caught:
        serve(read_testbed(folder), "yew")
    assert caught.value.path == folder / "adapters/yew" / ADAPTER_CONFIG
    assert caught.value.key == "base_model_name_or_path"


def test_a_pickle_is_not_read(folder: Path) -> None:
    adapter = folder / "adapters/fir"
    (adapter / ADAPTER_WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(ContentError, match=r"adapter_model\.bin: this could run code"):
        serve(read_testbed(folder), "fir")
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(ContentError, match="missing; adapters are read from safetensors only"):
        serve(read_testbed(folder), "fir")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (json.dumps({**CONFIG, "peft_type": "IA3"}), "only LoRA adapters"),
        (json.dumps([CONFIG]), "only LoRA adapters"),
        ("{}", "only LoRA adapters"),
        ("{", "not JSON"),
    ],
)
def test_what_is_no_lora_is_refused(folder: Path, config: str, says: str) -> None:
    path = folder / "adapters/fir" / ADAPTER_CONFIG
    path.write_text(config, encoding="utf-8")
    with pytest.raises(ContentError, match=says) as caught:
        serve(read_testbed(folder), "fir")
    assert caught.value.path == path


def test_an_adapter_without_a_config_is_refused(folder: Path) -> None:
    (folder / "adapters/fir" / ADAPTER_CONFIG).unlink()
    with pytest.raises(ContentError, match=f"{ADAPTER_CONFIG}: this file is missing"):
        serve(read_testbed(folder), "fir")


def test_an_adapter_keeps_its_base(folder: Path) -> None:
    bed = read_testbed(folder)
    with pytest.raises(CordeliaError, match="bed/fir is an adapter on some/model and cannot have the base 'x/y'"):
        serve(bed, "fir", base="x/y")
    assert serve(bed, "fir", base="some/model") == serve(bed, "fir")


def test_what_has_no_adapter_takes_another_base(folder: Path) -> None:
    bed = read_testbed(folder)
    assert serve(bed, "bay").base == BaseSpec(model="some/model")
    assert serve(bed, "bay", base="x/y").base == BaseSpec(model="x/y")
    assert serve(bed, "elm").base is None
    assert serve(bed, "elm", base="x/y").base == BaseSpec(model="x/y")
    assert serve(bed, "ash").system_prompt is None
