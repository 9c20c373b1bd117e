"""Work that goes on without its caller: to its end, or to the worker's."""

import asyncio

from app.pipeline.drains import MOST, Drains


async def test_the_end_of_a_worker_waits_for_what_is_under_way() -> None:
    """A bounded time."""
    drains, gate, done = Drains(), asyncio.Event(), list[str]()

    async def work(name: str, until: asyncio.Event) -> None:
        try:
            await until.wait()
            done.append(name)
        finally:
            done.append(f"{name} accounted")

    drains.start(work("soon", gate))
    drains.start(work("never", asyncio.Event()))
    asyncio.get_running_loop().call_soon(gate.set)
    await drains.finish(0.05)
    assert done == ["soon", "soon accounted", "never accounted"] and len(drains) == 0
    await drains.finish(60)


async def test_only_so_many_go_on() -> None:
    """Callers who leave must not be a way to fill a worker."""
    drains = Drains()
    for _ in range(MOST):
        assert not drains.full
        drains.start(asyncio.sleep(60))
    assert drains.full
    await drains.finish(0)
    assert not drains.full
