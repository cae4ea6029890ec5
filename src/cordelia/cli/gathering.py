"""What a submission says of where its audits come from: logs, tasks, testbeds, prompts, and the search for truths."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import fsspec
import polars as pl
from inspect_ai.log import EvalLog, EvalSample, read_eval_log

from cordelia.cli.truth_scan import TruthScan
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.scoreboard.endings import NOT_RUN
from cordelia.scoreboard.made import digest
from cordelia.scoreboard.submission.public import SETTINGS, ShortNames
from cordelia.scoreboard.submission.schema import LogFacts, OrganismFacts, Provenance, TaskFacts, TestbedFacts
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Testbed
from cordelia.testbeds.truth import truth_path

PACKAGES = ("inspect_ai", "cordelia")


@dataclass
class Gathered:
    """Everything that was read out of the logs.

    Attributes:
        telling: settings that hold words of a truth, as the frame has them. Each is a finding of the scan as well.
    """

    scan: TruthScan
    testbeds: list[TestbedFacts] = field(default_factory=list)
    logs: list[LogFacts] = field(default_factory=list)
    planned: dict[str, int] = field(default_factory=dict)
    audits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    prompts: dict[str, dict[str, str]] = field(default_factory=dict)
    ran_with: dict[str, set[str]] = field(default_factory=dict)
    telling: set[str] = field(default_factory=set)

    def provenance(self, python: str) -> Provenance:
        """All of it as a submission says it."""
        return Provenance(
            logs=self.logs,
            tasks=[
                TaskFacts(
                    task_id=task,
                    planned=planned,
                    audits={split: count for (its, split), count in sorted(self.audits.items()) if its == task},
                )
                for task, planned in sorted(self.planned.items())
            ],
            testbeds=self.testbeds,
            prompts=self.prompts,
            ran_with={name: sorted(versions) for name, versions in sorted(self.ran_with.items())},
            python=python,
            scan=self.scan.result(),
        )


def gather(audits: pl.DataFrame, names: ShortNames, searched: Callable[[str], None]) -> Gathered:
    """Read every log of a frame again, whole: what auditors were given stands in no summary.

    Args:
        audits: the frame.
        names: what logs are called; `public` must be given the same.
        searched: called with each log's name when it is done.

    Raises:
        CordeliaError: a log that was read a moment ago cannot be read.
    """
    ran = audits.filter(pl.col("outcome") != NOT_RUN)
    gathered = Gathered(TruthScan(), audits=Counter(ran.select("task_id", "split").iter_rows()))
    files = audits.sort("created")["log"].unique(maintain_order=True).to_list()
    for file in files:
        log = _read(file)
        _find_testbed(gathered, log)
        _note(gathered, log, file, names.short(file))
        searched(file)
    for column, where in SETTINGS.items():
        written = audits.sort("created").drop_nulls(column).unique(column, keep="first", maintain_order=True)
        for text, file in written.select(column, "log").iter_rows():
            if gathered.scan.withhold(text, where, names.short(file)):
                gathered.telling.add(text)
    return gathered


def _find_testbed(gathered: Gathered, log: EvalLog) -> None:
    """Make the log's testbed known, and its truths looked for; say why when that cannot be."""
    metadata = log.eval.metadata or {}
    name, wanted = str(metadata.get("testbed", "")), str(metadata.get("testbed_version", ""))
    if any((known.testbed, known.version) == (name, wanted) for known in gathered.testbeds):
        return
    try:
        testbed = _testbed(name, log)
        if testbed.spec.version != wanted:
            raise CordeliaError(f"the audits are of version {wanted}, and here is version {testbed.spec.version}")
        truth = sha256(truth_path(testbed).read_bytes()).hexdigest()
        gathered.scan.look_for(testbed, truth)
    except (CordeliaError, OSError) as error:
        gathered.scan.not_searched[name] = str(error)
        return
    organisms = {
        each: OrganismFacts(split=organism.split.value, control=organism.control)
        for each, organism in testbed.organisms.items()
    }
    gathered.testbeds.append(TestbedFacts(testbed=name, version=wanted, truth_sha256=truth, organisms=organisms))


def _testbed(name: str, log: EvalLog) -> Testbed:
    """The testbed by the folder that the log was run from, else by its name."""
    sample = next(iter(log.samples or []), EvalSample(id=0, epoch=1, input="", target=""))
    folder = sample.store_as(AuditRecord).testbed_folder
    return load_testbed(folder if folder and Path(folder).is_dir() else name)


def _note(gathered: Gathered, log: EvalLog, file: str, name: str) -> None:
    spec = log.eval
    metadata = spec.metadata or {}
    content = metadata.get("content_sha256")
    gathered.scan.search(log, name)
    gathered.logs.append(
        LogFacts(
            name=name,
            log_id=spec.eval_id,
            task_id=spec.task_id,
            created=spec.created,
            status=log.status,
            sha256=_digest(file),
            content_sha256=digest(content),
        )
    )
    if isinstance(content, Mapping):
        gathered.prompts[digest(content)] = {str(path): str(value) for path, value in content.items()}
    ids = spec.dataset.sample_ids
    samples = len(ids) if ids is not None else (spec.dataset.samples or 0)
    gathered.planned[spec.task_id] = samples * (spec.config.epochs or 1)
    for package in PACKAGES:
        if found := str(spec.packages.get(package) or metadata.get(package) or ""):
            gathered.ran_with.setdefault(package, set()).add(found)


def _read(file: str) -> EvalLog:
    try:
        return read_eval_log(file, resolve_attachments="core")
    except (ValueError, OSError, KeyError) as error:
        raise CordeliaError(f"{file} cannot be read any more: {error}") from error


def _digest(file: str) -> str:
    found = sha256()
    with fsspec.open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
