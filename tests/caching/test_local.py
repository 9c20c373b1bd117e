"""The local cache's promises: one's own writes are read at once, others' soon, and no state of the file is worse than a miss."""

import asyncio
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.caching import local, seen, write_queue
from app.caching.local import LocalCache
from app.caching.sqlite_file import SCHEMA_VERSION, SqliteFile, hash_of

from .clock import Clock, until

MIB = 1024 * 1024
Open = Callable[..., LocalCache]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite3"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Open]:
    """Opens caches on the one file; each stands for a process, and is closed in the end."""
    caches = []

    def one(now: Callable[[], float] = time.time, max_bytes: int = MIB, at: Path = path) -> LocalCache:
        caches.append(LocalCache(at, max_bytes, now))
        return caches[-1]

    yield one
    for cache in caches:
        await cache.close()


def fill(path: Path, count: int = 100) -> None:
    """Put `count` answers of 4 KiB into the file, all in its main part."""
    file = SqliteFile(path)
    file.open()
    file.write([(f"key-{n}", b"x" * 4096, time.time() + 60) for n in range(count)], [], 0.0)
    file.close()


def held(path: Path) -> int:
    """How many rows the file has."""
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
    connection.close()
    return int(count)


def aside(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.glob("*.unusable-*") if not found.name.endswith(("-wal", "-shm")))


async def test_an_answer_is_read_at_once_and_after_a_restart(opened: Open) -> None:
    first = opened()
    first.set("a", b"1", 60)
    assert await first.get_many(["a", "b"]) == [b"1", None]
    await first.close()
    assert await opened().get_many(["b", "a"]) == [None, b"1"]


async def test_an_answer_too_large_for_the_memory_is_read_before_it_is_written(opened: Open) -> None:
    cache = opened()
    cache._memory = type(cache._memory)(0, time.time)
    cache.set("a", b"1", 60)
    assert await cache.get_many(["a"]) == [b"1"]
    cache.flush()
    assert await cache.get_many(["a"]) == [b"1"]


async def test_the_newest_of_two_answers_stays(opened: Open) -> None:
    first = opened()
    for value in (b"1", b"2"):
        first.set("a", value, 60)
        first.flush()
    first.set("b", b"3", 60)
    first.set("b", b"4", 60)
    first.flush()
    assert await opened().get_many(["a", "b"]) == [b"2", b"4"]


async def test_what_another_process_kept_is_found_whatever_was_forgotten_before_it(opened: Open) -> None:
    """The newest row is replaced, then gone for good: the rows after it still count as new to a process that knew it."""
    writer, reader = opened(), opened()
    for value in (b"1", b"2"):
        writer.set("again", value, 60)
        writer.flush()
        assert await reader.get_many([f"only to learn {value!r}"], fresh=True) == [None]
    writer.set("replaced", b"3", 60)
    writer.set("again", b"4", 60)
    writer.flush()
    assert await reader.get_many(["replaced"], fresh=True) == [b"3"]
    await writer.delete(["again", "replaced"])
    writer.flush()
    assert await reader.get_many(["nothing"], fresh=True) == [None]
    writer.set("after all", b"5", 60)
    writer.flush()
    assert await reader.get_many(["after all"], fresh=True) == [b"5"]


async def test_what_is_shared_is_found_elsewhere_at_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sharing waits for the file and not for the batch's age; a fresh look does not wait to learn of it."""
    monkeypatch.setattr(write_queue, "BATCH_SECONDS", 3_600.0)
    monkeypatch.setattr(seen, "LEARN_SECONDS", 3_600.0)
    writer, reader = opened(), opened()
    assert await reader.get_many(["a"]) == [None]
    for value in (b"1", b"2"):
        key = f"key-{value!r}"
        writer.set("unrelated", value, 60)
        writer.set(key, value, 60)
        await writer.share([key])
        assert await reader.get_many([key]) == [None]
        assert await reader.get_many([key], fresh=True) == [value]
    await writer.share(["never said"])


async def test_sharing_waits_a_moment_at_most(opened: Open, path: Path) -> None:
    """A file that another process is writing delays nobody for long; the value arrives later."""
    cache = opened()
    assert await cache.get_many(["a"]) == [None]
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    cache.set("a", b"1", 60)
    began = time.perf_counter()
    await cache.share(["a"])
    assert local.SHARE_SECONDS <= time.perf_counter() - began < local.SHARE_SECONDS + 0.5
    holder.execute("ROLLBACK")
    holder.close()
    cache.flush()
    assert await opened().get_many(["a"]) == [b"1"]


async def test_a_deleted_answer_is_gone_at_once_and_stays_gone(opened: Open, path: Path) -> None:
    cache = opened()
    cache.set("a", b"1", 60)
    cache.flush()
    assert await cache.delete(["a", "unknown"]) == 1
    assert await cache.get_many(["a"]) == [None]
    cache.flush()
    assert await opened().get_many(["a"]) == [None]
    assert held(path) == 0


async def test_a_hit_never_renews_an_expiry(opened: Open) -> None:
    clock = Clock()
    writer, reader = opened(clock), opened(clock)
    writer.set("a", b"1", 10)
    writer.flush()
    for clock.seconds in (1_005.0, 1_009.9):
        assert await reader.get_many(["a"]) == [b"1"]
    clock.seconds = 1_010.0
    assert await reader.get_many(["a"]) == [None]
    assert await writer.get_many(["a"]) == [None]
    assert await opened(clock).get_many(["a"]) == [None]


async def test_what_expired_leaves_the_file_with_a_later_write(opened: Open, path: Path) -> None:
    clock = Clock()
    cache = opened(clock)
    for n in range(50):
        cache.set(f"old-{n}", b"1", 10)
    cache.flush()
    clock.seconds += 11
    cache.set("new", b"1", 10)
    cache.flush()
    assert held(path) == 1


async def test_the_file_stays_within_its_bound_and_loses_the_oldest(opened: Open, path: Path) -> None:
    cache = opened()
    for n in range(1_000):
        cache.set(f"key-{n}", os.urandom(4096), 60)
        if n % 100 == 99:
            cache.flush()
    fresh = opened()
    assert (await fresh.get_many(["key-999"]))[0] is not None
    assert await fresh.get_many(["key-0"]) == [None]
    assert 100 < held(path) < 256
    assert path.stat().st_size < 2 * MIB


async def test_one_huge_answer_does_not_push_out_the_others(opened: Open, path: Path) -> None:
    cache = opened()
    cache.set("a", b"1", 60)
    cache.set("huge", b"x" * MIB, 60)
    cache.flush()
    assert await opened().get_many(["a", "huge"]) == [b"1", None]


async def test_two_keys_of_one_hash_are_not_mixed_up(opened: Open, path: Path) -> None:
    fill(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE answers SET hash = ?", (hash_of("other"),))
    connection.commit()
    connection.close()
    assert await opened().get_many(["other"]) == [None]


async def test_a_full_queue_drops_values_and_counts_them_but_keeps_deletions(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "MOST_ROWS", 3)
    monkeypatch.setattr(write_queue, "BATCH_SECONDS", 60)
    fill(path, 1)
    cache = opened()
    for n in range(5):
        cache.set(f"new-{n}", b"1", 60)
    assert cache.dropped == 2
    assert await cache.get_many(["new-4"]) == [b"1"]
    assert await cache.delete(["key-0"]) == 1
    cache.flush()
    assert await opened().get_many(["new-0", "new-3", "key-0"]) == [b"1", None, None]


async def test_many_answers_are_written_without_waiting_for_the_batchs_age(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_queue, "BATCH_SECONDS", 60)
    cache, reader = opened(), opened()
    for n in range(write_queue.BATCH_ROWS):
        cache.set(f"key-{n}", b"1", 60)
        await asyncio.sleep(0)  # the writer's thread comes in between, and has begun to gather

    async def there() -> bool:
        return await reader.get_many(["key-0"]) == [b"1"]

    await until(there)


WRITER = """
import asyncio, sys, time
from pathlib import Path
from app.caching.local import LocalCache
async def main():
    cache = LocalCache(Path(sys.argv[1]), 64 * 1024 * 1024, time.time)
    for n in range(400):
        cache.set(f"{sys.argv[2]}-{n}", f"{sys.argv[2]} {n}".encode() * 100, 60)
        if n % 50 == 0:
            cache.flush()
            await cache.get_many([f"{other}-{n}" for other in "ab"])
    await cache.close()
    print(cache.dropped)
asyncio.run(main())
"""


async def test_two_processes_open_and_write_one_file_at_once_and_lose_nothing(opened: Open, path: Path) -> None:
    ours = opened(max_bytes=64 * MIB)
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in "ab"
    ]
    ours.set("ours", b"1", 60)
    for child in children:
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out.split(), err) == (0, [b"0"], b"")
    keys = [f"{name}-{n}" for name in "ab" for n in range(400)]
    assert await ours.get_many(keys) == [f"{key[0]} {key[2:]}".encode() * 100 for key in keys]
    ours.flush()
    assert held(path) == 801
    assert aside(path) == []


async def test_a_file_that_is_locked_for_good_is_a_quick_miss(opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "REOPEN_SECONDS", 0.05)
    fill(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("DELETE FROM answers WHERE key = 'key-1'")
    cache = opened()
    began = time.perf_counter()
    assert await cache.get_many(["key-0"]) == [None]
    cache.set("a", b"1", 60)
    assert await cache.get_many(["a"]) == [b"1"]
    assert time.perf_counter() - began < 0.5
    holder.execute("COMMIT")
    holder.close()
    assert aside(path) == []

    async def there() -> bool:
        return (await cache.get_many(["key-0"]))[0] is not None

    await until(there)


async def test_a_new_file_is_not_waited_for_while_another_process_makes_it(opened: Open, path: Path) -> None:
    path.parent.mkdir()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache = opened()
    began = time.perf_counter()
    cache.set("a", b"1", 60)
    assert await cache.get_many(["a", "b"]) == [b"1", None]
    assert time.perf_counter() - began < 0.5
    holder.execute("ROLLBACK")
    holder.close()


async def test_workers_that_start_at_once_all_have_the_file_before_their_first_call(opened: Open, path: Path) -> None:
    """One makes it, the others wait for that: none of them does without at first."""
    caches = [opened() for _ in range(8)]
    await asyncio.gather(*[cache.prepare() for cache in caches])
    for number, cache in enumerate(caches):
        cache.set(f"key-{number}", b"value", 60)
        cache.flush()
    assert held(path) == 8
    assert [cache.counts.errors for cache in caches] == [0] * 8


async def test_a_file_that_stays_locked_does_not_keep_a_worker_from_starting(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on as at any other time: without the file, until it is free."""
    monkeypatch.setattr(local, "PREPARE_SECONDS", 0.1)
    path.parent.mkdir(parents=True)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache = opened()
    await cache.prepare()
    assert await cache.get_many(["key"]) == [None]
    assert "locked" in str(cache.trouble)
    holder.close()


async def test_a_reader_does_not_wait_for_a_writer(opened: Open, path: Path) -> None:
    fill(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert (await opened().get_many(["key-0"]))[0] is not None
    holder.execute("ROLLBACK")
    holder.close()


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE somebody (elses TEXT)")
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


@pytest.mark.parametrize("spoil", [garbage, foreign, newer])
async def test_a_file_that_is_not_ours_is_moved_aside_unchanged(
    opened: Open, path: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes()
    first = opened()
    first.set("a", b"1", 60)
    first.flush()
    assert aside(path) == ["answers.sqlite3.unusable-1"]
    assert path.with_name("answers.sqlite3.unusable-1").read_bytes() == before
    assert await opened().get_many(["a"]) == [b"1"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("left", [0, 100, 4096, 8192, 50_000])
async def test_a_file_cut_short_under_a_running_service_is_a_miss_and_heals(opened: Open, path: Path, left: int) -> None:
    fill(path)
    cache = opened()
    assert (await cache.get_many(["key-0"]))[0] is not None
    os.truncate(path, left)
    keys = [f"key-{n}" for n in range(1, 100)]
    assert None in await cache.get_many(keys)

    async def kept() -> bool:
        cache.set("new", b"1", 60)
        cache.flush()
        return await opened().get_many(["new"]) == [b"1"]

    await until(kept)


async def test_a_file_that_lost_its_table_is_a_miss_and_heals(opened: Open, path: Path) -> None:
    fill(path, 1)
    cache = opened()
    assert (await cache.get_many(["key-0"]))[0] is not None
    somebody = sqlite3.connect(path)
    somebody.execute("DROP TABLE answers")
    somebody.close()
    for key in ("lost", "new"):  # the first write finds out, the second goes into a new file
        cache.set(key, b"1", 60)
        cache.flush()
    assert await opened().get_many(["new"]) == [b"1"]
    assert aside(path) == ["answers.sqlite3.unusable-1"]


async def test_a_damaged_file_of_two_processes_is_moved_aside_once(opened: Open, path: Path) -> None:
    fill(path, 1500)  # more than SQLite keeps in memory
    one, other = opened(), opened()
    assert None not in await one.get_many(["key-0"]) + await other.get_many(["key-0"])
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert None in await one.get_many([f"key-{n}" for n in range(1, 1500)])
    one.set("new", b"1", 60)
    one.flush()
    assert None in await other.get_many([f"key-{n}" for n in range(1, 1500)])
    assert await other.get_many(["new"]) == [b"1"]
    assert aside(path) == ["answers.sqlite3.unusable-1"]


async def test_a_file_that_somebody_deleted_is_no_error(opened: Open, path: Path) -> None:
    cache = opened()
    cache.set("a", b"1", 60)
    cache.flush()
    for found in path.parent.iterdir():
        found.unlink()
    cache.set("b", b"2", 60)
    cache.flush()
    assert await cache.get_many(["a", "b"]) == [b"1", b"2"]


async def test_a_place_that_cannot_be_written_leaves_the_memory(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = opened(at=tmp_path / "file" / "answers.sqlite3")
    for key in "ab":
        cache.set(key, b"1", 60)
    assert await cache.get_many(["a", "b", "c"]) == [b"1", b"1", None]
    assert len(caplog.records) == 1


async def test_only_the_owner_can_read_it(opened: Open, path: Path) -> None:
    cache = opened()
    cache.set("a", b"1", 60)
    cache.flush()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


async def test_nothing_is_opened_before_the_first_use(opened: Open, path: Path) -> None:
    cache = opened()
    assert cache.describe() == f"local {path}"
    assert not path.parent.exists()
    await cache.close()
    assert not path.parent.exists()


async def test_a_closed_cache_still_answers_and_writes_nothing(opened: Open, path: Path) -> None:
    cache = opened()
    cache.set("a", b"1", 60)
    await cache.close()
    await cache.close()
    cache.set("b", b"2", 60)
    assert await cache.get_many(["b", "c"]) == [b"2", None]
    assert held(path) == 1


async def test_what_another_process_set_anew_is_found_by_those_who_ask_for_fresh_values(tmp_path: Path) -> None:
    """Also where an older value of the same key is in memory here; a value of our own that is not yet written counts."""
    ours, theirs = (LocalCache(tmp_path / "a.sqlite", 1 << 20, time.time) for _ in range(2))
    for cache, value in ((ours, b"one"), (theirs, b"two")):
        cache.set("key", value, 60)
        cache.flush()
    assert await ours.get_many(["key"]) == [b"one"]
    assert await ours.get_many(["key"], fresh=True) == [b"two"]
    assert await ours.get_many(["key"]) == [b"two"]
    ours.set("key", b"three", 60)
    assert await ours.get_many(["key"], fresh=True) == [b"three"]
    for cache in (ours, theirs):
        await cache.close()
