"""A clock that a test sets, and patience with real processes."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Clock:
    """Seconds, standing still until a test moves them. A thread may read it."""

    def __init__(self, seconds: float = 1_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait until something holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.01)
