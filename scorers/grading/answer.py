"""A grader's answer, read strictly: one forced tool call, or, from a model without tools, JSON and nothing else.

JSON inside other text is not looked for: a grader that quotes what it grades would hand in its forgeries.
"""

import json
import re
from collections.abc import Sequence
from typing import TypeVar

from inspect_ai.model import ModelOutput
from pydantic import BaseModel, ValidationError

from cordelia.contracts.quoting import clean

ECHO_CHARS = 60
FENCED = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", re.DOTALL)

M = TypeVar("M", bound=BaseModel)


class InvalidPayload(Exception):  # noqa: N818 - a state of the answer, with its problems
    """The answer cannot be used; `problems` says why, in lines for the grader."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def read_answer(output: ModelOutput, tool: str, model: type[M]) -> M:
    """The arguments of the call of `tool` in a grader's output, as a `model`.

    Raises:
        InvalidPayload: there is no such answer, or it has the wrong shape.
    """
    if not output.choices:
        raise InvalidPayload(["the reply was empty"])
    calls = output.message.tool_calls or []
    if len(calls) > 1:
        raise InvalidPayload([f"there were {len(calls)} tool calls; make exactly one"])
    if calls:
        call = calls[0]
        if call.parse_error:
            raise InvalidPayload(["the arguments of the tool call are not valid JSON"])
        if call.function != tool:
            raise InvalidPayload([f"another tool than {tool} was called"])
        return _validated(call.arguments, model)
    if output.stop_reason == "content_filter":
        raise InvalidPayload(["the reply was a refusal"])
    return _validated(_bare_json(output.completion, tool), model)


def echo(text: str) -> str:
    """A few characters of what the grader wrote, which may itself echo what it grades."""
    return clean(text, ECHO_CHARS).replace("\n", " ")


def _validated(data: object, model: type[M]) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidPayload(
            [
                f"{echo('.'.join(map(str, each['loc']))) or 'the arguments'}: {each['msg']}"
                for each in error.errors()[:5]
            ]
        ) from error


def _bare_json(completion: str, tool: str) -> object:
    text = completion.strip()
    fenced = FENCED.match(text)
    try:
        data: object = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as error:
        raise InvalidPayload([f"there was no call of {tool}, and the reply is not its arguments as JSON"]) from error
    # models that write their tool calls as text wrap the arguments in the call
    if isinstance(data, dict) and data.get("name") == tool:
        return data.get("arguments", data.get("parameters"))
    return data
