"""The redis cache: answers shared by several hosts. No retries, timeouts in milliseconds, and a breaker: a dead Redis is a miss.

redis-py is imported at the first use (150 ms of CPU that the local backend need not pay). Contents are untrusted: they are read as
entries, which must name the very request they answer.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("llm_router")
PREFIX = "llmr:1:"
TIMEOUT = 0.05
MOST_CONNECTIONS = 64
MOST_WRITES = 1_024
FAILURES_TO_OPEN = 3
COOLDOWN = (0.5, 10.0)


class Breaker:
    """Closed until FAILURES_TO_OPEN failures in a row; then one try per cooldown, which doubles up to its bound. Seconds."""

    __slots__ = ("_clock", "_cooldown", "_failures", "_until")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._cooldown = COOLDOWN[0]
        self._until = 0.0

    def allows(self) -> bool:
        """Whether to try now; while open, one caller per cooldown may."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        if self._clock() < self._until:
            return False
        self._wait()
        return True

    def succeeded(self) -> None:
        """Close."""
        self._failures = 0
        self._cooldown = COOLDOWN[0]

    def failed(self) -> bool:
        """Count; True when this failure opened the breaker. Later ones of the same burst do not lengthen the cooldown."""
        self._failures += 1
        if self._failures != FAILURES_TO_OPEN:
            return False
        self._wait()
        return True

    def _wait(self) -> None:
        self._until = self._clock() + self._cooldown
        self._cooldown = min(self._cooldown * 2, COOLDOWN[1])


class RedisCache:
    """Answers in Redis or Valkey under `llmr:1:<key>`. `dropped` counts writes that were not even tried.

    `timeout` (seconds) bounds a read, with connecting twice that; `clock` is monotonic. Redis itself ends entries.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._timeout = timeout
        self._breaker = Breaker(clock)
        self._client: Redis | None = None
        self._pending: dict[str, bytes] = {}
        self._writes: set[asyncio.Task[None]] = set()
        self.dropped = 0

    def _opened(self) -> "Redis":
        if self._client is None:
            from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - see the module's docstring
            from redis.asyncio.retry import Retry  # noqa: PLC0415
            from redis.backoff import NoBackoff  # noqa: PLC0415

            # a pool that waits: a burst of calls is no failure of Redis
            pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=MOST_CONNECTIONS,
                timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                decode_responses=False,
            )
            self._client = Redis.from_pool(pool)
        return self._client

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """One MGET, and what is being written just now. A failure of any kind is a miss."""
        found = [self._pending.get(key) for key in keys]
        if all(found) or not self._breaker.allows():
            return found
        from redis.exceptions import RedisError  # noqa: PLC0415

        try:
            async with asyncio.timeout(self._timeout * 2):
                values: object = await self._opened().mget([PREFIX + key for key in keys])
            if not isinstance(values, list) or len(values) != len(keys):
                raise ValueError("this is no answer to MGET")
        except (RedisError, OSError, ValueError, RecursionError) as error:
            self._failed(error)
            return found
        self._breaker.succeeded()
        return [newer or (value if isinstance(value, bytes) else None) for newer, value in zip(found, values, strict=True)]

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Written in the background, readable here at once; forgotten when too many writes are under way."""
        if len(self._writes) >= MOST_WRITES or not self._breaker.allows():
            self.dropped += 1
            return
        self._pending[key] = value
        task = asyncio.get_running_loop().create_task(self._set(key, value, ttl_seconds))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        from redis.exceptions import RedisError  # noqa: PLC0415

        if self._pending.get(key) is not value:
            return  # deleted or said anew before its turn came
        try:
            async with asyncio.timeout(self._timeout * 4):
                await self._opened().set(PREFIX + key, value, px=max(1, round(ttl_seconds * 1000)))
        except (RedisError, OSError, ValueError, RecursionError) as error:
            self._failed(error)
        else:
            self._breaker.succeeded()
        finally:
            if self._pending.get(key) is value:
                del self._pending[key]

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values; how many Redis knew."""
        for key in keys:
            self._pending.pop(key, None)
        from redis.exceptions import RedisError  # noqa: PLC0415

        try:
            async with asyncio.timeout(self._timeout * 4):
                count: object = await self._opened().delete(*(PREFIX + key for key in keys)) if keys else 0
                return count if isinstance(count, int) else 0
        except (RedisError, OSError, ValueError, RecursionError) as error:
            self._failed(error)
            return 0

    def _failed(self, error: Exception) -> None:
        if self._breaker.failed():
            _log.warning("cache: redis does not answer (%s); calls go on without it", type(error).__name__)

    async def close(self) -> None:
        """Let the writes under way end, each within its time, and disconnect."""
        if self._writes:
            await asyncio.wait(self._writes)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def describe(self) -> str:
        """The backend's name; its address may hold a password."""
        return "redis"
