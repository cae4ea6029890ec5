"""Which grader: the models bound to the role `grader`, a list of models, or the patterns."""

from collections.abc import Sequence
from typing import Literal, get_args

from inspect_ai.model import Model, get_model, model_roles

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.contracts.verdict import RUBRIC_MAX, THRESHOLD
from cordelia.scorers.grading.base import Grader, GraderFailed
from cordelia.scorers.grading.model import ModelGrader
from cordelia.scorers.grading.offline import OfflineGrader
from cordelia.scorers.grading.panel import PanelGrader

GraderChoice = Literal["auto", "model", "offline"]
CHOICES: tuple[GraderChoice, ...] = get_args(GraderChoice)
ROLE = "grader"


def check_choice(grader: str, graders: Sequence[str] | None) -> GraderChoice:
    """The choice, or, before any audit starts, a CordeliaError for one that cannot mean anything."""
    chosen = next((each for each in CHOICES if each == grader), None)
    if chosen is None:
        raise unknown_name("grader", grader, CHOICES)
    if grader == "offline" and graders:
        raise CordeliaError("grader='offline' grades without models; leave 'graders' out, or take grader='model'.")
    return chosen


def check_threshold(threshold: int) -> None:
    """Raises CordeliaError for a threshold that is no grade."""
    if not 1 <= threshold <= RUBRIC_MAX:
        raise CordeliaError(f"threshold={threshold}: grades run from 1 to {RUBRIC_MAX}; {THRESHOLD} is the default.")


def choose_grader(grader: GraderChoice, graders: Sequence[str] | None = None) -> Grader:
    """The grader of this run; call it inside of a sample, where roles are bound.

    Args:
        grader: `auto` is the role `grader` where it is bound and the patterns where it is not.
        graders: models by name, instead of the role. Several, or a role bound to several, make a panel.

    Raises:
        GraderFailed: a model was asked for and none is bound. No error of the sample: its audit is done and
            paid for, and can be scored again with a grader.
    """
    if grader == "offline":
        return OfflineGrader()
    models = [get_model(name) for name in graders] if graders else bound_graders()
    if models:
        members = [ModelGrader(model) for model in models]
        return members[0] if len(members) == 1 else PanelGrader(members)
    if grader == "auto":
        return OfflineGrader()
    raise GraderFailed(
        "grader='model' needs the role 'grader', and nothing is bound to it. Bind one, for example with "
        "--model-role grader=anthropic/claude-sonnet-4-5, or take grader='offline'."
    )


def bound_graders() -> list[Model]:
    """The models bound to the role `grader`; none where it is not bound."""
    # get_model(role=…) would give the first of several, and the model under test when there is none
    bound = model_roles().get(ROLE)
    if bound is None:
        return []
    return list(bound) if isinstance(bound, list) else [bound]
