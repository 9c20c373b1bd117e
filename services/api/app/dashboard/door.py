"""The way into the dashboard from the rest of the service. Loads nothing of it before the first request: the start stays cheap."""

import asyncio
from collections.abc import Callable
from typing import Any

ASGI = Callable[[Any, Any, Any], Any]


class Door:
    """A raw ASGI application for `/dashboard` and all below. `made` builds it, in a thread, when somebody comes."""

    def __init__(self, made: Callable[[], ASGI]) -> None:
        self._made = made
        self._site: ASGI | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if self._site is None:
            async with self._lock:
                if self._site is None:
                    self._site = await asyncio.to_thread(self._made)
        await self._site(scope, receive, send)
