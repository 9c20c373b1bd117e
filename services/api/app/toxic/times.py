"""Waiting: before the head, before the first token, between tokens, for ever; and connections that end at a bad moment."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from . import good
from .bodies import text_of
from .exchange import JSON, SSE, Exchange, framed, head
from .fault import Fault
from .line import Left
from .statuses import refuse

_PIECE_MS: Final = 300.0
_LONG_MS: Final = 3_600_000.0


async def slow(x: Exchange) -> None:
    """A good answer, all of it later."""
    await x.pause(x.seconds(2000))
    await x.well()


async def silence(x: Exchange) -> None:
    """Nothing, for longer than anyone waits."""
    await x.pause(x.seconds(_LONG_MS))
    await x.well()


async def slow_head(x: Exchange) -> None:
    """The head byte by byte."""
    kind, body = text_of(x)
    for byte in head(200, (("content-type", kind), ("content-length", str(len(body))))):
        await x.send(bytes([byte]))
        await x.pause(x.seconds(_PIECE_MS))
    await x.send(body)
    x.done()


async def slow_first(x: Exchange) -> None:
    """The head at once, the first token later."""
    if not x.asked.stream:
        await slow_body(x)
        return
    events = good.stream(x.asked).events
    await x.begin()
    await x.pause(x.seconds(2000))
    await x.chunks(events)


async def slow_body(x: Exchange) -> None:
    """The head of a whole answer at once, its body later."""
    body = good.whole(x.asked)
    await x.send(head(200, (("content-type", JSON), ("content-length", str(len(body))))))
    await x.pause(x.seconds(2000))
    await x.send(body)
    x.done()


async def stall(x: Exchange) -> None:
    """Half of the answer, then a silence."""
    kind, body = text_of(x)
    pieces = list(good.stream(x.asked).events) if x.asked.stream else [body[: len(body) // 2], body[len(body) // 2 :]]
    middle = max(len(pieces) // 2, 1)
    await x.begin(kind)
    for piece in pieces[:middle]:
        await x.chunk(piece)
    await x.pause(x.seconds(_LONG_MS))
    await x.chunks(pieces[middle:])


async def drip(x: Exchange) -> None:
    """One byte at a time."""
    kind, body = text_of(x)
    await x.begin(kind)
    for byte in body:
        await x.chunk(bytes([byte]))
        await x.pause(x.seconds(_PIECE_MS))
    await x.end()


async def slow_events(x: Exchange) -> None:
    """One event at a time."""
    if not x.asked.stream:
        await slow(x)
        return
    events = good.stream(x.asked).events
    await x.begin()
    for event in events:
        await x.pause(x.seconds(_PIECE_MS))
        await x.chunk(event)
    await x.end()


async def comments(x: Exchange) -> None:
    """Comments that keep the connection busy, never a token."""
    await x.begin(SSE if x.asked.stream else JSON)
    while True:
        await x.chunk(b": still here\n\n" if x.asked.stream else b" ")
        await x.pause(x.seconds(_PIECE_MS))


async def idle_open(x: Exchange) -> None:
    """A first token, then a stream that stays open and says nothing; of a whole answer half."""
    if not x.asked.stream:
        await stall(x)
        return
    events = good.stream(x.asked).content
    await x.begin()
    for event in events[:3]:
        await x.chunk(event)
    await x.pause(_LONG_MS)


async def reset_at_once(x: Exchange) -> None:
    """The request is read, then the connection is reset."""
    x.line.reset()


async def close_at_once(x: Exchange) -> None:
    """The request is read, then the connection ends without a word."""
    x.line.close()


async def half_close(x: Exchange) -> None:
    """Our half ends in the middle of the answer; the connection stays until the caller ends it."""
    kind, body = text_of(x)
    await x.begin(kind)
    await x.send(framed(body[: len(body) // 2]))
    x.line.end_writing()
    await x.pause(_LONG_MS)


async def race(x: Exchange) -> None:
    """Good on a fresh connection; one that was used before ends as the next request comes."""
    if not x.entry.reused:
        await x.well()
    elif x.given == "rst":
        x.line.reset()
    else:
        x.line.close()


async def idle_close(x: Exchange) -> None:
    """A good answer; the connection, still announced as kept, ends a little later."""
    await x.well()
    await x.pause(x.seconds(50))
    x.line.close()


async def early(x: Exchange) -> None:
    """The answer comes before the body was read; the connection ends a little later."""
    await refuse(x, 503)
    await x.pause(x.seconds(200))
    x.line.close()


async def billing(x: Exchange) -> None:
    """Generates on, and charges, when the caller has left: an event of a stream, or a tenth of a whole answer, at a time."""
    events = good.stream(x.asked).events if x.asked.stream else (b"",) * 9 + (good.whole(x.asked),)
    share = -(-good.worth(x.asked) // len(events))
    listening = not x.asked.stream or await _heard(x.begin())
    for event in events:
        await asyncio.sleep(x.seconds(50))
        x.entry.billed_tokens += share
        if not listening or not event:
            continue
        listening = await _heard(x.chunk(event) if x.asked.stream else x.answer(200, event))
    if listening and x.asked.stream:
        await x.end()


async def _heard(said: Awaitable[None]) -> bool:
    """Whether somebody was there to hear it."""
    try:
        await said
    except Left:
        return False
    return True


FAULTS: Final = (
    Fault("slow", "a good answer, so much later", ("C10", "C14"), slow, "ms=2000"),
    Fault("silence", "the request is taken, then nothing", ("C4",), silence, "ms=3600000"),
    Fault("slow-headers", "the head a byte at a time", ("C3",), slow_head, "ms=300"),
    Fault("slow-first-token", "the head at once, the first token later", ("C4",), slow_first, "ms=2000"),
    Fault("stall-mid-stream", "half of the answer, a silence, the rest", ("C5",), stall, "ms=3600000"),
    Fault("drip", "a byte at a time", ("C6",), drip, "ms=300"),
    Fault("slow-stream", "an event at a time", ("C6", "C14"), slow_events, "ms=300"),
    Fault("comments-forever", "comments (or blanks), never a token", ("C4", "C6"), comments, "ms=300"),
    Fault("idle-stream", "a few tokens, then an open stream that says nothing", ("C5", "C16"), idle_open),
    Fault("reset-on-connect", "a reset when the request was read", ("C1",), reset_at_once),
    Fault("close-on-connect", "an orderly end when the request was read", ("C9",), close_at_once),
    Fault("half-close", "half an answer, then our half of the connection ends", ("C9",), half_close),
    Fault("keepalive-race", "a used connection ends (`rst`: is reset) as the next request comes", ("C8",), race, "text=fin"),
    Fault("idle-close", "a good answer; the kept connection ends a little later", ("C8",), idle_close, "ms=50"),
    Fault("early-answer", "503 before the body was read; the connection ends a little later", ("C15",), early, "ms=200", early=True),
    Fault("bills-on", "an event at a time; goes on and charges when the caller has left", ("D4",), billing, "ms=50"),
)  # fmt: skip
