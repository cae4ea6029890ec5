"""Real evals for the benchmarks: in this process, with the log in a folder that is deleted."""

from tempfile import TemporaryDirectory

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.agent import Agent
from inspect_ai.log import EvalLog
from inspect_ai.model import Model
from inspect_ai.solver import Solver


def evaluated(task: Task, model: Model | str, solver: Solver | Agent | None = None) -> EvalLog:
    """Run a task and return its log. Raises RuntimeError when the eval or a sample of it failed."""
    with TemporaryDirectory(prefix="cordelia-bench-") as folder:
        log = inspect_eval(task, model=model, solver=solver, log_dir=folder, display="none", log_level="error")[0]
        samples = list(log.samples or [])  # read from the file, which goes with the folder
    failed = log.error or next((sample.error for sample in samples if sample.error), None)
    if failed or not samples:
        raise RuntimeError(f"the eval failed: {failed.message if failed else 'no samples'}")
    return log
