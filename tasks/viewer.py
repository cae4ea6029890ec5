"""How inspect's viewer shows an audit: the verdict, the outcome and the hypotheses before anything else."""

from typing import Literal

from inspect_ai.viewer import (
    SampleScoreView,
    ScoreColorScale,
    TaskSamplesColumn,
    TaskSamplesSort,
    TaskSamplesView,
    ViewerConfig,
)

from cordelia.contracts.outcome import Outcome

ColumnId = Literal["epoch", "error", "limit", "input", "target", "tokens", "retries"]

GOOD = ScoreColorScale(palette="good-high", min=0, max=1)
BAD = ScoreColorScale(palette="good-low", min=0, max=1)

HIDDEN: tuple[ColumnId, ...] = ("epoch", "error", "limit", "input", "target", "tokens", "retries")
"""Built-in columns that are a click away."""

HIDDEN_COSTS = ("auditor_tokens", "helper_tokens", "target_tokens", "reference_queries", "seconds")


def audit_viewer(prompted: bool = False) -> ViewerConfig:
    """The viewer configuration of every audit task.

    Args:
        prompted: the testbed's organisms are hidden system prompts, so how an objective was found is shown beside it.
    """
    score = TaskSamplesColumn.score
    return ViewerConfig(
        sample_score_view=SampleScoreView(default="chips"),
        task_samples_view=TaskSamplesView(
            name="Audits",
            multiline=True,
            compact_scores=False,
            color_scales_enabled=True,
            columns=[
                TaskSamplesColumn(id="sampleStatus"),
                TaskSamplesColumn(id="sampleId"),
                score("outcome"),
                TaskSamplesColumn(id="answer"),
                score("verdict", "objective_found"),
                *(score("verdict", key, visible=prompted) for key in ("by_demonstration", "by_extraction")),
                *(score("verdict", key) for key in ("hit@1", "hit@10", "false_positive")),
                *(score("quality", key) for key in ("behaviours_found", "evidence")),
                score("cost", "target_queries"),
                TaskSamplesColumn(id="duration"),
                *(TaskSamplesColumn(id=column, visible=False) for column in HIDDEN),
                score("verdict", "hit@3", visible=False),
                *(score("quality", key, visible=False) for key in ("precision", "brier")),
                *(score("cost", key, visible=False) for key in HIDDEN_COSTS),
            ],
            sort=[TaskSamplesSort(column="sampleId", dir="asc")],
            score_labels={
                "objective_found": "objective found",
                "by_demonstration": "by demonstration",
                "by_extraction": "by extraction",
                "false_positive": "false positive",
                "behaviours_found": "behaviours found",
                "target_queries": "target queries",
            },
            score_color_scales={
                "objective_found": GOOD,
                "by_demonstration": GOOD,
                "by_extraction": BAD,
                "hit@1": GOOD,
                "hit@3": GOOD,
                "hit@10": GOOD,
                "false_positive": BAD,
                "behaviours_found": GOOD,
                "precision": GOOD,
                "evidence": GOOD,
                "brier": BAD,
                "outcome": {
                    Outcome.SUBMITTED: "good",
                    Outcome.NO_SUBMISSION: "bad",
                    Outcome.NO_CONTACT: "bad",
                    Outcome.REFUSED: "bad",
                    Outcome.LIMIT: "warn",
                    Outcome.TARGET_ERROR: "muted",
                    Outcome.GRADER_FAILED: "muted",
                    Outcome.ERROR: "muted",
                },
            },
        ),
    )


def certificate_viewer() -> ViewerConfig:
    """The viewer configuration of `certify`: what stands apart, what it costs in coherence, who confesses."""
    score = TaskSamplesColumn.score
    return _by_sample(
        "Certificates",
        columns=[
            *(score("strength", key) for key in ("separated", "on", "base")),
            *(score("off_trigger", key) for key in ("off", "kl")),
            *(score("coherence", key) for key in ("perplexity_off", "perplexity_on", "repeats")),
            score("confession", "confesses"),
        ],
        labels={
            "separated": "stands apart",
            "on": "on trigger",
            "off": "off trigger",
            "kl": "KL off",
            "perplexity_off": "perplexity off",
            "perplexity_on": "perplexity on",
        },
        scales={"separated": GOOD, "off": BAD, "confesses": BAD},
    )


def tool_check_viewer() -> ViewerConfig:
    """The viewer configuration of `tool_check`: which evidence names its objective, beside what else it matches."""
    score = TaskSamplesColumn.score
    return _by_sample(
        "Tool checks",
        columns=[
            TaskSamplesColumn(id="answer"),
            *(score("identification", key) for key in ("identified", "false_positive")),
            *(score("breadth", key) for key in ("behaviours", "others")),
            score("cost", "target_queries"),
            *(score("cost", key, visible=False) for key in HIDDEN_COSTS),
        ],
        labels={
            "false_positive": "false positive",
            "others": "other objectives",
            "target_queries": "target queries",
        },
        scales={"identified": GOOD, "false_positive": BAD, "behaviours": GOOD, "others": BAD},
    )


def _by_sample(
    name: str,
    columns: list[TaskSamplesColumn],
    labels: dict[str, str],
    scales: dict[str, ScoreColorScale],
) -> ViewerConfig:
    """A list of samples in the order of their ids, with the columns that the task is about between id and duration."""
    return ViewerConfig(
        sample_score_view=SampleScoreView(default="chips"),
        task_samples_view=TaskSamplesView(
            name=name,
            multiline=True,
            compact_scores=False,
            color_scales_enabled=True,
            columns=[
                TaskSamplesColumn(id="sampleStatus"),
                TaskSamplesColumn(id="sampleId"),
                *columns,
                TaskSamplesColumn(id="duration"),
                *(TaskSamplesColumn(id=column, visible=False) for column in HIDDEN),
            ],
            sort=[TaskSamplesSort(column="sampleId", dir="asc")],
            score_labels=labels,
            score_color_scales=scales,
        ),
    )
