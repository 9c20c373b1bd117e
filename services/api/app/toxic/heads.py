"""Responses whose head is the trouble: interim answers, wrong types, huge or forbidden headers. Bodies are good ones here."""

from typing import Final

from . import good
from .exchange import HTML, JSON, SSE, Exchange, head
from .fault import Fault, Play, instead

_HTML: Final = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"
_INTERIM: Final = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
_LEAKY: Final = (
    ("connection", "keep-alive, x-internal-hop"),
    ("keep-alive", "timeout=5"),
    ("proxy-authenticate", "Basic"),
    ("te", "trailers"),
    ("upgrade", "h2c"),
    ("x-internal-hop", "node-7"),
    ("set-cookie", "session=toxic-cookie; Path=/; HttpOnly"),
    ("server", "toxic/1.0"),
    ("via", "1.1 toxic"),
    ("openai-organization", "org-toxic"),
    ("anthropic-organization-id", "org-toxic"),
    ("x-ratelimit-remaining-requests", "7"),
    ("access-control-allow-origin", "*"),
    ("content-security-policy", "sandbox"),
)


async def interim(x: Exchange) -> None:
    """Three interim answers, then a good one."""
    await x.send(_INTERIM)
    await x.well()


async def only_interim(x: Exchange) -> None:
    """Interim answers and never a final one."""
    while True:
        await x.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await x.pause(x.seconds(200))


async def switching(x: Exchange) -> None:
    """A change of protocols that nobody asked for; then nothing, until the caller leaves."""
    await x.send(head(101, (("upgrade", "websocket"), ("connection", "upgrade"))))
    await x.pause(_FOR_EVER)


async def whole_for_stream(x: Exchange) -> None:
    """A whole answer, also where a stream was asked."""
    await x.answer(200, good.whole(x.asked))


async def stream_for_whole(x: Exchange) -> None:
    """A stream, also where a whole answer was asked."""
    await x.say(good.stream(x.asked).events)


def typed(kind: str) -> Play:
    """A good answer under a wrong content type."""

    async def play(x: Exchange) -> None:
        if x.asked.stream:
            await x.say(good.stream(x.asked).events, kind)
        else:
            await x.answer(200, good.whole(x.asked), kind)

    return play


def headed(*more: tuple[str, str]) -> Play:
    """A good answer with these headers before its own."""

    async def play(x: Exchange) -> None:
        if x.asked.stream:
            await x.say(good.stream(x.asked).events, SSE, more)
        else:
            await x.answer(200, good.whole(x.asked), JSON, more)

    return play


async def huge_header(x: Exchange) -> None:
    """One header of many bytes."""
    await headed(("x-huge", "h" * int(x.number(200) * 1024)))(x)


async def many_headers(x: Exchange) -> None:
    """Many header lines."""
    await headed(*((f"x-filler-{i}", "f") for i in range(int(x.number(10_000)))))(x)


_FOR_EVER: Final = 86_400.0
FAULTS: Final = (
    Fault("1xx", "100, 102 and 103 before a good answer", ("A17",), interim),
    Fault("1xx-forever", "a 103 again and again, never an answer", ("A17",), only_interim, "ms=200"),
    Fault("101", "101 Switching Protocols, then silence", ("A17",), switching),
    Fault("html-200", "200 with a sign-in page", ("A18",), instead(_HTML, HTML)),
    Fault("html-type", "a good answer called `text/html`", ("A18",), typed(HTML)),
    Fault("json-for-stream", "a whole answer where a stream was asked", ("A18",), whole_for_stream),
    Fault("stream-for-json", "a stream where a whole answer was asked", ("A18",), stream_for_whole),
    Fault("huge-header", "one header of so many KB", ("A19",), huge_header, "count=200"),
    Fault("many-headers", "so many header lines", ("A19",), many_headers, "count=10000"),
    Fault("nul-header", "a header with a NUL in it", ("A19",), headed(("x-nul", "a\0b"))),
    Fault("cr-header", "a header with a lone carriage return in it", ("A19",), headed(("x-cr", "a\rx-injected: b"))),
    Fault("bad-header-name", "a header whose name holds a space", ("A19",), headed(("x bad", "b"))),
    Fault("leaky-headers", "hop-by-hop headers, cookies, ids of the account", ("A20",), headed(*_LEAKY)),
)  # fmt: skip
