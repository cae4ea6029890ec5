"""The vllm backend against a fake server: a real process, no weights."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest
from benchmarks.kill_target import Letters
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, GenerateConfig, ModelOutput
from inspect_ai.tool import ToolInfo, ToolParam, ToolParams
from vllm_fake import BASE, Fake, adapter, asked, installed, reply

from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.vllm import backend as vllm
from cordelia.testbeds.backends.vllm import command, pool
from cordelia.testbeds.backends.vllm import server as vllm_server
from cordelia.testbeds.backends.vllm.adapters import modules_for, rank_for
from cordelia.testbeds.backends.vllm.backend import vllm_backend
from cordelia.testbeds.backends.vllm.command import PYTHON_ENV, VllmArgs, server_command
from cordelia.testbeds.backends.vllm.spec import ServerSpec
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.schema import BaseSpec

CRASH, ERROR, REFUSED, MUTE = chr(666), chr(500), chr(400), chr(700)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    yield from installed(tmp_path, monkeypatch)


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


# making one


def test_an_unknown_argument_names_the_known_ones() -> None:
    with pytest.raises(CordeliaError, match=r"'max_len'.*not known.*max_model_len"):
        vllm_backend(ServedOrganism(label="a/b", base=BASE), max_len=3)


def test_a_wrong_argument_is_named() -> None:
    with pytest.raises(CordeliaError, match=r"'max_loras'.*greater than or equal to 1"):
        vllm_backend(ServedOrganism(label="a/b", base=BASE), max_loras=0)


def test_an_organism_without_base_is_refused() -> None:
    with pytest.raises(CordeliaError, match="a/b names no base"):
        vllm_backend(ServedOrganism(label="a/b", base=None))


def test_a_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"cordelia\[vllm-client\]"):
        vllm_backend(ServedOrganism(label="a/b", base=BASE))


def test_what_it_can_do_is_known_without_a_server(fake: Fake) -> None:
    backend = fake.backend(max_model_len=64)
    assert {Capability.PREFILL, Capability.TOOLS, Capability.REFERENCE} < backend.capabilities
    assert Capability.CAPTURE not in backend.capabilities
    assert backend.max_connections == 64
    assert backend.shared_with == fake.backend(max_model_len=64, api_key="k").shared_with
    assert backend.shared_with != fake.backend(max_model_len=32).shared_with
    assert not fake.noted("start")


# the command line


@pytest.mark.parametrize(("ranks", "served"), [((), 0), ((4,), 8), ((8, 9), 16), ((3, 33), 64), ((512,), 512)])
def test_the_rank_that_serves_all_adapters(tmp_path: Path, ranks: tuple[int, ...], served: int) -> None:
    assert rank_for(adapter(tmp_path / str(rank), rank) for rank in ranks) == served


def test_a_rank_pattern_counts(tmp_path: Path) -> None:
    assert rank_for([adapter(tmp_path / "a", 4, rank_pattern={"q_proj": 20})]) == 32


@pytest.mark.parametrize("rank", [513, "many", None])
def test_an_adapter_that_cannot_be_served_is_named(tmp_path: Path, rank: object) -> None:
    with pytest.raises(ContentError, match=r"a/adapter_config\.json"):
        rank_for([adapter(tmp_path / "a", rank)])


def flags(device: str, **args: object) -> list[str]:
    settings = VllmArgs.model_validate(args)
    return server_command("/w", settings, device=device, lora_rank=8, adapters=3, port=1)


def value(command: list[str], flag: str) -> str:
    return command[command.index(flag) + 1]


def test_a_cpu_build_computes_in_float32_and_eagerly() -> None:
    cpu, gpu = flags("cpu"), flags("cuda")
    assert (value(cpu, "--dtype"), value(gpu, "--dtype")) == ("float32", "auto")
    assert "--enforce-eager" in cpu
    assert "--enforce-eager" not in gpu
    assert value(flags("cpu", dtype="bfloat16"), "--dtype") == "bfloat16"
    assert value(gpu, "--host") == "127.0.0.1"
    assert (value(gpu, "--max-loras"), value(flags("cuda", max_loras=2), "--max-loras")) == ("3", "2")
    # one slot more than adapters that may be loaded, changed copies of them too
    assert (value(cpu, "--max-loras"), value(flags("cpu", max_loras=2), "--max-loras")) == ("13", "8")
    assert value(flags("cpu", max_changed=1), "--max-loras") == "10"


def test_a_cpu_server_takes_adapters_of_the_modules_that_are_changed(tmp_path: Path) -> None:
    """Not of the head: see `server_command`."""
    one = adapter(tmp_path / "a", target_modules=["q_proj", "model.layers.3.v_proj"])
    two = adapter(tmp_path / "b", target_modules=["up_proj", "q_proj"])
    modules = modules_for([one, two])
    assert modules == ("q_proj", "up_proj", "v_proj")
    assert modules_for([one, adapter(tmp_path / "c", target_modules="all-linear")]) == ()
    asked_of = {
        device: server_command("/w", VllmArgs.model_validate({}), device=device, lora_rank=8, adapters=2, port=1,
                               lora_modules=modules)
        for device in ("cpu", "cuda")
    }  # fmt: skip
    place = asked_of["cpu"].index("--lora-target-modules")
    assert tuple(asked_of["cpu"][place + 1 : place + 4]) == modules
    assert "--lora-target-modules" not in asked_of["cuda"]
    few, more, any_of_them = (
        ServerSpec("b", "/w", VllmArgs.model_validate({}), 8, 2, names) for names in (("q_proj",), modules, ())
    )
    assert [more.covers(few), few.covers(more), any_of_them.covers(more), more.covers(any_of_them)] == [
        True, False, True, False,
    ]  # fmt: skip


def test_further_flags_come_last_however_they_are_written() -> None:
    wanted = ["--quantization", "fp8", "--seed", "3"]
    assert flags("cuda", server_args="--quantization fp8 --seed 3")[-4:] == wanted
    assert flags("cuda", server_args=["--quantization fp8", "--seed 3"])[-4:] == wanted


def test_an_interpreter_without_vllm_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho missing\n")
    python.chmod(0o755)
    with pytest.raises(CordeliaError, match=f"no vLLM in {python}.*{PYTHON_ENV}"):
        command.device_of(str(python))
    with pytest.raises(CordeliaError, match="does not answer"):
        command.device_of(str(tmp_path / "nothing"))


# one server


def test_sixteen_first_users_start_one_server_and_load_one_adapter(fake: Fake) -> None:
    folder = adapter(fake.folder / "red-fox")
    backends = [fake.backend(folder) for _ in range(16)]

    async def all_at_once() -> list[ModelOutput]:
        return await asyncio.gather(*(backend.generate(asked("Hi")) for backend in backends))

    outputs = asyncio.run(all_at_once())
    assert len(fake.noted("start")) == 1
    loads = fake.bodies("/v1/load_lora_adapter")
    assert [load["lora_path"] for load in loads] == [str(folder)]
    assert {output.completion for output in outputs} == {f"from {loads[0]['lora_name']}"}


def test_nothing_but_the_path_says_what_an_organism_is(fake: Fake) -> None:
    output = reply(fake.backend(adapter(fake.folder / "red-fox")), asked("Hi"))
    (start,), (load,) = fake.noted("start"), fake.bodies("/v1/load_lora_adapter")
    assert re.fullmatch("[0-9a-f]{16}", str(load["lora_name"]))
    assert "fox" not in json.dumps(start)
    assert str(start["key"]) not in json.dumps(start["argv"])
    assert all("fox" not in json.dumps(body) for body in fake.bodies("/v1/completions"))
    assert output.model == output.choices[0].message.model == "quirks/red-fox"


def test_the_base_is_served_beside_its_adapters(fake: Fake) -> None:
    assert reply(fake.backend(adapter(fake.folder / "a")), asked("Hi")).completion != "from base"
    assert reply(fake.backend(), asked("Hi")).completion == "from base"
    assert len(fake.noted("start")) == 1


def test_an_adapter_trained_anew_is_loaded_anew(fake: Fake) -> None:
    backend = fake.backend(folder := adapter(fake.folder / "a"))
    before = reply(backend, asked("Hi")).completion
    os.utime(folder / "adapter_model.safetensors", (1, 1))
    assert reply(backend, asked("Hi")).completion != before


def test_a_cpu_server_keeps_its_last_slot_empty(fake: Fake) -> None:
    for name in "ab":
        reply(fake.backend(adapter(fake.folder / name), max_loras=2), asked("Hi"))
    with pytest.raises(TargetError, match=r"has loaded 2 adapters.*max_loras=3"):
        reply(fake.backend(adapter(fake.folder / "c"), max_loras=2), asked("Hi"))


def test_a_larger_rank_gets_a_server_of_its_own_and_idle_ones_end(fake: Fake) -> None:
    small, large = fake.backend(adapter(fake.folder / "a", 4)), fake.backend(adapter(fake.folder / "b", 40))
    reply(small, asked("Hi"))
    (first,) = (server for group in pool._SERVERS.values() for server in group)
    asyncio.run(small.aclose())
    reply(large, asked("Hi"))
    assert len(fake.noted("start")) == 2
    assert not first.lives()
    reply(small, asked("Hi"))
    assert len(fake.noted("start")) == 2


def test_a_second_event_loop_works(fake: Fake) -> None:
    backend = fake.backend()
    assert reply(backend, asked("one")).completion == reply(backend, asked("two")).completion == "from base"
    asyncio.run(backend.aclose())
    assert reply(backend, asked("three")).completion == "from base"
    assert len(fake.noted("start")) == 1


# when it fails


def test_a_crash_tells_the_log_and_a_new_audit_starts_anew(fake: Fake) -> None:
    secret = adapter(fake.folder / "red-fox")
    backend = fake.backend(secret)
    reply(backend, asked("Hi"))
    for text in (CRASH, "Hi"):
        with pytest.raises(TargetError) as caught:
            reply(backend, asked(text))
        assert "CUDA out of memory" in str(caught.value)
        assert str(fake.folder / "logs" / "servers") in str(caught.value)
        assert str(secret) not in str(caught.value)
    assert reply(fake.backend(secret), asked("Hi")).completion.startswith("from")
    assert len(fake.noted("start")) == 2


def test_a_failed_start_tells_the_log(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM_FAILS", "1")
    with pytest.raises(TargetError, match="no such architecture"):
        reply(fake.backend(), asked("Hi"))
    monkeypatch.delenv("FAKE_VLLM_FAILS")
    assert reply(fake.backend(), asked("Hi")).completion == "from base"


def test_a_start_that_takes_too_long_ends(fake: Fake) -> None:
    with pytest.raises(TargetError, match="not ready after start_timeout"):
        reply(fake.backend(start_timeout=1e-6), asked("Hi"))
    assert not pool._SERVERS[next(iter(pool._SERVERS))][0].lives()


def test_a_server_error_is_a_target_error(fake: Fake) -> None:
    with pytest.raises(TargetError, match="answered 500"):
        reply(fake.backend(), asked(ERROR))


def test_progress_is_told(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    # not caplog: inspect's own logging set-up, in whichever test ran an eval before, keeps records from it
    said: list[str] = []
    monkeypatch.setattr(vllm_server.logger, "warning", lambda text, *values: said.append(text % values))
    monkeypatch.setattr(vllm_server, "SAY_EVERY_S", 0.0)
    reply(fake.backend(), asked("Hi"))
    assert said[0].startswith("Starting vLLM (cpu) for someone/base-1b; its log: ")
    assert said[-1].startswith("vLLM for someone/base-1b is ready after ")
    assert len(said) > 2


def test_this_process_killed_takes_the_server_down(fake: Fake) -> None:
    code = (
        "import sys, time; from cordelia.testbeds.backends.vllm import server as s\n"
        "from cordelia.testbeds.backends.vllm.command import VllmArgs\n"
        "server = s.VllmServer(s.ServerSpec('base', '/w', VllmArgs(python=sys.argv[1])))\n"
        "server._start(); print(server._guard.pid, flush=True); time.sleep(600)"
    )
    user = subprocess.Popen([sys.executable, "-c", code, str(fake.python)], stdout=subprocess.PIPE, text=True)
    assert user.stdout
    guard = int(user.stdout.readline())
    user.send_signal(signal.SIGKILL)
    user.wait()
    user.stdout.close()
    until(lambda: ended(guard))


# requests


def test_settings_are_sent_whole(fake: Fake) -> None:
    request = asked("Hi", max_tokens=9, temperature=0.5, top_p=0.9, top_k=7, seed=3, stop_seqs=["X"], num_choices=2)
    output = reply(fake.backend(), request)
    (body,) = fake.bodies("/v1/completions")
    assert body["prompt"] == Letters().encode("Hi|>", add_special_tokens=False)
    assert body["stop_token_ids"] == [2]
    names = ("max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "n")
    assert [body[name] for name in names] == [9, 0.5, 0.9, 7, 3, ["X"], 2]
    assert len(output.choices) == 2
    assert output.usage
    assert (output.usage.input_tokens, output.usage.output_tokens) == (4, 2)


def test_what_is_not_asked_for_is_neutral(fake: Fake) -> None:
    reply(fake.backend(), asked("Hi"))
    (body,) = fake.bodies("/v1/completions")
    assert (body["temperature"], body["top_p"], body["top_k"], body["repetition_penalty"]) == (
        1.0,
        1.0,
        0,
        1.0,
    )
    assert body["max_tokens"] == 60  # 256, in a context of 64 with a prompt of 4
    assert "seed" not in body


def test_greedy_choices_are_one_request(fake: Fake) -> None:
    output = reply(fake.backend(), asked("Hi", temperature=0, num_choices=3))
    assert fake.bodies("/v1/completions")[0]["n"] == 1
    assert [choice.message.text for choice in output.choices] == ["from base"] * 3


def test_modes_are_rendered_here(fake: Fake) -> None:
    backend = fake.backend()
    turns: list[ChatMessage] = [ChatMessageUser(content="Hi"), ChatMessageAssistant(content="Well")]
    reply(backend, TargetRequest(turns, Mode.CHAT, GenerateConfig()))
    reply(backend, TargetRequest(turns, Mode.USER_TURN, GenerateConfig()))
    reply(backend, asked("Once", Mode.COMPLETION))
    prompts = [cast(list[int], body["prompt"]) for body in fake.bodies("/v1/completions")]
    assert ["".join(map(chr, prompt)) for prompt in prompts] == ["Hi|Well", "Hi|Well|", "\x01Once"]


def test_stop_reasons(fake: Fake) -> None:
    backend = fake.backend()
    reasons = [("Hi", 8, "stop"), ("Hi", 1, "max_tokens"), ("x" * 60, 8, "model_length")]
    for text, tokens, reason in reasons:
        assert reply(backend, asked(text, max_tokens=tokens)).stop_reason == reason


@pytest.mark.parametrize("text", ["x" * 64, REFUSED])
def test_a_prompt_that_is_too_long_is_an_answer(fake: Fake, text: str) -> None:
    output = reply(fake.backend(), asked(text))
    assert (output.stop_reason, output.completion) == ("model_length", "")
    assert output.usage
    assert output.usage.output_tokens == 0


def test_logprobs_without_the_end_token(fake: Fake) -> None:
    output = reply(fake.backend(), asked("Hi", logprobs=True, top_logprobs=2))
    assert fake.bodies("/v1/completions")[0]["logprobs"] == 2
    assert output.choices[0].logprobs
    (first,) = output.choices[0].logprobs.content
    assert (first.token, first.logprob) == ("F", -0.5)
    assert first.top_logprobs
    assert [(top.token, top.logprob) for top in first.top_logprobs] == [("F", -0.5), ("G", -2.0)]


def likelihood(backend: Backend, text: str, said: str, ended: bool = False) -> list[float]:
    request = LikelihoodRequest([ChatMessageUser(content=text)], said, ended=ended)
    return asyncio.run(backend.likelihood(request))


def test_a_likelihood_is_of_the_replys_tokens_alone(fake: Fake) -> None:
    backend = fake.backend(adapter(fake.folder / "red-fox"))
    # "Hi|>" are tokens 0 to 3; the fake server's log probability of a token is minus its place
    assert likelihood(backend, "Hi", "you") == [-4.0, -5.0, -6.0]
    assert likelihood(backend, "Hi", "you", ended=True) == [-4.0, -5.0, -6.0, -7.0]
    assert likelihood(backend, "Hi", "") == []
    bodies = fake.bodies("/v1/completions")
    assert [body["max_tokens"] for body in bodies] == [1, 1]
    assert [body["prompt_logprobs"] for body in bodies] == [0, 0]
    (load,) = fake.bodies("/v1/load_lora_adapter")
    assert {body["model"] for body in bodies} == {load["lora_name"]}
    assert cast(list[int], bodies[1]["prompt"])[-1] == 2, "the end of the turn"


@pytest.mark.parametrize(("text", "says"), [(MUTE, "gave no prompt_logprobs"), (REFUSED, "no room"), (ERROR, "500")])
def test_a_likelihood_that_cannot_be_had_is_the_targets_failure(fake: Fake, text: str, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        likelihood(fake.backend(), text, "you")


def test_tools_go_through_the_chat_endpoint(fake: Fake) -> None:
    parameters = ToolParams(properties={"where": ToolParam(type="string")}, required=["where"])
    tool = ToolInfo(name="look", description="Look around.", parameters=parameters)
    request = TargetRequest([ChatMessageUser(content="Hi")], Mode.CHAT, GenerateConfig(), [tool], "any")
    output = reply(fake.backend(), request)
    (body,) = fake.bodies("/v1/chat/completions")
    assert body["tool_choice"] == "required"
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    calls = output.message.tool_calls
    assert calls
    assert (calls[0].function, calls[0].arguments) == ("look", {"where": "here"})
    assert output.model == output.message.model == "quirks/red-fox"


# a server that runs already


def test_a_running_server_is_used_and_left_running(fake: Fake) -> None:
    owner = fake.backend()
    reply(owner, asked("Hi"))
    (server,) = (server for group in pool._SERVERS.values() for server in group)
    assert server._served
    where = server._served.result()
    organism = ServedOrganism(label="quirks/red-fox", base=BASE, adapter=adapter(fake.folder / "red-fox"))
    guest = vllm_backend(organism, base_url=where.url.removesuffix("/v1"), api_key=where.api_key)
    assert re.fullmatch("from [0-9a-f]{16}", reply(guest, asked("Hi")).completion)
    stranger = vllm_backend(organism, base_url=where.url, api_key="wrong")
    with pytest.raises(TargetError, match="401"):
        reply(stranger, asked("Hi"))
    asyncio.run(guest.aclose())
    (theirs,) = (s for (_, args), group in pool._SERVERS.items() for s in group if args.api_key == where.api_key)
    theirs.stop()
    assert reply(owner, asked("Hi")).completion == "from base"
    assert len(fake.noted("start")) == 1


def test_without_any_vllm_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORDELIA_VLLM_PYTHON", raising=False)
    monkeypatch.setattr(
        "cordelia.testbeds.backends.vllm.backend.find_spec", lambda name: None if name == "vllm" else find_spec(name)
    )
    organism = ServedOrganism(label="bed/ash", base=BaseSpec(model="some/base"))
    with pytest.raises(CordeliaError, match=r"pip install 'cordelia\[vllm\]'.*CORDELIA_VLLM_PYTHON.*base_url"):
        vllm_backend(organism)
    assert vllm_backend(organism, base_url="http://127.0.0.1:9/v1").max_connections
