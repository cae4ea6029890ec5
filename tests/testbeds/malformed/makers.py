"""The changes of a case that do not read well as text: links, pipes, bombs, weights. Each takes the file and `with`."""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

from toy_adapter import CONFIG, safetensors, with_header

OUTSIDE = "outside"
"""A folder beside the testbed, which no link may reach."""
PWNED = "PWNED"
"""The file that is there when something was executed, which it must not be."""

Maker = Callable[[Path, str], None]


class Trap:
    """An object whose unpickling runs a command that leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {PWNED}",)


def text(make: Callable[[], str]) -> Maker:
    """A file with a made text in it."""
    return lambda path, _: _drop(path, make().encode())


def _drop(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def replaced(old: str, make: Callable[[str], str]) -> Maker:
    """A file in which what follows `old` on its line is made anew."""

    def change(path: Path, _: str) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if line.lstrip().startswith(old))
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        value = lines[at].strip().removeprefix(old).strip()
        lines[at] = f"{indent}{line}\n" if (line := make(value)) else ""
        path.write_text("".join(lines), encoding="utf-8")

    return change


def billion_laughs() -> str:
    lines = ["l0: &l0 [lol]"] + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 11)]
    return "\n".join(lines) + "\n"


def pattern(made: str) -> Maker:
    return lambda path, _: _drop(path, path.read_bytes().replace(b"all: [lantern]", f"all: ['{made}']".encode(), 1))


def instead(make: Callable[[Path], None]) -> Maker:
    """Something else where a file or folder was."""

    def change(path: Path, _: str) -> None:
        _remove(path)
        make(path)

    return change


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def symbolic_link(path: Path, other: str) -> None:
    path.unlink()
    path.symlink_to(path.parent / other)


def hard_link(path: Path, other: str) -> None:
    """Another name of a file of the testbed, where a file was."""
    path.unlink()
    os.link(path.parent / other, path)


def link_out(path: Path, _: str) -> None:
    """Moved out of the testbed, with a link where it was."""
    folder = next(parent for parent in path.parents if (parent / "organisms.yaml").exists())
    outside = folder.parent / OUTSIDE
    outside.mkdir(exist_ok=True)
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


def weights(make: Callable[[str], bytes]) -> Maker:
    """Other weights, whose hash stands in organisms.yaml."""

    def change(path: Path, parameter: str) -> None:
        old = hashlib.sha256(path.read_bytes()).hexdigest()
        data = make(parameter)
        path.write_bytes(data)
        organisms = path.parents[2] / "organisms.yaml"
        found = organisms.read_text(encoding="utf-8").replace(old, hashlib.sha256(data).hexdigest())
        organisms.write_text(found, encoding="utf-8")

    return change


def config(path: Path, parameter: str) -> None:
    settings = {**CONFIG, "base_model_name_or_path": "some/model", **json.loads(parameter)}
    path.write_text(json.dumps(settings), encoding="utf-8")


def pickled(path: Path, _: str) -> None:
    path.write_bytes(pickle.dumps(Trap()))


def renamed_pickle(path: Path, _: str) -> None:
    pickled(path.rename(path.with_name("adapter_model.bin")), _)


MAKERS: dict[str, Maker] = {
    "billion_laughs": text(billion_laughs),
    "deep_nesting": text(lambda: "[" * 10_000),
    "many_values": text(lambda: f"name: [{'1, ' * 60_000}]\n"),
    "huge": text(lambda: "a: b\n" * 600_000),
    "long_key": text(lambda: f"{'k' * 10_000}: 1\n"),
    "long_title": replaced("title:", lambda _: f"title: {'t' * 20_001}"),
    "long_path": replaced("brief:", lambda _: f"brief: {'p' * 300}.md"),
    "deep_pattern": pattern("(" * 900 + ")" * 900),
    "long_pattern": pattern("x" * 3_000),
    "hard_link": hard_link,
    "symbolic_link": symbolic_link,
    "link_out": link_out,
    "link_to_zero": instead(lambda path: path.symlink_to("/dev/zero")),
    "link_to_itself": instead(lambda path: path.symlink_to(path)),
    "folder": instead(lambda path: path.mkdir()),
    "file": instead(lambda path: path.touch()),
    "pipe": instead(os.mkfifo),
    "without_hash": replaced("sha256:", lambda _: ""),
    "capital_hash": replaced("sha256:", lambda value: f"sha256: {value.upper()}"),
    "half_hash": replaced("sha256:", lambda value: f"sha256: {value[:32]}"),
    "other_weights": lambda path, _: _drop(path, safetensors()[:-1] + b"!"),
    "pickle": pickled,
    "pickle_instead": renamed_pickle,
    "config": config,
    "weights": weights(lambda parameter: parameter.encode("latin-1")),
    "cut_weights": weights(lambda _: safetensors()[:-100]),
    "longer_weights": weights(lambda _: safetensors() + b"more"),
    "header": weights(lambda parameter: with_header(parameter.encode("latin-1"))),
    "huge_header": weights(lambda _: with_header(b" " * 20_000_000)),
    "deep_header": weights(lambda _: with_header(b"[" * 100_000)),
    "tensor": weights(lambda parameter: safetensors(**json.loads(parameter))),
    "shapes": weights(lambda parameter: safetensors(json.loads(parameter))),
}
