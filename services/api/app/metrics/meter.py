"""One worker's metrics: counts records, looks around once a second, answers for all workers of its service. No route and no house.

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
from .merge import merged
from .names import INFO, LAG, MICRO, REFUSED, WORKERS
from .shelf import Shelf, encoded, run_of
from .tally import State, Tally
from .text import rendered

_log = logging.getLogger("llm_router")
TICK_SECONDS = 0.25
TICKS_TO_LOOK = 4
TICKS_TO_REPEAT = 40
"""While nothing happens, the counts are laid down this seldom."""
Look = Callable[[Tally], None]


def shelf_of(home: Path) -> Shelf | None:
    """Where this process finds its fellow workers, under `run/metrics` of the home folder; None when it has none."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return None
    return Shelf(home / "run" / "metrics", run_of(parent.pid))


class Meter:
    """`count` is the sink of records. Between `start` and `stop` its timer runs and other workers see its counts."""

    def __init__(self, version: str, shelf: Shelf | None) -> None:
        self.tally = Tally()
        self.count = CallCounts(self.tally).count
        self._shelf = shelf
        self._look: Look = _nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._ticks = 0
        self._laid_down = b""
        self._writing: asyncio.Future[None] | None = None
        self._failing = False
        self._lag = self.tally.cells(LAG)
        self.tally.put(WORKERS, value=1)
        self.tally.put(INFO, version, value=1)

    async def start(self, look: Look) -> None:
        """Begin. `look` puts into the tally what is not counted here; it runs on the loop and must be quick."""
        self._look = look
        self._loop = asyncio.get_running_loop()
        if self._shelf is not None:
            await asyncio.to_thread(self._tried, self._shelf.open)
            await asyncio.to_thread(self._tried, self._shelf.write, encoded(self._current()))
        self._wait()

    async def stop(self) -> None:
        """End, with the last counts laid down."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        if self._shelf is not None and self._loop is not None:
            await asyncio.to_thread(self._tried, self._shelf.close, encoded(self._current()))
        self._loop = None

    async def exposed(self) -> bytes:
        """The metrics of all workers as text: our own as they are, those of the others at most about a second old."""
        return await asyncio.to_thread(self._rendered, self._current())

    def _rendered(self, own: State) -> bytes:
        alive: list[State] = []
        dead: list[State] = []
        if self._shelf is not None:
            try:
                alive, dead = self._shelf.others()
            except OSError as error:
                self._failed(error)
        return rendered(merged([own, *alive], dead))

    def _current(self) -> State:
        self._look(self.tally)
        for (route, code), count in refusals.counts.items():
            self.tally.put(REFUSED, route, code, value=count)
        return self.tally.state()

    def _wait(self) -> None:
        assert self._loop is not None  # noqa: S101 - set by start
        self._due = self._loop.time() + TICK_SECONDS
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        assert self._loop is not None  # noqa: S101 - the timer ends before it is taken away
        late = int(max(self._loop.time() - self._due, 0.0) * MICRO)
        self._lag[bisect_left(LAG.bounds, late)] += 1
        self._lag[-1] += late
        self._ticks += 1
        if self._shelf is not None and self._ticks % TICKS_TO_LOOK == 0 and (self._writing is None or self._writing.done()):
            self._lay_down(self._shelf, self._loop)
        self._wait()

    def _lay_down(self, shelf: Shelf, loop: asyncio.AbstractEventLoop) -> None:
        state = self._current()
        # the lag moves always: alone it is not worth a write each second
        moved = encoded(State({name: series for name, series in state.series.items() if name != LAG.name}))
        if moved != self._laid_down or self._ticks % TICKS_TO_REPEAT == 0:
            self._laid_down = moved
            self._writing = loop.run_in_executor(None, self._tried, shelf.write, encoded(state))

    def _tried(self, work: Callable[..., None], *args: bytes) -> None:
        try:
            work(*args)
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("metrics: the counts of several workers cannot be put together now (%s)", error)


def _nothing(_tally: Tally) -> None:
    """Looks at nothing."""
