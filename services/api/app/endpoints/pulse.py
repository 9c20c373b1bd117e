"""Signs of life in a stream that has nothing to say yet, so that the caller and the proxies before it do not give up.

What they look like is the face's business. Nothing here knows of providers.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from . import asgi

COMMENT = b": keepalive\n\n"


class Pulse:
    """Opens an answer that waits for longer than `seconds` and writes `beat` into it, again after each such while of silence.

    `head` gives the headers, asked only when the answer is opened. What else is sent goes through `send`, so that nothing is
    said twice and no beat follows the end.
    """

    __slots__ = ("_beat", "_head", "_last", "_loop", "_seconds", "_send", "_task", "_timer", "opened")

    def __init__(self, send: asgi.Send, seconds: float, head: Callable[[], asgi.Headers], beat: bytes = COMMENT) -> None:
        self._send = send
        self._seconds = seconds
        self._head = head
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(seconds, self._due)
        self.opened = False

    async def write(self, body: bytes) -> None:
        """A piece of the answer, which is opened if it is not yet."""
        if not self.opened:
            await self._open()
        self._last = self._loop.time()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes) -> None:
        """The last piece."""
        self.stop()
        if not self.opened:
            await self._open()
        await self._send({"type": "http.response.body", "body": body})

    def stop(self) -> None:
        """No more signs of life."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _open(self) -> None:
        self.opened = True
        start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": self._head()}
        await self._send(start)

    def _due(self) -> None:
        """A timer for each while, not for each piece: it looks when something was written last."""
        silent = self._loop.time() - self._last
        if silent < self._seconds:
            self._timer = self._loop.call_later(self._seconds - silent, self._due)
        else:
            self._task = self._loop.create_task(self._live())

    async def _live(self) -> None:
        await self.write(self._beat)
        self._timer = self._loop.call_later(self._seconds, self._due)
