"""Several awaitables at once, results in order, and the first failure as itself.

inspect's `collect` does the same inside a span a task, which buries a battery of a hundred prompts in a hundred spans.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run all calls concurrently. When some fail, the others are cancelled and the first failure is raised."""
    results: dict[int, T] = {}
    failures: list[Exception] = []

    async def run(position: int) -> None:
        try:
            results[position] = await calls[position]()
        except Exception as error:  # noqa: BLE001 - raised below, once the group has ended
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for position in range(len(calls)):
            group.start_soon(run, position)
    if failures:
        raise failures[0]
    return [results[position] for position in range(len(calls))]
