"""A Redis that is not there, dies, freezes or refuses, under a running service and before a real server (F15 to F17, F19, F21)."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.caching.redis_cache import COOLDOWN, FAILURES_TO_OPEN, PREFIX, RedisCache
from caching.clock import Clock, until
from caching.valkey import Server
from support import Service, eventually, free_port, running, shipped

from .spoilt import health, metric

Open = Callable[..., RedisCache]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    caches = []

    def one(url: str, timeout: float = 2.0, clock: Callable[[], float] = time.monotonic) -> RedisCache:
        caches.append(RedisCache(url, timeout, clock))
        return caches[-1]

    yield one
    for cache in caches:
        await cache.close()


async def written(cache: RedisCache) -> None:
    async def idle() -> bool:
        return cache._writer is None or cache._writer.done()

    await until(idle)


@contextmanager
def served(home: Path, url: str) -> Iterator[Service]:
    config = shipped().replace("backend: local", "backend: redis")
    assert "backend: redis" in config
    home.mkdir(exist_ok=True)
    with running(home, config, REDIS_URL=url) as service:
        yield service


# under a running service


def test_a_service_starts_and_answers_without_its_redis_and_says_what_is_missing(tmp_path: Path) -> None:
    with served(tmp_path / "home", f"redis://:canary-secret@127.0.0.1:{free_port()}/0") as service:
        answers = [service.query(f"prompt {n % 3}") for n in range(12)]
        assert [(answer.status, answer.json()["cached"]) for answer in answers] == [(200, False)] * 12
        assert {answer.headers["x-cache"] for answer in answers} == {"miss"}
        told = health(service)
        assert (
            told["status"] == "degraded"
            and "redis fails" in told["cache"]["trouble"]
            and told["cache"]["errors"] >= FAILURES_TO_OPEN
        )
        eventually(lambda: metric(service, "llm_router_cache_errors_total") >= FAILURES_TO_OPEN)
        assert service.request("/ready").status == 200
        assert len(service.records()) == 12
        assert service.log().count("redis fails") == 1, "said once, not at every call"
        assert "canary-secret" not in service.log() + str(told)


def test_redis_may_freeze_die_and_come_back_and_no_call_fails(tmp_path: Path, valkey: Server) -> None:
    """SIGSTOP, SIGCONT, SIGKILL and a new start: misses meanwhile, hits again afterwards without a restart of the service."""
    with served(tmp_path / "home", valkey.url) as service:

        def hit(prompt: str) -> bool:
            answer = service.query(prompt)
            assert answer.status == 200, answer.body
            return bool(answer.json()["cached"])

        assert hit("kept") is False
        eventually(lambda: hit("kept"))
        os.kill(valkey.pid, signal.SIGSTOP)
        assert hit("kept") is False
        assert [service.query(f"meanwhile {n}").status for n in range(10)] == [200] * 10
        assert health(service)["status"] == "degraded"
        os.kill(valkey.pid, signal.SIGCONT)
        eventually(lambda: hit("kept"))
        valkey.kill()
        assert [service.query(f"meanwhile {n}").status for n in range(10)] == [200] * 10
        valkey.start()
        eventually(lambda: hit("kept"), 20)
        assert health(service)["status"] == "ok"


def test_values_of_other_programs_are_misses_counted_and_written_anew(tmp_path: Path, valkey: Server) -> None:
    """Garbage, other types, a pickle, an entry cut short under our own keys; FLUSHALL; neighbours' keys stay as they are."""
    trap = tmp_path / "it-ran"
    with served(tmp_path / "home", valkey.url) as service:
        prompts = [f"prompt {n}" for n in range(5)]
        for prompt in prompts:
            service.query(prompt)
        keys = eventually(lambda: len(found := sorted(valkey.direct.keys(PREFIX + "*"))) == 5 and found)
        service.query("later")  # when this is written, nothing of before is on its way any more
        eventually(lambda: len(valkey.direct.keys(PREFIX + "*")) == 6)
        valkey.direct.set("somebody:else", "untouched")
        whole = valkey.direct.get(keys[0])
        assert isinstance(whole, bytes)
        valkey.direct.set(keys[0], whole[: len(whole) // 2])
        valkey.direct.set(keys[1], b"\x00\xff\xfe" * 100)
        valkey.direct.set(keys[2], f"cos\nsystem\n(Vtouch {trap}\ntR.".encode())
        valkey.direct.delete(keys[3], keys[4])
        valkey.direct.hset(keys[3], "field", "value")
        valkey.direct.xadd(keys[4], {"field": "value"})
        assert [(answer := service.query(prompt)).status == 200 and answer.json()["cached"] for prompt in prompts] == [False] * 5
        assert health(service)["cache"]["unreadable"] == 3
        eventually(lambda: all(service.query(prompt).json()["cached"] for prompt in prompts))
        assert valkey.direct.get("somebody:else") == b"untouched"
        valkey.direct.flushall()
        assert [service.query(prompt).json()["cached"] for prompt in prompts] == [False] * 5
    assert not trap.exists()


# what a real server refuses


async def test_a_replica_is_read_from_and_what_it_refuses_is_counted(valkey: Server, opened: Open) -> None:
    """READONLY: a failover has made another one the primary."""
    cache = opened(valkey.url)
    cache.set("a", b"1", 60)
    await written(cache)
    valkey.direct.config_set("replica-serve-stale-data", "yes")
    valkey.direct.replicaof("127.0.0.1", free_port())
    cache.set("b", b"2", 60)
    await written(cache)
    assert await cache.get_many(["a", "b"]) == [b"1", None]
    assert cache.counts.dropped == 1 and cache.trouble == "redis takes no values (ReadOnlyError)"
    valkey.direct.replicaof("NO", "ONE")
    cache.set("b", b"2", 60)
    await written(cache)
    assert await cache.get_many(["b"]) == [b"2"] and cache.trouble is None


async def test_a_replica_without_its_primary_is_a_miss(valkey: Server, opened: Open) -> None:
    """MASTERDOWN at every read."""
    valkey.direct.config_set("replica-serve-stale-data", "no")
    valkey.direct.replicaof("127.0.0.1", free_port())
    cache = opened(valkey.url)
    for _ in range(FAILURES_TO_OPEN + 1):
        assert await cache.get_many(["a"]) == [None]
    assert cache.trouble is not None and "redis fails" in cache.trouble
    valkey.direct.replicaof("NO", "ONE")


async def test_a_server_that_wants_a_password_is_a_miss_until_it_is_content(valkey: Server, opened: Open) -> None:
    """NOAUTH without one, WRONGPASS with a wrong one; neither is repeated in what is said."""
    valkey.direct.config_set("requirepass", "canary-secret")
    clock = Clock()
    none, wrong = opened(valkey.url, 2.0, clock), opened(f"unix://:canary-wrong@{valkey.socket}")
    right = opened(f"unix://:canary-secret@{valkey.socket}")
    for cache in (none, wrong):
        for _ in range(FAILURES_TO_OPEN):
            assert await cache.get_many(["a"]) == [None]
        assert "redis fails" in str(cache.trouble) and "canary" not in str(cache.trouble)
    right.set("a", b"1", 60)
    await written(right)
    assert await right.get_many(["a"]) == [b"1"]
    valkey.direct.execute_command("AUTH", "canary-secret")
    valkey.direct.config_set("requirepass", "")
    clock.seconds += COOLDOWN[1]

    async def back() -> bool:
        return await none.get_many(["a"]) == [b"1"]

    await until(back)
    assert none.trouble is None


async def test_a_server_without_a_free_connection_is_a_miss(valkey: Server, opened: Open) -> None:
    """`max number of clients reached`: the new connection is told so and closed."""
    valkey.direct.config_set("maxclients", "1")
    cache = opened(valkey.url)
    for _ in range(FAILURES_TO_OPEN):
        assert await cache.get_many(["a"]) == [None]
    assert cache.trouble is not None
    valkey.direct.config_set("maxclients", "1000")


async def test_a_server_that_forgets_its_scripts_has_none_of_ours_to_forget(valkey: Server, opened: Open) -> None:
    """NOSCRIPT after a restart cannot happen: only plain commands are sent."""
    cache = opened(valkey.url)
    cache.set("a", b"1", 60)
    await written(cache)
    await cache.get_many(["a"])
    await cache.delete(["a"])
    asked = {name.removeprefix("cmdstat_") for name in valkey.direct.info("commandstats")}
    ours = {"get", "mget", "set", "del", "select", "auth", "hello"}
    tests = {
        "info",
        "config|get",
        "config|set",
        "ping",
        "command",
        "client|setinfo",
        "client|setname",
        "flushall",
        "script|flush",
    }
    assert not [name for name in asked - ours - tests if "eval" in name or "script" in name or "multi" in name]
    assert {"mget", "set", "del"} <= asked


# commands that are left in the middle


async def test_a_thousand_commands_left_in_the_middle_give_nobody_anothers_answer(valkey: Server, opened: Open) -> None:
    """CVE-2023-28858: a connection with an answer still on its way must never be used again.

    A thousand times somebody leaves at a random moment (the caller, the reader, the writer, also a deletion), while others read;
    each value names its key, so that a crossed answer would be seen.
    """
    cache, chance = opened(valkey.url, 5.0), random.Random(28858)
    keys = [f"key-{n}" for n in range(40)]
    for key in keys:
        cache.set(key, key.encode() * 50, 600)
    await written(cache)
    right = wrong = left = 0

    async def read(wanted: list[str]) -> None:
        nonlocal right, wrong
        for key, value in zip(wanted, await cache.get_many(wanted), strict=True):
            right += value == key.encode() * 50
            wrong += value not in (None, key.encode() * 50)

    for turn in range(1000):
        tasks = [asyncio.create_task(read(chance.sample(keys, chance.randrange(1, 5)))) for _ in range(3)]
        if turn % 3 == 0:
            cache.set(key := chance.choice(keys), key.encode() * 50, 600)
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        inner = [*cache._readers, *([cache._writer] if cache._writer is not None else [])]
        victim = chance.choice([*tasks, *inner, asyncio.create_task(cache.delete([f"none-{turn}"]))])
        left += victim.cancel()
        await asyncio.wait(tasks, timeout=10)
        cache._breaker.succeeded()
    await written(cache)
    await read(keys)
    assert wrong == 0
    assert left > 500 and right > 1000
