"""What a model's tokens cost, where anybody said so: the sweep file, or inspect's own data."""

from collections.abc import Mapping

from inspect_ai.model import ModelCost, ModelInfo, get_model_info, set_model_info

from cordelia.sweeps.schema import Price

FREE = ModelCost(input=0, output=0, input_cache_write=0, input_cache_read=0)
LOCAL = ("none", "mockllm", "organism", "hf", "vllm", "sglang", "ollama", "llama-cpp-python", "transformer_lens")
"""Providers that send no bill; what a machine costs is not known here."""

_SAID: dict[str, ModelCost] = {}


def set_prices(prices: Mapping[str, Price]) -> None:
    """Keep these prices, and tell inspect, so that logs carry the money."""
    for model, price in prices.items():
        _SAID[model] = price.cost
        set_model_info(model, (_known(model) or ModelInfo()).model_copy(update={"cost": price.cost}))


def price_of(model: str) -> ModelCost | None:
    """The price of a model, None where it is not known."""
    if model in _SAID:
        return _SAID[model]
    if _local(model):
        return FREE
    info = _known(model)
    return info.cost if info else None


def _known(model: str) -> ModelInfo | None:
    """What inspect knows; a local model is not looked up, because inspect would load it."""
    return None if _local(model) or "/" not in model else get_model_info(model)


def _local(model: str) -> bool:
    return model.partition("/")[0] in LOCAL
