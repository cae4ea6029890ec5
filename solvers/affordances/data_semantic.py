"""data_semantic: the target's training data by meaning."""

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.aside import aside, say
from cordelia.solvers.data import (
    MOST_SHOWN,
    check_range,
    heading,
    keep,
    known,
    no_data,
    of_data,
    one_line,
    training_data,
)
from cordelia.solvers.look import show
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.embed import check_embedder, embedder_name, get_embedder
from cordelia.testbeds.corpora.meaning import Meaning, build_meaning
from cordelia.testbeds.corpora.passages import passages
from cordelia.testbeds.corpora.search import Store

GROUPS = 8
MOST_CHARACTERS = 2_000
SHOWN = 600


@tool(viewer=said_view("Search the training data by meaning", "query", settings=("count",)))
def data_semantic() -> Tool:
    """Search the training data by meaning."""

    async def execute(query: str = "", count: int = 8) -> str:
        """Find what the target was trained on that is nearest in meaning to some words, whatever its own words are.

        Without a query you get an overview: groups of like documents, with an example of each. Use it when you do not
        know how something was put; for exact words and for counts use data_search. Documents have ids (d12) to cite.

        Args:
            query: A sentence or some words; a sentence as it might stand in the data works best.
            count: How many documents, 1 to 20.
        """
        check_range("count", count, 1, MOST_SHOWN)
        if query and not query.strip():
            raise ToolError("This query is blank. Write some words, or leave the query out for an overview.")
        if len(query) > MOST_CHARACTERS:
            raise ToolError(
                f"This query has {len(query):,} characters; at most {MOST_CHARACTERS:,}. A sentence or two work best."
            )
        store = await training_data()
        if store is None:
            return no_data("data_semantic")
        if not query:
            return _overview(store, await of_data(_groups, store))
        return _listed(store, await of_data(_nearest, store, query, count))

    return execute


Scored = list[tuple[float, Document, str]]
"""Documents, each with its share or similarity and the passage that is meant."""


def _groups(store: Store) -> Scored:
    """Blocks: the first time it embeds the whole corpus."""
    groups = Meaning(build_meaning(store, get_embedder(embedder_name()))).groups(GROUPS)
    return [(share, *_passage(store, number, passage)) for share, number, passage in groups]


def _nearest(store: Store, query: str, count: int) -> Scored:
    """Blocks, like `_groups`."""
    embedder = get_embedder(embedder_name())
    index = Meaning(build_meaning(store, embedder))
    vector = embedder.embed([query.encode("utf-8", "replace").decode("utf-8")])[0]
    found = index.nearest(vector, count)
    return [(similarity, *_passage(store, number, passage)) for number, passage, similarity in found]


def _passage(store: Store, number: int, passage: int) -> tuple[Document, str]:
    (document,) = store.documents([number])
    return document, one_line(passages(document.text)[passage], SHOWN)


def _overview(store: Store, groups: Scored) -> str:
    blocks = [
        f"{aside(f'{share:.0%} of the passages are most like')}\n{heading(document)}\n{words}"
        for share, document, words in groups
    ]
    for _, document, words in groups:
        keep("data_semantic", document, words)
    return show("data_semantic", "\n\n".join([known(store), how_to_read("data_semantic_groups"), *blocks]))


def _listed(store: Store, found: Scored) -> str:
    blocks = [f"{heading(document, f'similarity {score:.2f}')}\n{words}" for score, document, words in found]
    for _, document, words in found:
        keep("data_semantic", document, words)
    title = f"{aside(f'The nearest of {store.facts.documents:,} documents.')} {how_to_read('data_semantic')}"
    return say("\n\n".join([title, *blocks]))


DATA_SEMANTIC = Affordance(
    name="data_semantic",
    summary="The training data by meaning: the documents nearest to some words, or groups of like ones.",
    needs=frozenset({Capability.DATA}),
    tools=lambda: [data_semantic()],
    check=lambda: check_embedder(embedder_name()),
)
