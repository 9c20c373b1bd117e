"""A connection serves a second call only when nothing about it is in doubt, and no answer reaches the wrong call."""

import asyncio
import gc
import random
from typing import Any

import pytest

from app.clients.pool import pool as pools
from app.clients.pool.answer import Answer
from app.clients.pool.connection import Connection
from app.clients.pool.transport import PoolTransport
from app.errors import BadAnswer, ProviderError, ProviderUnreachable, TruncatedAnswer
from raw_hosts import (
    CHUNKED,
    OK,
    PATIENT,
    TARGET,
    UNTIL_CLOSE,
    Line,
    Played,
    ask,
    call_to,
    eventually,
    failure,
    hosting,
    once,
    playing,
)


async def test_calls_in_turn_share_a_connection(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host:
        for _ in range(5):
            assert await ask(transport, call_to(host.port)) == (200, b"hello")
    assert len(host.lines) == 1 and host.asked == 5


async def test_the_connection_that_was_used_last_goes_first(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host:
        await asyncio.gather(*(ask(transport, call_to(host.port)) for _ in range(3)))
        counts = [len(line.asked) for line in host.lines]
        for _ in range(4):
            await ask(transport, call_to(host.port))
        grown = [len(line.asked) - before for line, before in zip(host.lines, counts, strict=True)]
    assert sorted(grown) == [0, 0, 4]


async def test_other_ports_get_connections_of_their_own(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as one, hosting(playing(OK.replace(b"hello", b"other"))) as two:
        for _ in range(2):
            assert await ask(transport, call_to(one.port)) == (200, b"hello")
            assert await ask(transport, call_to(two.port)) == (200, b"other")
    assert len(one.lines) == len(two.lines) == 1


FINAL = {
    "connection: close": OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    "HTTP/1.0": OK.replace(b"1.1", b"1.0", 1),
    "surplus bytes": OK + b"x",
    "surplus answer": OK + OK.replace(b"hello", b"wrong"),
    "surplus half answer": OK + b"HTTP/1.1 2",
    "surplus after chunks": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + OK.replace(b"hello", b"wrong"),
    "bodiless with body": b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nwrong",
    "surplus after close": OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + OK,
}


@pytest.mark.parametrize("name", FINAL)
async def test_a_connection_of_doubtful_state_serves_no_second_call(transport: PoolTransport, name: str) -> None:
    """The answer itself is good; what lies behind it reaches nobody."""
    async with hosting(playing(FINAL[name])) as host:
        for _ in range(3):
            _, body = await ask(transport, call_to(host.port))
            assert body in (b"hello", b"")
        assert len(host.lines) == 3
        for line in host.lines:
            assert await line.left()


async def test_blank_lines_behind_an_answer_are_no_part_of_the_next(transport: PoolTransport) -> None:
    async with hosting(playing(OK + b"\r\n\r\n")) as host:
        for _ in range(3):
            assert await ask(transport, call_to(host.port)) == (200, b"hello")


@pytest.mark.parametrize("late", [b"x", OK.replace(b"hello", b"wrong"), b"\r\n"])
async def test_bytes_on_an_idle_connection_end_it(transport: PoolTransport, late: bytes) -> None:
    async with hosting(playing(OK)) as host:
        await ask(transport, call_to(host.port))
        await host.lines[0].say(late)
        assert await ask(transport, call_to(host.port)) == (200, b"hello")
    assert len(host.lines) == 2


async def test_surplus_that_comes_while_the_answer_is_read_costs_the_connection(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host:
        async with transport.open(call_to(host.port), TARGET, PATIENT) as reply:
            await host.lines[0].say(OK.replace(b"hello", b"wrong"))
            assert await reply.read() == b"hello"
        assert await ask(transport, call_to(host.port)) == (200, b"hello")
    assert len(host.lines) == 2


async def test_an_idle_connection_that_the_host_closed_is_replaced_unnoticed(transport: PoolTransport) -> None:
    async with hosting(once(OK)) as host:
        for _ in range(5):
            assert await ask(transport, call_to(host.port)) == (200, b"hello")
    assert len(host.lines) == 5


def dies_second(said: bytes, reset: bool) -> Played:
    """The first connection answers once, and ends with `said` at its second request; the others answer."""
    lines: list[Line] = []

    async def played(line: Line) -> None:
        lines.append(line)
        while await line.hear():
            if line is lines[0] and len(line.asked) == 2:
                await line.say(said)
                if reset:
                    line.reset()
                return
            await line.say(OK)

    return played


@pytest.mark.parametrize("reset", [False, True])
async def test_a_call_lost_with_a_kept_connection_is_sent_once_more(transport: PoolTransport, reset: bool) -> None:
    async with hosting(dies_second(b"", reset)) as host:
        for _ in range(2):
            assert await ask(transport, call_to(host.port)) == (200, b"hello")
    assert [len(line.asked) for line in host.lines] == [2, 1]


@pytest.mark.parametrize(("said", "error"), [(b"H", ProviderUnreachable), (OK[:-1], TruncatedAnswer), (b"x", BadAnswer)])
async def test_a_call_whose_answer_had_begun_is_not_sent_again(
    transport: PoolTransport, said: bytes, error: type[ProviderError]
) -> None:
    async with hosting(dies_second(said, False)) as host:
        await ask(transport, call_to(host.port))
        assert type(await failure(transport, call_to(host.port))) is error
    assert host.asked == 2


async def test_a_call_is_sent_twice_at_most(transport: PoolTransport) -> None:
    """Also when several kept connections are dead: the second try is on a fresh one."""

    async def played(line: Line) -> None:
        if len(host.lines) <= 3 and await line.hear():
            await line.say(OK)
        await line.hear()

    async with hosting(played) as host:
        await asyncio.gather(*(ask(transport, call_to(host.port)) for _ in range(3)))
        before = host.asked
        assert isinstance(await failure(transport, call_to(host.port)), ProviderUnreachable)
    assert host.asked - before == 2 and len(host.lines) == 4


async def test_idle_connections_are_closed_after_a_while(transport: PoolTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "KEEP_SECONDS", 0.05)
    gone: list[Line] = []

    async def played(line: Line) -> None:
        while await line.hear():
            await line.say(OK)
        gone.append(line)

    async with hosting(played) as one, hosting(played) as two:
        await asyncio.gather(ask(transport, call_to(one.port)), ask(transport, call_to(two.port)))
        await ask(transport, call_to(one.port))
        await eventually(lambda: len(gone) == 2)
        await ask(transport, call_to(one.port))
        assert len(one.lines) == 2


async def test_a_request_still_being_written_keeps_its_connection_from_others(transport: PoolTransport) -> None:
    """A host that answers before it has read everything would take the rest for the next call."""

    async def played(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await done.wait()

    done = asyncio.Event()
    async with hosting(played) as host:
        for _ in range(2):
            assert await ask(transport, call_to(host.port, body=b"a" * 30_000_000)) == (413, b"")
        done.set()
    assert len(host.lines) == 2


async def test_closing_ends_idle_and_busy_connections(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host, hosting(playing(UNTIL_CLOSE + b"hel")) as slow, hosting(playing(b"")) as mute:
        await ask(transport, call_to(host.port))
        silent = asyncio.ensure_future(failure(transport, call_to(mute.port)))
        async with transport.open(call_to(slow.port), TARGET, PATIENT) as reply:
            assert await reply.chunk() == b"hel"
            await eventually(lambda: mute.asked == 1)
            await transport.close()
            with pytest.raises(ProviderError):
                await reply.chunk()
        assert isinstance(await silent, ProviderUnreachable)
        for line in (host.lines[0], slow.lines[0], mute.lines[0]):
            assert await line.left()
        assert await ask(transport, call_to(host.port)) == (200, b"hello")


async def test_closing_ends_a_call_on_a_kept_connection(transport: PoolTransport) -> None:
    async def played(line: Line) -> None:
        await line.hear()
        await line.say(OK)
        await line.hear()
        await line.say(OK[:-1])
        await line.hear()

    async with hosting(played) as host:
        await ask(transport, call_to(host.port))
        async with transport.open(call_to(host.port), TARGET, PATIENT) as reply:
            await transport.close()
            with pytest.raises(ProviderError):
                await reply.read()
            assert await host.lines[0].left()


async def test_closing_ends_a_call_that_is_connecting(transport: PoolTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    """What connects after all is closed and hears no request."""
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo
    asked, closed = asyncio.Event(), asyncio.Event()

    async def slowly(*where: Any, **wishes: Any) -> Any:
        asked.set()
        await closed.wait()
        return await resolve(*where, **wishes)

    async with hosting(playing(OK)) as host:
        monkeypatch.setattr(loop, "getaddrinfo", slowly)
        call = asyncio.ensure_future(failure(transport, call_to(host.port)))
        await asked.wait()
        await transport.close()
        closed.set()
        assert isinstance(await call, ProviderUnreachable)
    assert host.asked == 0


async def test_a_reply_that_is_kept_sees_nothing_of_the_next_call(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host:
        async with transport.open(call_to(host.port), TARGET, PATIENT) as reply:
            await reply.read()
        await ask(transport, call_to(host.port))
        assert await reply.chunk() == b""
    assert len(host.lines) == 1


async def test_ended_calls_and_connections_leave_nothing_behind(transport: PoolTransport) -> None:
    """Memory is given back as connections end, not when the collector comes by."""
    gc.collect()
    gc.disable()
    try:
        async with hosting(once(OK)) as host:
            await ask(transport, call_to(host.port))
            await ask(transport, call_to(host.port))
        await transport.close()
        await asyncio.sleep(0)
        assert [thing for thing in gc.get_objects() if isinstance(thing, (Connection, Answer))] == []
    finally:
        gc.enable()


async def test_calls_at_once_never_cross_their_answers(transport: PoolTransport) -> None:
    """Random delays, some callers leaving early, some connections dying: each answer repeats its own request."""
    rng = random.Random(7)

    async def played(line: Line) -> None:
        while await line.hear():
            body = line.asked[-1][2]
            await asyncio.sleep(rng.random() / 100)
            kind = rng.randrange(3)
            if kind == 0:
                await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)
            elif kind == 1:
                await line.say(CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n", b"0\r\n\r\n")
            else:
                await line.say(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                return

    async def caller(number: int) -> None:
        for turn in range(5):
            body = b"call %d of %d" % (turn, number)
            if number % 5 == 4:
                task = asyncio.ensure_future(ask(transport, call_to(host.port, body=body)))
                await asyncio.sleep(rng.random() / 100)
                task.cancel()
                await asyncio.wait([task])
            else:
                assert await ask(transport, call_to(host.port, body=body)) == (200, body)

    async with hosting(played) as host:
        await asyncio.gather(*(caller(number) for number in range(200)))
