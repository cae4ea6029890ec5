"""Numbers that JSON can write and no tool can use are refused in words, before anything is asked of a target.

The tools are called as an auditor calls them, through inspect's tool loop. There is no target here, so a tool that
looked for one before it looked at the number would fail, and not refuse.
"""

import asyncio
import math

import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, execute_tools
from inspect_ai.tool import ToolCall
from pydantic import ValidationError

from cordelia.contracts.intervention import Add, Clamp, Noise
from cordelia.solvers.affordances.catalog import AFFORDANCES

ODD = [math.nan, math.inf, -math.inf]
TENSOR = "0123456789abcdef"


def refused(affordance: str, tool: str = "", **arguments: object) -> str:
    """What an affordance's tool (of its own name, unless given) answers to a call that it refuses."""
    call = ToolCall(id="1", function=tool or affordance, arguments=arguments)
    asked = ChatMessageAssistant(content="", tool_calls=[call])
    made = asyncio.run(execute_tools([asked], AFFORDANCES[affordance].tools()))
    [answer] = made.messages
    assert isinstance(answer, ChatMessageTool) and answer.error is not None
    return answer.error.message


@pytest.mark.parametrize("value", [*ODD, -1.0, 1.5])
@pytest.mark.parametrize("tool", ["steer", "fuzz", "lat", "activation_diff", "logit_lens"])
def test_no_layer(tool: str, value: float) -> None:
    given: dict[str, object] = {"layers": [value]} if tool == "logit_lens" else {"layer": value}
    assert "layer is a share of the depth" in refused(tool, **given)


@pytest.mark.parametrize("value", ODD)
def test_no_strength(value: float) -> None:
    assert "Strengths are shares" in refused("steer", strengths=[value])
    assert "Strengths are shares" in refused("activation_diff", strengths=[value])
    assert "Strengths are shares" in refused("sae", "sae_steer", features=[1], strengths=[value])
    assert "Strengths on activations are shares" in refused("fuzz", strengths=[value])


@pytest.mark.parametrize("value", ODD)
def test_no_size(value: float) -> None:
    assert "length is a share" in refused("melbo", length=value)
    assert "largest is a share" in refused("lat", largest=value)
    assert "Scales are -8 to 8" in refused("lora_amplify", scales=[value])
    assert "adapter_scale must be -8 to 8" in refused("diff_mining", adapter_scale=value)


@pytest.mark.parametrize("seed", [-1, 2**70])
def test_no_seed(seed: int) -> None:
    assert "seed: 0 to" in refused("melbo", seed=seed)


@pytest.mark.parametrize("scales", [[], [1.0], [1.0, 1.0]])
def test_a_target_at_scale_1_alone_shows_nothing_of_its_adapter(scales: list[float]) -> None:
    assert "at least one scale other than 1" in refused("lora_amplify", scales=scales)


@pytest.mark.parametrize("value", ODD)
def test_no_intervention(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Add(layer=3, vector=TENSOR, scale=value)
    with pytest.raises(ValidationError, match="finite"):
        Clamp(layer=3, vector=TENSOR, value=value)
    with pytest.raises(ValidationError, match="finite"):
        Noise(layer=3, scale=value)
