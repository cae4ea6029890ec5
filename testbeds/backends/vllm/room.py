"""Changed copies of adapters (scaled, shaken): each is one more adapter of its server, under an alias of its own.

On a GPU, vLLM moves adapters in and out as requests need them. Its CPU build must never fill its last slot (see
`server_command`), so there a few places are kept for such copies. When they are taken, the one that was used least
recently and is not in use gives its place: the new copy is loaded in place, under the same alias. vLLM 0.32 loads an
adapter of that kind anew with each step, which costs milliseconds; its prefix cache goes by the folder too, so no copy
reads what another one wrote.
"""

import secrets
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.backends.vllm.background import in_thread, settled

_LOOK_S = 0.05
Load = Callable[[str, str, bool], None]
"""Loads an adapter: alias, folder, whether it takes the place of the one of that alias. Raises TargetError."""


@dataclass
class _Place:
    """One alias. `folder` is empty, and `taken` False, where nothing could be loaded under it."""

    folder: str
    alias: str = field(default_factory=lambda: secrets.token_hex(8))
    loading: Future[None] = field(default_factory=Future)
    taken: bool = False
    users: int = 0


class Room:
    """The places of one server. Safe to use from any thread and any event loop.

    Args:
        load: see Load; blocks, and is called in a thread.
        size: how many places there are; None for as many as are asked for.
    """

    def __init__(self, load: Load, size: int | None) -> None:
        self._load = load
        self._size = size
        self._places: list[_Place] = []  # the most recently used one is the last
        self._lock = threading.Lock()

    @property
    def folders(self) -> list[str]:
        """The folders of what is loaded."""
        return [place.folder for place in list(self._places)]

    @asynccontextmanager
    async def lent(self, folder: str) -> AsyncIterator[str]:
        """The alias under which a changed copy answers, for as long as it is in use. Waits while all places are.

        Raises:
            TargetError: it could not be loaded.
        """
        # a place becomes free in another thread, which knows no event of this loop
        while (place := self._taken(folder)) is None:  # noqa: ASYNC110
            await anyio.sleep(_LOOK_S)
        try:
            await settled(place.loading)
            yield place.alias
        finally:
            with self._lock:
                place.users -= 1

    def _taken(self, folder: str) -> _Place | None:
        """A place that has, or loads, a folder's adapter, with one user more; None while there is none."""
        with self._lock:
            place = next((each for each in self._places if each.folder == folder), None)
            if place is None:
                if self._size is None or len(self._places) < self._size:
                    place = _Place(folder)
                else:
                    idle = (each for each in self._places if not each.users and each.loading.done())
                    place = next(idle, None)
                    if place is None:
                        return None
                    self._places.remove(place)
                place.folder = folder
                place.loading = in_thread(partial(self._fill, place, folder))
            else:
                self._places.remove(place)
            self._places.append(place)
            place.users += 1
            return place

    def _fill(self, place: _Place, folder: str) -> None:
        try:
            self._load(place.alias, folder, place.taken)
        except TargetError:
            with self._lock:
                place.folder = ""
            raise
        place.taken = True
