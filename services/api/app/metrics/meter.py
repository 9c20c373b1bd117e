"""One worker's metrics: counts records, looks around four times a second, answers for all workers of its service. No route, no house.

What others count for themselves (the journal's errors, calls in flight) is read by the `look` that is handed in. Nothing here may
cost a call more than the counting, or fail one: a folder that cannot be used means that each worker answers for itself alone.
"""

import asyncio
import logging
import multiprocessing
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from . import refusals
from .calls import CallCounts
from .ledger import Ledger
from .merge import merged
from .names import INFO, LAG, MICRO, WORKERS
from .shelf import Shelf, folder_of, run_of
from .tally import State, Tally, state_of
from .text import rendered

_log = logging.getLogger("llm_router")
TICK_SECONDS = 0.25
TICKS_TO_RETURN = 8
"""So seldom a worker looks whether its place is still there."""
Look = Callable[[Tally], None]


def shelf_of(home: Path) -> Shelf | None:
    """Where this process finds its fellow workers; None when it has none."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return None
    return Shelf(folder_of(home), run_of(parent.pid))


class Meter:
    """`count` is the sink of records. From `start` to the end of the process other workers see its counts."""

    def __init__(self, version: str, shelf: Shelf | None) -> None:
        self.tally = Tally()
        self._calls = CallCounts(self.tally)
        self.count = self._calls.count
        self._shelf = shelf
        self._look: Look = _nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._ticks = 0
        self._returning: asyncio.Future[Ledger | None] | None = None
        self._failing = False
        self.tally.put(WORKERS, value=1)
        self.tally.put(INFO, version, value=1)
        refusals.show_in(self.tally)

    async def start(self, look: Look) -> None:
        """Begin. `look` puts into the tally what is not counted here; it runs on the loop and must be quick."""
        self._look = look
        self._loop = asyncio.get_running_loop()
        look(self.tally)
        if self._shelf is not None:
            self._move(await asyncio.to_thread(self._place, self._shelf))
        self._wait()

    async def stop(self) -> None:
        """End with a last look. The place is given up with the process, which may count until then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._returning is not None:
            self._move(await self._returning)
            self._returning = None
        self._look(self.tally)
        self._loop = None

    async def exposed(self) -> bytes:
        """The metrics of all workers as text, as they are now; what `look` finds at the others at most a tick old."""
        self._look(self.tally)
        return await asyncio.to_thread(self._rendered, self.tally.state())

    def _rendered(self, own: State) -> bytes:
        alive: list[State] = []
        dead: list[State] = []
        if self._shelf is not None:
            try:
                alive, dead = ([state_of(records) for records in places] for places in self._shelf.others())
            except OSError as error:
                self._failed(error)
        return rendered(merged([own, *alive], dead))

    def _wait(self) -> None:
        assert self._loop is not None  # noqa: S101 - set by start
        self._due = self._loop.time() + TICK_SECONDS
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        assert self._loop is not None  # noqa: S101 - the timer ends before it is taken away
        late = int(max(self._loop.time() - self._due, 0.0) * MICRO)
        lag = self.tally.cells(LAG)
        lag[bisect_left(LAG.bounds, late)] += 1
        lag[-1] += late
        self._look(self.tally)
        self._ticks += 1
        if self._shelf is not None:
            self._return(self._shelf, self._loop)
        self._wait()

    def _return(self, shelf: Shelf, loop: asyncio.AbstractEventLoop) -> None:
        """Take a place again if ours is lost, or if there was none; never on the loop, since a folder can be slow."""
        if self._returning is None:
            if self._ticks % TICKS_TO_RETURN == 0:
                self._returning = loop.run_in_executor(None, self._place, shelf)
        elif self._returning.done():
            self._move(self._returning.result())
            self._returning = None

    def _place(self, shelf: Shelf) -> Ledger | None:
        """A new place to move to, where one is needed and can be had."""
        try:
            ledger = None if shelf.kept() else shelf.open()
        except OSError as error:
            self._failed(error)
            return None
        self._failing = False
        return ledger

    def _move(self, ledger: Ledger | None) -> None:
        if ledger is not None:
            self.tally.move(ledger)
            self._calls.forget()

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("metrics: the counts of several workers cannot be put together now (%s)", error)


def _nothing(_tally: Tally) -> None:
    """Looks at nothing."""
