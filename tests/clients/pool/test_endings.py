"""Deadlines, cancelling, leaving early and slow readers: every call ends in time and leaves nothing open."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.clients.common.protocols import Call, Deadlines
from app.clients.pool.answer import MOST_AT_ONCE
from app.clients.pool.transport import PoolTransport
from app.errors import DeadlineExceeded, ProviderUnreachable
from raw_hosts import (
    CHUNKED,
    OK,
    PATIENT,
    TARGET,
    Line,
    ask,
    call_to,
    eventually,
    failure,
    hosting,
    playing,
)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", OK[:-1]])
async def test_a_whole_answer_obeys_attempt(transport: PoolTransport, said: bytes) -> None:
    async with hosting(playing(said)) as host:
        error = await failure(transport, call_to(host.port), Deadlines(5, 5, 5, 0.03))
        assert isinstance(error, DeadlineExceeded)
        assert "timeouts.attempt" in error.message
        assert await host.lines[0].left()


async def test_a_dripping_answer_obeys_attempt(transport: PoolTransport) -> None:
    async def played(line: Line) -> None:
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            await line.say(b"a")
            await asyncio.sleep(0.002)

    async with hosting(played) as host:
        error = await failure(transport, call_to(host.port), Deadlines(5, 5, 5, 0.05))
        assert isinstance(error, DeadlineExceeded)


async def test_attempt_holds_over_a_second_try(transport: PoolTransport) -> None:
    async def played(line: Line) -> None:
        await line.hear()
        if len(host.lines) == 1:
            await line.say(OK)
        await line.hear()
        if len(host.lines) == 2:
            await line.hear()

    async with hosting(played) as host:
        await ask(transport, call_to(host.port))
        error = await failure(transport, call_to(host.port), Deadlines(5, 5, 5, 0.05))
        assert isinstance(error, DeadlineExceeded)
    assert host.asked == 3


async def test_a_stream_is_not_bound_by_attempt(transport: PoolTransport) -> None:
    async def played(line: Line) -> None:
        await line.hear()
        await line.say(CHUNKED)
        await asyncio.sleep(0.03)
        await line.say(b"5\r\nhello\r\n0\r\n\r\n")

    async with hosting(played) as host:
        assert await ask(transport, call_to(host.port, stream=True), Deadlines(5, 0.001, 0.001, 0.001)) == (200, b"hello")


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that neither takes nor refuses a connection: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        yield port
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_connecting_obeys_connect(transport: PoolTransport, deaf: int, stream: bool) -> None:
    error = await failure(transport, call_to(deaf, stream=stream), Deadlines(0.03, 5, 5, 5))
    assert isinstance(error, ProviderUnreachable)
    assert "timeouts.connect" in error.message


async def test_connecting_obeys_attempt_when_that_is_shorter(transport: PoolTransport, deaf: int) -> None:
    async with asyncio.timeout(2):
        error = await failure(transport, call_to(deaf), Deadlines(5, 5, 5, 0.03))
    assert isinstance(error, DeadlineExceeded)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", OK[:-1], CHUNKED + b"1\r\na\r\n"])
async def test_cancelling_closes_the_upstream_at_once(transport: PoolTransport, said: bytes) -> None:
    async with hosting(playing(said)) as host:
        task = asyncio.ensure_future(ask(transport, call_to(host.port)))
        await eventually(lambda: host.asked == 1)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await host.lines[0].left()


async def test_cancelling_sends_nothing_more_of_a_request(transport: PoolTransport) -> None:
    """An orderly close would first deliver what is still buffered."""
    got = 0
    cancelled, gone = asyncio.Event(), asyncio.Event()

    async def played(line: Line) -> None:
        nonlocal got
        await line.reader.readuntil(b"\r\n\r\n")
        await cancelled.wait()
        try:
            while piece := await line.reader.read(65536):
                got += len(piece)
        except ConnectionError:
            pass
        gone.set()

    async with hosting(played) as host:
        task = asyncio.ensure_future(ask(transport, call_to(host.port, body=b"a" * 30_000_000)))
        await eventually(lambda: bool(host.lines))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()
        await gone.wait()
    assert got < 30_000_000


async def test_cancelling_while_connecting_leaves_nothing_open(transport: PoolTransport, deaf: int) -> None:
    """An open socket would warn when it is collected, and a warning is an error."""
    task = asyncio.ensure_future(ask(transport, call_to(deaf)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()


async def test_leaving_early_closes_the_upstream_at_once(transport: PoolTransport) -> None:
    async with hosting(playing(CHUNKED + b"1\r\na\r\n")) as host:
        async with transport.open(call_to(host.port, stream=True), TARGET, PATIENT) as reply:
            assert await reply.chunk() == b"a"
        assert await host.lines[0].left()


async def test_a_slow_reader_holds_a_fast_host_back(transport: PoolTransport) -> None:
    """What is read before anybody asks is bounded; the rest comes when it is asked for, in order."""
    piece = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    sent = 0

    async def played(line: Line) -> None:
        nonlocal sent
        await line.hear()
        line.writer.transport.set_write_buffer_limits(0)
        line.writer.write(CHUNKED)
        for _ in range(1000):
            line.writer.write(piece)
            await line.writer.drain()
            sent += 1
        await line.say(b"0\r\n\r\n")

    async with hosting(played) as host, transport.open(call_to(host.port, stream=True), TARGET, PATIENT) as reply:
        for still in range(100):
            before = sent
            await asyncio.sleep(0.002)
            if before == sent and still > 5:
                break
        assert sent < 1000
        first = await reply.chunk()
        assert 0 < len(first) <= MOST_AT_ONCE
        total = len(first)
        while got := await reply.chunk():
            total += len(got)
        assert total == 1000 * 0x8000


async def test_a_silent_address_does_not_hold_up_the_next_one(
    transport: PoolTransport, deaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of two addresses: the second is tried soon, not after the first one's timeout."""
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo
    async with hosting(playing(OK)) as host:

        async def resolved(name: str, port: int, **wishes: Any) -> list[Any]:
            if name != "two.example":
                return await resolve(name, port, **wishes)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (deaf, host.port)]

        monkeypatch.setattr(loop, "getaddrinfo", resolved)
        assert await ask(transport, Call("http://two.example/", b"{}"), Deadlines(2, 5, 5, 5)) == (200, b"hello")
