"""Callers on raw sockets that know exactly what they were told: the last byte, a part, or nothing. No service is started here."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

HEAD_END = b"\r\n\r\n"
LONGEST_SECONDS = 60.0


class NotWhole(Exception):
    """The answer ended before its end."""


@dataclass
class Told:
    """What one caller was told. `id` is None when not even the head came; `whole`: the last byte came."""

    status: int
    id: str | None
    whole: bool


@dataclass
class Caller:
    """One connection that makes calls one after the other, and opens anew when it was lost."""

    port: int
    told: Callable[[Told], None]
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def call(self, path: str, body: dict[str, Any], leave_after: float | None = None, **headers: str) -> Told:
        """Ask and hear the answer out; or leave after so many seconds. Raises OSError when nobody takes the connection."""
        told = Told(0, None, whole=False)
        try:
            async with asyncio.timeout(leave_after if leave_after is not None else LONGEST_SECONDS):
                reader, writer = await self._opened()
                writer.write(_request(path, body, headers))
                await writer.drain()
                await _heard(reader, told)
        except (TimeoutError, NotWhole, ConnectionError, asyncio.IncompleteReadError):
            self.close()
        self.told(told)
        return told

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        return self._streams

    def close(self) -> None:
        """Leave."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _request(path: str, body: dict[str, Any], headers: dict[str, str]) -> bytes:
    data = json.dumps(body).encode()
    fields = {"host": "localhost", "content-type": "application/json", "content-length": str(len(data))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + data


async def _heard(reader: asyncio.StreamReader, told: Told) -> None:
    head = (await reader.readuntil(HEAD_END)).decode("latin-1").lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head[1:-2])
    told.status = int(head[0].split(" ")[1])
    told.id = fields.get("x-request-id")
    if "chunked" in fields.get("transfer-encoding", ""):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    else:
        await reader.readexactly(int(fields["content-length"]))
    told.whole = True
    if fields.get("connection") == "close":
        raise NotWhole  # not of the answer: the connection is of no more use


async def together(count: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Let so many work at once; a failure of one ends all."""
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_run(work, number))


async def _run(work: Callable[[int], Awaitable[None]], number: int) -> None:
    await work(number)
