"""Two transports behind one seam: what a host does means the same to our pool and to aiohttp."""

import asyncio
import struct
from itertools import pairwise
from socket import SO_LINGER, SOL_SOCKET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clients.common.protocols import Call, Deadlines, Transport
from app.clients.http_transport import HttpTransport
from app.clients.pool.transport import PoolTransport
from app.errors import RouterError
from raw_hosts import CHUNKED, KEY, OK, PATIENT, TARGET, UNTIL_CLOSE, Line, Played, call_to, hosting, once, playing

Outcome = tuple[object, ...]


def _key(name: str) -> str | None:
    return KEY if name == "KEY" else None


async def outcome(transport: Transport, call: Call, deadlines: Deadlines = PATIENT) -> Outcome:
    """Everything a caller of the seam can see."""
    try:
        async with transport.open(call, TARGET, deadlines) as reply:
            return reply.status, dict(reply.headers), await reply.read()
    except RouterError as error:
        return (type(error),)


async def both(played: Played, calls: int = 1, deadlines: Deadlines = PATIENT) -> tuple[list[Outcome], list[Outcome]]:
    """What each transport sees of the same host in so many calls."""
    seen: list[list[Outcome]] = []
    for transport in (PoolTransport(_key), HttpTransport(_key)):
        async with hosting(played) as host:
            seen.append([await outcome(transport, call_to(host.port), deadlines) for _ in range(calls)])
        await transport.close()
    return seen[0], seen[1]


def reset(*pieces: bytes) -> Played:
    """Some bytes, then a reset."""

    async def played(line: Line) -> None:
        await line.hear()
        await line.say(*pieces)
        line.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))

    return played


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
PLAYS: dict[str, Played] = {
    "length": playing(OK),
    "chunked": playing(CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    "chunked in pieces": playing(CHUNKED, b"2\r\nh", b"e\r", b"\n3\r\nllo\r\n", b"0\r\n", b"\r\n"),
    "trailer": playing(CHUNKED + b"5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n"),
    "until close": once(UNTIL_CLOSE + b"hello"),
    "until close, empty": once(UNTIL_CLOSE),
    "no content": playing(NO_CONTENT),
    "empty": playing(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    "error": playing(OK.replace(b"200 OK", b"503 Busy")),
    "redirect": playing(OK.replace(b"200 OK", b"307 Moved\r\nlocation: /elsewhere")),
    "continue": playing(b"HTTP/1.1 100 Continue\r\n\r\n" + OK),
    "closing": playing(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")),
    "http/1.0": once(OK.replace(b"1.1", b"1.0", 1)),
    "odd names": playing(OK.replace(b"\r\n\r\n", b"\r\nX-ODD:  a b \r\n\r\n")),
    "twice the same header": playing(OK.replace(b"\r\n\r\n", b"\r\nx-a: 1\r\nX-A: 2\r\n\r\n")),
    "silence": once(),
    "reset": reset(),
    "half a head": once(OK[:30]),
    "half a body": once(OK[:-1]),
    "half a chunk": once(CHUNKED + b"5\r\nhel"),
    "no last chunk": once(CHUNKED + b"5\r\nhello\r\n"),
    "reset in the body": reset(OK[:-1]),
    "reset in a chunk": reset(CHUNKED + b"5\r\nhel"),
    "no http": playing(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "html": once(b"<html></html>"),
    "two lengths": playing(OK.replace(b"\r\n\r\n", b"\r\ncontent-length: 6\r\n\r\n")),
    "length no number": playing(OK.replace(b": 5", b": five")),
    "length and chunks": playing(OK.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n")),
    "nul in a header": playing(OK.replace(b"json", b"js\x00on")),
    "large head": playing(OK.replace(b"\r\n\r\n", b"\r\nx: " + b"a" * 90_000 + b"\r\n\r\n")),
}


@pytest.mark.parametrize("name", PLAYS)
async def test_what_a_host_does_means_the_same_to_both(name: str) -> None:
    """Three calls in turn, so that what the first leaves behind shows in the next."""
    ours, theirs = await both(PLAYS[name], calls=3)
    assert ours == theirs


@pytest.mark.parametrize("said", [b"", OK[:20], OK[:-1]])
async def test_a_deadline_means_the_same_to_both(said: bytes) -> None:
    ours, theirs = await both(playing(said), deadlines=Deadlines(5, 5, 5, 0.03))
    assert ours == theirs


async def test_a_refused_connection_means_the_same_to_both() -> None:
    async with hosting(playing(OK)) as host:
        pass
    ours, theirs = PoolTransport(_key), HttpTransport(_key)
    assert await outcome(ours, call_to(host.port)) == await outcome(theirs, call_to(host.port))
    await ours.close()
    await theirs.close()


async def test_both_send_the_same_request() -> None:
    """The host's own order and spelling of names aside."""
    seen = []
    for transport in (PoolTransport(_key), HttpTransport(_key)):
        async with hosting(playing(OK)) as host:
            await outcome(transport, call_to(host.port, "/v1/a%20b?x=%2F&y", b'{"a": 1}'))
        first, headers, body = host.lines[0].asked[0]
        seen.append((first, {name: value.replace(str(host.port), "port") for name, value in headers.items()}, body))
        await transport.close()
    assert seen[0] == seen[1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    framing=st.sampled_from(["length", "chunked", "close"]),
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    cuts=st.lists(st.integers(1, 200), max_size=5),
    kept=st.integers(0, 300),
    ends=st.booleans(),
)
def test_any_answer_cut_anywhere_means_the_same_to_both(
    framing: str, pieces: list[bytes], cuts: list[int], kept: int, ends: bool
) -> None:
    """Whole or broken off after `kept` bytes, sent in pieces of any size."""
    body = b"".join(pieces)
    whole = {
        "length": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
        "chunked": CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n",
        "close": UNTIL_CLOSE + body,
    }[framing]
    if ends:
        whole = whole[:kept]
    points = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    split = [whole[start:end] for start, end in pairwise(points)]
    ours, theirs = asyncio.run(both(once(*split)))
    assert ours == theirs
