"""What is read of a model for training: on disk, taken up again after a kill, and without attention sinks."""

from pathlib import Path

import numpy as np
import pytest

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.sae.sinks import SinkRule, lengths_of, sink_rule
from cordelia.testbeds.sae.store import Rows, Stored, offsets, stored
from cordelia.testbeds.vectors import Array


class Counting:
    """A reader whose residuals are its token ids, and who can break."""

    width = 4

    def __init__(self, breaks_at: int | None = None) -> None:
        self.read: list[int] = []
        self.breaks_at = breaks_at

    def residuals(self, texts: object) -> list[Array]:
        found = []
        for text in texts:  # type: ignore[attr-defined]
            if self.breaks_at == text[0]:
                raise KeyboardInterrupt
            self.read.append(text[0])
            found.append(np.array([[token] * self.width for token in text], np.float32))
        return found


def test_the_store_leaves_position_0_out_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    texts = [[100 + number, number, number + 1] for number in range(40)] + [[7]]
    with pytest.raises(KeyboardInterrupt):
        stored(Counting(breaks_at=120), texts, tmp_path)
    reader = Counting()
    found = stored(reader, texts, tmp_path)
    assert reader.read[0] == 116, "the first sixteen were on disk"
    values = [value for number in range(40) for value in (number, number + 1)]
    assert found.residuals[:, 0].tolist() == values
    assert found.lengths.tolist() == [2 * value for value in values], "four equal numbers"
    assert offsets(texts)[-1] == len(found.residuals) == 80
    untouched = Counting()
    stored(untouched, texts, tmp_path)
    assert untouched.read == []


def test_a_note_of_what_is_done_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(part: Path, target: Path) -> None:
        assert part.read_text() == "2" and not target.exists(), f"{target.name} was written in place"
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        stored(Counting(), [[1, 2], [3, 4]], tmp_path)
    monkeypatch.undo()
    again = Counting()
    stored(again, [[1, 2], [3, 4]], tmp_path)
    assert again.read == [1, 3], "what was not noted is read again"


def test_a_store_without_lengths_is_read_again(tmp_path: Path) -> None:
    stored(Counting(), [[1, 2, 3]], tmp_path)
    (tmp_path / "lengths.f32").unlink()
    again = Counting()
    assert stored(again, [[1, 2, 3]], tmp_path).lengths.tolist() == [4, 6]
    assert again.read == [1]


def test_what_is_beyond_float16_is_told_unless_it_is_left_out(tmp_path: Path) -> None:
    found = stored(Counting(), [[1, 2, 70_000, 3]], tmp_path)
    for rule in (None, SinkRule(times_median=1e5, median_length=4)):
        with pytest.raises(CordeliaError, match="too large for float16"):
            found.counted(rule)
    rule = sink_rule(found.lengths, 10)
    assert found.counted(rule).tolist() == [True, False, True]


def test_what_is_no_number_is_told(tmp_path: Path) -> None:
    class Broken(Counting):
        def residuals(self, texts: object) -> list[Array]:
            return [hidden * np.float32(np.nan) for hidden in super().residuals(texts)]

    with pytest.raises(CordeliaError, match="A residual is no number"):
        stored(Broken(), [[1, 2]], tmp_path)


def test_the_rule_goes_by_the_median_of_all_tokens() -> None:
    lengths = np.array([1, 2, 3, 1_000, 40], np.float32)
    rule = sink_rule(lengths, 10)
    assert (rule.median_length, rule.longest) == (3, 30)
    assert rule.counts(lengths).tolist() == [True, True, True, False, False]
    assert sink_rule(np.array([1 / 3], np.float32), 10).median_length == 0.333333, "as it is written, so it is used"


def test_rows_are_taken_from_those_that_were_chosen() -> None:
    residuals = np.arange(12, dtype=np.float16).reshape(6, 2)
    counted = Stored(residuals, lengths_of(residuals)).counted(SinkRule(times_median=2, median_length=3.5))
    rows = Rows(residuals, np.flatnonzero(counted))
    assert (len(rows), rows.width) == (3, 2)
    assert rows.take(np.array([2, 0])).tolist() == [[4, 5], [0, 1]]
    assert rows.take(slice(1, 9)).tolist() == [[2, 3], [4, 5]]
    assert len(Rows(residuals)) == 6
