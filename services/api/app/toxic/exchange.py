"""One request and the means to answer it, well or badly: framing, pauses, ends. Which fault is played may not enter."""

from collections.abc import Iterable
from http import HTTPStatus
from time import monotonic
from typing import Final

from . import good
from .asked import Asked
from .line import Line
from .log import Entry

Headers = Iterable[tuple[str, str]]
JSON: Final = "application/json"
SSE: Final = "text/event-stream; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
CHUNKED: Final = (("transfer-encoding", "chunked"),)
LAST_CHUNK: Final = b"0\r\n\r\n"
_PIECE: Final = 64 * 1024
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus} | {529: "Site Overloaded"}


def head(status: int, headers: Headers) -> bytes:
    """A response's head, as it is: nothing is checked, since some heads are meant to be bad."""
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Odd')}", *[f"{name}: {value}" for name, value in headers]]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def framed(data: bytes) -> bytes:
    """One piece in HTTP's chunked framing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Exchange:
    """A request and its connection.

    `given` is what stood after the fault's name (""), `turn` how many requests named this model before, `since` the
    monotonic time of the first of them.
    """

    def __init__(self, line: Line, entry: Entry, asked: Asked) -> None:
        self.line = line
        self.entry = entry
        self.asked = asked
        self.given = ""
        self.turn = 0
        self.since = monotonic()

    def number(self, otherwise: float) -> float:
        """The fault's number; `otherwise` where none was given."""
        return float(self.given) if self.given else otherwise

    def seconds(self, otherwise_ms: float) -> float:
        """The fault's milliseconds, in seconds."""
        return self.number(otherwise_ms) / 1000

    async def send(self, data: bytes) -> None:
        """These bytes, in whatever state the answer is. Raises Left."""
        await self.line.send(data)
        self.entry.bytes_sent += len(data)

    async def flood(self, piece: bytes, total: int) -> None:
        """`total` bytes made of `piece` again and again, as chunks, in bounded memory. Raises Left."""
        block = piece * max(_PIECE // len(piece), 1)
        left = total
        while left > 0:
            await self.chunk(block[:left])
            left -= len(block)

    async def begin(self, kind: str = SSE, more: Headers = (), status: int = 200) -> None:
        """The head of a chunked answer. Raises Left."""
        await self.send(head(status, (("content-type", kind), *more, *CHUNKED)))

    async def chunk(self, data: bytes) -> None:
        """One piece of a chunked answer. Raises Left."""
        await self.send(framed(data))

    async def end(self) -> None:
        """The end of a chunked answer. Raises Left."""
        await self.send(LAST_CHUNK)
        self.done()

    async def answer(self, status: int, body: bytes, kind: str = JSON, more: Headers = ()) -> None:
        """A whole answer of known length. Raises Left."""
        fields = (("content-type", kind), *more, ("content-length", str(len(body))))
        await self.send(head(status, fields) + body)
        self.done()

    async def say(self, events: Iterable[bytes], kind: str = SSE, more: Headers = ()) -> None:
        """A stream that consists of these events, each a chunk. Raises Left."""
        await self.begin(kind, more)
        await self.chunks(events)

    async def chunks(self, events: Iterable[bytes]) -> None:
        """The rest of a chunked answer and its end. Raises Left."""
        for event in events:
            await self.chunk(event)
        await self.end()

    async def well(self) -> None:
        """What a provider in good health would answer. Raises Left, CallerError."""
        if self.asked.stream:
            await self.say(good.stream(self.asked).events)
        else:
            await self.answer(200, good.whole(self.asked))

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while. Raises Left as soon as the caller hangs up."""
        await self.line.pause(seconds)

    def bill(self, tokens: int) -> None:
        """Charge for what was generated."""
        self.entry.billed_tokens += tokens

    def done(self) -> None:
        """The answer is complete in HTTP's own terms."""
        self.entry.complete = True
