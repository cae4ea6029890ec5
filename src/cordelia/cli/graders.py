"""The options that say which grader: `--grader` and `--model`, for every command that grades."""

from inspect_ai.model import GenerateConfig, Model, get_model

from cordelia.contracts.errors import CordeliaError


def asked_grader(grader: str | None, models: tuple[str, ...]) -> str:
    """`model` or `offline`. Raises CordeliaError when the two options do not make sense together."""
    chosen = grader or ("model" if models else None)
    if chosen not in {"model", "offline"} or (chosen == "model") != bool(models):
        wrong = f"There is no grader '{chosen}'. " if chosen not in {None, "model", "offline"} else ""
        raise CordeliaError(
            f"{wrong}Say which grader: --model <provider>/<model> (several make a panel), or --grader offline."
        )
    return chosen


def graders(
    names: tuple[str, ...], max_connections: int | None = None, max_tokens: int | None = None
) -> Model | list[Model]:
    """One model or a panel. Raises CordeliaError for a model that inspect does not know.

    Args:
        names: as inspect writes them.
        max_connections: most calls at once to each; a role's models do not take the eval's own settings.
        max_tokens: length of an answer; None leaves it to the provider.
    """
    config = GenerateConfig(max_connections=max_connections, max_tokens=max_tokens)
    try:
        models = [get_model(name, config=config) for name in names]
    except ValueError as error:
        raise CordeliaError(f"--model: {error}") from error
    return models[0] if len(models) == 1 else models
