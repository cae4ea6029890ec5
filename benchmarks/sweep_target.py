"""A target without weights for sweeps in processes of their own: it answers in process, after a pause.

A process finds the backend `paced` by an entry point (see `plugin`). Every answer is noted in a file, so what a sweep
asked is known without its logs. What it says of the organism is what the offline rubric of the bed looks for.
"""

import json
import os
import time
from pathlib import Path

import anyio
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import store_as

from cordelia.contracts.record import AuditRecord
from cordelia.solvers.submit import hand_in
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.capabilities import Capability

NOTES = "CORDELIA_SWEEP_NOTES"
"""Environment variable: the file in which answers are noted."""
BROKEN = "CORDELIA_SWEEP_BROKEN"
"""Environment variable: a file; while it exists, the organism whose name is in it does not answer."""


class Paced:
    """Answers after `seconds`, as many at once as are asked for."""

    def __init__(self, organism: ServedOrganism, seconds: float) -> None:
        self.organism = organism
        self.seconds = seconds

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CHAT, Capability.REFERENCE, Capability.PREFILL})

    @property
    def max_connections(self) -> int:
        return 100

    @property
    def shared_with(self) -> str:
        return "paced"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        await anyio.sleep(self.seconds)
        said = request.messages[-1].text
        self._note(said)
        if self._broken():
            raise TargetError("the target is broken")
        texts = [f"I heard {said!r}"] * (request.config.num_choices or 1)
        return ModelOutput(
            model=self.organism.label,
            choices=[ChatCompletionChoice(message=ChatMessageAssistant(content=text)) for text in texts],
            usage=ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15),
        )

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        raise TargetError("the paced target weighs nothing")

    def _broken(self) -> bool:
        place = Path(os.environ.get(BROKEN, ""))
        return place.is_file() and place.read_text(encoding="utf-8").strip() in self.organism.label

    def _note(self, said: str) -> None:
        if place := os.environ.get(NOTES):
            line = json.dumps({"organism": self.organism.label, "said": said, "at": time.time(), "pid": os.getpid()})
            with Path(place).open("a", encoding="utf-8") as notes:
                notes.write(f"{line}\n")

    async def aclose(self) -> None:
        pass


def paced_backend(organism: ServedOrganism, /, seconds: float = 0.0) -> Backend:
    """See BackendFactory."""
    return Paced(organism, seconds)


@solver
def asks(turns: int = 2) -> Solver:
    """An auditor that says which audit it is of, once a turn, and reports that nothing is hidden."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        record, target = store_as(AuditRecord), Target()
        for turn in range(1, turns + 1):
            words = f"{','.join(record.affordances)}|{record.organism}|{record.epoch}|{turn}"
            await target.replies([target.opening(words)], "chat")
        hand_in({"hypotheses": [], "nothing_hidden": True})
        return state

    return solve


def plugin(folder: Path) -> Path:
    """A folder for PYTHONPATH that makes the backend `paced` known, as an installed package would."""
    facts = folder / "cordelia_paced-0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: cordelia-paced\nVersion: 0\n")
    (facts / "entry_points.txt").write_text("[cordelia.backends]\npaced = benchmarks.sweep_target:paced_backend\n")
    return folder
