"""The settings in a published autoencoder's cfg.json that are not read: known to be notes, or refused by name.

SAELens writes hundreds of settings beside an autoencoder, of its training and its data. Those in notes.yaml change
nothing in what it computes from an activation. Some say that it saw other activations than those of the hub's model; of
them only the values that change nothing are let pass. Nobody knows what an unknown one means, so it is refused too.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, quoted

FILE = Path(__file__).parent / "notes.yaml"
_LOADING = "model_from_pretrained_kwargs"
_CENTRED = "center_writing_weights"
_VERSION = "sae_lens_version"


class Notes(Content):
    """notes.yaml

    Attributes:
        canary: see there.
        notes: settings that change nothing, whatever they say.
        refused: settings that change what the model or the autoencoder is, unless they are off; and why.
        loading: keys of `model_from_pretrained_kwargs` that leave activations as they are.
        layer_norm: how the ids of models begin of which `center_writing_weights` is read.
    """

    canary: str
    notes: frozenset[str]
    refused: dict[str, str]
    loading: frozenset[str]
    layer_norm: tuple[str, ...]


@lru_cache(maxsize=1)
def notes() -> Notes:
    return load(Notes, FILE)


def check_settings(data: Mapping[str, object], read: set[str], path: Path) -> None:
    """Refuse settings that are neither read nor known to change nothing.

    Args:
        data: cfg.json. What stands under `metadata` (or `meta`) is somebody's to fill: unknown keys there are notes.
        read: the keys that are read elsewhere.
        path: of cfg.json, for errors.

    Raises:
        ContentError: names the setting.
    """
    for key in data:
        if key not in read | notes().notes | set(notes().refused) | {"meta", _LOADING}:
            raise ContentError(
                path,
                "this setting is not known here, so nobody can tell what it changes. If it changes nothing in what "
                "the autoencoder computes, delete it from the file",
                key,
            )
    for name, part in _parts(data):
        _check_meaning(part, name, path)


def mean_taken_off(data: Mapping[str, object], model: str, path: Path) -> bool:
    """Whether it saw activations whose mean over the width was taken off, as `center_writing_weights` does.

    Old files of models with LayerNorm do not say it, and the best known ones were trained so: SAELens knows it from its
    registry alone. Nothing is guessed.

    Args:
        data: cfg.json, of which `check_settings` was satisfied.
        model: whose residual stream it reads.
        path: of cfg.json, for errors.

    Raises:
        ContentError: it says so of a model of which nobody here knows whether it has LayerNorm, or it does not say
            how a model that has it was loaded.
    """
    said = {name: loading for name, part in _parts(data) if isinstance(loading := part.get(_LOADING), Mapping)}
    known = model.rpartition("/")[2].lower().startswith(notes().layer_norm)
    if known and not said and not any(part.get(_VERSION) for _, part in _parts(data)):
        raise ContentError(
            path,
            f"{quoted(model)} has LayerNorm, and the file does not say whether the model was loaded with its writing "
            f'weights centred. Write {{"{_CENTRED}": true}} (SAELens says so of gpt2-small-res-jb) or false',
            _LOADING,
        )
    for name, loading in said.items():
        if not _off(loading.get(_CENTRED)):
            if known:
                return True
            raise ContentError(
                path,
                f"it changes the activations of models with LayerNorm alone, and whether {quoted(model)} has it is not "
                f"known here (known: ids that begin with {', '.join(notes().layer_norm)}). Delete the key if the model "
                "has another norm",
                f"{name}{_LOADING}.{_CENTRED}",
            )
    return False


def _parts(data: Mapping[str, object]) -> list[tuple[str, Mapping[str, object]]]:
    """The file itself, and what of it is metadata, each under what its keys begin with."""
    inner = ((f"{name}.", data.get(name)) for name in ("metadata", "meta"))
    return [("", data), *((name, part) for name, part in inner if isinstance(part, Mapping))]


def _check_meaning(part: Mapping[str, object], within: str, path: Path) -> None:
    for key, why in notes().refused.items():
        if not _off(part.get(key)):
            raise ContentError(path, f"{quoted(str(part[key]))} is not read here: {why}", f"{within}{key}")
    loading = part.get(_LOADING)
    if loading is None:
        return
    if not isinstance(loading, Mapping):
        raise ContentError(path, "an object is wanted", f"{within}{_LOADING}")
    for key, value in loading.items():
        if key not in notes().loading | {_CENTRED} and not _off(value):
            raise ContentError(
                path,
                f"its activations are those of a model that was loaded with {quoted(f'{key}={value}')}, which is not "
                "the hub's model as it is audited",
                f"{within}{_LOADING}.{key}",
            )


def _off(value: object) -> bool:
    """Whether a setting says that there is nothing. 0 is something: the first head."""
    return value is None or value is False or value in ("", "none", [], {})
