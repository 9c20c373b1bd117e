"""A wait ends at its limit, and only ours is taken for ours."""

import asyncio

import pytest

from app.pipeline.patience import Patience


async def waits(patience: Patience, seconds: float) -> str:
    patience.allow(seconds)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if patience.ran_out():
            return "late"
        raise
    finally:
        patience.rest()
    return "never"


async def test_a_wait_beyond_its_limit_ends_and_the_task_goes_on() -> None:
    """The cancellation is taken back: the task can wait again."""
    patience = Patience()
    assert await waits(patience, 0.01) == "late"
    assert await waits(patience, 0.01) == "late"
    await asyncio.sleep(0)
    patience.stop()


async def test_a_later_limit_moves_the_end_and_an_earlier_one_too() -> None:
    """The timer that was set for another limit decides nothing."""
    patience = Patience()
    patience.allow(0.01)
    patience.allow(5)
    await asyncio.sleep(0.03)  # the first limit passes; the second holds
    patience.rest()
    patience.allow(60)
    patience.rest()
    async with asyncio.timeout(2):
        assert await waits(patience, 0.01) == "late"
    patience.stop()


async def test_nothing_is_cancelled_between_waits_or_after_the_stop() -> None:
    """A rest and a stop disarm the limit."""
    patience = Patience()
    patience.allow(0.01)
    patience.rest()
    await asyncio.sleep(0.03)
    patience.allow(0.01)
    patience.stop()
    await asyncio.sleep(0.03)


async def test_a_cancellation_from_outside_is_not_ours() -> None:
    """A caller who leaves is not mistaken for a limit."""

    async def served() -> str:
        return await waits(Patience(), 60)

    task = asyncio.create_task(served())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
