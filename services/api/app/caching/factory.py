"""From the plan to the cache that keeps it."""

from collections.abc import Callable
from pathlib import Path

from ..config.snapshot import CachePlan
from .local import LocalCache
from .protocol import Cache, NoCache


def open_cache(plan: CachePlan, now: Callable[[], float]) -> Cache:
    """The configured backend; it connects or opens its file at its first use. `now` is wall time in seconds."""
    if plan.backend == "redis":
        # redis-py takes 150 ms of CPU to import, which a service with a local cache need not pay
        from .redis_cache import RedisCache  # noqa: PLC0415

        return RedisCache(plan.redis_url)
    if plan.backend == "local":
        return LocalCache(Path(plan.path), plan.max_bytes, now)
    return NoCache()
