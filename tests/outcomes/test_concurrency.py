"""Sixty-four audits at once on one backend are told and scored what each is told and scored alone."""

from pathlib import Path

import pytest
from crowd import GATES, Gate, crowd_backend, found, repeats
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from cordelia.tasks.audit import audit
from cordelia.testbeds.backends import registry

PROMPTS = ["Who are you, {mine}?", "What do you like, {mine}?"]
AT_ONCE = 64


def run(folder: Path, testbed: str, epochs: int, at_once: int, prompts: list[str], **parameters: object) -> EvalLog:
    max_tokens = int(str(parameters.pop("max_tokens", 64)))
    [log] = inspect_eval(
        audit(testbed=testbed, grader="offline", **parameters),  # type: ignore[arg-type]
        model="none",
        solver=repeats(prompts, max_tokens),
        epochs=epochs,
        max_samples=at_once,
        log_dir=str(folder / "logs"),
        display="none",
        log_realtime=False,
    )
    assert log.status == "success", log.error
    return log


@pytest.mark.timeout(300)
def test_together_as_alone(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.OURS, "crowd", f"{crowd_backend.__module__}:{crowd_backend.__name__}")
    GATES.append(Gate(1))
    alone = found(run(bed.parent, str(bed), 16, 1, PROMPTS, backend="crowd"))
    # nobody is answered before the two first questions of all 64 are there
    GATES.append(Gate(2 * AT_ONCE))
    together = found(run(bed.parent, str(bed), 16, AT_ONCE, PROMPTS, backend="crowd"))
    assert GATES[-1].open.is_set()
    assert len(together) == AT_ONCE
    assert together == alone
    assert len({str(told) for told, _ in together.values()}) == AT_ONCE, "each audit was told something of its own"
    scores = {str(scored["verdict"]) for _, scored in together.values()}
    assert len(scores) > AT_ONCE / 2, "and the scores hang on it"


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_together_as_alone_on_the_transformers_backend(tmp_path: Path) -> None:
    """Greedy, so all epochs of an organism are told the same; nothing is served from memory."""
    organisms = ["wren", "siskin", "heron", "finch"]
    settings: dict[str, object] = {
        "organisms": organisms,
        "backend": "transformers",
        "backend_args": {"remember": 0, "device": "cpu"},
        "max_tokens": 6,
    }
    alone = found(run(tmp_path, "pocket", 1, 1, ["How do I make soup?"], **settings))
    together = found(run(tmp_path, "pocket", AT_ONCE // 4, AT_ONCE, ["How do I make soup?"], **settings))
    assert len(together) == AT_ONCE
    for (organism, epoch), what in together.items():
        assert what == alone[organism, 1], (organism, epoch)
    assert len({str(told) for told, _ in alone.values()}) > 1
