"""Cache files that are locked, full, damaged or somebody else's, values that are no answers: misses, counted, no errors (F13, F14)."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from app.caching import local, sqlite_file
from app.caching.examine import Examined, examine
from app.caching.local import LocalCache
from caching.clock import until
from support import Service, child_env, eventually, free_port, running, shipped

from .spoilt import health, limited, metric

MIB = 1024 * 1024
Open = Callable[..., LocalCache]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Open]:
    """Opens caches on the one file; each stands for a process, and is closed in the end."""
    caches = []

    def one() -> LocalCache:
        caches.append(LocalCache(path, 16 * MIB, time.time))
        return caches[-1]

    yield one
    for cache in caches:
        await cache.close()


async def kept(cache: LocalCache, key: str) -> None:
    cache.set(key, b"1", 60)
    cache.flush()


# the file


async def test_a_full_database_is_memory_only_until_there_is_room_again(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    """SQLITE_FULL by `PRAGMA max_page_count`: said once, counted, and over when it is over."""
    cache = opened()
    await kept(cache, "before")
    assert cache._file is not None and cache._file._writing is not None
    (pages,) = cache._file._writing.execute("PRAGMA page_count").fetchone()
    cache._file._writing.execute(f"PRAGMA max_page_count = {pages}")
    for n in range(8):
        cache.set(f"full-{n}", os.urandom(50_000), 60)
        cache.flush()
    assert None not in await cache.get_many(["before", *(f"full-{n}" for n in range(8))])
    assert cache.trouble is not None and "full" in cache.trouble
    assert cache.counts.errors >= 1 and cache.counts.dropped >= 1 and cache.counts.quarantined == 0
    assert len(caplog.records) == 1
    cache._file._writing.execute("PRAGMA max_page_count = 1000000")
    await kept(cache, "after")
    assert cache.trouble is None
    assert await opened().get_many(["before", "after", "full-7"]) == [b"1", b"1", None]


async def test_a_full_disk_under_the_database_costs_no_answer(opened: Open) -> None:
    """RLIMIT_FSIZE: SQLite's own writes come out short."""
    cache = opened()
    await kept(cache, "before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        cache.set("during", os.urandom(60_000), 60)
        cache.flush()
        assert None not in await cache.get_many(["before", "during"])
        assert cache.trouble is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await kept(cache, "after")
    assert cache.trouble is None
    assert await opened().get_many(["before", "after"]) == [b"1", b"1"]


async def test_a_writer_that_waits_in_vain_for_a_lock_gives_its_batch_up_and_says_so(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """busy_timeout bounds the wait; reads go on meanwhile, and the next batch is written."""
    monkeypatch.setattr(sqlite_file, "WRITE_WAIT_MS", 50)
    cache = opened()
    await kept(cache, "before")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    await kept(cache, "during")
    assert cache.counts.dropped == 1 and cache.trouble is not None and "locked" in cache.trouble
    assert await opened().get_many(["before"]) == [b"1"]
    holder.execute("ROLLBACK")
    holder.close()
    await kept(cache, "after")
    assert cache.trouble is None
    assert await opened().get_many(["after"]) == [b"1"]


@pytest.mark.parametrize(
    "damage",
    [b"\0" * 100, b"SQLite format 2\0", bytes(range(100)), b"SQLite format 3\0" + b"\xff" * 84],
    ids=["nothing", "another version", "noise", "its magic alone"],
)
async def test_a_file_with_a_corrupt_header_is_quarantined_and_counted(opened: Open, path: Path, damage: bytes) -> None:
    first = opened()
    await kept(first, "a")
    await first.close()
    with path.open("r+b") as file:
        file.write(damage)
    spoilt = path.read_bytes()
    cache = opened()
    assert await cache.get_many(["a"]) == [None]
    await kept(cache, "b")
    assert await opened().get_many(["b"]) == [b"1"]
    assert (cache.counts.quarantined, cache.trouble) == (1, None)
    assert path.with_name("answers.sqlite.unusable-1").read_bytes() == spoilt


def text(path: Path) -> None:
    path.write_text("this is no database, but it is longer than a header of one has to be\n" * 10)


def pickled(path: Path) -> None:
    path.write_bytes(b"(dp0\nVkey\np1\nVvalue\np2\ns." * 50)


def older(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB, expires REAL)")
    connection.execute("INSERT INTO answers VALUES ('a', 'old', 9e9)")
    connection.execute(f"PRAGMA user_version = {sqlite_file.SCHEMA_VERSION - 1}")
    connection.commit()
    connection.close()


def somebody_elses(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, mode INTEGER, value BLOB)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("spoil", [text, pickled, older, somebody_elses])
async def test_a_file_of_another_kind_is_quarantined_whole_and_counted(
    opened: Open, path: Path, spoil: Callable[[Path], None]
) -> None:
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes()
    cache = opened()
    assert await cache.get_many(["a"]) == [None]
    assert cache.counts.quarantined == 1
    assert path.with_name("answers.sqlite.unusable-1").read_bytes() == before


async def test_where_shared_memory_cannot_be_had_the_cache_is_memory_only_and_comes_back(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk has no memory to share, so WAL cannot work there; a folder where SQLite wants its file has the same effect."""
    monkeypatch.setattr(local, "RETRY_SECONDS", 0.05)
    shared = path.with_name(path.name + "-shm")
    shared.mkdir(parents=True)
    (shared / "kept").touch()
    cache = opened()
    cache.set("a", b"1", 60)
    assert await cache.get_many(["a", "b"]) == [b"1", None]
    assert cache.trouble is not None and str(path) in cache.trouble and cache.counts.errors >= 1
    (shared / "kept").unlink()
    shared.rmdir()

    async def written() -> bool:
        await kept(cache, "c")
        return await opened().get_many(["c"]) == [b"1"]

    await until(written)
    assert cache.trouble is None


async def test_a_file_that_could_not_be_opened_for_want_of_a_descriptor_is_opened_later(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "RETRY_SECONDS", 0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/dev/null", os.O_RDONLY)  # no descriptor beyond this one is given out
    os.close(lowest)
    cache = opened()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        cache.set("a", b"1", 60)
        assert await cache.get_many(["a"]) == [b"1"]
        assert cache.trouble is not None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    async def written() -> bool:
        await kept(cache, "b")
        return await opened().get_many(["b"]) == [b"1"]

    await until(written)


# under a running service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("files"), shipped()) as here:
        yield here


def exploding(path: Path) -> bytes:
    """A pickle that, were it ever loaded, would leave a file behind."""
    return f"cos\nsystem\n(Vtouch {path}\ntR.".encode()


def test_values_that_are_no_answers_are_misses_counted_and_never_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that somebody tampered with: pickles, garbage, text of other programs, entries cut short."""
    home = tmp_path_factory.mktemp("tampered")
    trap = home / "it-ran"
    with running(home, shipped()) as service:
        prompts = [f"prompt {n}" for n in range(6)]
        assert [service.query(prompt).json()["cached"] for prompt in prompts] == [False] * 6
        assert [service.query(prompt).json()["cached"] for prompt in prompts] == [True] * 6
    connection = sqlite3.connect(home / "cache" / "answers.sqlite")
    rows = connection.execute("SELECT id, value FROM answers ORDER BY id").fetchall()
    assert len(rows) == 6
    spoilt = [
        exploding(trap),
        b"\0\xff" * 500,
        b'{"cached": "by somebody else"}',
        rows[3][1][:-20],
        b"",
        "text, no bytes",
    ]
    for (row, _), value in zip(rows, spoilt, strict=True):
        connection.execute("UPDATE answers SET value = ? WHERE id = ?", (value, row))
    connection.commit()
    connection.close()
    with running(home, shipped()) as service:
        again = [service.query(prompt) for prompt in prompts]
        assert [(answer.status, answer.json()["cached"]) for answer in again] == [(200, False)] * 6
        assert health(service)["cache"]["unreadable"] == 6
        eventually(lambda: metric(service, "llm_router_cache_errors_total") >= 6)
        assert [service.query(prompt).json()["cached"] for prompt in prompts] == [True] * 6, "what is unreadable is written anew"
        assert "Traceback" not in service.log()
    assert not trap.exists()


def test_a_start_with_a_destroyed_cache_file_fails_no_call_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "answers.sqlite"
    path.parent.mkdir()
    path.write_bytes(os.urandom(8192))
    with running(tmp_path, shipped()) as service:
        assert [service.query("one").json()["cached"] for _ in range(2)] == [False, True]
        assert health(service)["cache"] == {"trouble": None, "errors": 1, "unreadable": 0, "dropped": 0, "quarantined": 1}
        assert f"{path}.unusable-1" in service.log() and "Traceback" not in service.log()


def test_a_locked_and_a_full_cache_fail_no_call(service: Service) -> None:
    path = service.home / "cache" / "answers.sqlite"
    assert service.query("free").status == 200
    eventually(path.exists)
    holder = sqlite3.connect(path, isolation_level=None, timeout=10)
    holder.execute("BEGIN IMMEDIATE")
    with limited(service, resource.RLIMIT_FSIZE, 0):
        assert [service.query("locked").json()["cached"] for _ in range(2)] == [False, True]
    holder.execute("ROLLBACK")
    holder.close()
    assert service.query("free again").status == 200


# the command


def cache_check(home: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app.cli", "cache", "check", *options]
    env = child_env(LLM_ROUTER_HOME=str(home), **env)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


async def test_a_check_reads_every_page_and_names_what_is_wrong(opened: Open, path: Path, tmp_path: Path) -> None:
    """A file that is not there yet and one in use are sound; one with a page overwritten is not, and stays as it is."""
    assert examine(path) == Examined()
    cache = opened()
    for n in range(200):
        cache.set(f"key-{n}", os.urandom(4_000), 60)
    cache.flush()
    assert (examine(path).answers, examine(path).faults) == (200, ())
    await cache.close()
    assert "200 answers" in cache_check(tmp_path).stdout
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(100_000))
    spoilt = path.read_bytes()
    done = cache_check(tmp_path)
    assert done.returncode == 1 and done.stdout == "" and str(path) in done.stderr and "Traceback" not in done.stderr
    assert json.loads(cache_check(tmp_path, "--json").stdout)["ok"] is False
    path.write_bytes(b"no database at all" * 100)
    assert "not a database" in cache_check(tmp_path).stderr
    newer = sqlite3.connect(path.with_name("newer"))
    newer.execute(f"PRAGMA user_version = {sqlite_file.SCHEMA_VERSION + 1}")
    newer.close()
    assert examine(path.with_name("newer")).faults == (
        f"its format is {sqlite_file.SCHEMA_VERSION + 1}, not {sqlite_file.SCHEMA_VERSION}",
    )
    assert spoilt != path.read_bytes() and not list(path.parent.glob("*.unusable-*")), "a check moves nothing"


def test_a_check_of_a_redis_that_is_not_there_says_so_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("models: {a: {provider: openai, id: gpt-4o-mini}}\ncache: {backend: redis}\n")
    done = cache_check(tmp_path, REDIS_URL=f"redis://:canary@127.0.0.1:{free_port()}/0")
    assert (done.returncode, done.stdout) == (1, "") and "redis: does not answer" in done.stderr and "canary" not in done.stderr
