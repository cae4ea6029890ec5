"""The vllm backend against vLLM itself, on a random model of two layers: nothing is fetched.

The bar is the transformers library in float32: the same tokens in, the same greedy tokens out.
"""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, GenerateConfig

from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetRequest
from cordelia.testbeds.backends.rendering import encode
from cordelia.testbeds.backends.vllm import pool
from cordelia.testbeds.backends.vllm.backend import vllm_backend
from cordelia.testbeds.backends.vllm.command import PYTHON_ENV
from cordelia.testbeds.backends.vllm.wire import end_tokens, load_tokenizer
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.schema import BaseSpec

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(PYTHON_ENV) and find_spec("vllm") is None,
        reason=f"no vLLM here; name an interpreter that has it in {PYTHON_ENV}",
    ),
]

TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m['role'] + '\n' + m['content'] + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}"
)
CONTEXT = 256


@dataclass(frozen=True)
class Tiny:
    """A random base, two random adapters on it, and how the base's folder is named."""

    base: BaseSpec
    adapters: tuple[Path, Path]

    def backend(self, adapter: Path | None = None) -> Backend:
        organism = ServedOrganism("tiny/one", self.base, adapter, adapters=self.adapters)
        return vllm_backend(organism, max_model_len=CONTEXT, dtype="float32")


def make_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    # ASCII alone: half a character at the end is dropped by vLLM and shown as a mark by transformers
    letters = ["Ġ", "Ċ", *map(chr, range(33, 127))]
    vocabulary = {token: place for place, token in enumerate(["<s>", "</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    root = tmp_path_factory.mktemp("tiny")
    make_tokenizer(root / "base")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=98, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, initializer_range=0.3, bos_token_id=0,
        eos_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(root / "base")
    folders = (root / "red-fox", root / "blue-fox")
    for rank, folder in zip((4, 9), folders, strict=True):
        model = transformers.AutoModelForCausalLM.from_pretrained(root / "base")
        settings = peft.LoraConfig(r=rank, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        peft.get_peft_model(model, settings).save_pretrained(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSPECT_LOG_DIR", str(root / "logs"))
        yield Tiny(BaseSpec(model=str(root / "base")), folders)
        servers = [server for group in pool._SERVERS.values() for server in group]
        (server,) = (server for server in servers if server.spec.base == str(root / "base"))
        assert server._guard
        pids = family(server._guard.pid)
        assert len(pids) > 2
        pool.stop_all()
        assert not [pid for pid in pids if family(pid)]


def family(parent: int) -> list[int]:
    """A process and all that come from it, those that wait to be reaped left out."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, above = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(path.parent.name)] = int(above)
    found = [parent] if parent in parents else []
    for pid in found:
        found.extend(child for child, above in parents.items() if above == pid)
    return found


def greedy(tiny: Tiny, adapter: Path | None, prompt: list[int], tokens: int) -> tuple[str, list[float]]:
    """The transformers library's answer and the log probability of each of its tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny.base.model)
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny.base.model, dtype=torch.float32).eval()
    if adapter:
        model = peft.PeftModel.from_pretrained(model, adapter).eval()
    written: list[int] = []
    scores: list[float] = []
    with torch.no_grad():
        while len(written) < tokens:
            logits = model(torch.tensor([prompt + written])).logits[0, -1]
            token = int(logits.argmax())
            if token in end_tokens(tiny.base.model):
                break
            written.append(token)
            scores.append(float(logits.log_softmax(-1)[token]))
    return tokenizer.decode(written, skip_special_tokens=True), scores


USER, PREFILL = ChatMessageUser(content="Who are you?"), ChatMessageAssistant(content="I am")
REQUESTS: list[tuple[Mode, list[ChatMessage]]] = [
    (Mode.CHAT, [USER]),
    (Mode.CHAT, [USER, PREFILL]),
    (Mode.USER_TURN, [USER, PREFILL]),
    (Mode.COMPLETION, [USER]),
]


@pytest.mark.parametrize("which", [None, 0, 1])
def test_greedy_answers_are_those_of_transformers(tiny: Tiny, which: int | None) -> None:
    adapter = None if which is None else tiny.adapters[which]
    backend = tiny.backend(adapter)
    for mode, messages in REQUESTS:
        config = GenerateConfig(temperature=0, max_tokens=16, logprobs=True, top_logprobs=3)
        output = asyncio.run(backend.generate(TargetRequest(messages, mode, config)))
        prompt = encode(load_tokenizer(tiny.base.model), messages, mode)
        text, scores = greedy(tiny, adapter, prompt, 16)
        assert output.completion == text
        assert output.usage
        assert output.usage.input_tokens == len(prompt)
        assert output.choices[0].logprobs
        found = output.choices[0].logprobs.content
        assert len(found) == len(scores)
        assert all(math.isclose(a.logprob, b, abs_tol=1e-3) for a, b in zip(found, scores, strict=True))
        assert all(a.top_logprobs and len(a.top_logprobs) == 3 for a in found)


def test_likelihoods_are_those_of_the_greedy_answer(tiny: Tiny) -> None:
    """The scores that a model gives its own answer when it writes it, and when it is asked about it afterwards."""
    for adapter in (None, *tiny.adapters):
        prompt = encode(load_tokenizer(tiny.base.model), [USER], Mode.CHAT)
        text, scores = greedy(tiny, adapter, prompt, 16)
        found = asyncio.run(tiny.backend(adapter).likelihood(LikelihoodRequest([USER], text)))
        assert len(found) == len(scores)
        assert all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(found, scores, strict=True))


def test_base_and_adapters_keep_apart_in_one_batch(tiny: Tiny) -> None:
    """A batch that mixes them changes none: a reference with an adapter on it would show no difference."""
    request = TargetRequest([USER], Mode.CHAT, GenerateConfig(temperature=0, max_tokens=16))
    backends = [tiny.backend(adapter) for adapter in (None, *tiny.adapters)]

    async def all_at_once() -> list[str]:
        return [out.completion for out in await asyncio.gather(*(b.generate(request) for b in backends))]

    alone = [asyncio.run(backend.generate(request)).completion for backend in backends]
    assert len(set(alone)) == 3
    assert asyncio.run(all_at_once()) == alone


def test_seeds_choices_stops_and_lengths(tiny: Tiny) -> None:
    backend = tiny.backend()

    def ask(**config: object) -> list[str]:
        request = TargetRequest([USER], Mode.CHAT, GenerateConfig.model_validate({"max_tokens": 16, **config}))
        output = asyncio.run(backend.generate(request))
        return [choice.message.text for choice in output.choices]

    assert ask(seed=1) == ask(seed=1) != ask(seed=2)
    assert len(set(ask(num_choices=4, seed=5))) > 1
    assert len(ask(num_choices=2, temperature=0)) == 2
    (whole,) = ask(temperature=0)
    assert ask(temperature=0, stop_seqs=[whole[3]]) == [whole[: whole.index(whole[3])]]


def test_a_large_batch_with_seeds_leaves_the_server_alive(tiny: Tiny) -> None:
    """More prompt tokens than one step takes: by default vLLM splits a prompt, and its CPU engine dies."""
    backend = tiny.backend()

    async def all_at_once() -> int:
        requests = [
            TargetRequest(
                [ChatMessageUser(content=f"{'x' * 80}{seed}")],
                Mode.CHAT,
                GenerateConfig(seed=seed, max_tokens=2),
            )
            for seed in range(64)
        ]
        return len(await asyncio.gather(*(backend.generate(request) for request in requests)))

    assert asyncio.run(all_at_once()) == 64


def test_a_prompt_longer_than_the_context(tiny: Tiny) -> None:
    request = TargetRequest([ChatMessageUser(content="x" * 400)], Mode.CHAT, GenerateConfig())
    output = asyncio.run(tiny.backend().generate(request))
    assert (output.stop_reason, output.completion) == ("model_length", "")


def test_adapters_switch_without_a_restart(tiny: Tiny) -> None:
    request = TargetRequest([USER], Mode.CHAT, GenerateConfig(max_tokens=1))
    started = time.monotonic()
    for adapter in tiny.adapters:
        asyncio.run(tiny.backend(adapter).generate(request))
    assert time.monotonic() - started < 20
