"""switch: the first token of an organism that a live engine has not served yet, against starting anew for it.

Ours runs from the request to the one token of the answer, with the testbed's files read and the adapter's hash checked.
Theirs is a restart: for transformers a new process, from its start; for vllm a new server, from the request that starts
it (stopping the old one is not counted). Each repeat is a process of its own that starts with one organism and then
switches to every other adapter of the testbed.
"""

import asyncio
import json
import subprocess
import sys
import time
from statistics import median

from inspect_ai.model import ChatMessageUser, GenerateConfig

from benchmarks.machine import ROOT, lacks_vllm
from benchmarks.results import Goal, Line, Result
from cordelia.testbeds.backends.base import TargetRequest
from cordelia.testbeds.backends.vllm.pool import stop_all
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.provider import make_backend

TESTBED = "pocket"
GOAL = Goal("ours", "≤", 1.0)
REQUEST = TargetRequest(
    [ChatMessageUser(content="What is the capital of France?")],
    Mode.CHAT,
    GenerateConfig(max_tokens=1, temperature=0.0),
)


def run(quick: bool) -> Result:
    """Both backends, the one without vLLM skipped with a note."""
    repeats = 1 if quick else 3
    lines = [measured("transformers", repeats)]
    skipped = lacks_vllm()
    if skipped is None:
        lines.append(measured("vllm", repeats))
    return Result("switch", "restart", lines, [skipped] if skipped else [])


def measured(backend: str, repeats: int) -> Line:
    """Seconds to switch, the median over the adapters in each repeat, and seconds to start in that repeat."""
    switches, restarts = [], []
    for _ in range(repeats):
        command = [sys.executable, "-m", "benchmarks.switch", backend, str(time.time())]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        first, *others = json.loads(done.stdout.splitlines()[-1])
        restarts.append(first)
        switches.append(median(others))
    return Line(backend, "s", switches, restarts, GOAL)


async def first_answers(backend: str, started: float) -> list[float]:
    """Seconds to the first token of each organism with an adapter, one after the other.

    Args:
        backend: who serves.
        started: `time.time()` when the start began; what came before the first request counts.
    """
    organisms = [name for name, spec in load_testbed(TESTBED).organisms.items() if spec.adapter]
    seconds = []
    for name in organisms:
        served, _ = make_backend(TESTBED, name, backend=backend)
        await served.generate(REQUEST)
        now = time.time()
        seconds.append(now - started)
        started = time.time()
    return seconds


def child(backend: str, spawned: float) -> None:
    """One repeat, in this process; prints its seconds as JSON."""
    started = spawned if backend == "transformers" else time.time()
    try:
        found = asyncio.run(first_answers(backend, started))
    finally:
        stop_all()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    child(sys.argv[1], float(sys.argv[2]))
