"""Interventions on small tensors: what each does, to which tokens, and that it is counted."""

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cordelia.contracts.errors import CordeliaError  # noqa: E402
from cordelia.contracts.intervention import Add, Clamp, Intervention, Noise, Patch, Project  # noqa: E402
from cordelia.testbeds.backends.base import Loaded, TargetError  # noqa: E402
from cordelia.testbeds.backends.block_function import Tokens, gaussian  # noqa: E402
from cordelia.testbeds.backends.compiler import (  # noqa: E402
    applied,
    check_applied,
    check_positions,
    compile_interventions,
    expected_applications,
    resolve_layer,
)

REF = "0" * 16
BLOCKS, WIDTH, PROMPT, READ = 4, 8, 5, 9
HIDDEN = torch.randn(READ, WIDTH, generator=torch.Generator().manual_seed(3)) * 3
VECTOR = np.arange(1, WIDTH + 1, dtype=np.float32)
UNIT = torch.from_numpy(VECTOR / np.linalg.norm(VECTOR))


def done(*loaded: Loaded, hidden: Any = HIDDEN, pieces: tuple[int, ...] = (READ,)) -> Any:
    """What interventions on block 2 make of a row that comes in pieces; checks that they were applied as asked."""
    functions = compile_interventions(loaded, BLOCKS, WIDTH)
    found, start = [], 0
    for length in pieces:
        tokens = Tokens.span(start, length, PROMPT)
        found.append(functions[2](tokens, hidden[start : start + length]))
        start += length
    check_applied(loaded, applied(functions.values()), PROMPT, start)
    return torch.cat(found)


def given(what: Intervention, vector: Any = VECTOR) -> Loaded:
    return Loaded(what, None if isinstance(what, Noise) else vector)


def lengths(hidden: Any) -> Any:
    return hidden.norm(dim=-1, keepdim=True)


# what each does


def test_add_adds_the_vector_times_its_scale() -> None:
    found = done(given(Add(layer=2, vector=REF, scale=0.5)))
    assert torch.equal(found[0], HIDDEN[0])
    assert torch.allclose(found[1:], HIDDEN[1:] + 0.5 * torch.from_numpy(VECTOR))


def test_a_relative_add_has_a_share_of_the_tokens_own_length() -> None:
    found = done(given(Add(layer=2, vector=REF, scale=-0.25, relative=True)))
    assert torch.allclose(found[1:], HIDDEN[1:] - 0.25 * lengths(HIDDEN[1:]) * UNIT, atol=1e-5)


def test_project_takes_the_component_out_and_doing_it_twice_changes_nothing_more() -> None:
    once = done(given(Project(layer=2, vector=REF)))
    assert torch.allclose(once[1:] @ UNIT, torch.zeros(READ - 1), atol=1e-5)
    assert torch.allclose(done(given(Project(layer=2, vector=REF)), hidden=once), once, atol=1e-5)
    assert torch.allclose(done(*[given(Project(layer=2, vector=REF))] * 2), once, atol=1e-5)
    half = done(given(Project(layer=2, vector=REF, scale=0.5)))
    assert torch.allclose(half[1:] @ UNIT, HIDDEN[1:] @ UNIT / 2, atol=1e-5)


def test_clamp_sets_the_component_and_leaves_the_rest() -> None:
    found = done(given(Clamp(layer=2, vector=REF, value=7.0)))
    assert torch.allclose(found[1:] @ UNIT, torch.full((READ - 1,), 7.0), atol=1e-5)
    without = [hidden - (hidden @ UNIT).unsqueeze(-1) * UNIT for hidden in (found, HIDDEN)]
    assert torch.allclose(without[0][1:], without[1][1:], atol=1e-5)
    relative = done(given(Clamp(layer=2, vector=REF, value=2.0, relative=True)))
    assert torch.allclose((relative[1:] @ UNIT).unsqueeze(-1), 2 * lengths(HIDDEN[1:]), atol=1e-4)


def test_patch_puts_the_vector_in_the_place_of_the_activation() -> None:
    found = done(given(Patch(layer=2, vector=REF, positions=[0, 3])))
    for place in range(READ):
        assert torch.equal(found[place], torch.from_numpy(VECTOR) if place in (0, 3) else HIDDEN[place])


def test_a_patch_by_rows_puts_each_row_in_its_own_place_in_whatever_order_they_are_named() -> None:
    rows = np.stack([VECTOR * 10, VECTOR * 20, VECTOR * 30])
    found = done(given(Patch(layer=2, vector=REF, positions=[6, 1, 4]), rows), pieces=(5, 1, 1, 2))
    for place, factor in ((6, 10), (1, 20), (4, 30)):
        assert torch.equal(found[place], torch.from_numpy(VECTOR) * factor)
    own = done(given(Patch(layer=2, vector=REF, positions=[1, 2, 3]), HIDDEN[1:4].numpy()))
    assert torch.equal(own, HIDDEN)


def test_noise_has_the_length_that_was_asked_for_and_is_the_same_however_the_row_comes() -> None:
    whole = done(given(Noise(layer=2, seed=5, scale=0.5)))
    assert torch.equal(done(given(Noise(layer=2, seed=5, scale=0.5)), pieces=(3, 2, 1, 1, 1, 1)), whole)
    steps = (whole - HIDDEN)[1:] / lengths(HIDDEN[1:])
    assert len({tuple(step.tolist()) for step in steps}) == READ - 1, "no two tokens get the same"
    assert not torch.allclose(done(given(Noise(layer=2, seed=6, scale=0.5))), whole)
    absolute = done(given(Noise(layer=2, seed=5, scale=0.3, relative=False))) - HIDDEN
    assert torch.allclose(absolute[1:], gaussian(5, 2, torch.arange(1, READ), WIDTH) * 0.3, atol=1e-6)


def test_noise_is_normal_and_depends_on_seed_block_and_position() -> None:
    numbers = gaussian(0, 0, torch.arange(500), 400).double()
    assert abs(float(numbers.mean())) < 0.01 and abs(float(numbers.std()) - 1) < 0.01
    assert abs(float((numbers**4).mean()) - 3) < 0.1
    assert float(numbers.abs().max()) < 6
    for other in (gaussian(1, 0, torch.arange(500), 400), gaussian(0, 1, torch.arange(500), 400)):
        assert abs(float((numbers * other).mean())) < 0.01
    assert abs(float((numbers[:-1] * numbers[1:]).mean())) < 0.01
    assert torch.equal(gaussian(2**62, 3, torch.tensor([7]), 4), gaussian(2**62, 3, torch.tensor([6, 7]), 4)[1:])


@pytest.mark.parametrize(
    "nothing",
    [
        Add(layer=2, vector=REF, scale=0),
        Add(layer=2, vector=REF, scale=0, relative=True),
        Noise(layer=2, scale=0),
        Project(layer=2, vector=REF, scale=0),
    ],
)
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_scale_0_changes_not_a_bit(nothing: Intervention, kind: str) -> None:
    hidden = HIDDEN.to(getattr(torch, kind))
    assert torch.equal(done(given(nothing), hidden=hidden), hidden)


def test_interventions_of_a_block_are_applied_in_their_order() -> None:
    add, clamp = given(Add(layer=2, vector=REF)), given(Clamp(layer=2, vector=REF, value=1.0))
    assert torch.allclose(done(add, clamp)[1:] @ UNIT, torch.ones(READ - 1), atol=1e-5)
    length = float(np.linalg.norm(VECTOR))
    assert torch.allclose(done(clamp, add)[1:] @ UNIT, torch.full((READ - 1,), 1 + length), atol=1e-4)


# to which tokens


@pytest.mark.parametrize(
    ("positions", "changed"),
    [("all", range(1, READ)), ("prompt", range(1, PROMPT)), ("reply", range(PROMPT, READ)), ([0, 6], [0, 6])],
)
def test_only_the_named_tokens_change(positions: Any, changed: Any) -> None:
    what = Add(layer=2, vector=REF, positions=positions)
    for pieces in ((READ,), (PROMPT, 1, 1, 1, 1), (2, 4, 3)):
        found = done(given(what), pieces=pieces)
        assert [place for place in range(READ) if not torch.equal(found[place], HIDDEN[place])] == list(changed)
    assert expected_applications([given(what)], PROMPT, READ) == [len(changed)]


def test_each_block_has_its_own_function() -> None:
    functions = compile_interventions(
        [given(Add(layer=1.0, vector=REF)), given(Noise(layer=0)), given(Add(layer=3, vector=REF))], BLOCKS, WIDTH
    )
    assert {block: [step.number for step in function.steps] for block, function in functions.items()} == {
        0: [1],
        3: [0, 2],
    }


# counts


def test_what_was_not_applied_as_often_as_asked_is_the_targets_failure() -> None:
    loaded = [given(Noise(layer=0)), given(Add(layer=2, vector=REF))]
    check_applied(loaded, {0: 8, 1: 8}, PROMPT, READ)
    for found in ({0: 8, 1: 7}, {0: 8, 1: 9}, {0: 8}):
        with pytest.raises(TargetError, match=r"Intervention 2 \(add at layer 2\) was applied to"):
            check_applied(loaded, found, PROMPT, READ)


def test_a_position_past_the_end_is_the_askers_mistake_and_the_message_does_not_count_tokens() -> None:
    loaded = [given(Add(layer=2, vector=REF, positions=[2, 40]))]
    check_positions(loaded, 41)
    with pytest.raises(CordeliaError, match="names position 40, and the text that was read ends before it") as raised:
        check_applied(loaded, {0: 1}, PROMPT, READ)
    assert str(PROMPT) not in str(raised.value) and str(READ) not in str(raised.value)


# bad input


@pytest.mark.parametrize(("layer", "block"), [(0, 0), (3, 3), (0.0, 0), (1.0, 3), (0.5, 2), (0.4, 1), (1, 1)])
def test_a_layer_is_an_index_or_a_depth(layer: float, block: int) -> None:
    assert resolve_layer(layer, BLOCKS) == block


@pytest.mark.parametrize("layer", [4, -1, 1.1, -0.01, math.nan])
def test_a_layer_that_there_is_not_names_those_that_there_are(layer: float) -> None:
    with pytest.raises(CordeliaError, match="the model has layers 0 to 3"):
        resolve_layer(layer, BLOCKS)


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (given(Add(layer=9, vector=REF)), "There is no layer 9"),
        (given(Add(layer=0, vector=REF), VECTOR[:5]), r"a tensor of shape \(5,\); the model's residual has 8 numbers"),
        (given(Add(layer=0, vector=REF), np.stack([VECTOR] * 2)), r"a tensor of shape \(2, 8\)"),
        (given(Add(layer=0, vector=REF), None), "came without its tensor"),
        (given(Project(layer=0, vector=REF), VECTOR * 0), "a vector of zeros, which has no direction"),
        (given(Clamp(layer=0, vector=REF, value=1), VECTOR * 0), "no direction"),
        (given(Add(layer=0, vector=REF, relative=True), VECTOR * 0), "no direction"),
        (given(Patch(layer=0, vector=REF), np.stack([VECTOR] * 2)), "a tensor of 2 rows: give as many positions"),
        (given(Patch(layer=0, vector=REF, positions=[1]), np.stack([VECTOR] * 2)), "a tensor of 2 rows"),
        (given(Add(layer=0, vector=REF, positions=[3, 1, 3])), "names a position twice"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(loaded: Loaded, message: str) -> None:
    with pytest.raises(CordeliaError, match=message):
        compile_interventions([loaded], BLOCKS, WIDTH)
