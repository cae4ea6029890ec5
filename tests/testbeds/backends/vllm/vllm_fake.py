"""What tests of the vllm backend without weights share: the fake server's interpreter, its notes, requests to it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.kill_target import Letters
from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelOutput

from cordelia.testbeds import weights
from cordelia.testbeds.backends.base import Backend, ServedOrganism, TargetRequest
from cordelia.testbeds.backends.vllm import pool, reach
from cordelia.testbeds.backends.vllm.backend import vllm_backend
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.schema import BaseSpec

FAKE = Path(__file__).with_name("vllm_fake_server.py")
BASE = BaseSpec(model="someone/base-1b")


class Fake:
    """The fake server's interpreter and what the server noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes.jsonl"
        self.python = folder / "fake_python"
        self.python.write_text(
            f'#!/bin/sh\nif [ "$1" = -c ]; then echo cpu; else exec {sys.executable} {FAKE} "$@"; fi\n'
        )
        self.python.chmod(0o755)

    def noted(self, kind: str) -> list[dict[str, object]]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [note for note in map(json.loads, lines) if note["kind"] == kind]

    def bodies(self, kind: str) -> list[dict[str, object]]:
        return [body for note in self.noted(kind) if isinstance(body := note["body"], dict)]

    def backend(self, adapter: Path | None = None, base: BaseSpec = BASE, **args: object) -> Backend:
        organism = ServedOrganism(label="quirks/red-fox", base=base, adapter=adapter)
        return vllm_backend(organism, python=str(self.python), **args)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """The fake, with letters for tokens, in place of what would need weights; ends its servers."""
    fake = Fake(folder)
    monkeypatch.setenv("FAKE_VLLM_LOG", str(fake.notes))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(folder / "logs"))
    monkeypatch.setattr(weights, "base_path", lambda base: f"/weights/{base.model}")
    monkeypatch.setattr(reach, "load_tokenizer", lambda base: Letters())
    monkeypatch.setattr(reach, "end_tokens", lambda base: (2,))
    yield fake
    pool.stop_all()


def adapter(folder: Path, rank: object = 4, **more: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, **more}))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def asked(text: str, mode: Mode = Mode.CHAT, **config: object) -> TargetRequest:
    return TargetRequest([ChatMessageUser(content=text)], mode, GenerateConfig.model_validate(config))


def reply(backend: Backend, request: TargetRequest) -> ModelOutput:
    """One answer on an event loop of its own, as a second eval in the same process has one."""
    return asyncio.run(backend.generate(request))
