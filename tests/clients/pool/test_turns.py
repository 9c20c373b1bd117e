"""Turns of the event loop: what all streams together read between two looks at the sockets is bounded, and in order."""

import asyncio

from app.clients.pool.transport import PoolTransport
from app.clients.pool.turns import PER_TURN, Turns
from raw_hosts import CHUNKED, PATIENT, TARGET, Line, call_to, hosting

STREAMS = 60


class Ready:
    """Something to read."""

    def __init__(self, ready: int) -> None:
        self.ready = ready


ONE, MUCH = Ready(1), Ready(PER_TURN)


async def test_within_a_turn_nobody_waits_and_later_ones_pass_in_their_order() -> None:
    turns = Turns(asyncio.get_running_loop())
    assert turns.take(Ready(PER_TURN - 1)) is None
    assert turns.take(MUCH) is None, "what is left lets one more pass, however large"
    passed: list[int] = []
    waiters = [turns.take(MUCH) for _ in range(3)]
    for place, waiter in enumerate(waiters):
        assert waiter is not None
        waiter.add_done_callback(lambda _, place=place: passed.append(place))
    assert turns.take(ONE) is not None, "a small one does not overtake"
    for turn in range(1, 4):
        await asyncio.sleep(0)
        assert sum(waiter is not None and waiter.done() for waiter in waiters) == turn
    for _ in range(4):
        await asyncio.sleep(0)
    assert passed == [0, 1, 2]
    assert turns.take(MUCH) is None, "an empty line is a fresh turn"


async def test_one_who_left_the_line_costs_nobody_a_turn() -> None:
    turns = Turns(asyncio.get_running_loop())
    assert turns.take(MUCH) is None
    gone, next_one = turns.take(MUCH), turns.take(MUCH)
    assert gone is not None
    assert next_one is not None
    gone.cancel()
    await asyncio.sleep(0)
    assert next_one.done()


async def test_streams_that_never_rest_leave_the_loop_to_others(transport: PoolTransport) -> None:
    """The work between two looks at the sockets does not grow with the number of streams that have something to read."""
    event = b"data: x\n\n"
    piece = b"%x\r\n%b\r\n" % (len(event), event)

    async def played(line: Line) -> None:
        await line.hear()
        await line.say(CHUNKED)
        for _ in range(200):
            await line.say(piece * 1000)

    read = [0] * STREAMS

    async def reading(place: int, port: int) -> None:
        async with transport.open(call_to(port, stream=True), TARGET, PATIENT) as reply:
            while True:
                chunk = await reply.chunk()
                read[place] += len(chunk)

    async with hosting(played) as host:
        tasks = [asyncio.ensure_future(reading(place, host.port)) for place in range(STREAMS)]
        while not all(read):
            await asyncio.sleep(0)
        grown = []
        for _ in range(50):
            before = sum(read)
            await asyncio.sleep(0)
            grown.append(sum(read) - before)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert max(grown) <= 3 * PER_TURN, "one turn's share, and what passed on either side of it"
    assert any(grown)
