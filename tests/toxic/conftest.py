"""A toxic upstream on the test's own loop."""

from collections.abc import AsyncIterator

import pytest

from app.toxic.server import ToxicUpstream

from .calling import CALLERS


@pytest.fixture
async def upstream() -> AsyncIterator[ToxicUpstream]:
    async with ToxicUpstream() as started:
        yield started


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """No connection outlives its test."""
    yield
    while CALLERS:
        CALLERS.pop().writer.transport.abort()
