"""Refusals: statuses other than 200 in each dialect's shape, with every spelling of `retry-after`."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic
from typing import Final

from ..domain.answer import Completion, Delta, Usage
from . import good
from .exchange import HTML, Exchange, Headers, head
from .fault import Fault, Play, instead
from .wording import QUOTA, Words, content_filter, context_length, error_body

_FULL_WIDTH: Final = "\uff11\uff12"
_CDN: Final = (
    b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n<hr>nginx\r\n</body></html>\r\n"
)

_BLOCKED: Final = (
    b'{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}'
)
_REFUSAL: Final = "This content is refused."
_NOTHING: Final = Usage(input_tokens=9)


async def refuse(x: Exchange, status: int, more: Headers = (), words: Words | None = None, message: str = "") -> None:
    """The dialect's error with this status."""
    await x.answer(status, error_body(x.asked.dialect, status, words, message), more=more)


def refusing(status: int, words: Words | None = None) -> Play:
    """Always this status."""

    async def play(x: Exchange) -> None:
        await refuse(x, status, words=words)

    return play


def limiting(*values: str, name: str = "retry-after") -> Play:
    """429 with these values of `retry-after`; what was given instead of the first."""

    async def play(x: Exchange) -> None:
        told = (x.given,) if x.given else values
        await refuse(x, 429, [(name, value) for value in told])

    return play


def dating(seconds: int) -> Play:
    """429 with a `retry-after` date so many seconds from now."""

    async def play(x: Exchange) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
        await refuse(x, 429, [("retry-after", date)])

    return play


async def quota(x: Exchange) -> None:
    """The account is out of credit: no `retry-after`, since waiting does not help."""
    words = QUOTA if not x.given else Words((QUOTA.openai[0], x.given), QUOTA.anthropic, QUOTA.google, x.given, QUOTA.message)
    await refuse(x, 402 if x.asked.dialect == "anthropic" else 429, words=words)


async def numbered(x: Exchange) -> None:
    """Whatever status was given."""
    await refuse(x, int(x.number(418)))


async def at_first(x: Exchange) -> None:
    """500 for the first requests, then good answers."""
    if x.turn < x.number(1):
        await refuse(x, 500)
    else:
        await x.well()


async def flapping(x: Exchange) -> None:
    """503 for one span, good answers for the next."""
    if int((monotonic() - x.since) / x.seconds(60_000)) % 2:
        await x.well()
    else:
        await refuse(x, 503)


async def brown_out(x: Exchange) -> None:
    """A share of all requests fails, evenly spread."""
    share = x.number(30) / 100
    if int((x.turn + 1) * share) > int(x.turn * share):
        await refuse(x, 500)
    else:
        await x.well()


async def too_long(x: Exchange) -> None:
    """The prompt does not fit."""
    await x.answer(400, context_length(x.asked.dialect))


async def filtered(x: Exchange) -> None:
    """The content is refused as each provider does it: two of them with a 200 that holds no answer."""
    if x.asked.dialect == "gemini":
        await (x.say([b"data: " + _BLOCKED + b"\n\n"]) if x.asked.stream else x.answer(200, _BLOCKED))
    elif x.asked.dialect == "anthropic" and x.asked.stream:
        refusal = Delta(refusal=_REFUSAL, finish_reason="content_filter", usage=_NOTHING)
        await x.say(good.written(x.asked, [refusal]).events)
    elif x.asked.dialect == "anthropic":
        refused = Completion(refusal=_REFUSAL, finish_reason="content_filter", usage=_NOTHING)
        await x.answer(200, good.rendered(x.asked, refused))
    else:
        await x.answer(400, content_filter(x.asked.dialect))


def echoing(status: int) -> Play:
    """An error whose text quotes the credential that was sent."""

    async def play(x: Exchange) -> None:
        await refuse(x, status, message=f"Incorrect API key provided: {x.asked.head.secret or 'none'}. Check your key.")

    return play


def redirecting(place: str, status: int = 302) -> Play:
    """A redirect; `{path}` stands for the path that was asked."""

    async def play(x: Exchange) -> None:
        await x.answer(status, b"", HTML, [("location", place.format(path=x.asked.head.target))])

    return play


def bare(status: int) -> Play:
    """A status without a body."""

    async def play(x: Exchange) -> None:
        await x.send(head(status, () if status != 205 else (("content-length", "0"),)))
        x.done()

    return play


def _page(title: bytes) -> bytes:
    return _CDN % (title, title)


_PLAIN: Final = (
    (400, "the request is said to be malformed", ("A9",)),
    (401, "our key is refused", ("A8",)),
    (403, "our key may not do this", ("A8",)),
    (404, "no such model", ("A10",)),
    (408, "the provider's own timeout", ("A11",)),
    (409, "a conflict", ("A11",)),
    (410, "the model was shut down", ("A10",)),
    (425, "too early", ("A11",)),
    (429, "rate limit without `retry-after`", ("A2",)),
    (500, "server error", ("A5", "C11", "C12")),
    (502, "bad gateway, as JSON", ("A6",)),
    (503, "overloaded", ("A6", "C11")),
    (504, "gateway timeout", ("A6",)),
    (529, "overloaded, in Anthropic's number", ("A7",)),
)
FAULTS: Final = (
    *[Fault(str(status), says, cases, refusing(status)) for status, says, cases in _PLAIN],
    Fault("status", "any status", ("A11",), numbered, "count=418"),
    Fault("429-retry-after", "rate limit with `retry-after` in seconds", ("A1",), limiting("2"), "text=2"),
    Fault("429-retry-after-ms", "rate limit with `retry-after-ms`", ("A1",), limiting("200", name="retry-after-ms"), "text=200"),
    Fault("429-retry-after-date", "`retry-after` is an HTTP date 30 s from now", ("A4",), dating(30)),
    Fault("429-retry-after-past", "`retry-after` is an HTTP date of yesterday", ("A4",), dating(-86_400)),
    Fault("429-retry-after-negative", "`retry-after: -5`", ("A4",), limiting("-5")),
    Fault("429-retry-after-nan", "`retry-after: nan`", ("A4",), limiting("nan")),
    Fault("429-retry-after-huge", "`retry-after: 1e9`", ("A4",), limiting("1e9")),
    Fault("429-retry-after-wide", "`retry-after` in full-width digits", ("A4",), limiting(_FULL_WIDTH)),
    Fault("429-retry-after-empty", "`retry-after` without a value", ("A4",), limiting("")),
    Fault("429-retry-after-10kb", "`retry-after` of 10,000 digits", ("A4",), limiting("9" * 10_000)),
    Fault("429-retry-after-twice", "two `retry-after` headers that differ", ("A4",), limiting("1", "7200")),
    Fault("429-quota", "out of credit, with a code of the provider's", ("A3",), quota, "text=insufficient_quota"),
    Fault("500-once", "500 for the first requests of this name, then well", ("A5",), at_first, "count=1"),
    Fault("502-html", "a CDN's page instead of JSON", ("A6",), instead(_page(b"502 Bad Gateway"), HTML, 502)),
    Fault("503-html", "a CDN's page instead of JSON", ("A6",), instead(_page(b"503 Service Unavailable"), HTML, 503)),
    Fault("504-html", "a CDN's page instead of JSON", ("A6",), instead(_page(b"504 Gateway Time-out"), HTML, 504)),
    Fault("flap-60s", "503 for a span that begins with the first request, then well for one, and so on", ("C13",), flapping, "ms=60000"),
    Fault("brown-out", "a share of the requests is a 500", ("C13",), brown_out, "percent=30"),
    Fault("context-length", "the prompt does not fit the model", ("A9",), too_long),
    Fault("content-filter", "the content is refused", ("A9",), filtered),
    Fault("401-key-echo", "401 whose text quotes the key that was sent", ("A21",), echoing(401)),
    Fault("500-key-echo", "500 whose text quotes the key that was sent", ("A21",), echoing(500)),
    Fault("redirect", "to the metadata service of a cloud", ("A15",), redirecting("http://169.254.169.254/latest/meta-data/")),
    Fault("redirect-loop", "to the same address", ("A15",), redirecting("{path}", 307)),
    Fault("redirect-host", "to another host", ("A15",), redirecting("https://redirected.invalid{path}", 308)),
    Fault("204", "no content", ("A16",), bare(204)),
    Fault("205", "reset content", ("A16",), bare(205)),
    Fault("304", "not modified", ("A16",), bare(304)),
)  # fmt: skip
