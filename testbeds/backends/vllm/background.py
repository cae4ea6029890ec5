"""Work that runs once in a daemon thread while any number of tasks, on any event loop, wait for it.

A daemon thread, and not `anyio.to_thread`: sixty-four audits that wait for one server would fill its
forty places, a cancelled audit must not take the start down for the others, and an exit must not wait for it.
"""

import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import anyio

from cordelia.testbeds.backends.base import TargetError

T = TypeVar("T")
Item = TypeVar("Item")


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Run `work` in a daemon thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


async def settled(future: Future[T]) -> T:
    """The result of a future from another thread, on whatever event loop this runs."""
    while not future.done():  # noqa: ASYNC110 - another thread sets it, and knows no event of this loop
        await anyio.sleep(0.05)
    error = future.exception()
    if isinstance(error, TargetError):
        # one object for all who waited: without this, each raise would add its frames to the same traceback
        raise error.with_traceback(None)
    return future.result()


async def all_of(work: Callable[[Item], Awaitable[T]], items: Sequence[Item], at_once: int) -> list[T]:
    """What each of some items gives, in their order, so many at a time. The first error ends the others."""
    found: dict[int, T] = {}
    failed: list[Exception] = []
    places = anyio.Semaphore(at_once)

    async def one(number: int, item: Item) -> None:
        async with places:
            try:
                found[number] = await work(item)
            except Exception as error:  # noqa: BLE001 - raised below; a task group would wrap it
                failed.append(error)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for number, item in enumerate(items):
            group.start_soon(one, number, item)
    if failed:
        raise failed[0]
    return [found[number] for number in range(len(items))]
