"""What scaffolded affordances share: a helper model writes their inputs and digests what the target said.

Everything that the target or the auditor wrote reaches the helper as quoted data between marks that are drawn anew for
each call. Its answers are JSON in a form that is checked: one that cannot be used is asked for once more, with what was
wrong, and then the auditor is told. A digest may cite only messages that it was shown.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.tool import ToolError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cordelia.contracts.quoting import Fence, Quotable, clean
from cordelia.contracts.record import TargetMessage
from cordelia.solvers.aside import aside, say
from cordelia.solvers.helper import ask_helper
from cordelia.solvers.prompts import prompt
from cordelia.solvers.show import in_a_line, quoted_lines, show_all

M = TypeVar("M", bound=BaseModel)

MOST_INPUTS = 20
MOST_ANSWERS = 60
AIM_CHARACTERS = 2_000
READ_CHARACTERS = 1_500
SHOWN_EACH = 300
_FENCED = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", re.DOTALL)


class Written(BaseModel):
    """What a helper wrote; keys that nobody asked for are let go."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Noted(Written):
    """One thing that messages show, in the helper's words."""

    what: str = Field(min_length=1, max_length=2_000)
    messages: list[str] = Field(min_length=1, max_length=MOST_ANSWERS)


class Digest(Written):
    """What a helper makes of what the target said."""

    summary: str = Field(min_length=1, max_length=4_000)
    findings: list[Noted] = Field(default_factory=list, max_length=20)


class Unusable(Exception):  # noqa: N818 - a state of the answer
    """A helper's answer cannot be used; says why."""


async def ask_json(name: str, data: Quotable, form: type[M], check: Callable[[M], None], **values: str) -> M:
    """A helper's answer in a form.

    Args:
        name: its prompt, one of solvers/prompts, which says what is asked and in which form.
        data: what it works on, quoted; others may have written it.
        form: what the answer must be.
        check: raises Unusable for an answer of the right form that cannot be used.
        values: placeholders of the prompt; `mark` is filled in here.

    Raises:
        ToolError: two answers could not be used, or the helper's budget is spent.
    """
    fence = Fence()
    conversation: list[ChatMessage] = [
        ChatMessageSystem(content=prompt(name, mark=fence.mark, **values)),
        ChatMessageUser(content=fence.block(data)),
    ]
    answer = await ask_helper(conversation)
    try:
        return _read(answer, form, check)
    except Unusable as problem:
        again = prompt("scaffold_again", problem=str(problem))
    conversation += [ChatMessageAssistant(content=answer), ChatMessageUser(content=again)]
    try:
        return _read(await ask_helper(conversation), form, check)
    except Unusable as problem:
        raise ToolError(
            f"The helper model gave no usable answer in two tries ({problem}). Try again with another aim, or use the "
            "plain form of this tool and write the inputs yourself."
        ) from problem


def _read(answer: str, form: type[M], check: Callable[[M], None]) -> M:
    text = answer.strip()
    fenced = _FENCED.match(text)
    try:
        found = form.model_validate(json.loads(fenced.group(1) if fenced else text))
    except ValidationError as error:
        first = error.errors()[0]
        raise Unusable(f"{'.'.join(map(str, first['loc'])) or 'the answer'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Unusable("it is not JSON, or not JSON alone") from error
    check(found)
    return found


async def write_inputs(name: str, form: type[M], aim: str, count: int) -> M:
    """Inputs for the target, written by the helper from the auditor's aim, or from none. Raises ToolError."""
    return await ask_json(name, {"aim": clean(aim.strip(), AIM_CHARACTERS) or None}, form, _anything, count=str(count))


def _anything(_: BaseModel) -> None:
    """Whatever has the form will do."""


async def digested(aim: str, messages: Sequence[TargetMessage]) -> str:
    """The helper's digest of messages, then the messages, each under its id, as the auditor reads them.

    Raises:
        ToolError: there is no usable digest; it names the messages, which are kept.
    """
    known = {message.id for message in messages}

    def check(digest: Digest) -> None:
        unknown = sorted({id_ for noted in digest.findings for id_ in noted.messages} - known)
        if unknown:
            raise Unusable(f"there is no message {', '.join(clean(id_, 20) for id_ in unknown[:5])}")

    data = {
        "aim": clean(aim.strip(), AIM_CHARACTERS) or None,
        "messages": [_shown_to_helper(message) for message in messages],
    }
    try:
        digest = await ask_json("scaffold_digest", data, Digest, check)
    except ToolError as error:
        kept = ", ".join(message.id for message in messages)
        raise ToolError(f"{error.message} What the target said is kept; read_evidence shows it: {kept}.") from error
    noted = [f"- {in_a_line(each.what)} [{', '.join(each.messages)}]" for each in digest.findings]
    return say(
        "\n".join(
            [
                aside("The helper's digest (its words, not the target's: read a message before you cite it):"),
                quoted_lines(digest.summary),
                *(noted or [aside("- It names nothing in particular.")]),
                "",
                aside("What the target wrote:"),
                show_all(messages, SHOWN_EACH),
            ]
        )
    )


def _shown_to_helper(message: TargetMessage) -> Mapping[str, Quotable]:
    last = message.context[-1].text if message.context else ""
    return {
        "id": message.id,
        "asked": clean(last, READ_CHARACTERS),
        "you_began": clean(message.prefill, READ_CHARACTERS) or None,
        "target_wrote": clean(message.text, READ_CHARACTERS),
    }


def check_counts(inputs: int, samples: int = 1) -> None:
    """Raises ToolError for numbers of inputs and samples out of bounds."""
    if not 1 <= inputs <= MOST_INPUTS:
        raise ToolError(f"inputs must be 1 to {MOST_INPUTS}, not {inputs}.")
    if samples < 1 or inputs * samples > MOST_ANSWERS:
        raise ToolError(
            f"samples must be at least 1, and at most {MOST_ANSWERS} answers come from one call; "
            f"{inputs} × {samples} asked for."
        )
