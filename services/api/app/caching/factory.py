"""From the plan to the cache that keeps it."""

from collections.abc import Callable
from pathlib import Path

from ..config.snapshot import CachePlan
from .local import LocalCache
from .protocol import Cache, NoCache
from .redis_cache import RedisCache


def open_cache(plan: CachePlan, now: Callable[[], float]) -> Cache:
    """The configured backend; it connects or opens its file at its first use."""
    if plan.backend == "redis":
        return RedisCache(plan.redis_url)
    if plan.backend == "local":
        return LocalCache(Path(plan.path), plan.max_bytes, now)
    return NoCache()
