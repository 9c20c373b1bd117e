"""Calls whose callers left while a provider bills them anyway: heard out in the background. Knows nothing of what it hears."""

import asyncio
from collections.abc import Coroutine
from typing import Any

MOST = 100
"""Calls heard out at once by a worker; beyond them a call is closed as any other."""


class Drains:
    """Tasks that nobody waits for but the end of the worker."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def full(self) -> bool:
        """Whether no further call may be heard out."""
        return len(self._tasks) >= MOST

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it run to its end. It may not raise, but for being cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, seconds: float) -> None:
        """Wait for all of them, at most so long; those that take longer are cancelled and write down what they have."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(list(self._tasks), timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
