"""What a vLLM server must serve, and where it then answers."""

from dataclasses import dataclass

from cordelia.testbeds.backends.vllm.command import VllmArgs


@dataclass(frozen=True)
class ServerSpec:
    """What a server must be able to serve.

    Attributes:
        name: the base's public name, for log lines.
        base: folder or hub id.
        args: the backend's arguments; with `base_url`, the server is somebody else's.
        lora_rank: --max-lora-rank, 0 for none.
        adapters: how many adapters to make room for.
        lora_modules: what the adapters change; empty for anything.
    """

    name: str
    base: str
    args: VllmArgs
    lora_rank: int = 0
    adapters: int = 0
    lora_modules: tuple[str, ...] = ()

    def covers(self, other: "ServerSpec") -> bool:
        """Whether a server for this serves the adapters of another, of the same base and arguments, too."""
        modules = not self.lora_modules or (other.lora_modules and set(other.lora_modules) <= set(self.lora_modules))
        return self.lora_rank >= other.lora_rank and (bool(modules) or not other.lora_rank)


@dataclass(frozen=True)
class Served:
    """A server that answers: its API's address and key, the base's name there, and its context in tokens."""

    url: str
    api_key: str
    model: str
    context: int
