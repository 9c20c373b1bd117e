"""Turns of one event loop's streams: how much of all of them together is read between two looks at the sockets.

A provider that sends faster than its events can be read keeps one reader busy for ever; two hundred of them would make every
turn of the loop so long that nobody else is served. So what is read in one turn is bounded, and who comes later waits in line.
No socket and no answer may enter.
"""

from asyncio import AbstractEventLoop, Future
from collections import deque
from typing import Protocol

PER_TURN = 16 * 1024
"""Bytes; some hundred small events, about two milliseconds of work. An ordinary stream never comes near it."""


class Read(Protocol):
    """What is read by turns."""

    @property
    def ready(self) -> int:
        """Bytes that would be read now."""
        ...


class Turns:
    """Lets readers pass until `PER_TURN` is spent, then one by one, turn by turn, in the order in which they came."""

    __slots__ = ("_due", "_left", "_line", "loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._due = False
        self._left = PER_TURN
        self._line: deque[tuple[Read, Future[None]]] = deque()

    def take(self, what: Read) -> Future[None] | None:
        """None when `what` may be read now, else what to wait for."""
        if not self._due:
            self._due = True
            self.loop.call_soon(self._renew)
        if self._left > 0 and not self._line:
            self._left -= what.ready
            return None
        waiter: Future[None] = self.loop.create_future()
        self._line.append((what, waiter))
        return waiter

    def _renew(self) -> None:
        self._left = PER_TURN
        line = self._line
        while line and self._left > 0:
            what, waiter = line.popleft()
            if not waiter.done():  # else it was cancelled
                self._left -= what.ready  # more may have come while it waited
                waiter.set_result(None)
        self._due = bool(line)
        if self._due:
            self.loop.call_soon(self._renew)
