"""What runs inside a vLLM server to intervene on one request: Cordelia's own code and numbers, sent with the request.

A server may be in an environment without Cordelia and on another Python, where functions cannot be pickled by value
(their bytecode differs). So this file and block_function.py travel as source text, in a pickle that names nothing but
`eval`, and are put together there; the server hands them on to its workers in the same way. Of an auditor's, only
numbers travel. A server that takes hooks runs whatever the holder of its key sends: ours listen on the loopback with a
key of their own.

vllm-lens (1.3.0, _worker_ext.py) calls a hook once a layer and step with the rows of its request, and leaves to it:
- Errors. A hook that raises takes the layer's other hooks down, those of other requests too, and nobody is told. So
  nothing raises here; `error` comes back in its place.
- Positions. Rows are counted, a layer at a time. A request that vLLM drops from the batch for want of memory is
  computed anew later, prompt and reply, at once or in chunks, which shows as several rows at once after all had been
  read. It has then as many tokens as were read, and maybe the last one that was written, which was not read yet. Where
  chunks do not add up to that, nobody knows which of them was the first: an error.
- What comes back is pickled when the reply is ready, so counts wait on the device until then.
"""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    # on the server, block_function.py ran in this file's namespace before it (see _UNPACK), so the names are there
    from cordelia.testbeds.backends.block_function import BlockFunction, Step, Tokens

# compile(), because source that exec is given as text inherits the `__future__` imports of whoever unpickles it
_UNPACK = (
    "(space := {'__name__': 'cordelia_hook'}, "
    "[exec(compile(code[part], part, 'exec', 0, True), space) for part in ('block_function', 'hook')], "
    "space['InsideHook'](code, blocks, prompt))[-1]"
)


class Context(Protocol):
    """The part of vllm-lens' HookContext that is used. `saved` comes back with the answer."""

    layer_idx: int
    saved: dict[str, object]


class InsideHook:
    """The interventions of one request, as vllm-lens calls them.

    Args:
        code: the sources of block_function.py and of this file, as `block_function` and `hook`; with them it can
            travel on.
        blocks: by block, its steps in their order: the fields of each, tensors as (type, shape, bytes).
        prompt: how many tokens the request's prompt has.
    """

    def __init__(self, code: dict[str, str], blocks: dict[int, list[dict[str, Any]]], prompt: int) -> None:
        self.told: dict[str, object] = {"code": code, "blocks": blocks, "prompt": prompt}
        self.blocks = blocks
        self.prompt = prompt
        self.functions: dict[int, BlockFunction] = {}
        self.read: dict[int, int] = {}
        self.whole: dict[int, tuple[int, int]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (_UNPACK, self.told)

    def __call__(self, ctx: Context, hidden: "torch.Tensor") -> "torch.Tensor | None":
        """The activations [tokens, width] of the request's next tokens at one block, as they go on."""
        block = ctx.layer_idx
        try:
            ctx.saved.setdefault(f"block {block}", Report(self, block))
            return self._changed(block, hidden)
        except Exception as error:  # noqa: BLE001 - see above
            ctx.saved["error"] = f"{type(error).__name__}: {error}"
            return None

    def _changed(self, block: int, hidden: "torch.Tensor") -> "torch.Tensor":
        count, read = len(hidden), self.read.get(block, 0)
        # how many tokens come before the next that is written and read alone: at least, and at most
        least, most = self.whole.setdefault(block, (self.prompt, self.prompt))
        anew = count > 1 and read >= least and read + count > most
        if anew:
            self.whole[block] = least, most = read, read + 1
            read = 0
        if count > 1 and read + count > most:
            raise RuntimeError("a text was begun anew before it had been read")
        if anew or block not in self.functions:
            self.functions[block] = BlockFunction(block, [step_of(fields) for fields in self.blocks[block]])
        self.read[block] = read + count
        return self.functions[block](Tokens.span(read, count, self.prompt, hidden.device), hidden)


class Report:
    """What was done at one block. It becomes plain numbers when it is pickled, and not before."""

    def __init__(self, hook: InsideHook, block: int) -> None:
        self.hook = hook
        self.block = block

    def __reduce__(self) -> tuple[object, ...]:
        function = self.hook.functions.get(self.block)
        counts = [list(pair) for pair in function.counts.items()] if function else []
        return dict, ({"read": self.hook.read.get(self.block, 0), "applied": counts},)


def fields_of(step: "Step") -> dict[str, Any]:
    """A step as plain data."""
    fields: dict[str, Any] = dict(vars(step))
    for name in ("vector", "listed"):
        if fields[name] is not None:
            array = fields[name].numpy()
            fields[name] = (str(array.dtype), array.shape, array.tobytes())
    return fields


def step_of(fields: dict[str, Any]) -> "Step":
    """The step that plain data describes."""
    import torch

    made = dict(fields)
    for name in ("vector", "listed"):
        if made[name] is not None:
            kind, shape, raw = made[name]
            made[name] = torch.frombuffer(bytearray(raw), dtype=getattr(torch, kind)).reshape(shape)
    return Step(**made)
