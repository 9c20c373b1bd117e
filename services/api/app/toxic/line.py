"""One accepted connection: the bytes that came, the bytes that go, and when the other side left. No HTTP may enter."""

import asyncio
import socket
import struct
from asyncio import Transport
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final, cast

_READ_AHEAD: Final = 256 * 1024
_WRITE_BEHIND: Final = 256 * 1024
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""The `l_onoff, l_linger` of SO_LINGER with which close() sends a reset."""


class Left(Exception):
    """The other side hung up, so there is nobody to answer."""


class TooMuch(Exception):
    """More bytes came than one request may have."""


class Line(asyncio.Protocol):
    """A connection on whose bytes `serve` runs as a task of its own; `number` tells connections apart.

    `left` is called when the other side hangs up before we do, `lost` when nothing of the connection is left.
    """

    def __init__(
        self,
        number: int,
        serve: "Callable[[Line], Coroutine[None, None, None]]",
        left: "Callable[[Line], None]",
        lost: "Callable[[Line], None]",
    ) -> None:
        self.number = number
        self.sent = 0
        self.answered = 0
        self.over = False
        self.task: asyncio.Task[None] | None = None
        self._serve = serve
        self._on_left = left
        self._on_lost = lost
        self._transport: Transport
        self._buffer = bytearray()
        self._came = asyncio.Event()
        self._gone = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast(Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BEHIND)
        self._option(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.task = asyncio.get_running_loop().create_task(self._serve(self))

    def data_received(self, data: bytes) -> None:
        """Keep what came; stop listening while too much waits."""
        self._buffer += data
        self._came.set()
        if len(self._buffer) > _READ_AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Whoever ends their half has left: callers of a provider have nothing to say after a request."""
        self._leave()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._leave()
        self._on_lost(self)

    def pause_writing(self) -> None:
        """The other side reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def _leave(self) -> None:
        if not self._gone.is_set():
            self._gone.set()
            if not self.over:
                self._on_left(self)
        self._came.set()
        self._writable.set()

    @property
    def gone(self) -> bool:
        """Whether the other side left."""
        return self._gone.is_set()

    async def until(self, mark: bytes, most: int) -> bytes:
        """The bytes up to and with `mark`; b"" when the other side left before. Raises TooMuch."""
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > most:
                raise TooMuch
            if self.gone:
                return b""
            await self.more()
        return self._take(end + len(mark))

    async def exactly(self, size: int) -> bytes:
        """So many bytes. Raises Left."""
        pieces = []
        while size > len(self._buffer):
            if self.gone:
                raise Left
            size -= len(self._buffer)
            pieces.append(self._take(len(self._buffer)))
            await self.more()
        pieces.append(self._take(size))
        return b"".join(pieces)

    async def more(self) -> None:
        """Return when further bytes came, or the other side left."""
        if not self.gone:
            self._came.clear()
            await self._came.wait()

    def waiting(self) -> bytes:
        """What has come and was not taken."""
        return bytes(self._buffer)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        if self._paused and len(self._buffer) <= _READ_AHEAD:
            self._paused = False
            self._transport.resume_reading()
        return taken

    async def send(self, data: bytes) -> None:
        """Hand `data` to the socket, not faster than the other side reads. Raises Left."""
        if self.gone:
            raise Left
        self._transport.write(data)
        self.sent += len(data)
        await self._writable.wait()
        # lets the other side's leaving be seen between any two pieces
        await asyncio.sleep(0)

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while. Raises Left as soon as the other side hangs up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), seconds)
        if self.gone:
            raise Left

    def close(self) -> None:
        """An orderly end, once what was sent is through."""
        self.over = True
        self._transport.close()

    def reset(self) -> None:
        """End with a reset."""
        self.over = True
        self._option(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._transport.abort()

    def abort(self) -> None:
        """End now, whatever was still to be sent."""
        self.over = True
        self._transport.abort()

    def end_writing(self) -> None:
        """Close our half only (over TLS: all of it)."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.close()

    def _option(self, level: int, name: int, value: int | bytes) -> None:
        with suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(level, name, value)
