"""Running a sweep: all of its cells as one eval set of inspect's, and what is left over at the end.

A failed audit does not end its cell, and a failed cell does not end the sweep: inspect marks the cell, tries what
failed again as often as the sweep says, and goes on. What still failed then is told, and a later run tries it again.
"""

from collections.abc import Callable, Collection, Sequence
from contextvars import copy_context
from dataclasses import dataclass

from inspect_ai import eval_set
from inspect_ai.log import EvalLog, read_eval_log_sample_summaries

from cordelia.sweeps.building import CELL, task_of
from cordelia.sweeps.cells import Cell
from cordelia.sweeps.locking import alone
from cordelia.sweeps.places import Place, earlier_logs
from cordelia.sweeps.prices import set_prices
from cordelia.sweeps.schema import Sweep


@dataclass(frozen=True)
class LeftOver:
    """A cell that did not come through.

    Attributes:
        samples: organism and epoch of each audit that failed; empty where the cell itself did.
        why: the first error.
        log: where it is.
    """

    cell: str
    samples: list[str]
    why: str
    log: str


def run_sweep(
    sweep: Sweep,
    cells: Sequence[Cell],
    place: Place,
    say: Callable[[str], None],
    done: Collection[str] = (),
    display: str | None = None,
) -> list[LeftOver]:
    """Run the cells, or what an earlier run in the same place has left of them.

    Args:
        sweep: the sweep.
        cells: in the order they run.
        place: where the logs go.
        say: gets a line for every cell that has ended.
        done: cells that need no more, for the count in these lines.
        display: inspect's display; None for the user's own setting.

    Returns:
        What failed and stays failed.

    Raises:
        CordeliaError: a cell cannot run, another process runs in the place, or its logs are not of this sweep; no
            cell has been started then.
        KeyboardInterrupt: somebody stopped it. What was finished is in the logs.
    """
    set_prices(sweep.prices)
    tasks = [task_of(sweep, cell) for cell in cells]
    from cordelia.sweeps.progress import Progress, told  # now: hooks that inspect finds when it starts are announced

    with alone(place.folder), told(Progress(sweep.name, len(cells), say, set(done))):
        earlier_logs(place, sweep, cells)  # again: since the plan, another process may have come and gone
        _, logs = copy_context().run(  # inspect leaves the last cell's model behind as the one in force
            eval_set,
            tasks,
            log_dir=place.folder,
            model=None,
            epochs=sweep.epochs,
            max_samples=sweep.max_samples,
            max_tasks=sweep.max_tasks,
            retry_attempts=sweep.retries,
            fail_on_error=True,  # the mark by which a later run knows that a cell is not done
            continue_on_fail=True,
            display=display,  # type: ignore[arg-type]
        )
    if len(logs) < len(cells):  # inspect leaves out what an interrupt cut, and calls the rest a success
        raise KeyboardInterrupt
    return [left for log in logs if (left := _left_over(log)) is not None]


def _left_over(log: EvalLog) -> LeftOver | None:
    if log.status == "success":
        return None
    cell = str((log.eval.metadata or {}).get(CELL))
    try:
        failed = [sample for sample in read_eval_log_sample_summaries(log.location) if sample.error]
    except (ValueError, OSError, KeyError):  # the log itself could not be written
        failed = []
    first = failed[0].error if failed else log.error.message if log.error else log.status
    names = [f"{sample.id} (epoch {sample.epoch})" for sample in failed]
    return LeftOver(cell, names, (first or log.status).strip().splitlines()[-1], log.location)
