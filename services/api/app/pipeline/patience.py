"""How long one task may wait, again and again, kept by a single timer. Knows nothing of what it waits for.

`asyncio.timeout` makes a timer and two awaits of its own for every piece of a stream; here a new limit is one assignment, and the
timer, when it comes too early, is set again.
"""

import asyncio
from typing import Any


class Patience:
    """For one task at a time. `allow` before a wait, `rest` after it; a wait beyond its limit is cancelled (`ran_out`)."""

    __slots__ = ("_late", "_loop", "_rings_at", "_task", "_timer", "_until")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._until = 0.0  # 0 = nothing is waited for
        self._late = False

    def allow(self, seconds: float) -> None:
        """From now on the current task waits at most `seconds`."""
        self._task = asyncio.current_task(self._loop)
        self._until = until = self._loop.time() + seconds
        if self._timer is None or until < self._rings_at:
            self._set(until)

    def rest(self) -> None:
        """The wait is over."""
        self._until = 0.0

    def ran_out(self) -> bool:
        """Whether the cancellation just caught was ours; it is then taken back."""
        if not self._late or self._task is None:
            return False
        self._late = False
        self._task.uncancel()
        return True

    def stop(self) -> None:
        """No more waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._task = None

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._until or self._task is None:
            return  # the next `allow` sets it again
        if self._loop.time() < self._until:
            self._set(self._until)
            return
        self._late = True
        self._task.cancel()
