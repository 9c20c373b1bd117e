"""How many calls one worker takes on at once. No clock and no fairness among callers: first come, first served."""

import asyncio
from collections import deque

from ..config.snapshot import Limits
from ..errors import Overloaded


class Admission:
    """Counts calls in flight; beyond `limits.max_in_flight` up to `limits.max_queue` wait, the rest are refused."""

    __slots__ = ("_waiting", "in_flight")

    def __init__(self) -> None:
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._waiting)

    async def enter(self, limits: Limits) -> None:
        """Take a place, waiting for one when all are taken. Raises Overloaded when the queue is full as well."""
        if self.in_flight < limits.max_in_flight:
            self.in_flight += 1
            return
        if len(self._waiting) >= limits.max_queue:
            raise Overloaded("too many calls at once: try again shortly", retry_after=1.0)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # the place was given as the caller left: pass it on
            else:
                self._waiting.remove(place)
            raise

    def leave(self) -> None:
        """Give the place back, to the one who waits longest if any."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.in_flight -= 1
