"""What the cache in Redis holds in all, and forgetting all of it, from outside. Only keys of ours are touched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from .contents import BATCH, Contents, OnValue
from .redis_cache import PREFIX

SECONDS: Final = 5.0
"""How long one command may take: nobody's call waits for it."""


class Unanswered(Exception):
    """Redis fails; the message names the kind of failure alone, since its text may hold an address or a password."""


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Redis]:
    try:
        client = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, protocol=2, driver_info=None)
        try:
            yield client
        finally:
            await client.aclose()
    except (RedisError, OSError, ValueError, RecursionError) as error:
        raise Unanswered(f"redis fails ({type(error).__name__})") from None


async def _names(client: Redis) -> AsyncIterator[list[bytes]]:
    """All keys of ours, some at a time; one may come twice."""
    batch: list[bytes] = []
    async for name in client.scan_iter(match=f"{PREFIX}*", count=BATCH):
        batch.append(name)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def of_redis(url: str, on_value: OnValue) -> Contents:
    """The contents of the cache in Redis. Raises Unanswered."""
    found = Contents()
    seen: set[bytes] = set()
    async with _client(url) as client:
        async for batch in _names(client):
            names = [name for name in batch if name not in seen]
            seen.update(names)
            for value in await client.mget(names) if names else []:
                if isinstance(value, bytes):
                    on_value(len(value))
                    found.count(value)
    return found


async def purge_redis(url: str) -> int:
    """Forget every answer; how many there were. Raises Unanswered."""
    gone = 0
    async with _client(url) as client:
        async for names in _names(client):
            gone += await client.unlink(*names)
    return gone


async def ping_redis(url: str) -> str:
    """Redis's version, or the empty word for a server that does not say. Raises Unanswered."""
    async with _client(url) as client:
        await client.ping()
        told = await client.info("server")
    return str(told.get("redis_version", ""))
