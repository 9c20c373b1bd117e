"""Descriptors are kept back for calls that were taken: beyond a number of connections a request is refused before files run out.

A process without descriptors cannot reach providers, and would take that for their failure. No route enters but those that watch.
"""

from collections.abc import Awaitable, Callable, Sized
from typing import Any

from ..errors import Overloaded
from ..metrics.refusals import count_refusal
from .guard import OPEN_PATHS, Scope
from .refusal import refusal

_ANTHROPIC = "/v1/messages"


class Spare:
    """An ASGI application before another one. Of `connections`, the server's open ones once it has them, it takes at most `most`."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]], most: int) -> None:
        self.connections: Sized = ()
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass on, or refuse."""
        if len(self.connections) <= self._most or scope["type"] != "http" or scope["path"].rstrip("/") in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        error = Overloaded("too many connections at once: try again shortly")
        count_refusal(path, error.code)
        anthropic = path.startswith(_ANTHROPIC)
        fields, body = refusal(error, anthropic)
        head = [(b"retry-after", b"1"), (b"connection", b"close"), *fields]
        await send({"type": "http.response.start", "status": 529 if anthropic else error.status, "headers": head})
        await send({"type": "http.response.body", "body": body})
