"""Likelihoods of given replies: which rows share a pass, and that padding and company change nothing."""

from contextlib import nullcontext

import pytest

from cordelia.testbeds.backends.jobs import Scoring
from cordelia.testbeds.backends.scoring import HEADS, passes, score_rows


def test_every_row_with_a_reply_is_in_one_pass() -> None:
    lengths = [(place % 7 + 1, place % 40) for place in range(200)]
    groups = passes(lengths)
    assert sorted(place for group in groups for place in group) == [p for p in range(200) if lengths[p][1]]
    assert len(groups) < 20


def test_a_pass_has_no_more_heads_than_fit() -> None:
    lengths = [(5, 97)] * 30 + [(5, 3)] * 30
    for group in passes(lengths):
        assert len(group) * (max(lengths[place][1] for place in group) + 1) <= HEADS
    assert passes([(5, HEADS * 2), (5, HEADS * 2)]) == [[0], [1]], "one too long for any company goes alone"


def test_rows_of_like_length_go_together() -> None:
    groups = passes([(9, 500), (9, 20), (9, 500), (9, 20)])
    assert {frozenset(group) for group in groups} == {frozenset({1, 3}), frozenset({0, 2})}


@pytest.mark.slow
def test_scores_are_those_of_each_row_alone() -> None:
    """A random model of two layers, against the library's plain forward pass a row."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.5,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    rows = [
        Scoring([1, 2, 3], [4, 5, 6, 7], None),
        Scoring([9], [8], None),
        Scoring([1, 2, 3, 4, 5, 6], [], None),
        Scoring([11, 12], [13, 14, 15, 16, 17, 18, 19], None),
    ]
    found = score_rows(model, rows, pad=0, route=lambda rows: (nullcontext(), {}))
    for row, scores in zip(rows, found, strict=True):
        with torch.inference_mode():
            logits = model(torch.tensor([[*row.prompt, *row.reply]])).logits[0].log_softmax(-1)
        start = len(row.prompt) - 1
        alone = [float(logits[start + place, token]) for place, token in enumerate(row.reply)]
        assert scores == pytest.approx(alone, abs=1e-4)
