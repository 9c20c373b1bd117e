"""How many calls one provider gets at once from this worker. No clock: who waits may be cancelled, and then leaves the queue."""

import asyncio
from collections import deque

from ..config.snapshot import ProviderLimits
from ..errors import Overloaded


class Places:
    """Counts the calls under way at one provider; beyond its limit up to `max_queue` wait, first come, first served."""

    __slots__ = ("_waiting", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return len(self._waiting)

    def take(self, limits: ProviderLimits | None) -> bool:
        """Take a place if one is free."""
        if limits is not None and limits.max_in_flight is not None and self.taken >= limits.max_in_flight:
            return False
        self.taken += 1
        return True

    async def wait(self, limits: ProviderLimits, who: str) -> None:
        """Take a place as soon as one is free. Raises Overloaded at once when the queue is full as well."""
        if len(self._waiting) >= limits.max_queue:
            raise Overloaded(f"too many calls to {who} at once: try again shortly", retry_after=1.0)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # the place was given as its taker left: pass it on
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
        self.taken -= 1
