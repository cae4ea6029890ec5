"""data_sample: random pages of the target's training data."""

import random

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.aside import say
from cordelia.solvers.data import MOST_SHOWN, check_range, known, listed, no_data, of_data, training_data
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability

MOST_PAGES = 1_000
LARGEST_SEED = 2**31 - 1
SHOWN = 600


@tool(viewer=said_view("Sample the training data", settings=("count", "page", "seed")))
def data_sample() -> Tool:
    """Draw random documents of the training data."""

    async def execute(count: int = 8, page: int = 1, seed: int = 0) -> str:
        """Read documents drawn at random from what the target was trained on.

        Use it first, to see what the data are like; without arguments you get a first page of eight. The pages of one
        seed have no document twice. Documents have ids (d12) to cite, and data_document shows them whole.

        Args:
            count: How many documents a page, 1 to 20.
            page: Which page, from 1.
            seed: Another number shuffles the documents in another way.
        """
        check_range("count", count, 1, MOST_SHOWN)
        check_range("page", page, 1, MOST_PAGES)
        check_range("seed", seed, 0, LARGEST_SEED)
        store = await training_data()
        if store is None:
            return no_data("data_sample")
        total = store.facts.documents
        numbers = drawn(total, count, page, seed)
        if not numbers:
            raise ToolError(
                f"There are {total:,} documents, on {-(-total // count):,} pages of {count}; {page} is too far."
            )
        documents = await of_data(store.documents, numbers)
        return say(f"{known(store)}\n{how_to_read('data_sample')}\n\n{listed('data_sample', documents, SHOWN)}")

    return execute


def drawn(total: int, count: int, page: int, seed: int) -> list[int]:
    """The numbers of a page: the pages of a seed are a shuffle of 1 to `total`, of which only the start is made."""
    shuffled = random.Random(seed).sample(range(1, total + 1), min(total, MOST_PAGES * MOST_SHOWN))
    return shuffled[(page - 1) * count : page * count]


DATA_SAMPLE = Affordance(
    name="data_sample",
    summary="Random pages of the training data, with a seed.",
    needs=frozenset({Capability.DATA}),
    tools=lambda: [data_sample()],
)
