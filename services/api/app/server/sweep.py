"""One timer for all connections of a server: each second it asks every connection whether it is overdue. No verdict of its own.

A timer for each wait of each connection would cost more per request than the sweep costs per second.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

SECONDS = 1.0


class Overdue(Protocol):
    """A connection that knows how long it may wait."""

    def overdue(self, now: float) -> None:
        """End the connection if it has waited too long at `now`, the loop's time."""
        ...


class Sweep:
    """Sweeps while there are connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: Iterable[Any]) -> None:
        self._loop = loop
        self._connections = connections
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """A connection has come."""
        if self._timer is None:
            self._timer = self._loop.call_later(SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        connections: list[Overdue] = list(self._connections)
        for connection in connections:
            connection.overdue(now)
        if connections:
            self.wake()


_sweeps: WeakKeyDictionary[Any, Sweep] = WeakKeyDictionary()


def sweep_of(server_state: Any, loop: asyncio.AbstractEventLoop) -> Sweep:
    """The sweep of one server, made at its first connection."""
    sweep = _sweeps.get(server_state)
    if sweep is None:
        sweep = _sweeps[server_state] = Sweep(loop, server_state.connections)
    return sweep
