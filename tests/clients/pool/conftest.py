"""The pool's tests run on both event loops: they differ in how connections end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from app.clients.pool.transport import PoolTransport
from raw_hosts import KEY


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops by name."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[PoolTransport]:
    """Ours, with a key in `KEY`."""
    ours = PoolTransport(lambda name: KEY if name == "KEY" else None)
    yield ours
    await ours.close()
    await asyncio.sleep(0)
