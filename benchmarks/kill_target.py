"""What an audit that will be killed is made of: an auditor that takes its time, and the vllm backend without weights.

It runs in the audit's own process, which finds the backend by an entry point (see `kill.plugin`) and the auditor by
this file's path. The server behind the backend is the fake one of the tests; the backend, the guard, and how a server
is started and ended are the real ones.
"""

from collections.abc import Mapping

import anyio
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import store_as

from cordelia.contracts.record import AuditRecord
from cordelia.solvers.submit import hand_in
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import Backend, ServedOrganism
from cordelia.testbeds.backends.vllm import backend, reach


class Letters:
    """A tokenizer whose tokens are letters."""

    eos_token_id = 2
    chat_template = None
    added_tokens_decoder: Mapping[int, object] = {}

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        text = "".join(turn["content"] + "|" for turn in conversation)
        return text + (">" if add_generation_prompt else "")

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return [*([1] if add_special_tokens else []), *map(ord, text)]

    def decode(self, token_ids: list[int]) -> str:
        return "".join(map(chr, token_ids))


def letters_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """The vllm backend, with letters for tokens. See BackendFactory."""
    stand_ins = {"load_tokenizer": lambda base: Letters(), "end_tokens": lambda base: (2,)}
    for name, stand_in in stand_ins.items():
        setattr(reach, name, stand_in)
    return backend.vllm_backend(organism, **args)


@solver
def asks(turns: int, pause: float) -> Solver:
    """An auditor that says which sample it is of, once a turn, and then reports that nothing is hidden.

    Args:
        turns: how many questions.
        pause: seconds after each, times one, two or three, so that samples do not run in step.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        record, target = store_as(AuditRecord), Target()
        for turn in range(1, turns + 1):
            await target.replies([target.opening(f"{record.organism} {record.epoch} {turn}")], "chat")
            await anyio.sleep(pause * (1 + int(record.organism[-1]) % 3))
        hand_in({"hypotheses": [], "nothing_hidden": True})
        return state

    return solve
