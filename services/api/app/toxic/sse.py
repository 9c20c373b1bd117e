"""Event streams in forms that the standard allows and few expect, and in forms that it does not. What the events say is left alone."""

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from ..domain.answer import Delta
from . import good
from .exchange import Exchange
from .fault import Events, Fault, Play, altered
from .wording import OVERLOADED, error_body, error_event

_MB: Final = 1024 * 1024
_ODD: Final = "one\u2028two\u2029three\u0085four\u000bfive\u000csix\u001cseven"
_MARK: Final = "toxic-mark"
_FIELD = re.compile(rb"(?m)^(data|event): ")
_COMMENTS: Final = b": a comment\n:\nid: 7\nretry: 3000\nunknown: field\nnofield\n"


def as_it_is(body: bytes) -> bytes:
    """A whole answer has no events."""
    return body


def lines_ended(*ends: bytes) -> Play:
    """Each line ended with the next of these."""

    def change(event: bytes) -> bytes:
        return b"".join([row + ends[i % len(ends)] for i, row in enumerate(event.split(b"\n")[:-1])])

    return each(change)


def commented(event: bytes) -> bytes:
    """An event among comments and fields that mean nothing, with no space after its colons."""
    return _COMMENTS + _FIELD.sub(rb"\1:", event)


def in_many_lines(event: bytes) -> bytes:
    """An event whose JSON is spread over several `data` lines."""
    before, mark, text = event.partition(b"data: ")
    if not text.startswith(b"{"):
        return event
    return before + mark + msgspec.json.format(text.rstrip(), indent=1).replace(b"\n", b"\ndata: ") + b"\n\n"


async def byte_by_byte(x: Exchange) -> None:
    """Every byte a chunk of its own, and a packet of its own where the other side is quick."""
    body = b"".join(good.stream(x.asked).events) if x.asked.stream else good.whole(x.asked)
    await x.begin("text/event-stream" if x.asked.stream else "application/json")
    for byte in body:
        await x.chunk(bytes([byte]))
    await x.end()


def saying(text: str) -> Play:
    """An answer that says this."""

    async def play(x: Exchange) -> None:
        completion = good.saying(x.asked, text)
        if x.asked.stream:
            deltas = [Delta(text=text), Delta(finish_reason="stop"), Delta(usage=completion.usage)]
            await x.say(good.written(x.asked, deltas).events)
        else:
            await x.answer(200, good.rendered(x.asked, completion))

    return play


async def not_utf8(x: Exchange) -> None:
    """An answer with bytes in its text that are no UTF-8."""
    bad = b"\xff\xfe\xc3("
    completion = good.saying(x.asked, _MARK)
    if x.asked.stream:
        deltas = [Delta(text=_MARK), Delta(finish_reason="stop"), Delta(usage=completion.usage)]
        await x.say([event.replace(_MARK.encode(), bad) for event in good.written(x.asked, deltas).events])
    else:
        await x.answer(200, good.rendered(x.asked, completion).replace(_MARK.encode(), bad))


async def huge_event(x: Exchange) -> None:
    """One event of so many MB."""
    await x.begin()
    await x.chunk(b'data: {"id":"')
    await x.flood(b"a", int(x.number(50) * _MB))
    await x.chunk(b'"}\n\n')
    await x.end()


async def endless_line(x: Exchange) -> None:
    """A line that never ends."""
    await x.begin()
    await x.chunk(b"data: ")
    while True:
        await x.flood(b"a", _MB)


async def tiny_events(x: Exchange) -> None:
    """So many events of a few bytes, as fast as they are read."""
    said = good.stream(x.asked) if x.asked.stream else good.Stream((), (), ())
    event = good.tiny(x.asked.dialect)
    await x.begin()
    for start in said.content[: _OPENING[x.asked.dialect]]:
        await x.chunk(start)
    await x.flood(event, int(x.number(200_000)) * len(event))
    for end in (*said.content[len(said.content) - _CLOSING[x.asked.dialect] :], *said.finish, *said.terminator):
        await x.chunk(end)
    await x.end()


def unfinished(said: good.Stream) -> Iterable[bytes]:
    """All content, then a clean end of the body: no finish, no usage, no terminator."""
    return said.content


def undone(said: good.Stream) -> Iterable[bytes]:
    """Everything but the terminator."""
    return said.content + said.finish


def unfinished_body(body: bytes) -> bytes:
    """A whole answer that does not say why it ended."""
    for name in (b'"finish_reason":"stop"', b'"stop_reason":"end_turn"', b'"finishReason":"STOP"'):
        body = body.replace(name, name.partition(b":")[0] + b":null")
    return body


def malformed(said: good.Stream) -> Iterable[bytes]:
    """An event in the middle that is no JSON."""
    middle = len(said.content) // 2
    return (*said.content[:middle], b'data: {"id": "toxic", oops\n\n', *said.content[middle:], *said.finish, *said.terminator)


def going_on(said: good.Stream) -> Iterable[bytes]:
    """More content after the terminator."""
    return (*said.events, *said.content)


def twice_done(said: good.Stream) -> Iterable[bytes]:
    """The end, and the end again."""
    return (*said.events, *(said.terminator or said.finish))


def only_done(said: good.Stream) -> Iterable[bytes]:
    """The end without any content."""
    return said.terminator or (b": nothing\n\n",)


async def error_first(x: Exchange) -> None:
    """The first event is an error."""
    if x.asked.stream:
        await x.say([error_event(x.asked.dialect, OVERLOADED)])
    else:
        await x.answer(200, error_body(x.asked.dialect, 503, OVERLOADED))


async def error_late(x: Exchange) -> None:
    """Content, then an event that is an error; a whole answer is an error object."""
    if not x.asked.stream:
        await error_first(x)
        return
    said = good.stream(x.asked)
    content = said.content[: int(x.number(len(said.content)))]
    await x.say([*content, error_event(x.asked.dialect, OVERLOADED)])


def with_bom(said: good.Stream) -> Iterable[bytes]:
    """The stream after a byte-order mark."""
    return (b"\xef\xbb\xbf" + said.events[0], *said.events[1:])


def _streamed(events: Events) -> Play:
    return altered(events, as_it_is)


def each(change: Callable[[bytes], bytes]) -> Play:
    """Each event changed."""
    return _streamed(lambda said: map(change, said.events))


# of a good stream's content: the events that must come before a letter (Anthropic's block must be open), and after the last
_OPENING: Final = {"openai": 1, "anthropic": 2, "gemini": 0, "mistral": 0}
_CLOSING: Final = {"openai": 0, "anthropic": 1, "gemini": 0, "mistral": 0}
FAULTS: Final = (
    Fault("malformed-chunk", "an event in the middle that is no JSON", ("B1",), altered(malformed, lambda body: body[:-2])),
    Fault("no-terminator", "all content, then a clean end without finish and terminator", ("B4",), altered(unfinished, unfinished_body)),
    Fault("no-done", "everything but the terminator (Gemini has none)", ("B4",), _streamed(undone)),
    Fault("error-event-first", "a stream whose first event is an error", ("A13",), error_first),
    Fault("error-event-late", "an error after so many events", ("A14",), error_late, "count=all"),
    Fault("sse-crlf", "lines end with CR LF", ("B5",), lines_ended(b"\r\n")),
    Fault("sse-cr", "lines end with a lone CR", ("B5",), lines_ended(b"\r")),
    Fault("sse-mixed", "line ends by turns", ("B5",), lines_ended(b"\n", b"\r\n", b"\r")),
    Fault("sse-comments", "comments, ids, unknown fields, no space after the colon", ("B6",), each(commented)),
    Fault("sse-multiline", "each event's JSON over several `data` lines", ("B7",), each(in_many_lines)),
    Fault("sse-bom", "a byte-order mark before the first event", ("B8",), _streamed(with_bom)),
    Fault("sse-split", "each byte in a chunk of its own", ("B9",), byte_by_byte),
    Fault("sse-separators", "U+2028, U+2029, U+0085, VT, FF and FS inside a text", ("B10",), saying(_ODD)),
    Fault("not-utf8", "a text with bytes that are no UTF-8", ("B11",), not_utf8),
    Fault("huge-event", "one event of so many MB", ("B12",), huge_event, "mb=50"),
    Fault("endless-line", "a line that never ends", ("B12",), endless_line),
    Fault("tiny-events", "so many events of one letter", ("B13",), tiny_events, "count=200000"),
    Fault("after-done", "content after the terminator", ("B14",), _streamed(going_on)),
    Fault("two-dones", "the terminator twice", ("B14",), _streamed(twice_done)),
    Fault("done-only", "a terminator and nothing before it", ("B14",), altered(only_done, lambda body: b"{}")),
)  # fmt: skip
