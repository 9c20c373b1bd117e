"""How long a request may take to arrive, and a `receive` that keeps to it where the server below has no such limit."""

import asyncio
from typing import Any

from ..errors import SlowRequest

HEAD_SECONDS = 9.0  # with the second between two sweeps, at most ten
BODY_SECONDS = 9.0
BODY_RATE = 1024  # bytes that earn one second more


def slow_body() -> SlowRequest:
    """The complaint about a body that does not come."""
    return SlowRequest(f"the body came too slowly: less than {BODY_RATE} bytes a second")


class PatientReceive:
    """ASGI's `receive` with a deadline until the body is whole: BODY_SECONDS, and one more for each BODY_RATE bytes.

    Raises SlowRequest when it passes.
    """

    __slots__ = ("_receive", "_until", "_whole")

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        self._whole = False

    async def __call__(self) -> Any:
        """The next message."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise slow_body() from None
        self._until += len(message.get("body", b"")) / BODY_RATE
        self._whole = not message.get("more_body")
        return message
