"""How a vLLM server is started: its arguments, the interpreter that has it, its command line and environment.

The interpreter may be another one than ours, because vLLM pins versions of torch and transformers that a
training environment may not want. What kind of vLLM it has (GPU or CPU build) is asked there, not here.
"""

import os
import random
import re
import secrets
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.args import BackendArgs
from cordelia.testbeds.backends.base import TargetError

PYTHON_ENV = "CORDELIA_VLLM_PYTHON"
SERVED_NAME = "base"
"""The base's name on the server. The server learns no organism's name."""
MOST_NEXT = 100
"""How many next tokens a server says of each place at most (--max-logprobs)."""
NEEDED = ("vllm_lens", "cloudpickle", "zstandard")
"""The modules that an interpreter must have so that its server can be looked into."""
INSTALL_LENS = "pip install --no-deps --ignore-requires-python vllm-lens==1.3.0 && pip install cloudpickle zstandard"
"""Gives them to it. Without its dependencies, because vllm-lens names one version of vLLM and Python 3.12, and runs on
others; `datasets`, which it names too, is for its benchmarks alone."""
CPU_KV_GIB = "2"
_PROBE_S = 180.0
_PORTS = range(20_000, 32_000)  # below the range from which Linux serves outgoing connections
_PROBE = """
import importlib.metadata, importlib.util
if importlib.util.find_spec("vllm") is None:
    print("missing")
elif "+cpu" in importlib.metadata.version("torch"):
    print("cpu")
else:
    from vllm.platforms import current_platform
    print(current_platform.device_type)
"""


def _words(value: object) -> object:
    """A command line, or the list that a comma in it made of it, as single words."""
    if isinstance(value, str):
        return tuple(shlex.split(value))
    if isinstance(value, list | tuple):
        return tuple(word for part in value for word in shlex.split(str(part)))
    return value


class VllmArgs(BackendArgs):
    """Arguments of the backend. All but the first three are for a server that Cordelia starts.

    A server of your own needs --enable-lora, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and the adapters' folders on
    its disk; one on a CPU build also a --max-loras above the number of adapters (see `server_command`).
    """

    base_url: str | None = Field(None, description="a server that runs already, such as http://host:8000/v1")
    api_key: str | None = Field(None, repr=False, description="its key; else $VLLM_API_KEY")
    max_connections: int = Field(64, ge=1, description="requests under way at once")
    python: str | None = Field(None, description=f"interpreter that has vLLM; else ${PYTHON_ENV}, else this one")
    dtype: str = Field("auto", description="auto: the model's own on a GPU, float32 on a CPU build")
    max_model_len: int | None = Field(None, ge=16, description="context in tokens; none: what fits in memory")
    max_lora_rank: int | None = Field(None, ge=1, description="none: the largest of the testbed's adapters")
    max_loras: int = Field(8, ge=1, description="most adapters in one batch")
    max_changed: int = Field(4, ge=1, description="a CPU build's places for scaled or shaken copies of adapters")
    lens: bool | None = Field(None, description="look inside by vllm-lens; none: where the interpreter has it")
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1)
    tensor_parallel_size: int = Field(1, ge=1)
    enforce_eager: bool | None = Field(None, description="none: on a CPU build only, where compiling is slow")
    tool_call_parser: str = Field("hermes", description="how the model writes tool calls, in vLLM's names")
    server_args: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field((), description="further flags")
    start_timeout: float = Field(600.0, gt=0, description="seconds until a start counts as failed")

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the server."""
        return self.python or os.environ.get(PYTHON_ENV) or sys.executable


@cache
def device_of(interpreter: str) -> str:
    """What the interpreter's vLLM runs on: `cpu`, `cuda`, … as vLLM calls it.

    Raises:
        CordeliaError: it does not run, or has no vLLM.
    """
    remedy = (
        f"Install vLLM there (pip install 'cordelia[vllm]'), name an interpreter that has it by python= or "
        f"{PYTHON_ENV}, or a running server by base_url=."
    )
    try:
        asked = subprocess.run(
            [interpreter, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            env=_safe(os.environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CordeliaError(f"The interpreter {interpreter} does not answer: {error}. {remedy}") from error
    if asked.returncode:
        said = asked.stderr.strip().splitlines()[-1:] or ["no message"]
        raise CordeliaError(f"vLLM does not load in {interpreter}: {said[0]}. {remedy}")
    device = asked.stdout.split()[-1]
    if device == "missing":
        raise CordeliaError(f"The backend 'vllm' found no vLLM in {interpreter}. {remedy}")
    return device


@cache
def has_lens(interpreter: str) -> bool:
    """Whether an interpreter has what looks inside need. Fast: nothing of it is imported."""
    probe = f"from importlib.util import find_spec\nprint('lens' if all(map(find_spec, {NEEDED})) else 'none')"
    try:
        asked = subprocess.run(
            [interpreter, "-c", probe],
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            env=_safe(os.environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False  # `device_of` says why, when the server is to start
    return asked.stdout.split() == ["lens"]


def serves_lens(args: VllmArgs) -> bool:
    """Whether the server that the arguments describe lets itself be looked into. Somebody else's has to be declared."""
    if args.lens is None:
        return args.base_url is None and has_lens(args.interpreter)
    return args.lens


def cpu_slots(args: VllmArgs, adapters: int) -> int:
    """How many adapters a server on a CPU build may ever load."""
    return max(args.max_loras, adapters)


def server_command(
    base: str,
    args: VllmArgs,
    *,
    device: str,
    lora_rank: int,
    adapters: int,
    port: int,
    lora_modules: tuple[str, ...] = (),
) -> list[str]:
    """The command line of a server.

    float32 on a CPU build, because it is what the transformers backend computes in there: greedy replies then
    agree word for word, with and without an adapter. bfloat16 is up to 1.6 times as fast, and half of its
    greedy replies change with the number of requests that happen to share the batch.

    Args:
        base: folder or hub id.
        args: the backend's arguments.
        device: from `device_of`.
        lora_rank: from `rank_for`; 0 starts a server without adapters.
        adapters: how many adapters the testbed has.
        port: to listen on, loopback only.
        lora_modules: from `modules_for`.
    """
    cpu = device == "cpu"
    dtype = "float32" if cpu and args.dtype == "auto" else args.dtype
    flags: dict[str, object] = {
        "--model": base,
        "--served-model-name": SERVED_NAME,
        "--host": "127.0.0.1",
        "--port": port,
        "--dtype": dtype,
        "--max-model-len": args.max_model_len or "auto",
        "--tensor-parallel-size": args.tensor_parallel_size,
        # sampling is what the request says, never what the model's folder recommends
        "--generation-config": "vllm",
        "--max-logprobs": MOST_NEXT,
        "--tool-call-parser": args.tool_call_parser,
        "--uvicorn-log-level": "warning",
    }
    if args.gpu_memory_utilization is not None:
        flags["--gpu-memory-utilization"] = args.gpu_memory_utilization
    if lora_rank:
        # the CPU build gives a request without adapter the one in the last slot (its index is -1), so that
        # slot must stay empty: VllmServer refuses more than `cpu_slots` adapters, and Room keeps to `max_changed`
        slots = cpu_slots(args, adapters) + args.max_changed
        in_batch = slots + 1 if cpu else min(args.max_loras, max(1, adapters))
        flags["--max-lora-rank"] = lora_rank
        flags["--max-loras"] = in_batch
        flags["--max-cpu-loras"] = max(in_batch, slots)
    switches = ["--enable-auto-tool-choice", "--disable-uvicorn-access-log"]
    if cpu if args.enforce_eager is None else args.enforce_eager:
        switches.append("--enforce-eager")
    if cpu:
        # a seeded request whose prompt is split over two steps kills the CPU engine (vLLM 0.32,
        # gpu_model_runner.py: "CPU Generator does not use offset")
        switches.append("--no-enable-chunked-prefill")
    if lora_rank:
        switches.append("--enable-lora")
    if cpu and lora_rank and lora_modules:
        # where the head can have an adapter, a request for prompt_logprobs that shares a step with another request
        # kills the CPU engine (vLLM 0.32, punica_cpu.py: `add_lora_logits` has an index a request, not a row)
        switches.extend(["--lora-target-modules", *lora_modules])
    options = [word for flag, value in flags.items() for word in (flag, str(value))]
    return [
        args.interpreter,
        "-m",
        "vllm.entrypoints.openai.api_server",
        *options,
        *switches,
        *args.server_args,
    ]


def server_environment(api_key: str, device: str, *, lens: bool = False) -> dict[str, str]:
    """The environment of a server. The key travels here because a command line is public on its machine.

    vllm-lens loads itself into every vLLM of its environment, and on a GPU it turns CUDA graphs off, so it is told
    whether it is wanted.
    """
    environment = _safe(os.environ)
    environment["VLLM_LENS_DISABLE"] = "0" if lens else "1"
    environment["VLLM_API_KEY"] = api_key
    environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "True"
    environment.setdefault("VLLM_NO_USAGE_STATS", "1")
    if device == "cpu":
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_KV_GIB)
    return environment


def free_port() -> int:
    """A port of the loopback on which nothing listens. Raises TargetError."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise TargetError("found no free port on the loopback for a vLLM server")


def log_file(base: str) -> Path:
    """A new log file for a server of `base`, in `servers/` below inspect's log folder."""
    folder = os.environ.get("INSPECT_LOG_DIR", "").removeprefix("file://") or "logs"
    root = Path("logs" if "://" in folder else folder) / "servers"
    root.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", base.rstrip("/").rsplit("/", 1)[-1])[:60]
    stamp = time.strftime("%Y%m%dT%H%M%S")
    return (root / f"{name}-{os.getpid()}-{stamp}-{secrets.token_hex(2)}.log").resolve()


def _safe(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the working directory on the path: a `vllm.py` that lies there is not vLLM."""
    return {**environment, "PYTHONSAFEPATH": "1"}
