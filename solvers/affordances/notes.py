"""notes: memory and a to-do list that survive the compaction of the conversation. Both are inspect's own tools."""

from inspect_ai.tool import memory, todo_write

from cordelia.solvers.affordances.base import Affordance

NOTES = Affordance(
    name="notes",
    summary="Memory and a to-do list that survive context compaction.",
    needs=frozenset(),
    tools=lambda: [memory(), todo_write()],
)
