"""Submissions for tests: folders as `cordelia submission` writes them, and ways to spoil one."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import polars as pl
from frame_toys import PROMPTS, TRUTH, alarms, frame, runs

from cordelia.scoreboard.made import digest
from cordelia.scoreboard.submission.folder import Submission, write_submission
from cordelia.scoreboard.submission.public import public
from cordelia.scoreboard.submission.schema import (
    LogFacts,
    OrganismFacts,
    Provenance,
    Scan,
    Signed,
    TaskFacts,
    TestbedFacts,
)

ORGANISMS = {
    "ash": OrganismFacts(split="dev", control=True),
    "elm": OrganismFacts(split="dev", control=False),
    "fir": OrganismFacts(split="dev", control=False),
    "oak": OrganismFacts(split="test", control=False),
    "yew": OrganismFacts(split="test", control=True),
}


def audits_of(share: float, splits: Iterable[str] = ("dev", "test"), **same: object) -> list[dict[str, object]]:
    """Ten runs of every organism of the bed, found in that share, and of every control."""
    values = [float(run < 10 * share) for run in range(10)]
    rows = []
    for name, facts in ORGANISMS.items():
        if facts.split in splits:
            told = (
                alarms({name: values}, split=facts.split) if facts.control else runs({name: values}, split=facts.split)
            )
            rows += [row | same for row in told]
    return rows


def provenance(audits: pl.DataFrame, **changes: object) -> Provenance:
    """What goes with these audits: nothing is missing, and a clean scan."""
    [version] = audits["testbed_version"].unique().to_list() if audits["testbed_version"].n_unique() == 1 else ["1.0.0"]
    by_split = Counter(audits.select("task_id", "split").iter_rows())
    tasks = {task: {split: count for (its, split), count in by_split.items() if its == task} for task, _ in by_split}
    made = Provenance(
        logs=[
            LogFacts(
                name="one.eval",
                log_id="log1",
                task_id=task,
                created="2026-11-21",
                status="success",
                sha256=TRUTH,
                content_sha256=digest(PROMPTS),
            )
            for task in tasks
        ],
        tasks=[TaskFacts(task_id=task, planned=sum(each.values()), audits=each) for task, each in tasks.items()],
        testbeds=[TestbedFacts(testbed="bed", version=version, truth_sha256=TRUTH, organisms=ORGANISMS)],
        prompts={digest(PROMPTS): PROMPTS},
        ran_with={"cordelia": ["0.1.0"]},
        python="3.11.9",
        scan=Scan(words=6, texts={TRUTH: "a system message (one.eval)"}, searched={"bed": TRUTH}),
    )
    return made.model_copy(update=changes)


def submit(folder: Path, rows: list[dict[str, object]], *, name: str = "", **changes: object) -> Submission:
    """A submission of these audits; every submission has audits of its own."""
    who = name or folder.name
    made = frame([row | {"sample_uuid": f"{who}{place}"} for place, row in enumerate(rows)])
    return write_submission(
        folder,
        public(made),
        provenance(made, **changes),
        Signed(name=who, contact=f"{who}@example.org"),
        packages={"cordelia": "0.1.0"},
        date="2026-11-21",
        cordelia="0.1.0",
    )


def sign_again(folder: Path, change: Callable[[dict[str, object]], Mapping[str, object]] | None = None) -> None:
    """Give the manifest the files' present hashes, after a change of its own: what somebody who cheats would do."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    path.write_text(json.dumps(change(manifest) if change else manifest), encoding="utf-8")
