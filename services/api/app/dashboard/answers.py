"""What a page answers with, and the fields that every answer of the dashboard carries. No page's content may enter.

The policy lets a page load and ask its own host alone, run no script that stands in the page, and be framed by nobody.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
from msgspec import Struct

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Fields = list[tuple[bytes, bytes]]

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
SAFE: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
PRIVATE: Final = (b"cache-control", b"no-store")


class Reply(Struct, frozen=True):
    """A whole answer."""

    status: int
    kind: str
    body: bytes
    fields: tuple[tuple[bytes, bytes], ...] = (PRIVATE,)


class Page(Struct, frozen=True):
    """A template with what it shows."""

    template: str
    values: dict[str, Any]
    status: int = 200
    fields: tuple[tuple[bytes, bytes], ...] = ()


class NoPage(Exception):
    """A page that says why there is no other one: `title`, `text` with the remedy."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


def data(value: Any, status: int = 200) -> Reply:
    """JSON for the modules of our pages."""
    return Reply(status, "application/json", msgspec.json.encode(value))


def moved(where: str, *fields: tuple[bytes, bytes]) -> Reply:
    """To another page, by GET."""
    return Reply(303, "text/plain; charset=utf-8", b"", ((b"location", where.encode("latin-1")), PRIVATE, *fields))


async def send_reply(send: Send, reply: Reply) -> None:
    """The answer with the fields that each has."""
    fields = [
        (b"content-type", reply.kind.encode()),
        *reply.fields,
        *SAFE,
        (b"content-length", str(len(reply.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": fields})
    await send({"type": "http.response.body", "body": reply.body})


def safe(send: Send) -> Send:
    """A `send` for what others answer under our paths."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [PRIVATE, *SAFE, *message.get("headers", ())]}
        await send(message)

    return told
