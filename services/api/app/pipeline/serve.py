"""One call through recall, attempts and settlement, whole or streamed, written once for every face. No HTTP of ours."""

from ..domain.answer import Completion, Delta
from ..domain.record import Outcome
from . import attempts
from .house import House
from .proofs import remember, restored
from .recall import Found, keep, recall
from .settle import Settled, commit, settle
from .stream import Stream
from .walk import Walk


class Serving:
    """The awaited middle of a call. After `whole` or `first`..`over`, `settled` is owed once, and `close` in every case."""

    __slots__ = ("_found", "_stream", "_whole", "accounted", "admitted", "house", "walk")

    def __init__(self, house: House, walk: Walk) -> None:
        self.house = house
        self.walk = walk
        self.admitted = False
        self.accounted = False  # its record is written: whatever happens now writes no other
        self._whole: Completion | None = None
        self._stream: Stream | None = None
        self._found: Found | None = None

    async def admit(self) -> None:
        """Take a place among the calls in flight, given back by `close`. Raises Overloaded."""
        began = self.house.clock()
        await self.house.admission.enter(self.walk.compiled.snapshot.limits)
        self.admitted = True
        self.walk.queue_ms = round((self.house.clock() - began) * 1000, 3)

    async def whole(self) -> Completion:
        """The whole answer, from the cache or from a provider. Raises RouterError."""
        self._found = await recall(self.house, self.walk)
        if self._found is not None:
            self._whole = self._found.completion
        else:
            self.walk.request = await restored(self.house, self.walk)
            self._whole = await attempts.whole(self.house, self.walk)
        return self._whole

    async def first(self) -> list[Delta]:
        """The beginning of a streamed answer, up to the first delta that speaks. Raises RouterError."""
        self._found = await recall(self.house, self.walk)
        if self._found is not None:
            return self._found.deltas
        self.walk.request = await restored(self.house, self.walk)
        self._stream = Stream(self.house, self.walk)
        return await self._stream.first()

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

    async def settled(self, outcome: Outcome, status: int, error: str | None = None) -> Settled:
        """Account for the call; when this returns, its record is in the journal."""
        walk, completion = self.walk, self.completion
        walk.completion = completion
        done = settle(self.house, walk, outcome, status, error, completion)
        await commit(self.house, walk, done.record)
        self.accounted = True
        if outcome == "answered" and completion is not None and self._found is None:
            keep(self.house, walk, completion, done)
            await remember(self.house, walk, completion)
            self._learn_speed(completion)
        return done

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
            if self._stream is not None:
                await self._stream.close()
        finally:
            if self.admitted:
                self.admitted = False
                self.house.admission.leave()
