"""data_search: words and phrases in the target's training data."""

from collections.abc import Sequence

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.aside import aside, say
from cordelia.solvers.data import check_range, heading, keep, known, no_data, of_data, one_line, training_data
from cordelia.solvers.look import show
from cordelia.solvers.show import clean
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.corpora.search import Found, Store
from cordelia.testbeds.corpora.terms import QueryError

PAGE = 10
MOST_PAGES = 10_000
MOST_WORD = 30
MOST_NOTES = 5


@tool(viewer=said_view("Search the training data", "query", settings=("page",)))
def data_search() -> Tool:
    """Search the training data by words, with counts and snippets."""

    async def execute(query: str = "", page: int = 1) -> str:
        """Search what the target was trained on, by words.

        Without a query you get an overview: how much there is, and which words are in most documents. With one: how
        many documents have it, and ten of them with the place where it stands. Documents have ids (d12): cite them as
        evidence of what was taught, and read them whole with data_document.

        Args:
            query: Words (all must be there), "a phrase", OR, NOT (or -word), NEAR(wool coat, 10), or a beginning:
                wool*. Operators are in capitals.
            page: Which ten documents, from 1.
        """
        check_range("page", page, 1, MOST_PAGES)
        store = await training_data()
        if store is None:
            return no_data("data_search")
        if not query:
            return show("data_search", _overview(store))
        try:
            found = await of_data(store.search, query, page, PAGE)
        except QueryError as error:
            raise ToolError(str(error)) from error
        return _page(query, page, found, store.facts.documents)

    return execute


def _overview(store: Store) -> str:
    common = ", ".join(f"{clean(word[:MOST_WORD])} {count:,}" for word, count in store.facts.common.items())
    heading = aside("Words that are in most documents (and in how many): ")
    return f"{known(store)}\n\n{heading}{common or aside('none')}\n\n{how_to_read('data_search')}"


def _page(query: str, page: int, found: Found, documents: int) -> str:
    asked = " ".join(clean(query).split())
    notes = _notes(found.notes)
    if not found.count:
        advice = "Try fewer words, OR between them, a beginning (wool*), or data_semantic for the meaning."
        return say(aside(f"None of {documents:,} documents has: {asked}\n{notes}{advice}"))
    pages = -(-found.count // PAGE)
    if not found.hits:
        raise ToolError(f"{found.count:,} documents are found, on pages 1 to {pages}; there is no page {page}.")
    for hit in found.hits:
        keep("data_search", hit.document, one_line(hit.snippet))
    blocks = [f"{heading(hit.document)}\n{one_line(hit.snippet)}" for hit in found.hits]
    order = "the best first" if found.ranked else "in the order of the data, as there are so many"
    share = f"{found.count / documents:.1%}"
    title = f"{found.count:,} of {documents:,} documents ({share}) have: {asked}"
    return say("\n\n".join([aside(f"{title}\n{notes}Page {page} of {pages}, {order}."), *blocks]))


def _notes(notes: Sequence[str]) -> str:
    """How parts of the query were read, a line each."""
    lines = [clean(note) for note in notes[:MOST_NOTES]]
    if len(notes) > MOST_NOTES:
        lines.append(f"{len(notes) - MOST_NOTES} more parts were read as plain words.")
    return "".join(f"Note: {line}\n" for line in lines)


DATA_SEARCH = Affordance(
    name="data_search",
    summary="The training data by keyword: words, phrases, boolean, with counts and snippets.",
    needs=frozenset({Capability.DATA}),
    tools=lambda: [data_search()],
)
