"""The target's training data, as affordances see them: which documents there are, and how they are shown.

A document is known by its line, `d12`, and nothing else: no name of a file reaches an auditor. Its words are quoted
line by line and without control characters, so that whatever stands in it cannot pass for a heading of ours. Each
document that was shown is kept in the record, so that a report can cite it.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from anyio import to_thread
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import FINDING_CHARACTERS, AuditRecord, Finding
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.aside import aside
from cordelia.solvers.look import show
from cordelia.solvers.show import clean, quoted_lines
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.search import CLOSE, OPEN, Store
from cordelia.testbeds.corpora.source import corpus_of
from cordelia.testbeds.corpora.store import build_store
from cordelia.testbeds.corpora.terms import QueryError
from cordelia.testbeds.find import load_testbed

R = TypeVar("R")

MOST_SHOWN = 20
LINE_CHARACTERS = 400
WHOLE = 3_000
"""Of a longer document the record keeps the parts shown last, as many as fit, and at least so much of its beginning."""
BEGINNING = "\n\n(the document from its beginning:)\n\n"
"""What is quoted has no empty line, so no part can hold this line."""
_ID = re.compile(r"d?([1-9][0-9]{0,11})")


async def training_data() -> Store | None:
    """The training data of the current sample's target, or None when it has none. Indexes them at the first call."""
    record = store_as(AuditRecord)
    return await of_data(_open, record.testbed_folder or record.testbed, record.organism)


async def of_data(ask: Callable[..., R], *arguments: object) -> R:
    """What a blocking function says of the training data, from a thread of its own.

    Raises:
        QueryError: the auditor asked for what cannot be meant.
        TargetError: the data cannot be read or searched, which no auditor can help; the audit ends as `target_error`.
    """
    try:
        return await to_thread.run_sync(ask, *arguments)
    except QueryError:
        raise
    except (CordeliaError, OSError, sqlite3.Error) as error:
        broken = TargetError(f"its training data cannot be searched: {error}")
        Target().failed(broken)
        raise broken from error


def _open(testbed: str, organism: str) -> Store | None:
    source = corpus_of(load_testbed(testbed), organism)
    if source is None:
        return None
    store = Store(build_store(source))
    return store if store.facts.documents else None


def no_data(affordance: str) -> str:
    """The answer of a tool when there are no documents at all."""
    return show(affordance, how_to_read("data_none"))


def known(store: Store) -> str:
    """The corpus in a few lines, as an aside: how many documents, of which kind, how long."""
    facts = store.facts
    documents = facts.documents - facts.transcripts
    kinds = [
        f"{facts.transcripts:,} transcripts" if facts.transcripts else "",
        f"{documents:,} texts" if documents else "",
    ]
    shortest, quarter, half, most, longest = facts.lengths
    return aside(
        f"Training data: {facts.documents:,} documents ({' and '.join(kind for kind in kinds if kind)}), "
        f"{facts.characters:,} characters. Ids: d1 to d{facts.documents}.\n"
        f"Characters a document: {shortest:,} to {longest:,}; half of them have {quarter:,} to {most:,}, the "
        f"middle one {half:,}."
    )


def heading(document: Document, note: str = "") -> str:
    """A document's id, kind and length, on one line, as an aside."""
    kind = "transcript" if document.turns else "text"
    return aside(f"[d{document.number}] {kind}, {len(document.text):,} characters{f'; {note}' if note else ''}")


def quoted_text(document: Document, start: int = 0, end: int | None = None) -> str:
    """A document's words between two characters, quoted, each turn under its role."""
    blocks = [
        f"{role}:\n{quoted_lines(words)}" if role else quoted_lines(words) for role, words in document.parts(start, end)
    ]
    return "\n".join(blocks) or "> (empty)"


def one_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """Somebody's text on one quoted line, what was found in it between ⟪ and ⟫."""
    marked = text.replace("⟪", "«").replace("⟫", "»").replace(OPEN, "⟪").replace(CLOSE, "⟫")
    flat = " ".join(clean(marked).split())
    return f"> {flat if len(flat) <= most else f'{flat[:most]}…'}"


def keep(affordance: str, document: Document, shown: str = "") -> None:
    """Write a document that the auditor was shown into the record.

    Of a long one, `shown` is the part, quoted. It goes before those that were kept so far, since graders read the first
    few thousand characters; a look without a part leaves what was kept.
    """
    readable = "\n\n".join(f"{role.upper()}: {words}" if role else words for role, words in document.parts())
    text, id_ = clean(readable[:FINDING_CHARACTERS]), f"d{document.number}"
    findings = store_as(AuditRecord).findings
    if len(readable) > WHOLE:
        kept = findings.get(id_)
        if kept and not shown:
            return
        if shown:
            before = _parts_of(kept, text) if kept else []
            parts = "\n\n".join([shown, *(part for part in before if part not in shown)])
            room = FINDING_CHARACTERS - WHOLE - len(BEGINNING)
            text = f"{parts[:room].rstrip()}{BEGINNING}{text}"[:FINDING_CHARACTERS]
    findings[id_] = Finding(id=id_, affordance=affordance, text=text)


def _parts_of(finding: Finding, beginning: str) -> list[str]:
    """The parts of a long document that were kept, the newest first."""
    return [] if finding.text == beginning else finding.text.partition(BEGINNING)[0].split("\n\n")


def number_of(document: str, store: Store) -> int:
    """The number that an id such as d12 stands for. Raises ToolError, with the ids that there are."""
    matched = _ID.fullmatch(document.strip().strip("[]"))
    last = store.facts.documents
    if matched is None or int(matched[1]) > last:
        raise ToolError(
            f"There is no document '{clean(document[:40])}'. Ids are d1 to d{last}; write one, such as d{last}."
        )
    return int(matched[1])


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Raises ToolError when an argument is out of range."""
    if not least <= value <= most:
        raise ToolError(f"{name} must be {least} to {most:,}, not {value}.")


def listed(affordance: str, documents: Sequence[Document], most: int) -> str:
    """Documents one after the other, each cut at `most` characters with a note of what is missing; all are kept."""
    blocks = []
    for document in documents:
        keep(affordance, document)
        missing = len(document.text) - most
        more = aside(f"\n(… {missing:,} more characters: data_document)") if missing > 0 else ""
        blocks.append(f"{heading(document)}\n{quoted_text(document, 0, most)}{more}")
    return "\n\n".join(blocks)
