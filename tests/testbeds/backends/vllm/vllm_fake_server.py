"""A vLLM server for tests that start a real process but need no weights.

Run as `fake_python` (see vllm_fake.py) would run vLLM. Every start and every request is a line in $FAKE_VLLM_LOG. A
prompt that begins with CRASH ends the process, one that begins with ERROR gets a 500, one with MUTE no prompt_logprobs.
What hooks did is said in $FAKE_VLLM_HOOKS; activations are their layer plus a hundredth of their place.
"""

import base64
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CRASH, ERROR, REFUSED, MUTE = 666, 500, 400, 700
CONTEXT = 64
KEY = os.environ.get("VLLM_API_KEY", "")
ADAPTERS: dict[str, str] = {}


def note(kind: str, **data: object) -> None:
    with Path(os.environ["FAKE_VLLM_LOG"]).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"kind": kind, **data}) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self.answer(401, {"error": "Unauthorized"})
        return False

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {})
        elif self.allowed():
            self.answer(200, {"data": [{"id": "base", "parent": None, "max_model_len": CONTEXT}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.allowed():
            note(self.path, body=body)
            self.answer(*reply(self.path, body))


def reply(path: str, body: dict[str, object]) -> tuple[int, object]:
    if path == "/v1/load_lora_adapter":
        ADAPTERS[str(body["lora_name"])] = str(body["lora_path"])
        say(f"Loaded {body['lora_name']} from {body['lora_path']}")
        return 200, "loaded"
    if body["model"] != "base" and body["model"] not in ADAPTERS:
        return 404, {"error": {"message": "no such model"}}
    if path == "/v1/chat/completions":
        return 200, chat(body)
    first = body["prompt"][0]  # type: ignore[index]
    if first == CRASH:
        say("RuntimeError: CUDA out of memory (not really)")
        os._exit(3)
    if first in (ERROR, REFUSED):
        return int(first), {"error": {"message": "the maximum context length is 64 tokens"}}
    return 200, completion(body)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def usage(prompt: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def completion(body: dict[str, object]) -> dict[str, object]:
    choice: dict[str, object] = {"text": f"from {body['model']}", "finish_reason": "stop", "logprobs": None}
    if body["max_tokens"] == 1 or len(body["prompt"]) > CONTEXT - 4:  # type: ignore[arg-type]
        choice["finish_reason"] = "length"
    if "logprobs" in body:
        choice["logprobs"] = {
            "tokens": ["token_id:70", "token_id:2"],
            "token_logprobs": [-0.5, -0.1],
            "top_logprobs": [{"token_id:71": -2.0, "token_id:70": -0.5}, {"token_id:2": -0.1}],
            "text_offset": [0, 1],
        }
    if "prompt_logprobs" in body and body["prompt"][0] != MUTE:  # type: ignore[index]
        # a token's log probability is its place, so that a test can tell which were read; z and y are always likely
        likely = {} if not body["prompt_logprobs"] else {"122": {"logprob": -0.1}, "121": {"logprob": -0.2}}
        said = [{str(t): {"logprob": -float(i), "rank": 1}, **likely} for i, t in enumerate(body["prompt"])]  # type: ignore[arg-type,var-annotated]
        choice["prompt_logprobs"] = [None, *said[1:]]
    choices = [{**choice, "index": place} for place in range(body.get("n", 1))]  # type: ignore[call-overload]
    used = usage(len(body["prompt"]), 2)  # type: ignore[arg-type]
    return {"id": "c", "object": "text_completion", "created": 0, "model": body["model"], "choices": choices,
            "usage": used, **inside(body)}  # fmt: skip


def inside(body: dict[str, object]) -> dict[str, object]:
    """What vllm-lens adds to an answer."""
    wanted = body.get("vllm_xargs", {})
    assert isinstance(wanted, dict)
    found: dict[str, object] = {}
    if "apply_hooks" in wanted and "FAKE_VLLM_HOOKS" in os.environ:
        found["hook_results"] = {"0": json.loads(os.environ["FAKE_VLLM_HOOKS"])}
    if "output_residual_stream" in wanted and body["prompt"][0] != MUTE:  # type: ignore[index]
        import numpy as np
        import zstandard

        places = np.arange(len(body["prompt"]))[None, :, None] / 100  # type: ignore[arg-type]
        layers = np.array(json.loads(wanted["output_residual_stream"]))[:, None, None]
        values = np.broadcast_to(layers + places, (*(layers + places).shape[:2], 8)).astype("float32")
        data = base64.b64encode(zstandard.ZstdCompressor().compress(values.tobytes())).decode()
        found["activations"] = {
            "residual_stream": {"data": data, "dtype": "float32", "original_dtype": "torch.float32",
                                "shape": list(values.shape), "compression": "zstd"}
        }  # fmt: skip
    return found


def chat(body: dict[str, object]) -> dict[str, object]:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"where": "here"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice],
            "usage": usage(5, 7)}  # fmt: skip


if __name__ == "__main__":
    note("start", argv=sys.argv[1:], key=KEY, runtime=os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING"))
    if os.environ.get("FAKE_VLLM_FAILS"):
        say("ValueError: no such architecture")
        sys.exit(1)
    port = int(sys.argv[sys.argv.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
