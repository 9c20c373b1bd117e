"""The redis cache: answers shared by several hosts. A Redis that is dead, frozen, full or none at all is a miss, never an error.

No retries, and one limit in milliseconds for all that a caller waits for. Callers share commands: what is asked in one turn of the
event loop is one MGET, what is said is written many values at a time; so no burst exhausts a pool, and a caller that leaves cancels no
command half read. After FAILURES_TO_OPEN failures in a row nobody waits any more: a probe in the background finds out when Redis is
back. Values are untrusted: they are read as entries, which must hold the very request they answer. No memory cache lies over it, since
a value forgotten on one host has to be gone on all.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .protocol import Counts

_log = logging.getLogger("llm_router")
PREFIX = "llmr:1:"
TIMEOUT = 0.05
BACKGROUND = 10  # what nobody waits for (writes, probes) may take so many times as long
READERS = 4  # one large answer on its way must not hold up all the others
READ_AT_ONCE = WRITTEN_AT_ONCE = 64
MOST_QUEUED = 1_024
MOST_QUEUED_BYTES = 32 * 1024 * 1024
FAILURES_TO_OPEN = 3
COOLDOWN = (0.5, 10.0)
# what redis-py raises when a server fails, hangs up or speaks another protocol (RecursionError: lists in lists without end)
_MISSES = (RedisError, OSError, ValueError, RecursionError)
T = TypeVar("T")
Values = list[bytes | None]


class Breaker:
    """Open after FAILURES_TO_OPEN failures in a row, until a success. `clock` is monotonic seconds."""

    __slots__ = ("_clock", "_cooldown", "_failures", "_until")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._cooldown = COOLDOWN[0]
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether calls are to do without."""
        return self._failures >= FAILURES_TO_OPEN

    def probe_due(self) -> bool:
        """While open: whether it is time for a probe; once per cooldown, which doubles each time up to its bound."""
        if self._clock() < self._until:
            return False
        self._wait()
        return True

    def succeeded(self) -> None:
        """Close."""
        self._failures = 0
        self._cooldown = COOLDOWN[0]

    def failed(self) -> None:
        """Count one failure; those of commands that were under way when it opened do not lengthen the cooldown."""
        self._failures += 1
        if self._failures == FAILURES_TO_OPEN:
            self._wait()

    def _wait(self) -> None:
        self._until = self._clock() + self._cooldown
        self._cooldown = min(self._cooldown * 2, COOLDOWN[1])


class RedisCache:
    """Answers in Redis or Valkey under `llmr:1:<key>`, which ends them.

    `timeout` (seconds) is the most that a read may wait; `clock` is monotonic. Connects at the first use.
    Raises ValueError for an address that is none.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._breaker = Breaker(clock)
        self._client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout * BACKGROUND,
            socket_connect_timeout=timeout * BACKGROUND,
            max_connections=READERS + 8,
            protocol=2,  # RESP3 and telling the library's name would cost round trips at every connection
            driver_info=None,
        )
        self._asked: list[tuple[Sequence[str], asyncio.Future[Values | None]]] = []
        self._gathering = False
        self._queue: dict[str, tuple[bytes, int]] = {}  # value and milliseconds to live
        self._queued_bytes = 0
        self._under_way: dict[str, tuple[bytes, int]] = {}
        self._writing = asyncio.Lock()
        self._readers: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        self._refusal = ""
        self.counts = Counts()

    @property
    def dropped(self) -> int:
        """Values that were not written."""
        return self.counts.dropped

    @property
    def trouble(self) -> str | None:
        """Why answers are not looked for or not kept just now."""
        if self._breaker.open:
            return f"redis fails ({', '.join(sorted(self._told))}); it is asked again now and then"
        return f"redis takes no values ({self._refusal})" if self._refusal else None

    async def prepare(self) -> None:
        """A connection is made by the first call, which does without when there is none."""

    async def get_many(self, keys: Sequence[str], fresh: bool = False) -> Values:
        """What is being written just now, and else what Redis holds. A failure of any kind is a miss."""
        found = [self._unwritten(key) for key in keys]
        if all(found) or not self._reachable():
            return found
        answer: asyncio.Future[Values | None] = asyncio.get_running_loop().create_future()
        self._asked.append((keys, answer))
        if not self._gathering and len(self._readers) < READERS:
            self._gathering = True
            reader = asyncio.create_task(self._read(), context=Context())
            self._readers.add(reader)
            reader.add_done_callback(self._gone)
        try:
            async with asyncio.timeout(self._timeout):
                values = await answer
        except TimeoutError:
            return found
        return found if values is None else [newer or value for newer, value in zip(found, values, strict=True)]

    def _unwritten(self, key: str) -> bytes | None:
        said = self._queue.get(key) or self._under_way.get(key)
        return said[0] if said is not None else None

    async def _read(self) -> None:
        """Answer what is asked, many reads per round trip, until nothing is."""
        self._gathering = False
        while self._asked:
            batch, self._asked = self._asked[:READ_AT_ONCE], self._asked[READ_AT_ONCE:]
            await self._answer([(keys, answer) for keys, answer in batch if not answer.done()])

    def _gone(self, reader: "asyncio.Task[None]") -> None:
        """A reader has ended. One that was cancelled, perhaps before it began, leaves nobody waiting for it."""
        self._readers.discard(reader)
        if reader.cancelled():
            self._gathering = False
            asked, self._asked = self._asked, []
            for _, answer in asked:
                if not answer.done():
                    answer.set_result(None)

    async def _answer(self, batch: list[tuple[Sequence[str], "asyncio.Future[Values | None]"]]) -> None:
        names = [PREFIX + key for keys, _ in batch for key in keys]
        values = None
        try:
            if names and not self._breaker.open:
                values = await self._tried(self._mget(names), self._timeout)
        finally:
            start = 0
            for keys, answer in batch:
                if not answer.done():
                    answer.set_result(None if values is None else values[start : start + len(keys)])
                start += len(keys)

    async def _mget(self, names: list[str]) -> Values:
        values: object = await self._client.mget(names)
        if not isinstance(values, list) or len(values) != len(names):
            raise ValueError("this is no answer to MGET")
        return [value if isinstance(value, bytes) else None for value in values]

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Written in the background, readable here at once; forgotten while Redis is away or too much is under way."""
        full = len(self._queue) >= MOST_QUEUED or self._queued_bytes + len(value) > MOST_QUEUED_BYTES
        if full or not self._reachable():
            self.counts.dropped += 1
            return
        self._queue[key] = (value, max(1, round(ttl_seconds * 1000)))
        self._queued_bytes += len(value)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write(), context=Context())

    async def share(self, keys: Sequence[str]) -> None:
        """Wait for the batch that writes them, as long as a read may wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                while any(map(self._unwritten, keys)):
                    async with self._writing:  # a batch under way ends before this begins
                        await asyncio.sleep(0)

    async def _write(self) -> None:
        """Empty the queue, many values per round trip; give it up when Redis is away."""
        while self._queue and not self._breaker.open:
            async with self._writing:
                names = list(self._queue)[:WRITTEN_AT_ONCE]
                self._under_way = {key: self._queue.pop(key) for key in names}
                try:
                    refused = await self._tried(self._mset(self._under_way), self._timeout * BACKGROUND)
                    self.counts.dropped += len(names) if refused is None else refused
                finally:
                    self._queued_bytes -= sum(len(value) for value, _ in self._under_way.values())
                    self._under_way = {}
        self.counts.dropped += len(self._queue)
        self._queue.clear()
        self._queued_bytes = 0

    async def _mset(self, values: dict[str, tuple[bytes, int]]) -> int:
        """How many values Redis refused (it is full, or a replica)."""
        pipeline = self._client.pipeline(transaction=False)
        for key, (value, milliseconds) in values.items():
            pipeline.set(PREFIX + key, value, px=milliseconds)
        refused = [answer for answer in await pipeline.execute(raise_on_error=False) if isinstance(answer, Exception)]
        self._refusal = type(refused[0]).__name__ if refused else ""
        if refused:
            self.counts.errors += len(refused)
            self._tell(refused[0])
        return len(refused)

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values; how many Redis knew, 0 when it does not answer. Comes after what was said before."""
        for key in keys:
            self._queued_bytes -= len(self._queue.pop(key, (b"", 0))[0])
        if not keys or not self._reachable():
            return 0
        async with self._writing:
            return await self._tried(self._del([PREFIX + key for key in keys]), self._timeout * BACKGROUND) or 0

    async def _del(self, names: list[str]) -> int:
        count: object = await self._client.delete(*names)
        if not isinstance(count, int):
            raise ValueError("this is no answer to DEL")
        return count

    async def _tried(self, work: Awaitable[T], seconds: float) -> T | None:
        """What `work` gives within its time, else None. The breaker hears of both.

        An answer later than any caller would have waited for is no sign that Redis is well.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(seconds):
                answer = await work
        except _MISSES as error:
            self.counts.errors += 1
            self._breaker.failed()
            self._tell(error)
            return None
        if clock() - began <= self._timeout:
            self._recovered()
        return answer

    def _recovered(self) -> None:
        if self._breaker.open:
            self._told.clear()
            _log.info("cache: redis answers again")
        self._breaker.succeeded()

    def _reachable(self) -> bool:
        """Whether to ask Redis at all; while it is away, a probe is sent now and then, for which nobody waits."""
        if not self._breaker.open:
            return True
        if (self._probe is None or self._probe.done()) and self._breaker.probe_due():
            self._probe = asyncio.get_running_loop().create_task(self._ask(), context=Context())
        return False

    async def _ask(self) -> None:
        await self._tried(self._mget([PREFIX]), self._timeout * BACKGROUND)

    def _tell(self, error: Exception) -> None:
        """Each kind of failure once until Redis is back; by its name alone, since its text may hold an address or a password."""
        name = type(error).__name__
        if name not in self._told:
            self._told.add(name)
            _log.warning("cache: redis fails (%s); calls go on without it", name)

    async def close(self) -> None:
        """Let the writes under way end, within their time, and disconnect."""
        tasks = [task for task in (self._writer, self._probe, *self._readers) if task is not None and not task.done()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._timeout * BACKGROUND)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._client.aclose()

    def describe(self) -> str:
        """The backend's name; its address may hold a password."""
        return "redis"
