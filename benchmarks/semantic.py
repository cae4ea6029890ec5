"""semantic: the documents nearest in meaning to a question, among 100,000.

`search` is a whole question after indexing: its embedding by the default model on this CPU, then the cosine with every
passage. The vectors are random, because embedding 100,000 documents takes hours on a CPU and the time of a search does
not depend on what they are; a document is one passage. `embedding` is what indexing costs, on generated documents of
about 2 kB, which are two or three passages each.
"""

import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.generated import documents
from benchmarks.results import Goal, Line, Result
from cordelia.testbeds.corpora.embed import get_embedder
from cordelia.testbeds.corpora.meaning import OWNERS, STATE, VECTORS, Meaning, State
from cordelia.testbeds.corpora.passages import passages

DOCUMENTS = 100_000
QUICK_DOCUMENTS = 5_000
QUESTIONS = [
    "What should I wear when it is cold outside?",
    "The committee met again on Thursday.",
    "how to mend a leaking tap",
    "A letter to a friend about the weather",
    "She said that the numbers were wrong, and nobody answered.",
]


def run(quick: bool) -> Result:
    """Times of questions, and of embedding a sample."""
    count = QUICK_DOCUMENTS if quick else DOCUMENTS
    started = time.perf_counter()
    embedder = get_embedder()
    loaded = time.perf_counter() - started
    width = embedder.embed(QUESTIONS).shape[1]
    with TemporaryDirectory(prefix="cordelia-semantic-") as folder:
        write_random(Path(folder), count, width)
        index = Meaning(Path(folder))
        index.nearest(embedder.embed(QUESTIONS)[0], 10)
        whole, cosines, busy = [], [], []
        for _ in range(2 if quick else 10):
            for question in QUESTIONS:
                started, processor = time.perf_counter(), time.process_time()
                vector = embedder.embed([question])[0]
                embedded = time.perf_counter()
                index.nearest(vector, 10)
                done = time.perf_counter()
                busy.append(1_000 * (time.process_time() - processor))
                whole.append(1_000 * (done - started))
                cosines.append(1_000 * (done - embedded))
    texts = [piece for text in islice(documents(100), 8 if quick else 64) for piece in passages(text)]
    started, processor = time.perf_counter(), time.process_time()
    embedder.embed(texts)
    rate, busy_rate = (len(texts) / spent for spent in (time.perf_counter() - started, time.process_time() - processor))
    lines = [
        Line("search, whole", "ms", whole, goal=Goal("ours", "≤", 100)),
        Line("search, whole, processor time", "ms", busy),
        Line("search, without the question's embedding", "ms", cosines),
        Line("embedding", "passages/s", [rate]),
        Line("embedding, a second of processor time", "passages/s", [busy_rate]),
        Line("loading the model", "s", [loaded]),
    ]
    return Result("semantic", "–", lines, [f"{count:,} random vectors of width {width}, float16; {embedder.name}."])


def write_random(folder: Path, count: int, width: int) -> None:
    """An index of random directions, a document each."""
    chance = np.random.default_rng(3)
    with (folder / VECTORS).open("wb") as file:
        for start in range(0, count, 10_000):
            block = chance.standard_normal((min(10_000, count - start), width), dtype=np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            file.write(block.astype(np.float16).tobytes())
    (folder / OWNERS).write_bytes(np.arange(1, count + 1, dtype=np.int32).tobytes())
    state = State(model="random", width=width, documents=count, passages=count)
    (folder / STATE).write_text(state.model_dump_json(), encoding="utf-8")
