"""One call through recall, attempts and settlement, whole or streamed, written once for every face. No HTTP of ours."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..domain.answer import Completion, Delta
from ..domain.record import Outcome, Record
from ..errors import RouterError
from . import attempts
from .conversation import keep_model
from .house import DRAIN, House
from .order import seconds_left
from .proofs import remember, restored
from .recall import Found, keep, look_back, recall
from .settle import Settled, commit, settle
from .stream import Stream
from .walk import Walk

_log = logging.getLogger("llm_router")
T = TypeVar("T")


class Serving:
    """The awaited middle of a call. After `whole` or `first`..`over`, `settled` is owed once, and `close` in every case."""

    __slots__ = ("_draining", "_found", "_stream", "_whole", "_work", "accounted", "admitted", "house", "walk")

    def __init__(self, house: House, walk: Walk) -> None:
        self.house = house
        self.walk = walk
        self.admitted = False
        self.accounted = False  # its record is written: whatever happens now writes no other
        self._whole: Completion | None = None
        self._stream: Stream | None = None
        self._found: Found | None = None
        self._work: asyncio.Future[Any] | None = None  # what goes on when its caller leaves
        self._draining = False
        if house.tracer is not None:
            walk.trace = house.tracer.begin(walk.asking.traceparent)

    async def admit(self) -> None:
        """Take a place among the calls in flight, given back by `close`. Raises Overloaded."""
        began = self.house.clock()
        await self.house.admission.enter(self.walk.compiled.snapshot.limits, seconds_left(self.house, self.walk))
        self.admitted = True
        self.walk.queue_ms = round((self.house.clock() - began) * 1000, 3)

    async def planned(self) -> None:
        """Look up what the decision needs of earlier calls; nobody is asked. `whole` and `first` do so by themselves."""
        await look_back(self.house, self.walk)

    async def whole(self) -> Completion:
        """The whole answer, from the cache or from a provider. Raises RouterError."""
        self._found = await recall(self.house, self.walk)
        if self._found is not None:
            self._whole = self._found.completion
        else:
            self.walk.request = await restored(self.house, self.walk)
            await self._asked(self._ask())
        assert self._whole is not None  # noqa: S101 - found or asked for
        return self._whole

    async def _ask(self) -> None:
        self._whole = await attempts.whole(self.house, self.walk)

    async def first(self) -> list[Delta]:
        """The beginning of a streamed answer, up to the first delta that speaks. Raises RouterError."""
        self._found = await recall(self.house, self.walk)
        if self._found is not None:
            return self._found.deltas
        self.walk.request = await restored(self.house, self.walk)
        self._stream = Stream(self.house, self.walk)
        return await self._asked(self._stream.first())

    async def more(self) -> list[Delta]:
        """The next deltas of a streamed answer that is not `over`. Raises RouterError."""
        assert self._stream is not None  # noqa: S101 - a found answer is over at once
        return await self._stream.more()

    @property
    def over(self) -> bool:
        """Whether the streamed answer is complete, its terminator seen."""
        return self._stream is None or self._stream.over

    @property
    def completion(self) -> Completion | None:
        """The answer as far as it came."""
        if self._whole is not None:
            return self._whole
        if self._found is not None:
            return self._found.completion
        return self._stream.completion() if self._stream is not None else None

    async def _asked(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` brings. Where a provider of the plan is to be heard out, it goes on when this task is cancelled."""
        if not self.house.hears_out(self.walk.targets):
            return await work
        self._work = task = asyncio.ensure_future(work)
        return await asyncio.shield(task)

    async def abandoned(self, status: int) -> None:
        """The caller left: account for the call, at once or when its provider was heard out."""
        tried, house = self.walk.tried, self.house
        self.walk.deserted = True
        if tried is not None and tried.on_disconnect == DRAIN and not house.drains.full and self._under_way():
            self.accounted = self._draining = True  # by the task that hears it out
            house.drains.start(self._heard_out(status))
            return
        await self.settled("abandoned", status)

    def _under_way(self) -> bool:
        return not self._stream.over if self._stream is not None else self._whole is None

    async def _heard_out(self, status: int) -> None:
        """Read the answer to its end, within the request's time, and account for what it used."""
        try:
            with contextlib.suppress(RouterError, TimeoutError):
                async with asyncio.timeout(seconds_left(self.house, self.walk)):
                    if self._work is not None:
                        await self._work
                    while self._stream is not None and not self._stream.over:
                        await self._stream.more()
        finally:
            await self.settled("abandoned", status)
            await self._let_go()

    async def _stopped(self) -> None:
        """Nothing is asked for this call any more."""
        work, self._work = self._work, None
        if work is not None and not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, RouterError):
                await work

    async def settled(self, outcome: Outcome, status: int, error: str | None = None) -> Settled:
        """Account for the call; when this returns, its record is in the journal."""
        if outcome != "answered":
            await self._stopped()
        walk, completion = self.walk, self.completion
        walk.completion = completion
        done = settle(self.house, walk, outcome, status, error, completion)
        await commit(self.house, walk, done.record)
        self._accounted_for(done.record)
        if outcome == "answered" and completion is not None:
            keep_model(self.house, walk, completion)
        if outcome == "answered" and completion is not None and self._found is None:
            keep(self.house, walk, completion, done)
            await remember(self.house, walk, completion)
            self._learn_speed(completion)
        return done

    def _accounted_for(self, record: Record) -> None:
        """The record is in the journal; whoever traces calls is told, too."""
        self.accounted = True
        walk, tracer = self.walk, self.house.tracer
        if tracer is not None and walk.trace is not None:
            tracer.end(record, walk.request, walk.trace, walk.asking.started)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s %s: %s by %s at %s with %d%s after %.1f ms, cache %s",
                *(record.face, record.asked, record.outcome, record.served or "nobody", record.provider or "none", record.status),
                *(f" {record.error}" if record.error else "", record.latency_ms, record.cache),
            )

    def _learn_speed(self, completion: Completion) -> None:
        """Real answers feed the live figures; a whole answer's first token is its last, so only its speed as a whole counts."""
        walk, target = self.walk, self.walk.served
        if target is None or target.mock or completion.usage is None:
            return
        first = walk.first_token if walk.request.stream else None
        self.house.live.observe(
            target.name,
            # its own time, not that of those who failed before it
            first_token_ms=None if first is None else (first - walk.served_since) * 1000,
            tokens=completion.usage.output_tokens,
            ms=(walk.waited - walk.waited_before) * 1000,
            now=self.house.clock(),
        )

    async def close(self) -> None:
        """Let go of the provider and of the place."""
        try:
            if not self._draining:
                await self._let_go()
        finally:
            if self.admitted:
                self.admitted = False
                self.house.admission.leave()

    async def _let_go(self) -> None:
        await self._stopped()
        if self._stream is not None:
            await self._stream.close()
