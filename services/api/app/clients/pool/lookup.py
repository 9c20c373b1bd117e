"""Names to addresses, one question at a time for each name. Nothing is kept: a host that moves is found at once.

The system's resolver answers in a few threads that everybody shares and that nobody can stop. One that hangs would, asked anew by
each call to that name, soon hold them all, and every other provider's name would wait with it.
"""

import asyncio
import socket
from collections.abc import Sequence

from aiohappyeyeballs import AddrInfoType


class Lookup:
    """The questions under way in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[AddrInfoType]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Where to connect to. Raises OSError (socket.gaierror) for a name that nobody has; may take as long as the resolver."""
        place = (host, port)
        asked = self._asked.get(place)
        if asked is None:
            asked = self._asked[place] = self._loop.create_task(self._ask(host, port))
            asked.add_done_callback(lambda done: self._answered(place, done))
        # who gives up leaves the question to those who still wait
        return await asyncio.shield(asked)

    async def _ask(self, host: str, port: int) -> Sequence[AddrInfoType]:
        return await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    def _answered(self, place: tuple[str, int], done: asyncio.Future[Sequence[AddrInfoType]]) -> None:
        del self._asked[place]
        if not done.cancelled():
            done.exception()  # else asyncio reports one that nobody waited for any more
