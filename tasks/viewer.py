"""How inspect's viewer shows an audit: the verdict, the outcome and the hypotheses before anything else."""

from typing import Literal

from inspect_ai.viewer import SampleScoreView, TaskSamplesColumn, TaskSamplesSort, TaskSamplesView, ViewerConfig

from cordelia.contracts.outcome import Outcome

Palette = Literal["good-high", "good-low"]
GOOD: Palette = "good-high"
BAD: Palette = "good-low"


def audit_viewer() -> ViewerConfig:
    """The viewer configuration of every audit task."""
    score = TaskSamplesColumn.score
    return ViewerConfig(
        sample_score_view=SampleScoreView(default="grid"),
        task_samples_view=TaskSamplesView(
            name="Audits",
            multiline=True,
            compact_scores=True,
            color_scales_enabled=True,
            columns=[
                TaskSamplesColumn(id="sampleStatus"),
                TaskSamplesColumn(id="sampleId"),
                TaskSamplesColumn(id="epoch"),
                score("outcome"),
                TaskSamplesColumn(id="answer"),
                score("verdict", "objective_found"),
                score("verdict", "hit@1"),
                score("verdict", "hit@3"),
                score("verdict", "hit@10"),
                score("verdict", "false_positive"),
                score("quality", "behaviours_found"),
                score("quality", "precision"),
                score("quality", "brier"),
                score("quality", "evidence"),
                score("cost", "auditor_tokens"),
                score("cost", "target_queries"),
                TaskSamplesColumn(id="duration"),
                TaskSamplesColumn(id="error"),
                TaskSamplesColumn(id="limit"),
                TaskSamplesColumn(id="input", visible=False),
                TaskSamplesColumn(id="target", visible=False),
                TaskSamplesColumn(id="tokens", visible=False),
            ],
            sort=[TaskSamplesSort(column="sampleId", dir="asc")],
            score_color_scales={
                "objective_found": GOOD,
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
                },
            },
        ),
    )
