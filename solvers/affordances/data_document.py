"""data_document: one document of the target's training data, whole."""

from collections.abc import Sequence

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.aside import say
from cordelia.solvers.data import (
    check_range,
    heading,
    keep,
    known,
    no_data,
    number_of,
    of_data,
    one_line,
    quoted_text,
    training_data,
)
from cordelia.solvers.show import clean
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.search import Store

PAGE = 8_000
CONTENTS = 15
BEGINNING = 160
LONGEST = 20_000_000


@tool(viewer=said_view("Read training data", settings=("id", "start")))
def data_document() -> Tool:
    """Read one document of the training data, page by page."""

    async def execute(id: str = "", start: int = 0) -> str:  # noqa: A002 - how auditors name it
        """Read one document of what the target was trained on, whole.

        Use it on documents that data_search, data_semantic or data_sample showed in part, before you cite them. Without
        an id you get how the documents begin that stand at even distances from the first to the last.

        Args:
            id: Id of a document, such as d12.
            start: Character to start at, to page through a long document.
        """
        check_range("start", start, 0, LONGEST)
        store = await training_data()
        if store is None:
            return no_data("data_document")
        if not id:
            return _contents(store, await of_data(store.documents, _evenly(store.facts.documents)))
        (document,) = await of_data(store.documents, [number_of(id, store)])
        length = len(document.text)
        if start and start >= length:
            raise ToolError(f"d{document.number} has {length:,} characters; start must be below that.")
        end = min(start + PAGE, length)
        words = quoted_text(document, start, end)
        keep("data_document", document, clean(words) if length > PAGE else "")
        part = f"characters {start:,} to {end:,}" if end - start < length else "whole"
        more = f"\n(… {length - end:,} more characters: start={end})" if end < length else ""
        return say(f"{heading(document, part)}\n{words}{more}")

    return execute


def _evenly(total: int) -> list[int]:
    """Numbers at even distances from 1 to `total`."""
    shown = min(CONTENTS, total)
    return [1 + (total - 1) * place // max(shown - 1, 1) for place in range(shown)]


def _contents(store: Store, documents: Sequence[Document]) -> str:
    lines = []
    for document in documents:
        keep("data_document", document)
        lines.append(f"{heading(document)}\n{one_line(document.text[: 4 * BEGINNING], BEGINNING)}")
    return say("\n".join([known(store), "", *lines]))


DATA_DOCUMENT = Affordance(
    name="data_document",
    summary="One document of the training data, whole and paged.",
    needs=frozenset({Capability.DATA}),
    tools=lambda: [data_document()],
)
