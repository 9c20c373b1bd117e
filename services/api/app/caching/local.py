"""The local cache: a memory LRU over one SQLite file. Reads happen on the caller's thread (microseconds), writes on one writer thread.

An executor would cost more than the read itself. Whatever goes wrong with the file is a miss; a damaged file is moved aside.
No SQL here.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .memory import MemoryCache, is_over
from .protocol import Counts
from .seen import Known
from .sqlite_file import SqliteFile, hash_of, is_busy, is_unusable
from .write_queue import Row, WriteQueue

_log = logging.getLogger("llm_router")
MEMORY_SHARE = 8  # the memory LRU, and a single answer, gets an eighth of the file's bound ...
MOST_MEMORY = 32 * 1024 * 1024  # ... and the memory at most this
REOPEN_SECONDS = 1.0  # a file that another process holds at opening is asked for again no sooner ...
RETRY_SECONDS = 15.0  # ... and one that cannot be opened at all, no sooner than this
PREPARE_SECONDS, PREPARE_PAUSE = 2.0, 0.02
CLOSE_SECONDS = 5.0
SHARE_SECONDS = 0.1
HEED_SECONDS = 0.25  # what another process purged is gone from this one's memory after this long at the latest


class LocalCache:
    """Answers of this machine, shared by its processes (a deletion does not reach the memory of the others).

    The file is opened by `prepare`, else at the first use, so after any fork. `now` is wall time in seconds.
    """

    def __init__(self, path: Path, max_bytes: int, now: Callable[[], float]) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._largest = max_bytes // MEMORY_SHARE  # one answer must not push out all the others
        self._now = now
        self._memory = MemoryCache(min(self._largest, MOST_MEMORY), now)
        self._file: SqliteFile | None = None
        self._known = Known(lambda _row, _most: ())
        self._opening = threading.Lock()
        self._closed = False
        self._reopen_at = 0.0
        self._heeded_at = 0.0
        self._purges = 0
        self._cannot_open = ""
        self._cannot_write = ""
        self._lost = 0
        self._queue = WriteQueue(self._write)
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """What failed so far."""
        self._counts.dropped = self.dropped
        return self._counts

    @property
    def dropped(self) -> int:
        """Values that found the queue full, or no file to be written to."""
        return self._queue.dropped + self._lost

    @property
    def trouble(self) -> str | None:
        """What keeps answers from the file; they are remembered in memory only."""
        if self._cannot_open:
            return f"{self._path} cannot be opened: {self._cannot_open}"
        return f"{self._path} cannot be written: {self._cannot_write}" if self._cannot_write else None

    async def prepare(self) -> None:
        """Open the file, waiting PREPARE_SECONDS at most for another process that holds it: where several start at once, one makes it."""
        await asyncio.to_thread(self._open_patiently)

    def _open_patiently(self) -> None:
        until = time.monotonic() + PREPARE_SECONDS
        file = SqliteFile(self._path)
        while True:
            try:
                file.open()
            except (sqlite3.Error, OSError) as error:
                if not is_busy(error) or time.monotonic() > until:
                    return  # the first call will see what is wrong, and say so
                time.sleep(PREPARE_PAUSE)
            else:
                self._take(file)
                return

    async def get_many(self, keys: Sequence[str], fresh: bool = False) -> list[bytes | None]:
        """The values; what the file gives is kept in memory from then on. With `fresh` a newer value in the file counts."""
        if fresh:
            self._known.outdate()
        self._heed()
        return [self._get(key, fresh) for key in keys]

    def _heed(self) -> None:
        """Forget what is in memory when all answers were purged from outside; asked of the file only now and then."""
        now = time.monotonic()
        if self._file is None or now - self._heeded_at < HEED_SECONDS:
            return
        self._heeded_at = now
        with contextlib.suppress(sqlite3.Error):  # the next read of an answer meets the same, and deals with it
            purges = self._file.purges()
            if purges != self._purges:
                self._purges = purges
                self._memory.clear()

    def _get(self, key: str, fresh: bool = False) -> bytes | None:
        value = self._memory.get(key)
        if value is not None and not fresh:
            return value
        found = self._queue.pending(key) or self._read(key)
        if found is None:
            return value
        if found[1] is None or is_over(found[2], self._now()):
            return None
        self._memory.set(key, found[1], found[2])
        return found[1]

    def _read(self, key: str) -> Row | None:
        file = self._opened()
        if file is None:
            return None
        try:
            if not self._known.may_hold(hash_of(key), time.monotonic()):
                return None
            found = file.get(key)
        except sqlite3.Error as error:
            self._failed(file, error)
            return None
        return None if found is None else (key, *found)

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """In memory at once, in the file within a moment."""
        expires = self._now() + ttl_seconds
        self._memory.set(key, value, expires)
        if len(value) <= self._largest and self._opened() is not None:
            self._queue.put((key, value, expires))

    async def share(self, keys: Sequence[str]) -> None:
        """Have it written now, and wait for that SHARE_SECONDS at most."""
        if self._file is not None:
            await asyncio.to_thread(self._queue.write_soon, keys, SHARE_SECONDS)

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values here and in the file; how many were known."""
        count = 0
        for key in keys:
            count += self._get(key) is not None
            self._memory.delete(key)
            if self._opened() is not None:
                self._queue.put((key, None, 0.0))
        return count

    def _write(self, rows: Sequence[Row]) -> None:
        """One batch, on the writer's thread."""
        file = self._file
        if file is None:
            self._lost += len(rows)
            return
        try:
            kept = [(key, value, end) for key, value, end in rows if value is not None]
            # what was never seen has no older row to take out; where one stays all the same, the newest is read
            seen = self._known.seen
            gone = [key for key, value, _ in rows if value is None or seen.maybe(hash_of(key))]
            file.write(kept, gone, self._now())
            file.bound(self._max_bytes)
        except sqlite3.Error as error:
            if not self._cannot_write:
                _log.warning("cache: %s cannot be written (%s); answers are remembered in memory only", self._path, error)
            self._cannot_write = str(error)
            self._lost += len(rows)
            self._failed(file, error)
        else:
            self._cannot_write = ""

    def _opened(self) -> SqliteFile | None:
        if self._file is not None or self._closed or time.monotonic() < self._reopen_at:
            return self._file
        for _ in range(2):  # a second time after an unusable file was moved aside
            file = SqliteFile(self._path)
            try:
                file.open()
                self._purges = file.purges()
            except (sqlite3.Error, OSError) as error:
                if not self._mended(file, error):
                    return None
            else:
                self._take(file)
                return file
        return None

    def _take(self, file: SqliteFile) -> None:
        self._known = Known(file.newer)
        self._file = file
        self._cannot_open = self._cannot_write = ""

    def _mended(self, file: SqliteFile, error: Exception) -> bool:
        """Whether opening is worth another try at once: yes when an unusable file was moved aside."""
        self._counts.errors += 1
        if is_unusable(error):
            return self._move_aside(file, error)
        self._put_off(error, REOPEN_SECONDS if is_busy(error) else RETRY_SECONDS)
        return False

    def _failed(self, file: SqliteFile, error: sqlite3.Error) -> None:
        """A lock or a full disk passes; an unusable file is moved aside and the next call starts a new one. Either thread's."""
        with self._opening:
            self._counts.errors += 1
            if is_unusable(error) and self._file is file:
                self._file = None
                self._move_aside(file, error)

    def _move_aside(self, file: SqliteFile, error: Exception) -> bool:
        """Whether nothing unusable lies at the path any more."""
        try:
            aside = file.set_aside()
        except OSError as refusal:
            self._put_off(refusal, RETRY_SECONDS)
            return False
        if aside is not None:
            self._counts.quarantined += 1
            _log.warning("cache: %s is not usable (%s); moved to %s, a new one is begun", self._path, error, aside)
        return True

    def _put_off(self, error: Exception, seconds: float) -> None:
        """Do without the file for a while; what hinders it is told once, and in `trouble` as long as it lasts."""
        self._reopen_at = time.monotonic() + seconds
        if not self._cannot_open and not is_busy(error):
            _log.error("cache: %s cannot be used (%s); answers are remembered in memory only", self._path, error)
        self._cannot_open = str(error)

    def flush(self) -> None:
        """Wait until everything queued is in the file."""
        self._queue.flush(CLOSE_SECONDS)

    async def close(self) -> None:
        """Write out the queue and close the file."""
        ended = await asyncio.to_thread(self._queue.close, CLOSE_SECONDS)
        self._closed = True
        if self._file is not None and ended:
            self._file.close()
        self._file = None

    def describe(self) -> str:
        """The backend and its file."""
        return f"local {self._path}"
