"""A toxic upstream on the test's own loop, and a caller that reads raw bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.toxic.server import ToxicUpstream

TEXT = {"messages": [{"role": "user", "content": "What is a data: line?"}]}
SAID: dict[str, dict[str, Any]] = {
    "openai": TEXT,
    "mistral": TEXT,
    "anthropic": {**TEXT, "max_tokens": 500},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "What is a data: line?"}]}]},
}
DIALECTS = sorted(SAID)
KEY = "sk-canary-0123456789abcdef"


def request(dialect: str, model: str, stream: bool = False, prefix: str = "", **more: Any) -> bytes:
    """One call of this dialect as bytes."""
    body = SAID[dialect] | more
    if dialect == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"/v1/models/{model.replace(':', '%3A')}:{verb}"
    else:
        body = {"model": model, "stream": stream} | body
        path = {"openai": "/v1/chat/completions", "mistral": "/mistral/v1/chat/completions", "anthropic": "/v1/messages"}[dialect]
    return posted(prefix + path, json.dumps(body).encode(), f"authorization: Bearer {KEY}")


def posted(path: str, body: bytes, *headers: str, method: str = "POST") -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", "host: toxic", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Caller:
    """One connection to the upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """The head and the decoded body of the answer to this request. Raises what a cut answer raises."""
        self.writer.write(data)
        head = await self.head()
        return head, await self.body(head)

    async def head(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def body(self, head: bytes) -> bytes:
        """What follows this head."""
        async with asyncio.timeout(10):
            if b"transfer-encoding: chunked" not in head:
                size = int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or b"0")
                return await self.reader.readexactly(size)
            pieces = []
            while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                pieces.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            return b"".join(pieces)

    async def rest(self) -> bytes:
        """All bytes until the other side ends the connection. Raises ConnectionResetError when it resets it."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(mark)

    def leave(self) -> None:
        self.writer.close()


CALLERS: list[Caller] = []


async def call(port: int) -> Caller:
    """A fresh connection; the test's end closes it where the test did not."""
    made = Caller(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))
    CALLERS.append(made)
    return made


async def ask(upstream: ToxicUpstream, data: bytes) -> tuple[bytes, bytes]:
    """Head and body of one request on a connection of its own."""
    caller = await call(upstream.port)
    try:
        return await caller.ask(data)
    finally:
        caller.leave()


async def eventually(check: Any) -> None:
    """Return once `check` is true; fails when that does not come in time."""
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.001)


@pytest.fixture
async def upstream() -> AsyncIterator[ToxicUpstream]:
    async with ToxicUpstream() as started:
        yield started
