"""Calling providers: one target after another until one speaks. Retry policy only; no record, no cache, no face."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import msgspec

from ..clients.common.protocols import Call, Deadlines, Reader, Reply
from ..config.snapshot import Timeouts
from ..domain.answer import Completion, Delta, Fold
from ..domain.record import Attempt
from ..domain.target import Target
from ..errors import (
    BadAnswer,
    DeadlineExceeded,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderUnreachable,
    RouterError,
)
from .house import House
from .patience import Patience
from .walk import Walk

T = TypeVar("T")
MAX_ATTEMPTS = 3
LEAST_SECONDS = 0.01  # with less left nobody else is tried; timers may also go off a millisecond early
END_SECONDS = 0.1
RAW_SEPARATOR = b"\x1e"
MAX_FAULT_BYTES = 64 * 1024
# failures that the provider's other models will most likely share
_PROVIDER_WIDE = (ProviderUnreachable, ProviderAuth, ProviderQuota, ProviderOverloaded, DeadlineExceeded)


class _Order:
    """The targets still to try: those of a provider that just failed as a whole move behind the others."""

    def __init__(self, targets: list[Target]) -> None:
        self._left = list(targets)
        self._tries = 0

    def next(self) -> Target | None:
        """The next target, or None when the plan or the attempts are used up."""
        if not self._left or self._tries >= MAX_ATTEMPTS:
            return None
        self._tries += 1
        return self._left.pop(0)

    def failed(self, target: Target, error: RouterError) -> bool:
        """Whether another target is to be tried after this failure."""
        if not error.falls_back:
            return False
        if isinstance(error, _PROVIDER_WIDE):
            self._left.sort(key=lambda other: other.provider == target.provider)
        return bool(self._left) and self._tries < MAX_ATTEMPTS


def _budget(house: House, walk: Walk) -> float:
    """Seconds left of the request's one budget."""
    total = walk.compiled.snapshot.timeouts.total
    if walk.asking.timeout is not None:
        total = min(total, walk.asking.timeout)
    return walk.asking.started + total - house.clock()


def _deadlines(timeouts: Timeouts, left: float) -> Deadlines:
    if left <= 0:
        raise DeadlineExceeded("timeouts.total (or x-request-timeout) is spent")
    return Deadlines(
        timeouts.connect if timeouts.connect < left else left,
        timeouts.first_token if timeouts.first_token < left else left,
        timeouts.idle if timeouts.idle < left else left,
        timeouts.attempt if timeouts.attempt < left else left,
    )


def _sent(walk: Walk, target: Target, call: Call) -> Call:
    """The call as it goes out now, noted in the walk."""
    walk.dropped = call.dropped
    walk.tried = target
    if walk.asking.traceparent:
        call = msgspec.structs.replace(call, headers=(*call.headers, ("traceparent", walk.asking.traceparent)))
    return call


def _note(house: House, walk: Walk, target: Target, began: float, error: RouterError | None) -> None:
    walk.attempts.append(
        Attempt(
            model=target.name,
            provider=target.provider,
            model_id=target.model_id,
            status=walk.upstream_status,
            error=None if error is None else error.code,
            latency_ms=round((house.clock() - began) * 1000, 3),
        )
    )
    walk.upstream_status = None
    if error is not None and walk.left_for is None:
        walk.left_for = error.code


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
    order = _Order(walk.targets)
    while (target := order.next()) is not None:
        began = house.clock()
        try:
            answer = decode(await _body_from(house, walk, target, encode(target)), target)
        except RouterError as error:
            _note(house, walk, target, began, error)
            if not order.failed(target, error) or _budget(house, walk) < LEAST_SECONDS:
                raise
            continue
        finally:
            walk.waited += house.clock() - began
        _note(house, walk, target, began, None)
        walk.served = target
        return answer
    raise ProviderError("no provider could be tried")


async def _body_from(house: House, walk: Walk, target: Target, call: Call) -> bytes:
    deadlines = _deadlines(walk.compiled.snapshot.timeouts, _budget(house, walk))
    async with house.transport(target).open(_sent(walk, target, call), target, deadlines) as reply:
        walk.upstream_status = reply.status
        if reply.status != 200:
            raise await _fault(house, target, reply)
        return await reply.read()


async def _fault(house: House, target: Target, reply: Reply) -> RouterError:
    """The error of a non-200 answer, from at most the first bytes of its body."""
    body = b""
    with contextlib.suppress(BadAnswer):  # a body that cannot be read (compressed, say) leaves the status to speak
        while len(body) < MAX_FAULT_BYTES and (piece := await reply.chunk()):
            body += piece
    if 200 <= reply.status < 300:
        return BadAnswer(f"{target.provider} answered {reply.status} where 200 was due")
    return house.wire(target).fault(reply.status, reply.headers, body[:MAX_FAULT_BYTES])


class Stream:
    """A streamed answer: `first` finds a target that speaks, `more` goes on with it, `close` is owed in every case.

    Until `first` returns, a failure moves to the next target; afterwards a failure is raised to the caller of `more`.
    """

    __slots__ = ("_ends", "_house", "_idle", "_open", "_order", "_patience", "_raw", "_reader", "_reply", "_walk", "fold", "over")

    def __init__(self, house: House, walk: Walk) -> None:
        self._house = house
        self._walk = walk
        self._order = _Order(walk.targets)
        self._open: AbstractAsyncContextManager[Reply] | None = None
        self._reply: Reply | None = None
        self._reader: Reader | None = None
        self._patience = Patience()
        self._ends = house.clock() + _budget(house, walk)
        self._idle = walk.compiled.snapshot.timeouts.idle
        # the provider's own pieces, kept only where the cache may want them
        self._raw: list[bytes] | None = [] if walk.recall_wish != "off" else None
        self.fold = Fold()
        self.over = False

    def completion(self) -> Completion:
        """The answer as far as it came; `raw` joins the provider's pieces by RECORD SEPARATOR, which JSON text cannot hold."""
        return self.fold.completion(raw=RAW_SEPARATOR.join(self._raw) if self._raw else b"")

    async def first(self) -> list[Delta]:
        """The deltas up to and with the first that speaks. Raises the last failure when no target speaks."""
        house, walk = self._house, self._walk
        while (target := self._order.next()) is not None:
            began = house.clock()
            try:
                batch = await self._until_spoken(target)
            except RouterError as error:
                await self.close()
                self._forget()
                _note(house, walk, target, began, error)
                if not self._order.failed(target, error) or _budget(house, walk) < LEAST_SECONDS:
                    raise
                continue
            _note(house, walk, target, began, None)
            walk.served = target
            walk.first_token = house.clock()
            return batch
        raise ProviderError("no provider could be tried")

    async def more(self) -> list[Delta]:
        """The next deltas; meaningful until `over`. A failure here is final and marks the attempt."""
        left = self._ends - self._house.clock()
        try:
            if self._idle < left:
                return await self._pull(self._idle, "timeouts.idle")
            return await self._pull(left, "timeouts.total")
        except RouterError as error:
            attempts = self._walk.attempts
            attempts[-1] = msgspec.structs.replace(attempts[-1], error=error.code)
            raise

    async def close(self) -> None:
        """Leave the provider: its connection goes back to the pool if the answer was read to its end, else it is closed."""
        opened, self._open = self._open, None
        reply, self._reply = self._reply, None
        if opened is None or reply is None:
            return
        try:
            if self.over:
                await self._read_out(reply)
        finally:
            await opened.__aexit__(None, None, None)

    async def _read_out(self, reply: Reply) -> None:
        """After the dialect's end HTTP's own may still be under way: wait a moment for it, else the connection is lost."""
        with contextlib.suppress(RouterError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while await reply.chunk():
                    pass

    def stop(self) -> None:
        """No more waiting for providers in this call."""
        self._patience.stop()

    def _forget(self) -> None:
        """Nothing of a target that failed before speaking may mix into the next one's answer."""
        self.fold = Fold()
        self.over = False
        if self._raw:
            self._raw.clear()

    async def _until_spoken(self, target: Target) -> list[Delta]:
        house, walk = self._house, self._walk
        began = house.clock()
        deadlines = _deadlines(walk.compiled.snapshot.timeouts, _budget(house, walk))
        call = _sent(walk, target, house.wire(target).encode(walk.request, target, True))
        self._reader = house.wire(target).reader()
        self._open = house.transport(target).open(call, target, deadlines)
        until = began + deadlines.first_token
        self._patience.allow(deadlines.first_token)
        try:
            self._reply = await self._open.__aenter__()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"{target.provider} sent no first token within timeouts.first_token") from None
        finally:
            self._patience.rest()
            walk.waited += house.clock() - began
        walk.upstream_status = self._reply.status
        if self._reply.status != 200:
            raise await _fault(house, target, self._reply)
        batch: list[Delta] = []
        while not self.over:
            batch += await self._pull(until - house.clock(), "timeouts.first_token")
            if any(delta.speaks for delta in batch):
                break
        return batch

    async def _pull(self, seconds: float, limit: str) -> list[Delta]:
        """What the next bytes bring, waiting for them at most `seconds`; `limit` names the setting in the error."""
        assert self._reply is not None and self._reader is not None  # noqa: S101 - set by _until_spoken
        clock = self._house.clock
        began = clock()
        self._patience.allow(seconds)
        try:
            chunk = await self._reply.chunk()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"the stream stood still for longer than {limit} allows") from None
        finally:
            self._patience.rest()
            self._walk.waited += clock() - began
        batch = self._reader.feed(chunk) if chunk else []
        if not chunk or self._reader.done:
            batch += self._reader.close()
            self.over = True
        add = self.fold.add
        for delta in batch:
            add(delta)
        if self._raw is not None:
            self._raw += [delta.raw for delta in batch if delta.raw]
        return batch
