"""What a request asks of the toxic upstream: dialect, model, stream or whole. Nothing of how it is answered may enter."""

import re
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from .line import Left, Line, TooMuch

MOST_HEAD: Final = 256 * 1024
MOST_BODY: Final = 64 * 1024 * 1024
CONTROL: Final = "/_toxic/"
Kind = Literal["chat", "embeddings", "count"]

_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.[01]")
_FAULT = re.compile(r"/~([^/]+)")
_GEMINI = re.compile(r"/models/([^/:]+|[^/]+):(generateContent|streamGenerateContent|batchEmbedContents)$")
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.){0,4000}")')
_CREDENTIALS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
_ENDS: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("/chat/completions", "openai", "chat"),
    ("/messages", "anthropic", "chat"),
    ("/messages/count_tokens", "anthropic", "count"),
    ("/embeddings", "openai", "embeddings"),
)


class Bad(Exception):
    """Not a request that this upstream can read; the text says why."""


class Head(Struct, frozen=True):
    """A request's first line and headers, names in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def secret(self) -> str:
        """The caller's credential, to be echoed by the faults that leak it."""
        found = next((self.headers[name] for name in _CREDENTIALS if name in self.headers), "")
        return found.removeprefix("Bearer ")


class Route(Struct, frozen=True):
    """What the path alone says. `fault` is the one a path segment `~name` chooses, `model` and `stream` Gemini's."""

    dialect: str
    kind: Kind
    fault: str = ""
    model: str = ""
    stream: bool = False


class Asked(Struct, frozen=True):
    """A whole request."""

    head: Head
    dialect: str
    kind: Kind
    model: str
    stream: bool
    body: bytes


class _Named(Struct):
    model: str = ""
    stream: bool | None = None


_named = msgspec.json.Decoder(_Named)


def head_of(data: bytes) -> Head:
    """Take a head apart. Raises Bad."""
    first, *fields = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    found = _LINE.fullmatch(first)
    if found is None:
        raise Bad("not a request of HTTP/1")
    pairs = [field.partition(":") for field in fields]
    return Head(found[1], found[2], {name.lower(): value.strip() for name, _, value in pairs})


def route_of(path: str) -> Route | None:
    """Which dialect a path speaks, None when no provider has it. A path with `mistral` in it is Mistral's."""
    found = _FAULT.search(path)
    fault = unquote(found[1]) if found else ""
    gemini = _GEMINI.search(path)
    if gemini is not None:
        kind: Kind = "embeddings" if gemini[2] == "batchEmbedContents" else "chat"
        return Route("gemini", kind, fault, unquote(gemini[1]), gemini[2] == "streamGenerateContent")
    for end, dialect, kind in _ENDS:
        if path.endswith(end):
            return Route("mistral" if dialect == "openai" and "mistral" in path else dialect, kind, fault)
    return None


def asked_of(head: Head, route: Route, body: bytes) -> Asked:
    """The request; a body without a model leaves it "", which is answered well or badly as the dialect's face finds it."""
    model, stream = route.model, route.stream
    if route.dialect != "gemini":
        try:
            named = _named.decode(body)
        except msgspec.MsgspecError:
            named = _Named(early_model(body))
        model, stream = named.model, bool(named.stream)
    return Asked(head, route.dialect, route.kind, model, stream, body)


def early_model(part: bytes) -> str:
    """The model that the beginning of a body names, "" when it does not stand there."""
    found = _MODEL.search(part)
    if found is None:
        return ""
    try:
        return msgspec.json.decode(found[1], type=str)
    except msgspec.MsgspecError:
        return ""


async def body_of(line: Line, headers: Mapping[str, str]) -> bytes:
    """The body that follows a head. Raises Bad, Left, TooMuch."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _unchunked(line)
    return await line.exactly(length_of(headers))


def length_of(headers: Mapping[str, str]) -> int:
    """The announced length of a body, 0 where none is. Raises Bad, TooMuch."""
    return _size(headers.get("content-length", "0"), 10)


async def _unchunked(line: Line) -> bytes:
    pieces: list[bytes] = []
    left = MOST_BODY
    while size := _size((await _row(line)).partition(b";")[0].decode("latin-1"), 16, left):
        pieces.append(await line.exactly(size))
        left -= size
        await _row(line)
    while await _row(line):
        pass  # trailers
    return b"".join(pieces)


async def _row(line: Line) -> bytes:
    row = await line.until(b"\r\n", MOST_HEAD)
    if not row:
        raise Left
    return row[:-2]


def _size(text: str, base: int, most: int = MOST_BODY) -> int:
    try:
        size = int(text, base)
    except ValueError:
        raise Bad("a length that is no number") from None
    if size < 0:
        raise Bad("a negative length")
    if size > most:
        raise TooMuch
    return size
