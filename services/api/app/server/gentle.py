"""uvicorn's server with an end that one can rely on: refuse at once, drain, cut with a word, flush. No route, no configuration.

Stock uvicorn looks for a signal ten times a second, heeds no second SIGTERM, waits for open streams without a limit of its own,
lets cut calls go on while the application is already closing, and leaves out the application's shutdown when it is hurried. Used
by `llm-router serve`; under plain uvicorn its stock server serves.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Generator
from types import FrameType
from typing import Protocol

import uvicorn

from .farewell import BEAT, BEAT_SECONDS, FLUSH_SECONDS, HURRY, LAST_WORDS_SECONDS, LEAVE_SECONDS, READY, STOPS

_log = logging.getLogger("llm_router")
LOOK_SECONDS = 0.02


class Governed(Protocol):
    """What the server asks of whoever is served, and tells it."""

    def stopping(self) -> None:
        """A stop has begun."""
        ...

    def drain_seconds(self) -> float:
        """How long a stop waits for what runs."""
        ...

    def busy(self) -> bool:
        """Whether anything runs that no caller waits for."""
        ...


class GentleServer(uvicorn.Server):
    """One worker's server. A stop waits for running calls as long as `governed` says; a second stop waits no longer.

    `tie` is the worker's end of a socket pair to its supervisor: when the other end closes, the supervisor is dead, and nobody
    would replace or stop this worker any more: it stops.
    """

    def __init__(self, config: uvicorn.Config, governed: Governed, tie: socket.socket | None = None) -> None:
        super().__init__(config)
        self._governed = governed
        self._tie = tie
        self._signals = 0
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()

    def stop(self, hurry: bool = False) -> None:
        """Begin to stop; `hurry`: wait for no call."""
        if not self.should_exit:
            self._governed.stopping()
        self.should_exit = True
        self._stopping.set()
        if hurry:
            self._hurried.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals that stop a server, and keep them: one that comes in the last moment must not kill."""
        loop = asyncio.get_running_loop()

        def told(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1  # counted apart: a service manager signals the workers as well as their supervisor
            with contextlib.suppress(RuntimeError):  # the loop is closed: we are leaving already
                loop.call_soon_threadsafe(self.stop, self._signals > 1)

        for number in STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a supervisor that hears it for us
                signal.signal(number, told)
        yield

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        await self.on_tick(0)
        if self._tie is not None:
            asyncio.get_running_loop().add_reader(self._tie.fileno(), self._hear, self._tie)
            self._say(self._tie, READY)
        while self._tie is not None and not self._stopping.is_set():
            await _within(self._stopping, BEAT_SECONDS)
            self._say(self._tie, BEAT)
        await self._stopping.wait()

    def _say(self, tie: socket.socket, word: bytes) -> None:
        with contextlib.suppress(OSError):
            tie.send(word, socket.MSG_DONTWAIT)

    def _hear(self, tie: socket.socket) -> None:
        try:
            words = tie.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            asyncio.get_running_loop().remove_reader(tie.fileno())
        self.stop(hurry=HURRY in words)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse at once, drain, cut, flush."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._emptied(self._governed.drain_seconds(), self._hurried)
        if self.server_state.tasks:
            _log.warning("%d calls are cut: the service stops and waits no longer", len(self.server_state.tasks))
        for task in list(self.server_state.tasks):
            task.cancel("the service stops and waits no longer")
        await self._emptied(LAST_WORDS_SECONDS, asyncio.Event())
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.lifespan.shutdown()
        except TimeoutError:
            _log.error("what is in memory could not be written out within %s s", FLUSH_SECONDS)
        _leave_soon()

    async def _emptied(self, seconds: float, sooner: asyncio.Event) -> None:
        """Wait until every call has ended and every answer is with its caller; at most so long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        state = self.server_state
        while (state.tasks or state.connections or self._governed.busy()) and not sooner.is_set() and loop.time() < end:
            await _within(sooner, LOOK_SECONDS)


async def _within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _leave_soon() -> None:
    """End the process even if a thread of it does not: all is written, and a stop that hangs is killed by others."""
    timer = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
