"""A second candidate beside one whose first word is late: off unless `routing.hedge` is on. Streams alone have a first word."""

import asyncio

from msgspec import Struct

from ..domain.answer import Delta
from ..errors import RouterError
from .health import Try
from .house import House
from .line import Line
from .order import Order
from .walk import Walk

Running = dict[asyncio.Task[list[Delta]], Line]


class Race(Struct):
    """Which line it is that spoke, or that failed last with `error`."""

    line: Line
    batch: list[Delta]
    error: RouterError | None = None


def patience_with(house: House, walk: Walk, this: Try) -> float | None:
    """Seconds after which this try is late by the standing of its model; None = it is not to be hedged."""
    rules = walk.compiled.snapshot.routing.hedge
    if not rules.enabled:
        return None
    house.hedges.earn(rules.max_share)
    late = house.live.late_after(this.target.name, rules.min_samples, house.clock())
    return None if late is None else late / 1000


async def raced(house: House, walk: Walk, order: Order, line: Line, patience: float) -> Race:
    """The first of two to speak, the second started when the first is late. Only the loser is at an end here."""
    running = {asyncio.create_task(line.speak()): line}
    try:
        done, _ = await asyncio.wait(running, timeout=patience)
        if not done:
            _start_rival(house, walk, order, running)
        race = await _winner(walk, order, running)
        if line in running.values():
            # it would have taken longer still: without it the standing would know only the quick ones
            house.live.heard_late(line.this.target.name, (house.clock() - line.this.began) * 1000, house.clock())
        return race
    finally:
        await _end(walk, order, running)


def _start_rival(house: House, walk: Walk, order: Order, running: Running) -> None:
    if house.hedges.able and (this := order.beside()) is not None:
        house.hedges.spend()
        rival = Line(house, walk, this)
        running[asyncio.create_task(rival.speak())] = rival


async def _winner(walk: Walk, order: Order, running: Running) -> Race:
    """Who speaks first, or the last one's failure when none does. Whoever is named has left `running`."""
    while True:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in [one for one in running if one in done]:
            line, error = running.pop(task), task.exception()
            if error is None:
                return Race(line, task.result())
            if not isinstance(error, RouterError):
                order.given_up(line.this)
                raise error
            if not running:
                return Race(line, [], error)
            walk.upstream_status = line.status
            order.failed(line.this, error)
            walk.tried = next(iter(running.values())).this.target
            await line.let_go()


async def _end(walk: Walk, order: Order, running: Running) -> None:
    """Close whoever is still under way."""
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
    for task, line in running.items():
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains of it
        walk.upstream_status = line.status
        order.given_up(line.this)
        await line.let_go()
