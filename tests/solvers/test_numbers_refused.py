"""Numbers that JSON can write and no tool can use are refused in words, before anything is asked of a target."""

import math

import pytest
from inspect_ai.tool import ToolError
from pydantic import ValidationError

from cordelia.contracts.intervention import Add, Clamp, Noise
from cordelia.solvers.affordances.lora_amplify import _checked as scales_checked
from cordelia.solvers.affordances.melbo import _check as melbo_check
from cordelia.solvers.affordances.pushed import layer_of
from cordelia.solvers.affordances.steer import _strengths

ODD = [math.nan, math.inf, -math.inf]
TENSOR = "0123456789abcdef"


@pytest.mark.parametrize("value", [*ODD, -1.0, 1.5])
def test_no_layer(value: float) -> None:
    with pytest.raises(ToolError, match="layer is a share of the depth"):
        layer_of(value)


@pytest.mark.parametrize("value", ODD)
def test_no_strength(value: float) -> None:
    with pytest.raises(ToolError, match="Strengths are shares"):
        _strengths([value], "add")


@pytest.mark.parametrize("seed", [-1, 2**70])
def test_no_seed(seed: int) -> None:
    with pytest.raises(ToolError, match="seed: 0 to"):
        melbo_check(1, 1, 1, 1.0, seed)


@pytest.mark.parametrize("scales", [[], [1.0], [1.0, 1.0]])
def test_a_target_at_scale_1_alone_shows_nothing_of_its_adapter(scales: list[float]) -> None:
    with pytest.raises(ToolError, match="at least one scale other than 1"):
        scales_checked(scales)


@pytest.mark.parametrize("value", ODD)
def test_no_intervention(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Add(layer=3, vector=TENSOR, scale=value)
    with pytest.raises(ValidationError, match="finite"):
        Clamp(layer=3, vector=TENSOR, value=value)
    with pytest.raises(ValidationError, match="finite"):
        Noise(layer=3, scale=value)
