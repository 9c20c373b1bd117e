"""Bodies that are cut, broken, packed or far too large. What is inside a good body is changed elsewhere (`contents`)."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from . import good
from .exchange import JSON, SSE, Exchange, framed, head
from .fault import Fault, Play, altered, instead
from .wording import OVERLOADED, error_body

_MB: Final = 1024 * 1024
_LET_THROUGH: Final = 0.02


def text_of(x: Exchange) -> tuple[str, bytes]:
    """The good answer's content type and body, a stream's events joined."""
    if x.asked.stream:
        return SSE, b"".join(good.stream(x.asked).events)
    return JSON, good.whole(x.asked)


async def empty(x: Exchange) -> None:
    """200 and nothing."""
    await x.answer(200, b"", SSE if x.asked.stream else JSON)


async def error_inside(x: Exchange) -> None:
    """200 whose body is an error object."""
    await x.answer(200, error_body(x.asked.dialect, 529 if x.asked.dialect == "anthropic" else 503, OVERLOADED))


def half(body: bytes) -> bytes:
    """Its first half."""
    return body[: len(body) // 2]


def halved(said: good.Stream) -> list[bytes]:
    """The events up to the middle of one."""
    middle = len(said.content) // 2
    return [*said.content[:middle], half(said.content[middle])]


async def short_of_length(x: Exchange) -> None:
    """Fewer bytes than `content-length` promised, then the end of the connection."""
    kind, body = text_of(x)
    await x.send(head(200, (("content-type", kind), ("content-length", str(len(body))))) + half(body))
    x.line.close()


async def short_of_chunks(x: Exchange) -> None:
    """Chunks, but never the last one; the connection ends in an orderly way."""
    kind, body = text_of(x)
    await x.begin(kind)
    await x.chunk(half(body))
    x.line.close()


async def bad_framing(x: Exchange) -> None:
    """A chunk whose size is no number."""
    kind, body = text_of(x)
    await x.begin(kind)
    await x.send(framed(half(body)) + b"zz\r\n")
    x.line.close()


async def ends_with_connection(x: Exchange) -> None:
    """Half a body that only the end of the connection ends: HTTP cannot tell that it is cut."""
    kind, body = text_of(x)
    await x.send(head(200, (("content-type", kind), ("connection", "close"))) + half(body))
    x.line.close()


def packed(pack: str, name: str = "gzip") -> Play:
    """A good answer under a `content-encoding`."""

    async def play(x: Exchange) -> None:
        kind, body = text_of(x)
        await x.answer(200, _PACKS[pack](body), kind, (("content-encoding", name),))

    return play


async def members(x: Exchange) -> None:
    """Empty members by the thousand before the answer: cheap to send, dear to unpack one by one."""
    kind, body = text_of(x)
    pack = gzip.compress(b"", mtime=0) * int(x.number(50_000)) + gzip.compress(body, mtime=0)
    await x.answer(200, pack, kind, (("content-encoding", "gzip"),))


_PACKS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "plain": bytes,
    "once": lambda body: gzip.compress(body, mtime=0),
    "twice": lambda body: gzip.compress(gzip.compress(body, mtime=0), mtime=0),
    "cut": lambda body: gzip.compress(body, mtime=0)[:-12],
}


async def bomb(x: Exchange) -> None:
    """So many MB of one letter, packed a thousandfold."""
    await x.begin(SSE if x.asked.stream else JSON, (("content-encoding", "gzip"),))
    for piece in _bomb(int(x.number(100))):
        await x.chunk(piece)
    await x.end()


def _bomb(megabytes: int) -> Iterator[bytes]:
    pack = zlib.compressobj(9, wbits=31)
    block = b"a" * _MB
    yield pack.compress(b'data: {"id":"') + pack.flush(zlib.Z_SYNC_FLUSH)
    for _ in range(megabytes):
        piece = pack.compress(block)
        if piece:
            yield piece
    yield pack.flush()


async def huge_body(x: Exchange) -> None:
    """A JSON text of so many MB."""
    await x.begin(JSON)
    await x.chunk(b'{"id":"')
    await x.flood(b"a", int(x.number(200) * _MB))
    await x.chunk(b'"}')
    await x.end()


async def cut(x: Exchange) -> None:
    """Half of the answer, then the end of the connection."""
    await _begun(x)
    x.line.close()


async def reset_midway(x: Exchange) -> None:
    """Half of the answer, then a reset."""
    await _begun(x)
    await x.pause(_LET_THROUGH)  # a reset discards what the other side has not read
    x.line.reset()


async def _begun(x: Exchange) -> None:
    if not x.asked.stream:
        body = good.whole(x.asked)
        await x.send(head(200, (("content-type", JSON), ("content-length", str(len(body))))) + half(body))
        return
    said = good.stream(x.asked).content
    await x.begin()
    for event in said[: int(x.number(max(len(said) // 2, 1)))]:
        await x.chunk(event)


FAULTS: Final = (
    Fault("empty-200", "200 with an empty body", ("A16",), empty),
    Fault("error-in-200", "200 whose body is an error object", ("A12",), error_inside),
    Fault("malformed-json", "200 with a body that is no JSON", ("B1",), instead(b'{"id": "toxic", "choices": [oops}')),
    Fault("truncated-json", "well-framed, but the JSON stops in the middle", ("B1",), altered(halved, half)),
    Fault("truncated-length", "the connection ends before `content-length` is reached", ("B2",), short_of_length),
    Fault("truncated-chunked", "the connection ends before the last chunk", ("B3",), short_of_chunks),
    Fault("bad-framing", "a chunk whose size is no number", ("B3",), bad_framing),
    Fault("close-delimited", "half an answer that ends with the connection, as HTTP allows", ("B4",), ends_with_connection),
    Fault("cut-mid-stream", "so many events (or half a body), then an orderly end of the connection", ("B3", "C9"), cut, "count=half"),
    Fault("rst-mid-stream", "so many events (or half a body), then a reset", ("C7",), reset_midway, "count=half"),
    Fault("gzip-200", "a good answer in gzip that nobody asked for", ("B21",), packed("once")),
    Fault("gzip-lie", "called gzip, but plain", ("B21",), packed("plain")),
    Fault("gzip-cut", "gzip without its end", ("B21",), packed("cut")),
    Fault("double-gzip", "gzip in gzip, called gzip", ("B21",), packed("twice")),
    Fault("br-lie", "called br, but plain", ("B21",), packed("plain", "br")),
    Fault("gzip-members", "so many empty gzip members before the answer", ("B22",), members, "count=50000"),
    Fault("gzip-bomb", "so many MB in about a thousandth of that", ("B20",), bomb, "mb=100"),
    Fault("huge-body", "a body of so many MB", ("B23",), huge_body, "mb=200"),
)  # fmt: skip
