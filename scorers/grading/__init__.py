"""Report and truth in, verdict out: graders that a model, a panel of models, or patterns stand behind."""

from cordelia.scorers.grading.base import Grader, GraderFailed
from cordelia.scorers.grading.choose import GraderChoice, choose_grader
from cordelia.scorers.grading.model import ModelGrader
from cordelia.scorers.grading.offline import OfflineGrader
from cordelia.scorers.grading.panel import PanelGrader

__all__ = [
    "Grader",
    "GraderChoice",
    "GraderFailed",
    "ModelGrader",
    "OfflineGrader",
    "PanelGrader",
    "choose_grader",
]
