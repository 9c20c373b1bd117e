"""What goes onto the wire: a call as the bytes of one HTTP/1.1 request. Pure; no socket, and no secret is ever kept."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from ...errors import OurBug

Headers = tuple[tuple[str, str], ...]

_COMMON = {"accept-encoding": "identity", "user-agent": "llm-router"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# these say where a message ends and whom it is for: the pool alone writes them
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_PORTS = {"http": 80, "https": 443}


class Place(Struct, frozen=True, gc=False):
    """Where connections go: they are shared between calls of an equal place."""

    scheme: str
    host: str
    port: int


class Address(Struct, frozen=True):
    """A URL taken apart: the place, the `host` header's value and the path with its query."""

    place: Place
    authority: str
    path: str


@lru_cache(maxsize=1024)
def address(url: str) -> Address:
    """Take an http or https URL apart. Raises ValueError, which does not repeat it, when it is none."""
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("the URL holds characters that no URL may carry")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("the URL is not http or https with a host and no user")
    usual = _PORTS[parts.scheme]
    port = parts.port or usual
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(Place(parts.scheme, parts.hostname, port), host if port == usual else f"{host}:{port}", path)


@lru_cache(maxsize=256)
def head(url: str, headers: Headers) -> bytes:
    """The part of a request's head that is the same for equal calls, without secret and length.

    Raises ValueError for a bad URL, OurBug for a header that would break the message.
    """
    where = address(url)
    lines = [f"POST {where.path} HTTP/1.1", f"host: {where.authority}"]
    for name, value in {**_COMMON, **dict(headers)}.items():
        if name.lower() in _OURS or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise OurBug("a call carries a header that would break its message")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, ""]).encode("latin-1")


def request(url: str, headers: Headers, secret: str, body: bytes) -> bytes:
    """A whole request. `secret` is one checked header line with its line end, or ""."""
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (head(url, headers), secret.encode("ascii"), len(body), body)
