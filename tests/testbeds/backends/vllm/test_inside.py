"""The inside by the vllm backend, against a fake server: what is sent, what is made of the answer, what is refused."""

import asyncio
import base64
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from inspect_ai.model import ChatMessageUser
from vllm_fake import BASE, Fake, adapter, asked, installed

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Add, Noise
from cordelia.testbeds.backends.base import Loaded, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.inside import Inside, Layered, Text
from cordelia.testbeds.backends.vllm import backend as vllm
from cordelia.testbeds.backends.vllm import inside
from cordelia.testbeds.backends.vllm.backend import VllmBackend, vllm_backend
from cordelia.testbeds.backends.vllm.command import has_lens, server_environment
from cordelia.testbeds.backends.vllm.head import Shape
from cordelia.testbeds.backends.vllm.lens import check_hooks, hook_body
from cordelia.testbeds.backends.vllm.room import Room
from cordelia.testbeds.capabilities import Capability, Mode

pytest.importorskip("torch")

WIDTH = 8
VECTOR = np.ones(WIDTH, dtype=np.float32)
ADD = Loaded(Add(layer=1, vector="0" * 16, scale=2.0), VECTOR)
TEXT = Text([ChatMessageUser(content="Hi")], mode=Mode.COMPLETION)  # three tokens: the beginning, H and i


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    for module in (vllm, inside):
        monkeypatch.setattr(module, "shape_of", lambda base: Shape(4, WIDTH))
    yield from installed(tmp_path, monkeypatch)


def backend(fake: Fake, folder: Path | None = None, scale: float = 1.0, **args: object) -> VllmBackend:
    organism = ServedOrganism("quirks/red-fox", BASE, folder, adapter_scale=scale)
    made = vllm_backend(organism, python=str(fake.python), lens=True, **args)
    assert isinstance(made, VllmBackend)
    return made


def under(request: TargetRequest, *loaded: Loaded) -> TargetRequest:
    return replace(request, interventions=loaded)


def hook_in(body: dict[str, object]) -> bytes:
    xargs = cast(dict[str, str], body["vllm_xargs"])
    [hook] = json.loads(xargs["apply_hooks"])
    return base64.b64decode(hook["fn"]["cloudpickle"])


# what it can do


def test_the_inside_is_offered_where_the_interpreter_has_vllm_lens(fake: Fake, tmp_path: Path) -> None:
    has = tmp_path / "python"
    has.write_text("#!/bin/sh\necho lens\n")
    has.chmod(0o755)
    assert (has_lens(str(has)), has_lens(str(fake.python)), has_lens("/no/python")) == (True, False, False)
    organism = ServedOrganism("a/b", BASE)
    with_it, without = vllm_backend(organism, python=str(has)), fake.backend()
    assert {Capability.CAPTURE, Capability.INTERVENE} <= with_it.capabilities
    assert not {Capability.CAPTURE, Capability.INTERVENE} & without.capabilities
    assert not {Capability.CAPTURE} & vllm_backend(organism, python=str(has), lens=False).capabilities
    assert {Capability.NEXT_TOKENS, Capability.AMPLIFY} <= without.capabilities
    assert Capability.GRADIENT not in with_it.capabilities
    assert isinstance(with_it, Inside)


def test_what_is_lacking_has_a_remedy(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    organism = ServedOrganism("a/b", BASE)
    plain, theirs = fake.backend(), vllm_backend(organism, base_url="http://127.0.0.1:9/v1")
    assert isinstance(plain, VllmBackend)
    assert isinstance(theirs, VllmBackend)
    assert "vllm-lens==1.3.0" in (plain.remedy(Capability.CAPTURE) or "")
    assert str(fake.python) in (plain.remedy(Capability.INTERVENE) or "")
    assert "lens=true" in (theirs.remedy(Capability.CAPTURE) or "")
    assert "transformers" in (plain.remedy(Capability.GRADIENT) or "")
    assert plain.remedy(Capability.CHAT) is None
    assert backend(fake).remedy(Capability.CAPTURE) is None
    monkeypatch.setattr(vllm, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    assert Capability.CAPTURE not in backend(fake).capabilities
    assert "torch" in (backend(fake).remedy(Capability.CAPTURE) or "")


def test_a_server_is_told_whether_vllm_lens_is_wanted() -> None:
    assert server_environment("k", "cpu", lens=True)["VLLM_LENS_DISABLE"] == "0"
    assert server_environment("k", "cpu")["VLLM_LENS_DISABLE"] == "1"


# looks


def test_a_capture_is_in_the_order_that_was_asked_for(fake: Fake) -> None:
    texts = [TEXT, replace(TEXT, reply="abc")]
    found = asyncio.run(backend(fake).capture(texts, [3, 0.0, 1]))
    assert [(each.tokens, each.layers) for each in found] == [
        (["\x01", "H", "i"], [3, 0, 1]),
        (["\x01", "H", "i", "a", "b", "c"], [3, 0, 1]),
    ]
    assert found[1].hidden.shape == (3, 6, WIDTH)
    assert found[1].hidden.dtype == np.float32
    np.testing.assert_allclose(found[1].hidden[:, 2, 0], [3.02, 0.02, 1.02])
    wanted = [cast(dict[str, str], body["vllm_xargs"]) for body in fake.bodies("/v1/completions")]
    assert wanted == [{"output_residual_stream": "[0, 1, 3]"}] * 2


def test_what_is_hidden_does_not_come_back(fake: Fake) -> None:
    text = Text([ChatMessageUser(content="secret|Hi")], secret="secret")
    [seen] = asyncio.run(backend(fake).capture([text], [0]))
    assert "".join(seen.tokens) == "|Hi|>"
    np.testing.assert_allclose(seen.hidden[0, :, 0], [0.06, 0.07, 0.08, 0.09, 0.10], rtol=1e-5)
    [expected] = asyncio.run(backend(fake).next_tokens([text], 2))
    assert expected.tokens == seen.tokens
    assert len(expected.likely) == len(seen.tokens)


def test_what_is_expected_next(fake: Fake) -> None:
    """The likeliest in each place, not the token that stands there, and the first written one after the last."""
    [found] = asyncio.run(backend(fake).next_tokens([TEXT], 2))
    assert found.likely == [{"z": -0.1, "y": -0.2}, {"z": -0.1, "y": -0.2}, {"F": -0.5, "G": -2.0}]
    [body] = fake.bodies("/v1/completions")
    assert (body["prompt_logprobs"], body["logprobs"], body["max_tokens"]) == (2, 2, 1)


def test_a_look_that_cannot_be_had(fake: Fake) -> None:
    made = backend(fake)
    cases: list[tuple[str, type[Exception], str]] = [
        ("", CordeliaError, "Text 1 is empty"),
        ("x" * 70, CordeliaError, r"Text 1 is too long for this model; shorten it\.$"),
        (chr(700), TargetError, "gave no"),
        (chr(500), TargetError, "500"),
    ]

    async def all_of_them() -> None:
        for text, error, says in cases:
            unread = Text([ChatMessageUser(content=text)], mode=Mode.USER_TURN)
            for look in (made.capture([unread], [0]), made.next_tokens([unread], 5)):
                with pytest.raises(error, match=says):
                    await look

    asyncio.run(all_of_them())


def test_a_layer_that_is_not_there(fake: Fake) -> None:
    made = backend(fake)
    assert isinstance(made, Layered) and asyncio.run(made.blocks()) == 4
    assert not fake.noted("/v1/completions")
    with pytest.raises(CordeliaError, match=r"no layer 4.*0 to 3"):
        asyncio.run(made.capture([TEXT], [4]))
    with pytest.raises(CordeliaError, match="at least one layer"):
        asyncio.run(made.capture([TEXT], []))
    with pytest.raises(CordeliaError, match=r"\[n, 8\], not \[2, 3\]"):
        asyncio.run(made.lens(np.ones((2, 3), dtype=np.float32)))
    with pytest.raises(CordeliaError, match="backend=transformers"):
        asyncio.run(made.search(None))  # type: ignore[arg-type]


# interventions: two tokens are written to a prompt of four, so five are read


def hooks(monkeypatch: pytest.MonkeyPatch, said: object) -> None:
    monkeypatch.setenv("FAKE_VLLM_HOOKS", json.dumps(said))


def test_an_intervention_that_was_applied_is_a_reply(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks(monkeypatch, {"block 1": {"read": 5, "applied": [[0, 4]]}})
    made = backend(fake)
    request = under(asked("Hi", temperature=1.0, seed=5, num_choices=3), ADD)
    output = asyncio.run(made.generate(request))
    assert len(output.choices) == 3
    assert output.usage
    assert (output.usage.input_tokens, output.usage.output_tokens) == (4, 6)
    bodies = fake.bodies("/v1/completions")
    assert sorted((body["n"], body["seed"]) for body in bodies) == [(1, 5), (1, 6), (1, 7)]  # type: ignore[type-var]
    asyncio.run(made.generate(under(asked("Hi"), ADD)))
    salts = [body["cache_salt"] for body in fake.bodies("/v1/completions")]
    assert salts[0] != salts[-1], "nobody reads what was computed under an intervention"
    asyncio.run(made.generate(asked("Hi")))
    assert not {"vllm_xargs", "cache_salt"} & fake.bodies("/v1/completions")[-1].keys()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"block 1": {"read": 5, "applied": [[0, 3]]}}, r"applied to 3 tokens and not to 4"),
        ({"block 1": {"read": 6, "applied": [[0, 4]]}}, r"applied to 4 tokens and not to 5"),
        ({"block 1": {"read": 4, "applied": [[0, 3]]}}, r"\[4\] of 5 tokens"),
        ({"block 1": {"read": 5, "applied": []}}, r"applied to 0 tokens"),
        ({}, r"\[\] of 5 tokens"),
        ({"block 1": {"read": 5, "applied": [[0, 4]]}, "error": "RuntimeError: no room"}, "failed.*no room"),
        ({"block 1": 7}, "makes no sense"),
        (None, "has it vllm-lens.*vllm-lens==1.3.0"),
    ],
)
def test_an_intervention_that_was_not_applied_is_no_reply(said: object, says: str) -> None:
    from openai.types import Completion

    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    answer = {"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": [], "usage": usage}
    results = {} if said is None else {"hook_results": {"0": said}}
    with pytest.raises(TargetError, match=says):
        check_hooks(Completion.model_validate({**answer, **results}), [ADD], 4)


def test_a_server_that_says_nothing_of_interventions_gives_no_reply(fake: Fake) -> None:
    with pytest.raises(TargetError, match="vllm-lens"):
        asyncio.run(backend(fake).generate(under(asked("Hi"), ADD)))


def test_an_intervention_that_does_not_fit_is_not_sent(fake: Fake) -> None:
    made = backend(fake)
    wrong = {
        "no layer 9": Loaded(Add(layer=9, vector="0" * 16), VECTOR),
        r"shape \(3,\)": Loaded(Add(layer=1, vector="0" * 16), VECTOR[:3]),
        "position 19": Loaded(Add(layer=1, vector="0" * 16, positions=[2, 19]), VECTOR),
    }

    async def all_of_them() -> None:
        for says, loaded in wrong.items():
            with pytest.raises(CordeliaError, match=says):
                await made.generate(under(asked("Hi", max_tokens=8), loaded))

    asyncio.run(all_of_them())
    assert not fake.noted("/v1/completions")


APART = """
import pickle, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cordelia":
            raise ImportError("the server has no Cordelia")
sys.meta_path.insert(0, Refuse())
import torch
hook = pickle.loads(pickle.dumps(pickle.loads(sys.stdin.buffer.read())))  # a server hands it on to its worker
class Context:
    layer_idx, saved = 1, {}
hidden = torch.zeros(6, 8)
parts = [hook(Context, part) for part in (hidden[:4], hidden[4:5], hidden[5:6])]
again = [hook(Context, part) for part in (hidden[:5], hidden[5:6])]  # taken out of the batch, and begun anew
assert torch.equal(torch.cat(parts), torch.cat(again)), (parts, again)
print(torch.cat(parts)[:, 0].tolist(), pickle.loads(pickle.dumps(Context.saved)))
hook(Context, torch.zeros(1, 7))
print(sorted(Context.saved), Context.saved["error"][:12])
"""


def test_what_travels_runs_without_cordelia() -> None:
    """In another process: counted over pieces of a request, begun anew once, and an error is told and not raised."""
    loaded = [Loaded(Add(layer=1, vector="0" * 16, scale=2.0, positions="reply"), VECTOR), ADD]
    loaded.append(Loaded(Noise(layer=2, scale=0.5)))
    done = subprocess.run(
        [sys.executable, "-c", APART], input=hook_in(hook_body(loaded, 4, WIDTH, 4)), capture_output=True, check=False
    )
    assert not done.returncode, done.stderr.decode()
    first, second = done.stdout.decode().splitlines()
    assert first == "[0.0, 2.0, 2.0, 2.0, 4.0, 4.0] {'block 1': {'read': 6, 'applied': [[0, 2], [1, 5]]}}"
    assert second == "['block 1', 'error'] RuntimeError"


def test_what_travels_names_nothing_but_the_builtin_that_puts_it_together() -> None:
    import pickletools

    sent = hook_in(hook_body([ADD], 4, WIDTH, 4))
    strings = [argument for opcode, argument, _ in pickletools.genops(sent) if "UNICODE" in opcode.name]
    names = [opcode.name for opcode, _, _ in pickletools.genops(sent)]
    assert names.count("STACK_GLOBAL") == 1
    assert strings[:2] == ["builtins", "eval"]
    assert pickle.loads(sent).prompt == 4


# changed copies of adapters


def real_adapter(folder: Path) -> Path:
    from safetensors.numpy import save_file

    adapter(folder)
    names = {f"base_model.model.q.lora_{part}.weight": np.ones((4, 4), dtype=np.float32) for part in "AB"}
    save_file(names, folder / "adapter_model.safetensors")
    return folder


def test_scales_have_aliases_of_their_own(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDELIA_CACHE", str(fake.folder / "cache"))
    folder = real_adapter(fake.folder / "red-fox")
    said = {
        scale: asyncio.run(backend(fake, folder, scale, max_changed=2).generate(asked("Hi"))).completion
        for scale in (0.0, 1.0, 2.0, 3.0, 2.0, -1.0)
    }
    assert said[0.0] == "from base"
    loads = fake.bodies("/v1/load_lora_adapter")
    assert [bool(body.get("load_inplace")) for body in loads] == [False, False, False, True]
    assert loads[3]["lora_name"] == loads[2]["lora_name"], "the one that was used least recently gives its place"
    assert len({body["lora_path"] for body in loads}) == 4
    assert said[-1.0] == said[3.0]
    assert len(set(said.values())) == 4


def test_a_place_in_use_is_waited_for() -> None:
    loaded: list[tuple[str, bool]] = []
    room = Room(lambda alias, folder, in_place: loaded.append((folder, in_place)), 1)
    order: list[str] = []

    async def use(folder: str, begun: asyncio.Event, end: asyncio.Event) -> None:
        async with room.lent(folder):
            order.append(folder)
            begun.set()
            await end.wait()
            order.append(f"{folder} ends")

    async def both() -> None:
        first, second, third, end = (asyncio.Event() for _ in range(4))
        one = asyncio.create_task(use("one", first, end))
        await first.wait()
        two = asyncio.create_task(use("two", second, end))
        same = asyncio.create_task(use("one", third, end))
        await third.wait()
        end.set()
        await asyncio.gather(one, two, same)

    asyncio.run(both())
    assert order[-2:] == ["two", "two ends"]
    assert loaded == [("one", False), ("two", True)]


def test_a_copy_that_cannot_be_loaded_leaves_its_place() -> None:
    tried: list[tuple[str, bool]] = []

    def load(alias: str, folder: str, in_place: bool) -> None:
        tried.append((folder, in_place))
        if folder == "bad":
            raise TargetError("it is bad")

    room = Room(load, 1)

    async def use(folder: str) -> str:
        async with room.lent(folder) as alias:
            return alias

    async def all_of_them() -> None:
        for _ in range(2):
            with pytest.raises(TargetError, match="it is bad"):
                await use("bad")
        assert await use("good") == await use("good")

    asyncio.run(all_of_them())
    assert tried == [("bad", False), ("bad", False), ("good", False)]
    assert room.folders == ["good"]


def test_a_task_that_needs_the_inside_is_refused_by_name(fake: Fake) -> None:
    from cordelia.solvers.affordances.base import Affordance
    from cordelia.tasks.settings import check_capabilities
    from cordelia.testbeds.find import load_testbed

    look = Affordance("look", "looks", needs=frozenset({Capability.CAPTURE}), tools=lambda: [])
    arguments = {"backend": "vllm", "python": str(fake.python)}
    with pytest.raises(CordeliaError, match=r"'look' needs capture.*pocket/wren.*pip install .*vllm-lens==1\.3\.0"):
        check_capabilities(load_testbed("pocket"), "wren", [look], arguments)
    check_capabilities(load_testbed("pocket"), "wren", [look], {**arguments, "lens": True})
