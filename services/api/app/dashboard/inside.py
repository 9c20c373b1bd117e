"""A call to an endpoint of this very service, as if it had come over HTTP: for forms that work without script. No page."""

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from .answers import Message
from .kit import Endpoint


class Heard(Struct, frozen=True):
    """What came back; `body` is the decoded JSON."""

    status: int
    body: dict[str, Any]


async def exchange(endpoint: Endpoint, path: str, body: dict[str, Any], cache_scope: str) -> Heard:
    """One whole answer."""
    fields = {b"content-type": b"application/json"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": list(fields.items()),
        "llm_router.fields": fields,
        "llm_router.scope": cache_scope,
    }
    sent = [msgspec.json.encode(body)]
    status = 0
    pieces: list[bytes] = []

    async def receive() -> Message:
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": False}
        await asyncio.Event().wait()  # whoever asks stays
        raise AssertionError

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            pieces.append(message.get("body", b""))

    await endpoint(scope, receive, send)
    return Heard(status, msgspec.json.decode(b"".join(pieces), type=dict[str, Any]))
