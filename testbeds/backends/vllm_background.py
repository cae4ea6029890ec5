"""Work that runs once in a daemon thread while any number of tasks, on any event loop, wait for it.

A daemon thread, and not `anyio.to_thread`: sixty-four audits that wait for one server would fill its
forty places, a cancelled audit must not take the start down for the others, and an exit must not wait for it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import anyio

from cordelia.testbeds.backends.base import TargetError

T = TypeVar("T")


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
