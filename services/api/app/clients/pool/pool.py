"""Open connections, kept for the next call to the same place. No request and no answer may be known here.

The number of connections is not limited: admission bounds the calls. The youngest idle connection goes first, so the rest age
and are closed after KEEP_SECONDS by one timer.
"""

import asyncio
import ssl

import aiohappyeyeballs

from .connection import Connection
from .lookup import Lookup
from .message import Place
from .turns import Turns

KEEP_SECONDS = 30.0
READ_BYTES = 64 * 1024
_EYEBALLS_SECONDS = 0.25


class Pool:
    """The connections of one event loop, which it keeps: asking for the running loop costs a system call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.turns = Turns(loop)
        self._lookup = Lookup(loop)
        self._room = memoryview(bytearray(READ_BYTES))
        self._idle: dict[Place, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._closed = False

    @property
    def counts(self) -> tuple[int, int]:
        """How many connections carry a call, and how many wait for one."""
        return len(self._busy), sum(map(len, self._idle.values()))

    def idle(self, place: Place) -> Connection | None:
        """An open connection that served before, or None."""
        kept = self._idle.get(place)
        while kept:
            connection = kept.pop()
            if connection.usable:
                self._busy.add(connection)
                return connection
        return None

    async def fresh(self, place: Place, seconds: float) -> Connection:
        """A new connection. Raises OSError (also for TLS), ValueError for an impossible host, TimeoutError after `seconds`."""
        connection = Connection(self._room)
        if self._closed:
            raise ConnectionAbortedError("the pool was closed")
        try:
            async with asyncio.timeout(seconds):
                await self._connect(connection, place, seconds)
        except BaseException:
            connection.abort()
            raise
        if self._closed:
            connection.abort()
            raise ConnectionAbortedError("the pool was closed")
        self._busy.add(connection)
        return connection

    async def _connect(self, connection: Connection, place: Place, seconds: float) -> None:
        context = self._context() if place.scheme == "https" else None
        found = await self._lookup.addresses(place.host, place.port)
        # uvloop's create_connection tries one address after the other, without a head start for the second
        sock = await aiohappyeyeballs.start_connection(
            found, happy_eyeballs_delay=_EYEBALLS_SECONDS, interleave=1, loop=self.loop
        )
        if context is None:
            await self.loop.create_connection(lambda: connection, sock=sock)
        else:
            # the caller's timeout comes first: it alone has a name
            await self.loop.create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=place.host, ssl_handshake_timeout=seconds + 1
            )

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def leave(self, connection: Connection, place: Place) -> None:
        """End a call's use of its connection: kept when fit for another call, else closed at once."""
        self._busy.discard(connection)
        if not connection.finish():
            return
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self.loop.time()
        self._idle.setdefault(place, []).append(connection)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(KEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for KEEP_SECONDS, and wake again when the next one will have been."""
        self._sweeper = None
        limit = self.loop.time() - KEEP_SECONDS
        oldest: list[float] = []
        for place, kept in list(self._idle.items()):
            left = [connection for connection in kept if connection.usable and connection.idle_since > limit]
            for connection in set(kept).difference(left):
                connection.abort()
            if left:
                self._idle[place] = left
                oldest.append(left[0].idle_since)
            else:
                del self._idle[place]
        if oldest:
            self._sweeper = self.loop.call_at(min(oldest) + KEEP_SECONDS, self._sweep)

    def close(self) -> None:
        """Close every connection; calls under way fail."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in [*self._busy, *(connection for kept in self._idle.values() for connection in kept)]:
            connection.hang_up()
        self._idle.clear()
        self._busy.clear()
