"""The bare engines: the same weights, prompts and batch without an audit around them."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

import httpx
from inspect_ai.model import ChatMessageUser

from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.backends.rendering import encode
from cordelia.testbeds.backends.vllm.adapters import modules_for, rank_for
from cordelia.testbeds.backends.vllm.command import VllmArgs
from cordelia.testbeds.backends.vllm.pool import acquire_server, release_server
from cordelia.testbeds.backends.vllm.spec import ServerSpec
from cordelia.testbeds.backends.vllm.wire import end_tokens, load_tokenizer
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.organism import serve
from cordelia.testbeds.weights import base_path


@dataclass(frozen=True)
class Work:
    """What both sides do: one reply of at most `max_tokens` tokens to each prompt, all at once."""

    testbed: str
    organism: str
    prompts: list[str]
    max_tokens: int

    @property
    def served(self) -> ServedOrganism:
        return serve(load_testbed(self.testbed), self.organism)

    @property
    def base(self) -> str:
        """Folder or hub id of the organism's base."""
        base = self.served.base
        assert base is not None
        return base_path(base)

    def ids(self) -> list[list[int]]:
        """The prompts' token ids, as an audit sends them."""
        tokenizer = load_tokenizer(self.base)
        return [encode(tokenizer, [ChatMessageUser(content=prompt)], Mode.CHAT) for prompt in self.prompts]


class BareTransformers:
    """`generate` of the peft model, the adapter active, on the device and in the type that the backend chooses."""

    def __init__(self, work: Work) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.work = work
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        dtype = torch.bfloat16 if cuda else torch.float32
        base = AutoModelForCausalLM.from_pretrained(work.base, dtype=dtype).to(self.device)
        self.model = PeftModel.from_pretrained(base, str(work.served.adapter)).eval()
        tokenizer = AutoTokenizer.from_pretrained(work.base)
        self.pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        ids = work.ids()
        self.longest = max(map(len, ids))
        rows = [[self.pad] * (self.longest - len(row)) + row for row in ids]
        masks = [[0] * (self.longest - len(row)) + [1] * len(row) for row in ids]
        self.ids, self.mask = torch.tensor(rows), torch.tensor(masks)

    def generate(self) -> tuple[float]:
        """Tokens per second; the end token does not count, as in the audit."""
        import torch

        began = perf_counter()
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=self.ids.to(self.device),
                attention_mask=self.mask.to(self.device),
                do_sample=True,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                max_new_tokens=self.work.max_tokens,
                pad_token_id=self.pad,
            )
        rows = output[:, self.longest :].tolist()
        seconds = perf_counter() - began
        ends = self.model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        written = (next((i for i, token in enumerate(row) if token in ends), len(row)) for row in rows)
        return (sum(written) / seconds,)


class BareVllm:
    """A plain HTTP client of the server that the audits use too. Starts the server."""

    def __init__(self, work: Work) -> None:
        served = work.served
        assert served.base is not None and served.adapter is not None
        args = VllmArgs.model_validate({"max_connections": len(work.prompts)})
        rank = rank_for(served.adapters)
        modules = modules_for(served.adapters)
        spec = ServerSpec(served.base.model, work.base, args, rank, len(served.adapters), modules)
        self.server = acquire_server(spec)
        self.alias = asyncio.run(self.server.alias(served.adapter))
        self.api = asyncio.run(self.server.served())
        sampling = {
            "max_tokens": work.max_tokens,
            "temperature": 1.0,
            "top_p": 1.0,
            "top_k": 0,
            "stop_token_ids": list(end_tokens(work.base)),
        }
        self.bodies = [{"model": self.alias, "prompt": ids, **sampling} for ids in work.ids()]

    def generate(self) -> tuple[float]:
        """Tokens per second as the server counts tokens, the end token too, as in the audit."""
        return (asyncio.run(self._generate()),)

    def release(self) -> None:
        release_server(self.server)

    async def _generate(self) -> float:
        headers = {"Authorization": f"Bearer {self.api.api_key}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(headers=headers, timeout=None, limits=limits, trust_env=False) as client:

            async def ask(body: dict[str, object]) -> int:
                answer = (await client.post(f"{self.api.url}/completions", json=body)).raise_for_status()
                return int(answer.json()["usage"]["completion_tokens"])

            began = perf_counter()
            written = await asyncio.gather(*map(ask, self.bodies))
            return sum(written) / (perf_counter() - began)
