"""throughput: target tokens per second through an audit, against the bare engine with the same prompts and batch.

Ours is an inspect eval of cordelia/audit whose solver asks the target everything at once. Two clocks: `asking` runs
while the solver waits for its replies, `whole eval` from the call of `eval()` to the finished log, with set-up and
scoring. Theirs is `model.generate` on the same peft model and left-padded batch, or the same token ids posted to the
same vLLM server all at once. Both sample at temperature 1; a token counts when it was written. Nothing is served from
memory: requests have no seed, and `remember` is 0.
"""

from collections.abc import Callable, Sequence
from itertools import chain, cycle, islice, zip_longest
from time import perf_counter

from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageUser, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from benchmarks.audits import evaluated
from benchmarks.bare import BareTransformers, BareVllm, Work
from benchmarks.machine import lacks_vllm
from benchmarks.results import Goal, Line, Result, alternate
from cordelia.contracts.content import load
from cordelia.solvers.auditors.battery import BATTERY, Battery
from cordelia.solvers.target import Target
from cordelia.tasks.audit import audit
from cordelia.tasks.settings import TargetArgs
from cordelia.testbeds.backends.vllm.pool import stop_all

TESTBED, ORGANISM = "pocket", "plover"
BATCH = 64
GOAL = Goal("ratio", "≥", 0.9)


def run(quick: bool) -> Result:
    """Both backends, the one without vLLM skipped with a note."""
    work = Work(TESTBED, ORGANISM, battery(16 if quick else BATCH), max_tokens=24 if quick else 32)
    repeats = 2 if quick else 3
    lines = measured(
        "transformers", {"remember": 0, "max_batch": BATCH}, work, BareTransformers(work).generate, repeats
    )
    skipped = lacks_vllm()
    if skipped is None:
        server = BareVllm(work)
        try:
            lines += measured("vllm", {"max_connections": len(work.prompts)}, work, server.generate, repeats)
        finally:
            server.release()
            stop_all()
    shape = f"{len(work.prompts)} prompts at once, at most {work.max_tokens} tokens each, {TESTBED}/{ORGANISM}."
    return Result("throughput", "bare engine", lines, [shape, *([skipped] if skipped else [])])


def battery(count: int) -> list[str]:
    """`count` of the baseline's prompts, one of each topic in turn, from the start again when there are too few."""
    topics = load(Battery, BATTERY).topics.values()
    prompts = [prompt for prompt in chain.from_iterable(zip_longest(*topics)) if prompt]
    return list(islice(cycle(prompts), count))


def measured(
    backend: str, args: TargetArgs, work: Work, bare: Callable[[], Sequence[float]], repeats: int
) -> list[Line]:
    """Tokens per second of both sides, by both clocks."""
    ours, theirs = alternate([lambda: audited(backend, args, work), bare], repeats)
    other = [rate for (rate,) in theirs]
    return [
        Line(f"{backend}, asking", "tokens/s", [asking for asking, _ in ours], other, GOAL),
        Line(f"{backend}, whole eval", "tokens/s", [whole for _, whole in ours], other),
    ]


def audited(backend: str, args: TargetArgs, work: Work) -> tuple[float, float]:
    """Tokens per second of one audit, by the clock that runs while asking and by that of the whole eval."""
    clock: list[float] = []

    @solver
    def asks_everything() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            target = Target()
            conversations = [[ChatMessageUser(content=prompt)] for prompt in work.prompts]
            clock.append(perf_counter())
            await target.replies(conversations, "battery", max_tokens=work.max_tokens)
            clock.append(perf_counter())
            state.output = ModelOutput.from_content("benchmarks/none", "done")
            return state

        return solve

    task = audit(testbed=work.testbed, organisms=work.organism, backend=backend, backend_args=args)
    began = perf_counter()
    log = evaluated(task, "none", asks_everything())
    whole = perf_counter() - began
    tokens = written(log)
    return tokens / (clock[1] - clock[0]), tokens / whole


def written(log: EvalLog) -> int:
    """Tokens that the target wrote in an audit."""
    return log.stats.role_usage["target"].output_tokens
