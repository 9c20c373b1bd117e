"""A request for a page: its path, its parameters, its form, who asks. Nothing is believed and nothing is too long here."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from msgspec import Struct

from .answers import NoPage, Receive, Scope, Send
from .entrance import Visitor

FORM_BYTES: Final = 1024 * 1024
MOST_FIELDS: Final = 200


class Asked(Struct, frozen=True, eq=False):
    """`path` lies below the dashboard ("" = its first page), `root` is what a proxy put before everything."""

    method: str
    path: str
    root: str
    query: Mapping[str, list[str]]
    fields: Mapping[bytes, bytes]
    visitor: Visitor
    scope: Scope
    receive: Receive
    send: Send

    @property
    def base(self) -> str:
        """Where the dashboard is, for links."""
        return f"{self.root}/dashboard"

    def one(self, name: str) -> str:
        """A parameter's first value; empty = not given."""
        return self.query.get(name, [""])[0]


def parameters(text: bytes) -> dict[str, list[str]]:
    """Of a query string or a form. Raises NoPage for what no form of ours sends."""
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise NoPage(400, "Too many fields", f"At most {MOST_FIELDS} are taken.") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


async def body(asked: Asked, limit: int = FORM_BYTES) -> bytes:
    """The request's body. Raises NoPage over the limit."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await asked.receive()
        if message["type"] != "http.request":
            raise NoPage(400, "The form did not arrive whole", "Send it again.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise NoPage(413, "This is too long", f"At most {limit:,} bytes are taken here. POST /query takes more.")
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


async def form(asked: Asked) -> dict[str, list[str]]:
    """The form that was sent. Raises NoPage for one that is too long, or is none."""
    kind = asked.fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/x-www-form-urlencoded":
        raise NoPage(415, "This is no form", "Send it as application/x-www-form-urlencoded.")
    return parameters(await body(asked))
