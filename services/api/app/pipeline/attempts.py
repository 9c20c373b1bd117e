"""Whole answers: one target after another until one gives a sound one. Whom to ask is for `order`; no record, no cache, no face."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ..clients.common.protocols import Call, Deadlines, Reply
from ..config.snapshot import Timeouts
from ..domain.answer import Completion
from ..domain.target import Target
from ..errors import BadAnswer, DeadlineExceeded, RouterError
from .health import Try
from .house import House
from .order import Order, seconds_left
from .walk import Walk

T = TypeVar("T")
MAX_FAULT_BYTES = 64 * 1024
FAULT_SECONDS = 2.0
_DECLARED = {"true": True, "false": False}


async def whole(house: House, walk: Walk) -> Completion:
    """The first whole answer that the plan gives. Raises the last failure when none does."""
    completion = await first_answer(
        house,
        walk,
        lambda target: house.wire(target).encode(walk.request, target, False),
        lambda body, target: house.wire(target).decode(body),
    )
    walk.first_token = house.clock()
    return completion


async def first_answer(house: House, walk: Walk, encode: Callable[[Target], Call], decode: Callable[[bytes, Target], T]) -> T:
    """What the first 200 of the plan means to `decode`; what it cannot read is a failure too. Raises the last failure."""
    order = Order(house, walk)
    this = order.begin() or await order.wait()
    while True:
        target = this.target
        walk.waited_before = walk.waited
        try:
            answer = decode(await _body_from(house, walk, this, encode(target)), target)
        except RouterError as error:
            walk.waited += house.clock() - this.began
            this = await order.next(this, error)
            continue
        except BaseException:
            walk.waited += house.clock() - this.began
            order.given_up(this)
            raise
        now = house.clock()
        walk.waited += now - this.began
        this.succeeded(now)
        order.note(this, None)
        walk.served, walk.served_since = target, this.began
        return answer


async def _body_from(house: House, walk: Walk, this: Try, call: Call) -> bytes:
    target = this.target
    limits = deadlines(walk.compiled.snapshot.timeouts, seconds_left(house, walk), this.patience)
    async with house.transport(target).open(sent(walk, this, call), target, limits) as reply:
        walk.upstream_status = reply.status
        if reply.status != 200:
            raise await fault(house, walk, target, reply)
        return await reply.read()


def deadlines(timeouts: Timeouts, left: float, patience: float | None) -> Deadlines:
    """The limits of one try with `left` seconds of the request's budget; `patience` bounds how long it may be without a word."""
    if left <= 0:
        raise DeadlineExceeded("timeouts.total (or x-request-timeout) is spent")
    silent = left if patience is None or patience > left else patience
    return Deadlines(
        timeouts.connect if timeouts.connect < silent else silent,
        timeouts.first_token if timeouts.first_token < silent else silent,
        timeouts.idle if timeouts.idle < left else left,
        timeouts.attempt if timeouts.attempt < silent else silent,
    )


def sent(walk: Walk, this: Try, call: Call) -> Call:
    """The call as it goes out now, noted in the walk."""
    walk.dropped = call.dropped
    walk.tried = this.target
    parent = walk.asking.traceparent if walk.trace is None else walk.trace.upstream(this.began)
    if parent:
        call = msgspec.structs.replace(call, headers=(*call.headers, ("traceparent", parent)))
    return call


async def fault(house: House, walk: Walk, target: Target, reply: Reply) -> RouterError:
    """The error of a non-200 answer, from at most the first bytes and seconds of its body."""
    body = b""
    # a body that cannot be read (compressed, broken off, dripping) leaves the status to speak
    with contextlib.suppress(RouterError, TimeoutError):
        async with asyncio.timeout(min(FAULT_SECONDS, seconds_left(house, walk))):
            while len(body) < MAX_FAULT_BYTES and (piece := await reply.chunk()):
                body += piece
    if 200 <= reply.status < 300:
        return BadAnswer(f"{target.provider} answered {reply.status} where 200 was due")
    error = house.wire(target).fault(reply.status, reply.headers, body[:MAX_FAULT_BYTES])
    error.repeatable = _DECLARED.get(reply.headers.get("x-should-retry", ""))
    return error
