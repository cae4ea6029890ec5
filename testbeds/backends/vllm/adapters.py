"""What a server must be able to serve so that some adapters fit on it, read from their configurations."""

import json
from collections.abc import Iterable
from pathlib import Path

from cordelia.contracts.errors import ContentError, CordeliaError

LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for --max-lora-rank (vllm/config/lora.py, MaxLoRARanks; rank 1 is new, so left out)."""


def rank_for(adapters: Iterable[Path], at_least: int = 0) -> int:
    """The --max-lora-rank that serves all these adapters; 0 when there is none and nothing is asked for.

    Raises:
        ContentError: an adapter has no readable adapter_config.json, or a rank that vLLM cannot serve.
    """
    needed = at_least
    for folder in adapters:
        path = folder / "adapter_config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            ranks = [int(config["r"]), *(int(rank) for rank in (config.get("rank_pattern") or {}).values())]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ContentError(path, f"not the configuration of a LoRA adapter ({error})") from error
        if max(ranks) > LORA_RANKS[-1]:
            raise ContentError(path, f"rank {max(ranks)}, and vLLM serves up to {LORA_RANKS[-1]}", "r")
        needed = max(needed, *ranks)
    if needed > LORA_RANKS[-1]:
        raise CordeliaError(f"max_lora_rank={needed}, and vLLM serves up to {LORA_RANKS[-1]}.")
    return next(rank for rank in (0, *LORA_RANKS) if rank >= needed)


def modules_for(adapters: Iterable[Path]) -> tuple[str, ...]:
    """The modules that these adapters change, by the last part of their names; empty where one does not list them."""
    found: set[str] = set()
    for folder in adapters:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        listed = config.get("target_modules")
        if not isinstance(listed, list):  # an expression, or all of a kind
            return ()
        found.update(str(name).rpartition(".")[2] for name in listed)
    return tuple(sorted(found))
