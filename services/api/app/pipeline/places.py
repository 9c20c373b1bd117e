"""So many at once, a bounded number waiting, the rest refused: of a worker's calls as a whole, and of those to one provider.

No clock but the wait's own limit, and no fairness among callers: first come, first served.
"""

import asyncio
from collections import deque

from ..config.snapshot import Limits
from ..errors import Overloaded


class Places:
    """Counts what is under way. Each place taken is owed a `leave`."""

    __slots__ = ("_waiting", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many are in the queue."""
        return len(self._waiting)

    def take(self, most: int | None) -> bool:
        """Take a place if fewer than `most` (None = any number) are taken."""
        if most is not None and self.taken >= most:
            return False
        self.taken += 1
        return True

    async def wait(self, queue: int, seconds: float, what: str) -> None:
        """Take a place as soon as one is free. Raises Overloaded: at once when `queue` others wait, else after `seconds`."""
        if len(self._waiting) >= queue:
            raise Overloaded(f"too many {what} at once: try again shortly", retry_after=1.0)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(seconds):
                await place
        except TimeoutError:
            self._unqueue(place)
            raise Overloaded(f"too many {what} at once: no place came free in time", retry_after=1.0) from None
        except asyncio.CancelledError:
            self._unqueue(place)
            raise

    def leave(self) -> None:
        """Give the place back, to the one who waits longest if any."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.taken -= 1

    def _unqueue(self, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self.leave()  # it was given as its taker left: pass it on
        elif place in self._waiting:
            self._waiting.remove(place)


class Admission(Places):
    """The calls in flight of one worker."""

    __slots__ = ()

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self.taken

    def refuse(self, limits: Limits) -> None:
        """Raises Overloaded when neither a place nor the queue has room: told before anything was spent on the call."""
        if self.taken >= limits.max_in_flight and len(self._waiting) >= limits.max_queue:
            raise Overloaded("too many calls at once: try again shortly", retry_after=1.0)

    async def enter(self, limits: Limits, seconds: float) -> None:
        """Take a place, waiting at most `seconds` for one when all are taken. Raises Overloaded."""
        if not self.take(limits.max_in_flight):
            await self.wait(limits.max_queue, seconds, "calls")
