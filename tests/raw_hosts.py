"""A scripted host on the test's own event loop: what it sends, how it ends, and who hung up on it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from app.clients.common.protocols import Call, Deadlines, Transport
from app.domain.target import Target
from app.errors import RouterError

TARGET = Target(name="row", provider="host", model_id="m", dialect="openai", wire="openai", base_url="", key_env=("KEY",))
PATIENT = Deadlines(connect=5, first_token=5, idle=5, attempt=5)
KEY = "sk-canary-0123456789abcdef"
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"


Played = Callable[["Line"], Awaitable[None]]


class Line:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    async def hear(self) -> bool:
        """Take one request; False when the other side left."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, OSError):
            return False
        first, *fields = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        self.asked.append((first, headers, await self.reader.readexactly(int(headers["content-length"]))))
        return True

    async def say(self, *pieces: bytes) -> None:
        """Send each piece by itself: the other side, on the same loop, reads in between."""
        for piece in pieces:
            self.writer.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    async def left(self) -> bool:
        """Whether the other side hangs up within 100 ms."""
        try:
            await eventually(lambda: self.reader.at_eof() or self.reader.exception() is not None, 0.1)
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """End with a reset instead of an orderly close."""
        self.writer.transport.abort()


class Host:
    """A listening host. `played` serves each connection; it is closed when that returns."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.lines: list[Line] = []
        self.port = 0

    @property
    def asked(self) -> int:
        """How many requests came, over all connections."""
        return sum(len(line.asked) for line in self.lines)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        try:
            await self.played(line)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def hosting(played: Played, tls: ssl.SSLContext | None = None, name: str = "127.0.0.1") -> AsyncIterator[Host]:
    """A host on a free port."""
    host = Host(played)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(host.serve(reader, writer)))

    server = await asyncio.start_server(accept, name, 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def playing(*pieces: bytes) -> Played:
    """Every request is answered with these pieces; then the connection stays open for the next."""

    async def played(line: Line) -> None:
        while await line.hear():
            await line.say(*pieces)

    return played


def once(*pieces: bytes, reset: bool = False) -> Played:
    """One request is answered with these pieces; then the connection ends."""

    async def played(line: Line) -> None:
        if await line.hear():
            await line.say(*pieces)
            if reset:
                line.reset()

    return played


async def eventually(check: Callable[[], bool], seconds: float = 5.0) -> None:
    """Return once `check` is true; fails when that does not come in time."""
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.001)


def call_to(port: int, path: str = "/v1/chat", body: bytes = b"{}", stream: bool = False, auth: str = "bearer") -> Call:
    return Call(f"http://127.0.0.1:{port}{path}", body, (("content-type", "application/json"),), auth=auth, stream=stream)


async def ask(transport: Transport, call: Call, deadlines: Deadlines = PATIENT) -> tuple[int, bytes]:
    async with transport.open(call, TARGET, deadlines) as reply:
        return reply.status, await reply.read()


async def failure(transport: Transport, call: Call, deadlines: Deadlines = PATIENT) -> RouterError:
    with pytest.raises(RouterError) as caught:
        await ask(transport, call, deadlines)
    return caught.value
