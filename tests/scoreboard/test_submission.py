"""The submission's folder: written whole or not at all, free of truth, and read with suspicion."""

import json
from pathlib import Path

import polars as pl
import pytest
from frame_toys import frame, runs
from submission_toys import audits_of, sign_again, submit

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.scoreboard.submission import folder as folder_module
from cordelia.scoreboard.submission.folder import read_submission
from cordelia.scoreboard.submission.public import PUBLIC, public
from cordelia.scoreboard.submission.refusals import refusals


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    made = submit(tmp_path / "one", audits_of(0.4))
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "frame.parquet",
        "manifest.json",
        "packages.txt",
        "provenance.json",
    ]
    assert refusals(made) == []
    assert [(claim.split, claim.audits) for claim in made.manifest.claims] == [("dev", 30), ("test", 20)]
    assert read_submission(tmp_path / "one").audits.equals(made.audits)
    assert [path.name for path in tmp_path.iterdir()] == ["one"], "no half folder is left"


def test_the_frame_has_no_words_of_auditors_and_no_folders_of_the_machine() -> None:
    args = '{"hint": "It talks about lanterns"}'
    rows = runs(
        {"elm": [1.0]},
        answer="1. It talks about lanterns. (0.9)",
        reason="It talks about lanterns",
        auditor_args=args,
        generate=args,
        tools=["/home/somebody/tools.py@probe", "their_pkg/tool"],
    )
    found = public(frame(rows), telling={args})
    assert "lanterns" not in found.write_json() and "/home" not in found.write_json()
    assert found["log"].to_list() == ["one.eval"]
    assert found["tools"].to_list() == [["tools.py@probe", "their_pkg/tool"]]
    assert dict(found.schema) == PUBLIC
    assert public(frame(runs({"elm": [1.0]}, auditor_args=args)))["auditor_args"].to_list() == [args]


def test_paths_are_left_out_wherever_they_stand_and_stay_apart() -> None:
    one, two = (
        {
            "organism": "elm",
            "epoch": epoch,
            "solver": f"/home/me/{folder}/aud.py@mine",
            "auditor_model": f"hf//home/me/{folder}/weights",
            "base": "vllm//data/me/base",
            "model_args": f'{{"model_path": "/home/me/{folder}/weights", "dtype": "bf16", "url": "http://localhost/v1"}}',
            "model_roles": '{"helper": {"model": "hf/local", "paths": ["~/me/helper", "C:\\\\me\\\\x"]}}',
            "backend_args": '{"root": "/", "prefix": "/no_think"}',
        }
        for epoch, folder in enumerate(("one", "two"), start=1)
    )
    found = public(frame([one, two]))
    assert not any(f"{folder}/" in found.write_json() for folder in ("me", "one", "two", "home", "data"))
    assert found["solver"].to_list() == ["aud.py@mine", "aud.py@mine (2)"]
    assert found["auditor_model"].to_list() == ["hf/weights", "hf/weights (2)"]
    assert found["base"].to_list() == ["vllm/base"] * 2
    assert [json.loads(each) for each in found["model_args"]] == [
        {"model_path": name, "dtype": "bf16", "url": "http://localhost/v1"} for name in ("weights", "weights (2)")
    ]
    assert json.loads(found["model_roles"][0]) == {"helper": {"model": "hf/local", "paths": ["helper", "x"]}}
    assert json.loads(found["backend_args"][0]) == {"root": "/", "prefix": "/no_think"}


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "notes").write_text("mine")
    with pytest.raises(CordeliaError, match="is there already"):
        submit(tmp_path / "one", audits_of(0.4))
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["notes"]


def test_a_write_that_breaks_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(folder_module, "_digest", broken)
    with pytest.raises(OSError, match="disk is full"):
        submit(tmp_path / "one", audits_of(0.4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["frame.parquet", "provenance.json", "packages.txt"])
def test_an_altered_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    submit(tmp_path / "one", audits_of(0.4))
    path = tmp_path / "one" / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ContentError, match=f"{name}: was altered"):
        read_submission(tmp_path / "one")
    path.unlink()
    with pytest.raises(ContentError, match=f"{name}: this file is missing"):
        read_submission(tmp_path / "one")


def test_another_format_is_refused_by_its_version(tmp_path: Path) -> None:
    submit(tmp_path / "one", audits_of(0.4))
    sign_again(tmp_path / "one", lambda manifest: manifest | {"schema_version": 1, "news": 1})
    with pytest.raises(ContentError, match="the format is version 1; this Cordelia reads 2"):
        read_submission(tmp_path / "one")


def test_a_manifest_cannot_leave_files_out_or_point_elsewhere(tmp_path: Path) -> None:
    submit(tmp_path / "one", audits_of(0.4))
    path = tmp_path / "one" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for files in ({}, {**manifest["files"], "../../etc/passwd": "0" * 64}):
        path.write_text(json.dumps(manifest | {"files": files}), encoding="utf-8")
        with pytest.raises(ContentError, match="must give the hashes of frame"):
            read_submission(tmp_path / "one")


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("cordelia==0.1.0\nall of them\n", "'all of them' is no package")]
)
def test_a_package_list_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    made = submit(tmp_path / "one", audits_of(0.4))
    (made.folder / "packages.txt").write_text(text, encoding="utf-8")
    sign_again(made.folder)
    with pytest.raises(ContentError, match=rf"packages\.txt: {words}"):
        read_submission(made.folder)


@pytest.mark.parametrize("date", ["the future", "2026-13-01", "20261121", ""])
def test_a_date_that_is_none(tmp_path: Path, date: str) -> None:
    made = submit(tmp_path / "one", audits_of(0.4))
    sign_again(made.folder, lambda manifest: manifest | {"date": date})
    with pytest.raises(ContentError, match=r"manifest\.json: date: "):
        read_submission(made.folder)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"python": ""}, "python"),
        ({"ran_with": {}}, "ran_with"),
        ({"tasks": [{"task_id": "task1", "planned": 0, "audits": {}}]}, "tasks.0.planned"),
        ({"logs": [{"name": "one.eval"}]}, "logs.0.log_id"),
        ({"prompts": {"x": {}}}, "prompts.x"),
    ],
)
def test_provenance_of_another_type(tmp_path: Path, change: dict[str, object], key: str) -> None:
    made = submit(tmp_path / "one", audits_of(0.4))
    path = made.folder / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    sign_again(made.folder)
    with pytest.raises(ContentError) as caught:
        read_submission(made.folder)
    assert caught.value.key == key


def test_a_frame_with_other_columns_is_refused(tmp_path: Path) -> None:
    made = submit(tmp_path / "one", audits_of(0.4))
    made.audits.with_columns(answer=pl.lit("It talks about lanterns")).write_parquet(made.folder / "frame.parquet")
    sign_again(made.folder)
    with pytest.raises(ContentError, match="these differ: answer"):
        read_submission(made.folder)
    (made.folder / "frame.parquet").write_bytes(b"PAR1 no parquet PAR1")
    sign_again(made.folder)
    with pytest.raises(ContentError, match="is no parquet file that can be read"):
        read_submission(made.folder)
