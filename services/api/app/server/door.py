"""The door: a FastAPI application whose hot paths go straight to raw ASGI endpoints, behind one guard for all.

Measured: a Starlette route inside FastAPI costs 32-60 us more per call than this. User middleware is bypassed on hot paths by
construction, so nothing that protects may live in middleware: it belongs into the guard. Guard and routes see one and the same
path, settled here: without what a proxy put before it and without slashes at its end.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI

from ..errors import RouterError
from .cors import Cors
from .guard import FIELDS, WIRE, Guard, Scope
from .patience import PatientReceive
from .refusal import answer_refusal

Endpoint = Callable[[Any, Any, Any], Awaitable[None]]


class Door(FastAPI):
    """FastAPI with a `hot` table of exact paths. `guard` sees every HTTP request first."""

    def __init__(self, *, guard: Guard, hot: Mapping[str, Endpoint], **settings: Any) -> None:
        # a redirect to the path with or without its slash would be built from the caller's Host
        super().__init__(redirect_slashes=False, **settings)
        self._guard = guard
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Guard, then the hot table, then FastAPI."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path: str = scope["path"]
        if path not in self._hot or scope.get("root_path"):
            path = self._settled(scope)
        if WIRE not in scope:
            receive = PatientReceive(receive)
        cors = self._guard.policy().cors
        if cors is not None:
            send = _shared(cors, scope, send)
        try:
            self._guard(scope, path)
        except RouterError as error:
            await answer_refusal(send, error, path, scope[FIELDS])
            return
        if cors is None or not await _preflighted(cors, scope, send):
            await self._routed(scope, path, receive, send)

    async def _routed(self, scope: Scope, path: str, receive: Any, send: Any) -> None:
        endpoint = self._hot.get(path)
        if endpoint is not None:
            await endpoint(scope, receive, send)
        elif scope["method"] == "HEAD":
            await super().__call__({**scope, "method": "GET"}, receive, _bodiless(send))
        else:
            await super().__call__(scope, receive, send)

    def _settled(self, scope: Scope) -> str:
        """The path that routes are matched against, also put into the scope behind its root path.

        The server puts its root path before every path; a proxy that does not strip the prefix leaves it there once more.
        """
        given: str = scope.get("root_path") or ""
        root = given.rstrip("/") or self._guard.policy().root
        path = _without(scope["path"], given)
        if root and not self._knows(path):
            path = _without(path, root)
        path = path.rstrip("/") or "/"
        scope["root_path"] = root
        scope["path"] = root + path
        return path

    def _knows(self, path: str) -> bool:
        return path in self._hot or any(route.path_regex.match(path) for route in self.routes if hasattr(route, "path_regex"))


def _without(path: str, prefix: str) -> str:
    """`path` below `prefix`, or as it is when it does not lie there."""
    rest = path.removeprefix(prefix)
    return rest if rest.startswith("/") else ("/" if path == prefix else path)


def _shared(cors: Cors, scope: Scope, send: Any) -> Any:
    """A `send` that adds what a browser has to see; first, since the protocol looks for the length at the end."""
    more = cors.headers(dict(scope["headers"]))

    async def told(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*more, *message.get("headers", ())]}
        await send(message)

    return told


async def _preflighted(cors: Cors, scope: Scope, send: Any) -> bool:
    """Whether this was a browser's question before a request; then it is answered."""
    answer = cors.preflight(scope[FIELDS]) if scope["method"] == "OPTIONS" else None
    if answer is None:
        return False
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
    return True


def _bodiless(send: Any) -> Any:
    """A `send` for HEAD: the head of GET's answer, and no byte of its body."""

    async def told(message: Any) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return told
