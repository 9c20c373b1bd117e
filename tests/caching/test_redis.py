"""The redis cache's promises, kept before a real server: shared answers, and a dead or frozen server costs milliseconds, once."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.caching.redis_cache import COOLDOWN, FAILURES_TO_OPEN, PREFIX, Breaker, RedisCache

from .clock import Clock, until
from .valkey import Server

Open = Callable[..., RedisCache]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it alive."""
    server = Server(tmp_path_factory.mktemp("v"))
    yield server
    server.stop()


@pytest.fixture
def server(shared: Server) -> Server:
    shared.direct.flushall()
    return shared


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens caches; each stands for a worker, and is closed in the end."""
    caches = []

    def one(url: str, timeout: float = 2.0, clock: Callable[[], float] = time.monotonic) -> RedisCache:
        caches.append(RedisCache(url, timeout, clock))
        return caches[-1]

    yield one
    for cache in caches:
        await cache.close()


async def written(cache: RedisCache) -> None:
    """Wait until nothing is being written."""

    async def idle() -> bool:
        return cache._writer is None or cache._writer.done()

    await until(idle)


async def opened_breaker(cache: RedisCache) -> bool:
    """A reader's failure is counted a moment after its caller's patience ends."""
    return cache._breaker.open


async def holds(cache: RedisCache, key: str, value: bytes) -> bool:
    return await cache.get_many([key]) == [value]


async def test_an_answer_is_read_here_at_once_and_elsewhere_when_written(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"\x00\xff", 60)
    assert await cache.get_many(["a"]) == [b"\x00\xff"]
    await written(cache)
    assert await opened(server.url).get_many(["b", "a"]) == [None, b"\x00\xff"]
    assert server.direct.keys() == [(PREFIX + "a").encode()]


async def test_what_is_shared_is_there_when_the_waiting_ends(server: Server, opened: Open) -> None:
    """Also behind many other values; what was never said is not waited for."""
    cache = opened(server.url)
    for n in range(300):
        cache.set(f"other-{n}", b"1" * 1000, 60)
    cache.set("a", b"2", 60)
    await cache.share(["a"])
    assert server.direct.get(PREFIX + "a") == b"2"
    await cache.share(["a", "never said"])


async def test_an_expiry_is_absolute(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"1", 60)
    cache.set("short", b"1", 0.0001)
    await written(cache)
    end = server.direct.pexpiretime(PREFIX + "a")
    assert abs(end - (time.time() + 60) * 1000) < 5_000
    await cache.get_many(["a"])
    assert server.direct.pexpiretime(PREFIX + "a") == end

    async def gone() -> bool:
        return await cache.get_many(["short"]) == [None]

    await until(gone)


async def test_a_deleted_answer_is_gone(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"1", 60)
    await written(cache)
    cache.set("pending", b"1", 60)
    assert await cache.delete(["a", "pending", "unknown"]) == 1
    await written(cache)
    assert await opened(server.url).get_many(["a", "pending"]) == [None, None]
    assert await cache.delete([]) == 0


async def test_closing_writes_what_is_under_way(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    for n in range(300):
        cache.set(f"key-{n}", b"1", 60)
    await cache.close()
    assert server.direct.dbsize() == 300


async def test_a_burst_of_calls_is_no_failure(server: Server, opened: Open) -> None:
    """More calls at once than connections: they share commands, every write arrives and every read finds its own."""
    cache = opened(server.url)
    for n in range(1_000):
        cache.set(f"key-{n}", str(n).encode(), 60)
    await written(cache)
    assert cache.dropped == 0
    reads = [cache.get_many([f"key-{n}", "unknown", f"key-{n + 1}"]) for n in range(999)]
    assert await asyncio.gather(*reads) == [[str(n).encode(), None, str(n + 1).encode()] for n in range(999)]


async def test_an_abandoned_read_never_gives_its_answer_to_the_next(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    for n in range(20):
        cache.set(f"key-{n}", str(n).encode(), 60)
    await written(cache)
    for n in range(20):
        abandoned = asyncio.create_task(cache.get_many([f"key-{n}"]))
        for _ in range(n % 7):
            await asyncio.sleep(0)
        abandoned.cancel()
        await asyncio.wait([abandoned])
        assert await cache.get_many([f"key-{19 - n}"]) == [str(19 - n).encode()]


async def test_readers_that_leave_at_random_disturb_no_other(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    for n in range(20):
        cache.set(f"key-{n}", str(n).encode(), 60)
    await written(cache)
    chance = random.Random(7)

    async def read(n: int) -> None:
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        assert await cache.get_many([f"key-{n}"]) == [str(n).encode()]

    for _ in range(30):
        tasks = [asyncio.create_task(read(n)) for n in range(20)]
        for task in tasks[::2]:
            asyncio.get_running_loop().call_later(chance.random() * 0.003, task.cancel)
        await asyncio.wait(tasks)
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        assert not any(task.cancelled() for task in tasks[1::2])


async def test_what_was_flushed_is_a_miss(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"1", 60)
    await written(cache)
    server.direct.flushall()
    assert await cache.get_many(["a"]) == [None]


async def test_a_full_server_takes_nothing_and_still_answers(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"1", 60)
    await written(cache)
    server.direct.config_set("maxmemory", "1")
    try:
        for n in range(2 * FAILURES_TO_OPEN):
            cache.set(f"key-{n}", b"1", 60)
            await written(cache)
        assert cache.dropped == 2 * FAILURES_TO_OPEN
        assert await cache.get_many(["a", "key-0"]) == [b"1", None]
    finally:
        server.direct.config_set("maxmemory", "0")


async def test_a_key_of_another_kind_is_a_miss(server: Server, opened: Open) -> None:
    server.direct.lpush(PREFIX + "a", "x")
    assert await opened(server.url).get_many(["a"]) == [None]


async def test_a_killed_server_costs_milliseconds_and_comes_back(tmp_path: Path, opened: Open) -> None:
    server, clock = Server(tmp_path), Clock()
    try:
        cache = opened(server.url, 0.05, clock)
        cache.set("a", b"1", 60)
        await written(cache)
        server.kill()
        began = time.perf_counter()
        for _ in range(20):
            assert await cache.get_many(["a"]) == [None]
            cache.set("b", b"1", 60)
            assert await cache.delete(["a"]) == 0
            await written(cache)
        assert time.perf_counter() - began < 1
        assert cache.dropped > 0
        server.start()
        server.direct.set(PREFIX + "a", b"2")
        assert await cache.get_many(["a"]) == [None]  # not asked before the cooldown is over
        clock.seconds += COOLDOWN[1]
        await until(lambda: holds(cache, "a", b"2"))
    finally:
        server.stop()


async def test_a_frozen_server_costs_its_timeout_and_then_nothing(tmp_path: Path, opened: Open) -> None:
    server, clock = Server(tmp_path), Clock()
    try:
        cache = opened(server.url, 0.05, clock)
        cache.set("a", b"1", 60)
        await written(cache)
        os.kill(server.pid, signal.SIGSTOP)
        began = time.perf_counter()
        for _ in range(FAILURES_TO_OPEN):
            assert await cache.get_many(["a"]) == [None]
        assert time.perf_counter() - began < 1
        await until(lambda: opened_breaker(cache))
        began = time.perf_counter()
        for _ in range(1_000):
            assert await cache.get_many(["a"]) == [None]
        assert time.perf_counter() - began < 0.5
        os.kill(server.pid, signal.SIGCONT)
        clock.seconds += COOLDOWN[1]
        await until(lambda: holds(cache, "a", b"1"))
    finally:
        server.stop()


async def test_nobody_waits_for_the_probe_of_a_frozen_server(tmp_path: Path, opened: Open) -> None:
    server, clock = Server(tmp_path), Clock()
    try:
        cache = opened(server.url, 0.2, clock)
        assert await cache.get_many(["a"]) == [None]
        os.kill(server.pid, signal.SIGSTOP)
        for _ in range(FAILURES_TO_OPEN):
            await cache.get_many(["a"])
        await until(lambda: opened_breaker(cache))
        began = time.perf_counter()
        for _ in range(10):
            clock.seconds += COOLDOWN[1]
            assert await cache.get_many(["a"]) == [None]
        assert time.perf_counter() - began < 0.2
    finally:
        server.stop()


@asynccontextmanager
async def pretended(path: Path, answer: Callable[[bytes], Awaitable[bytes]]) -> AsyncIterator[str]:
    """Something that listens like a server and answers each command with whatever `answer` says; b"" = hang up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while (command := await reader.read(65_536)) and (said := await answer(command)):
                writer.write(said)
                await writer.drain()

    talking: set[asyncio.Task[None] | None] = set()
    listening = await asyncio.start_unix_server(talk, path)
    async with listening:
        yield f"unix://{path}"
    left = [task for task in talking if task is not None and not task.done()]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


NO_ANSWERS = [
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\xff\xfe\r\n",
    b"-LOADING Valkey is loading the dataset in memory\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
    b"-\xff\xfe\r\n",
    b"+OK\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    b"*1\r\n:5\r\n",
    b"*x\r\n",
    b"*1\r\n" * 5_000,
    b"$-5\r\nxx\r\n",
    b":" + b"9" * 5_000 + b"\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
]


@pytest.mark.parametrize("said", NO_ANSWERS, ids=lambda said: repr(said[:12]))
async def test_what_is_no_answer_is_a_miss(tmp_path: Path, opened: Open, said: bytes) -> None:
    async def answer(command: bytes) -> bytes:
        return said

    async with pretended(tmp_path / "s", answer) as url:
        cache = opened(url)
        for _ in range(FAILURES_TO_OPEN + 1):
            assert await cache.get_many(["a"]) == [None]
        other = opened(url)
        other.set("a", b"1", 60)
        await written(other)
        assert not isinstance(await other.delete(["a"]), bytes)
        await cache.close()
        await other.close()


async def test_a_late_answer_never_reaches_the_next_call(tmp_path: Path, opened: Open) -> None:
    """Each answer names its key and comes just before or just after the caller's patience ends."""
    chance = random.Random(11)

    async def answer(command: bytes) -> bytes:
        asked = command.split(b"\r\n")[4::2]
        await asyncio.sleep(chance.choice([0, 0.009, 0.01, 0.011, 0.02]))
        return b"*%d\r\n" % len(asked) + b"".join(b"$%d\r\n%s\r\n" % (len(name), name) for name in asked)

    async with pretended(tmp_path / "s", answer) as url:
        cache = opened(url, 0.01, Clock())
        hits = 0
        for n in range(100):
            [value] = await cache.get_many([f"key-{n}"])
            assert value in {None, f"{PREFIX}key-{n}".encode()}
            hits += value is not None
            cache._breaker.succeeded()
        assert 0 < hits < 100
        await cache.close()


async def test_a_server_that_is_always_too_slow_is_given_up(tmp_path: Path, opened: Open) -> None:
    """It answers what nobody waits for, writes and probes; that must not make every call wait for it again."""
    clock, commands = Clock(), list[bytes]()

    async def answer(command: bytes) -> bytes:
        commands.append(command)
        await asyncio.sleep(0.03)
        return b"+OK\r\n" if b"SET" in command else b"*1\r\n$-1\r\n"

    async def probed() -> bool:
        return cache._probe is not None and cache._probe.done()

    async with pretended(tmp_path / "s", answer) as url:
        cache = opened(url, 0.01, clock)
        for _ in range(FAILURES_TO_OPEN):
            cache.set("a", b"1", 60)
            await written(cache)
            await cache.get_many(["b"])
        await until(lambda: opened_breaker(cache))
        clock.seconds += COOLDOWN[1]
        await cache.get_many(["b"])
        await until(probed)
        before = len(commands)
        assert await cache.get_many(["b"]) == [None]
        assert len(commands) == before
        await cache.close()


async def test_closing_before_a_frozen_server_ends_soon(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        cache = RedisCache(server.url, 0.05)
        assert await cache.get_many(["a"]) == [None]
        os.kill(server.pid, signal.SIGSTOP)
        for n in range(200):
            cache.set(f"key-{n}", b"1", 60)
        began = time.perf_counter()
        await cache.close()
        assert time.perf_counter() - began < 2
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["unix:///nowhere/s", "redis://127.0.0.1:1", "redis://no.such.host.invalid"])
async def test_an_address_without_a_server_is_a_miss(opened: Open, url: str) -> None:
    cache = opened(url, 0.05)
    cache.set("a", b"1", 60)
    await written(cache)
    assert await cache.get_many(["a"]) == [None]


async def test_what_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="scheme"):
        RedisCache("what is this")


async def test_what_it_says_of_itself_holds_no_secret(opened: Open) -> None:
    assert opened("redis://:secret@host").describe() == "redis"


def failed(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_the_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(Clock())
    failed(breaker, FAILURES_TO_OPEN - 1)
    breaker.succeeded()
    failed(breaker, FAILURES_TO_OPEN - 1)
    assert not breaker.open
    breaker.failed()
    assert breaker.open


@given(st.integers(FAILURES_TO_OPEN, 200))
def test_a_burst_of_failures_costs_one_cooldown(burst: int) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    failed(breaker, burst)
    assert not breaker.probe_due()
    clock.seconds += COOLDOWN[0]
    assert breaker.probe_due()


def test_one_probe_per_cooldown_which_doubles_to_its_bound() -> None:
    clock = Clock(0.0)
    breaker = Breaker(clock)
    failed(breaker, FAILURES_TO_OPEN)
    tries = []
    while clock.seconds < 60:
        clock.seconds += 0.25
        if breaker.probe_due():
            assert not breaker.probe_due()
            tries.append(clock.seconds)
            breaker.failed()
    assert [after - before for before, after in zip([0.0, *tries], tries, strict=False)] == [0.5, 1, 2, 4, 8, 10, 10, 10, 10]
