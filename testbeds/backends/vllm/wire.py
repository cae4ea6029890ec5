"""What goes to a vLLM server and what comes back, in the words of inspect: settings, end tokens, outputs."""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelOutput,
    ModelUsage,
    StopReason,
    TopLogprob,
)
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo

from cordelia.testbeds.backends.ends import end_ids
from cordelia.testbeds.backends.rendering import TurnTokenizer

if TYPE_CHECKING:
    from openai.types import Completion, CompletionChoice

DEFAULT_MAX_TOKENS = 256
_ID = "token_id:"
_IMPORTING = threading.Lock()  # transformers' lazy modules fail when two threads import from them first


class Tokenizer(TurnTokenizer, Protocol):
    """The part of a transformers tokenizer that this backend needs."""

    def decode(self, token_ids: list[int]) -> str: ...


@cache
def load_tokenizer(base: str) -> Tokenizer:
    """The tokenizer of a base (folder or hub id)."""
    with _IMPORTING:
        from transformers import AutoTokenizer

        return cast(Tokenizer, AutoTokenizer.from_pretrained(base))


@cache
def end_tokens(base: str) -> tuple[int, ...]:
    """The ids that end a turn; see `end_ids`. The generation settings are those that transformers would load: of
    generation_config.json, or where a base has none, of config.json."""
    tokenizer = load_tokenizer(base)
    with _IMPORTING:
        from transformers import AutoConfig, GenerationConfig

        try:
            settings = GenerationConfig.from_pretrained(base)
        except OSError:
            settings = GenerationConfig.from_model_config(AutoConfig.from_pretrained(base))
    return end_ids(tokenizer, settings.eos_token_id)


def sampling_body(config: GenerateConfig, ends: tuple[int, ...], room: int) -> dict[str, object]:
    """Every sampling setting of a request, the neutral ones too: a server's own defaults must not count.

    Args:
        config: the request's settings.
        ends: token ids that end the answer.
        room: tokens that the context has left.
    """
    greedy = config.temperature == 0
    body: dict[str, object] = {
        "max_tokens": min(config.max_tokens or DEFAULT_MAX_TOKENS, room),
        "temperature": 1.0 if config.temperature is None else config.temperature,
        "top_p": 1.0 if config.top_p is None else config.top_p,
        "top_k": config.top_k or 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        # vLLM refuses several greedy choices, which would be the same anyway; `repeated` copies the one
        "n": 1 if greedy else config.num_choices or 1,
        "stop_token_ids": list(ends),
    }
    if config.seed is not None:
        body["seed"] = config.seed
    if config.stop_seqs:
        body["stop"] = list(config.stop_seqs)
    return body


def completion_body(config: GenerateConfig, ends: tuple[int, ...], room: int) -> dict[str, object]:
    """The body of a /v1/completions request, without model and prompt."""
    body = sampling_body(config, ends, room)
    if config.logprobs:
        # ids, because two tokens can have one text (bytes of a character) and would share a key
        body |= {"logprobs": config.top_logprobs or 0, "return_tokens_as_token_ids": True}
    return body


def chat_body(
    config: GenerateConfig, ends: tuple[int, ...], room: int, tools: list[ToolInfo], choice: ToolChoice
) -> dict[str, object]:
    """The body of a /v1/chat/completions request with tools, without model and messages."""
    body = sampling_body(config, ends, room)
    body["tools"] = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters.model_dump(mode="json", by_alias=True, exclude_none=True),
            },
        }
        for tool in tools
    ]
    if isinstance(choice, ToolFunction):
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    else:
        body["tool_choice"] = "required" if choice == "any" else choice
    if config.logprobs:
        body |= {"logprobs": True, "top_logprobs": config.top_logprobs or 0}
    return body


def likelihood_body() -> dict[str, object]:
    """The body of a /v1/completions request that asks how likely its own prompt is. vLLM cannot write nothing."""
    return {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0}


def likelihood_of(completion: "Completion", prompt: list[int], reply: int) -> list[float]:
    """The log probability of each of the last `reply` tokens of a prompt.

    Raises:
        ValueError: the server did not give them.
    """
    given = (completion.choices[0].model_extra or {}).get("prompt_logprobs") if completion.choices else None
    if not isinstance(given, list) or len(given) != len(prompt):
        raise ValueError("it gave no prompt_logprobs")
    found = []
    for token, known in list(zip(prompt, given, strict=True))[len(prompt) - reply :]:
        entry = known.get(str(token)) if isinstance(known, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("logprob"), int | float):
            raise ValueError("a token of the prompt has no log probability")
        found.append(float(entry["logprob"]))
    return found


def next_tokens_body(top: int) -> dict[str, object]:
    """The body of a /v1/completions request for what is likely to follow each token of its prompt."""
    return likelihood_body() | {"prompt_logprobs": top, "logprobs": top, "return_tokens_as_token_ids": True}


def next_tokens_of(completion: "Completion", tokens: int, top: int) -> list[list[tuple[int, float]]]:
    """For each of a prompt's tokens, the `top` likeliest to follow with their log probability, likeliest first.

    Raises:
        ValueError: the server did not give them.
    """
    choice = completion.choices[0] if completion.choices else None
    given = (choice.model_extra or {}).get("prompt_logprobs") if choice else None
    last = choice.logprobs.top_logprobs if choice and choice.logprobs else None
    if not isinstance(given, list) or len(given) != tokens or not last:
        raise ValueError("it gave no prompt_logprobs")
    try:
        # an entry says what was likely in its own place; the token that stands there is in it, however unlikely
        places = [[(int(token), float(about["logprob"])) for token, about in known.items()] for known in given[1:]]
        places.append([(_token_id(token), value) for token, value in last[0].items()])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its prompt_logprobs cannot be read ({error!r})") from error
    return [sorted(place, key=lambda entry: -entry[1])[:top] for place in places]


def one_by_one(body: dict[str, object]) -> list[dict[str, object]]:
    """The bodies of as many requests as a body asks for choices, with the seeds that vLLM gives these."""
    wanted, seed = cast(int, body["n"]), cast(int | None, body.get("seed"))
    seeds = [{} if seed is None else {"seed": seed + choice} for choice in range(wanted)]
    return [{**body, "n": 1, **each} for each in seeds]


def joined(completions: Sequence["Completion"]) -> "Completion":
    """The answers to requests with one prompt as the choices of one answer."""
    choices = [choice for completion in completions for choice in completion.choices]
    written = [each.usage.completion_tokens for each in completions if each.usage]
    usage = completions[0].usage
    if usage:
        usage = usage.model_copy(update={"completion_tokens": sum(written)})
    return completions[0].model_copy(update={"choices": choices, "usage": usage})


def output_of(
    completion: "Completion",
    label: str,
    tokenizer: Tokenizer,
    config: GenerateConfig,
    body: Mapping[str, object],
) -> ModelOutput:
    """A server's completion as inspect's output, with `model_length` where the context cut it."""
    wanted = config.max_tokens or DEFAULT_MAX_TOKENS
    cut: StopReason = "max_tokens" if body["max_tokens"] == wanted else "model_length"
    ends = cast(list[int], body["stop_token_ids"])
    choices = [
        ChatCompletionChoice(
            message=ChatMessageAssistant(content=choice.text, model=label, source="generate"),
            stop_reason=cut if choice.finish_reason == "length" else "stop",
            logprobs=logprobs_of(choice, tokenizer, ends),
        )
        for choice in completion.choices
    ]
    usage = completion.usage
    return ModelOutput(
        model=label,
        choices=repeated(choices, config),
        usage=usage_of(usage.prompt_tokens, usage.completion_tokens) if usage else None,
    )


def relabelled(output: ModelOutput, label: str, config: GenerateConfig) -> ModelOutput:
    """The same output under the organism's public name instead of the alias on the server."""
    choices = [
        choice.model_copy(update={"message": choice.message.model_copy(update={"model": label})})
        for choice in output.choices
    ]
    return output.model_copy(update={"model": label, "choices": repeated(choices, config)})


def too_long(label: str, prompt_tokens: int) -> ModelOutput:
    """The answer to a prompt that leaves no room for one."""
    output = ModelOutput.from_content(label, "", stop_reason="model_length")
    return output.model_copy(update={"usage": usage_of(prompt_tokens, 0)})


def repeated(choices: list[ChatCompletionChoice], config: GenerateConfig) -> list[ChatCompletionChoice]:
    """As many choices as were asked for, where a greedy request was sent for one."""
    wanted = config.num_choices or 1
    if config.temperature != 0 or len(choices) != 1:
        return choices
    return [choices[0].model_copy(deep=True) for _ in range(wanted)]


def usage_of(prompt: int, written: int) -> ModelUsage:
    """Token counts. The end token counts as written."""
    return ModelUsage(input_tokens=prompt, output_tokens=written, total_tokens=prompt + written)


def logprobs_of(choice: "CompletionChoice", tokenizer: Tokenizer, ends: list[int]) -> Logprobs | None:
    """A choice's log probabilities (natural log), without the end token's, best alternatives first."""
    found = choice.logprobs
    if found is None or found.tokens is None or found.token_logprobs is None:
        return None
    ids = [_token_id(token) for token in found.tokens]
    tops = found.top_logprobs or []
    if ids and ids[-1] in ends:
        ids.pop()
    content = []
    for place, token in enumerate(ids):
        ranked = sorted(tops[place].items(), key=lambda item: -item[1]) if place < len(tops) and tops[place] else []
        content.append(
            Logprob(
                token=tokenizer.decode([token]),
                logprob=found.token_logprobs[place],
                top_logprobs=[
                    TopLogprob(token=tokenizer.decode([_token_id(other)]), logprob=value) for other, value in ranked
                ],
            )
        )
    return Logprobs(content=content)


def _token_id(written: str) -> int:
    return int(written.removeprefix(_ID))
