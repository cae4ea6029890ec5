"""grade_check: how far can a grader be trusted?"""

from inspect_ai import Task, task
from inspect_ai.solver import Generate, Solver, TaskState, solver

from cordelia.scorers.labelled.log import task_metadata
from cordelia.scorers.labelled.read import chosen_sets
from cordelia.scorers.labelled.scorer import grade_agreement, samples
from cordelia.tasks.settings import checked_grader


@task
def grade_check(grader: str = "auto", split: str | None = None, threshold: int = 4, reports: str | None = None) -> Task:
    """Puts labelled reports before the grader that audits use, and compares what it says with the labels.

    Role `grader` is what is checked (several models make a panel; without one it is the offline rubric). The eval's
    own model has no part in it. `cordelia grade-check` runs this and prints the figures.

        inspect eval cordelia/grade_check --model none --model-role grader=openai/gpt-4o
        cordelia grade-check --log <the log>

    Args:
        grader: `model` (role `grader`), `offline` (the rubric), or `auto`.
        split: only the reports on organisms of `dev` or `test`.
        threshold: grade, 1–5, from which a hypothesis is a hit.
        reports: folder with a dev.yaml and a test.yaml of labelled reports (default: those of Cordelia).
    """
    sets = chosen_sets(reports, split)
    return Task(
        dataset=samples(sets),
        solver=written_already(),
        scorer=grade_agreement(grader=checked_grader(grader), threshold=threshold),
        fail_on_error=False,
        headline_metric="grade_agreement.hit",
        metadata=task_metadata(sets),
    )


@solver
def written_already() -> Solver:
    """Nothing is left to do: the reports were written by hand, and no model is audited."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve
