"""A row draws its own tokens: by its own settings and seed, whoever its neighbours are."""

import math
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from cordelia.testbeds.backends.sampling import DEFAULT_MAX_TOKENS, RowSampler, RowStop, Sampling  # noqa: E402

CPU = torch.device("cpu")
END = 99
LOGITS = [2.0, 1.0, 0.5, 0.0, -1.0, -3.0]
NO_INPUT = torch.zeros((1, 1), dtype=torch.long)


def draw(sampler: RowSampler, *rows: list[float]) -> list[int]:
    """The token that each row chose: the only one that is left, at score 0."""
    scores = sampler(NO_INPUT, torch.tensor(rows))
    assert torch.isfinite(scores).sum(dim=-1).tolist() == [1] * len(rows)
    assert scores.max(dim=-1).values.tolist() == [0.0] * len(rows)
    return [int(token) for token in scores.argmax(dim=-1)]


def draws(sampling: Sampling, count: int, logits: list[float] = LOGITS) -> list[int]:
    sampler = RowSampler([sampling], CPU)
    return [draw(sampler, logits)[0] for _ in range(count)]


def softmax(logits: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in logits]
    return [power / sum(powers) for power in powers]


def test_greedy_takes_the_best_of_each_row() -> None:
    sampler = RowSampler([Sampling(temperature=0)] * 3, CPU)
    assert draw(sampler, [0.0, 3.0, 1.0], [5.0, 3.0, 1.0], [-2.0, -3.0, -1.0]) == [1, 0, 2]


def test_greedy_and_drawn_rows_share_a_batch() -> None:
    sampler = RowSampler([Sampling(seed=3), Sampling(temperature=0), Sampling(seed=4)], CPU)
    both = [draw(sampler, LOGITS, [0.0, 9.0, 0.0, 0.0, 0.0, 0.0], LOGITS) for _ in range(50)]
    assert {row[1] for row in both} == {1}
    assert [row[0] for row in both] == draws(Sampling(seed=3), 50)
    assert [row[2] for row in both] == draws(Sampling(seed=4), 50)


def test_a_seed_repeats_itself_and_another_does_not() -> None:
    assert draws(Sampling(seed=7), 40) == draws(Sampling(seed=7), 40)
    assert draws(Sampling(seed=7), 40) != draws(Sampling(seed=8), 40)
    assert draws(Sampling(), 60) != draws(Sampling(), 60), "without a seed nothing repeats"


@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_draw_does_not_depend_on_the_neighbours(position: int) -> None:
    alone = draws(Sampling(seed=11, temperature=0.8, top_p=0.9), 30)
    rows = [Sampling(seed=i, temperature=1.5) for i in range(4)]
    rows.insert(position, Sampling(seed=11, temperature=0.8, top_p=0.9))
    sampler = RowSampler(rows, CPU)
    logits = [[float(row)] * len(LOGITS) for row in range(4)]
    logits.insert(position, LOGITS)
    assert [draw(sampler, *logits)[position] for _ in range(30)] == alone


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(top_k=1, seed=1), {0}),
        (Sampling(top_k=3, seed=1), {0, 1, 2}),
        (Sampling(top_k=50, seed=1, temperature=4), {0, 1, 2, 3, 4, 5}),
        # softmax: .56 .21 .13 .08 .03 .00; the smallest set that reaches the mass stays
        (Sampling(top_p=0.5, seed=1), {0}),
        (Sampling(top_p=0.6, seed=1), {0, 1}),
        (Sampling(top_p=0.8, seed=1), {0, 1, 2}),
        (Sampling(top_p=0.8, top_k=2, seed=1), {0, 1}),
        (Sampling(top_p=0.0, seed=1), {0}),
    ],
)
def test_the_nucleus_and_the_best_few_are_all_that_is_drawn(sampling: Sampling, kept: set[int]) -> None:
    assert set(draws(sampling, 600)) == kept


def test_the_nucleus_is_cut_from_the_heated_distribution() -> None:
    # at temperature 4 the best token has .26: one of mass .5 is no longer enough
    assert set(draws(Sampling(top_p=0.5, temperature=4, seed=1), 400)) == {0, 1, 2}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax(temperature: float) -> None:
    count = 4_000
    found = draws(Sampling(temperature=temperature, seed=5), count)
    expected = [share * count for share in softmax(LOGITS, temperature)]
    chi_square = sum((found.count(token) - value) ** 2 / value for token, value in enumerate(expected))
    assert chi_square < 20.5, "the 99.9 % quantile at 5 degrees of freedom"


def test_scores_are_the_models_own_log_probabilities() -> None:
    sampler = RowSampler([Sampling(temperature=0, logprobs=2), Sampling(temperature=0)], CPU)
    draw(sampler, LOGITS, LOGITS)
    draw(sampler, LOGITS[::-1], LOGITS)
    assert list(sampler.scored) == [0], "only of rows that asked"
    first, second = sampler.scored[0]
    shares = softmax(LOGITS)
    assert (first.token, second.token) == (0, 5)
    assert first.logprob == pytest.approx(math.log(shares[0]), abs=1e-5)
    assert [token for token, _ in first.top] == [0, 1]
    assert [value for _, value in first.top] == pytest.approx([math.log(shares[0]), math.log(shares[1])], abs=1e-5)
    assert [token for token, _ in second.top] == [5, 4]


def test_scores_do_not_see_temperature_or_cuts() -> None:
    sampler = RowSampler([Sampling(temperature=3, top_k=2, seed=1, logprobs=0)], CPU)
    token = draw(sampler, LOGITS)[0]
    [score] = sampler.scored[0]
    assert (score.token, score.top) == (token, [])
    assert score.logprob == pytest.approx(math.log(softmax(LOGITS)[token]), abs=1e-5)


class Letters:
    """A tokenizer of letters: 1 is a, 2 is b, …"""

    def decode(self, tokens: Any, skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return "".join(chr(ord("a") - 1 + int(token)) for token in tokens if token)


def ends(rows: list[Sampling], prompt_length: int, *ids: list[int]) -> list[bool]:
    stop = RowStop(rows, prompt_length, Letters(), {END}, CPU)  # type: ignore[arg-type]
    return [bool(done) for done in stop(torch.tensor(ids), torch.zeros(1))]


def test_each_row_ends_at_its_own_length() -> None:
    rows = [Sampling(max_tokens=1), Sampling(max_tokens=2), Sampling(max_tokens=3)]
    assert ends(rows, 2, [9, 9, 1], [9, 9, 1], [9, 9, 1]) == [True, False, False]
    assert ends(rows, 2, [9, 9, 1, 1], [9, 9, 1, 1], [9, 9, 1, 1]) == [True, True, False]


def test_a_row_ends_at_its_stop_text_wherever_the_tokens_part() -> None:
    rows = [Sampling(stops=("bc",)), Sampling(stops=("x", "ab")), Sampling()]
    assert ends(rows, 1, [0, 1, 2], [0, 1, 3], [0, 2, 3]) == [False, False, False]
    assert ends(rows, 1, [0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]) == [True, True, False]


def test_what_a_row_wrote_is_counted_until_it_ends_and_an_end_token_counts() -> None:
    rows = [Sampling(max_tokens=2), Sampling(), Sampling()]
    stop = RowStop(rows, 1, Letters(), {END}, CPU)  # type: ignore[arg-type]
    ids = [[0, 1, 2, 3], [0, END, END, END], [END, 1, 2, 3]]
    for read in (2, 3, 4):
        done = stop(torch.tensor([row[:read] for row in ids]), torch.zeros(1))
    assert done.tolist() == [True, True, False]
    assert stop.lengths.tolist() == [2, 1, 3]


def test_a_stop_text_in_the_prompt_ends_nothing() -> None:
    assert ends([Sampling(stops=("ab",))], 2, [1, 2, 3]) == [False]
    assert ends([Sampling(stops=("bc",))], 2, [1, 2, 3]) == [False], "nor one that begins in it"


@pytest.mark.parametrize(
    ("config", "choice", "sampling"),
    [
        (GenerateConfig(), 0, Sampling(max_tokens=DEFAULT_MAX_TOKENS, temperature=1.0)),
        (GenerateConfig(temperature=0, max_tokens=5), 0, Sampling(max_tokens=5, temperature=0)),
        (GenerateConfig(seed=0, top_p=0.5, top_k=3), 0, Sampling(seed=0, top_p=0.5, top_k=3)),
        (GenerateConfig(seed=5), 2, Sampling(seed=7)),
        (GenerateConfig(top_p=0.0), 0, Sampling(top_p=0.0)),
        (GenerateConfig(top_k=-1), 0, Sampling(top_k=0)),
        (GenerateConfig(stop_seqs=["a", "b"]), 0, Sampling(stops=("a", "b"))),
        (GenerateConfig(logprobs=True), 0, Sampling(logprobs=0)),
        (GenerateConfig(logprobs=True, top_logprobs=4), 0, Sampling(logprobs=4)),
        (GenerateConfig(top_logprobs=4), 0, Sampling()),
    ],
)
def test_settings_come_from_inspects_own_config(config: GenerateConfig, choice: int, sampling: Sampling) -> None:
    assert Sampling.of(config, choice) == sampling


def test_only_greedy_and_seeded_requests_are_reproducible() -> None:
    assert Sampling(temperature=0).reproducible
    assert Sampling(seed=0).reproducible
    assert not Sampling().reproducible


def test_a_request_is_cut_to_the_room_that_is_left() -> None:
    assert Sampling(max_tokens=9, seed=1).within(4) == Sampling(max_tokens=4, seed=1)
    assert Sampling(max_tokens=3).within(4).max_tokens == 3
