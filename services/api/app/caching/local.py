"""The local cache: a memory LRU over one SQLite file. Reads happen on the caller's thread (microseconds), writes on one writer thread.

An executor would cost more than the read itself. Whatever goes wrong with the file is a miss; a damaged file is moved aside.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from .memory import MemoryCache
from .sqlite_file import Row, SqliteFile

_log = logging.getLogger("llm_router")
BATCH_SECONDS = 0.1
MOST_QUEUED = 4_096
MEMORY_SHARE = 8  # the memory LRU gets an eighth of the file's bound ...
MOST_MEMORY = 32 * 1024 * 1024  # ... and at most this
_BOUND_EVERY = 16  # batches between two looks at the file's size


class LocalCache:
    """Answers of this machine. `now` is wall time in seconds; `dropped` counts writes that found the queue full."""

    def __init__(self, path: Path, max_bytes: int, now: Callable[[], float]) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._now = now
        self._memory = MemoryCache(min(max_bytes // MEMORY_SHARE, MOST_MEMORY), now)
        self._file: SqliteFile | None = None
        self._usable = True
        self._queue: dict[str, Row | None] = {}  # the newest word on each key; None = forget it
        self._wake = threading.Condition()
        self._writing = False
        self._closing = False
        self._writer: threading.Thread | None = None
        self._batches = 0
        self.dropped = 0

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values; what the file gives is kept in memory from then on."""
        return [self._get(key) for key in keys]

    def _get(self, key: str) -> bytes | None:
        value = self._memory.get(key)
        if value is not None or not self._opened():
            return value
        assert self._file is not None  # noqa: S101 - _opened said so
        try:
            found = self._file.get(key)
        except sqlite3.Error as error:
            self._failed(error)
            return None
        if found is None or found[1] <= self._now():
            return None
        self._memory.set(key, *found)
        return found[0]

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """In memory at once, in the file within a moment."""
        expires = self._now() + ttl_seconds
        self._memory.set(key, value, expires)
        self._enqueue(key, (key, value, expires))

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values here and in the file; how many were known."""
        count = 0
        for key in keys:
            count += self._get(key) is not None
            self._memory.delete(key)
            self._enqueue(key, None)
        return count

    def _enqueue(self, key: str, row: Row | None) -> None:
        if not self._opened():
            return
        with self._wake:
            if len(self._queue) >= MOST_QUEUED:
                self.dropped += 1
                return
            self._queue[key] = row
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="cache-writer", daemon=True)
                self._writer.start()
            elif not self._writing and len(self._queue) == 1:
                self._wake.notify_all()

    def _write_on(self) -> None:
        """The writer's life: wait for work, let some gather, write it in one transaction."""
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if not self._closing:
                    self._wake.wait(BATCH_SECONDS)
                batch, self._queue = self._queue, {}
                closing = self._closing
                self._writing = True
            self._write(batch)
            with self._wake:
                self._writing = False
                self._wake.notify_all()
                if closing and not self._queue:
                    return

    def _write(self, batch: dict[str, Row | None]) -> None:
        file = self._file
        if file is None or not batch:
            return
        try:
            file.write((row for row in batch.values() if row), (key for key, row in batch.items() if row is None), self._now())
            self._batches += 1
            if self._batches % _BOUND_EVERY == 1:
                file.bound(self._max_bytes)
        except sqlite3.Error as error:
            self._failed(error)

    def _opened(self) -> bool:
        if self._file is not None:
            return True
        if not self._usable:
            return False
        for _ in range(2):  # a second time after an unusable file was moved aside
            file = SqliteFile(self._path)
            try:
                file.open()
            except (sqlite3.Error, OSError) as error:
                if not self._mended(file, error):
                    return False
            else:
                self._file = file
                return True
        return False

    def _mended(self, file: SqliteFile, error: Exception) -> bool:
        """Whether opening is worth another try: a damaged or foreign file is moved aside, a locked one is left for the next call."""
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            _log.warning("cache: %s is not usable (%s), moved to %s", self._path, error, file.set_aside())
            return True
        if "locked" not in str(error):
            self._usable = False
            _log.error("cache: %s cannot be used (%s); answers are remembered in memory only", self._path, error)
        return False

    def _failed(self, error: sqlite3.Error) -> None:
        """A lock that outlasts the wait passes; a damaged file is moved aside and the next call starts a new one."""
        if isinstance(error, sqlite3.OperationalError) or self._file is None:
            return
        file, self._file = self._file, None
        _log.warning("cache: %s is damaged (%s), moved to %s", self._path, error, file.set_aside())

    def flush(self) -> None:
        """Wait until everything queued is in the file."""
        with self._wake:
            self._wake.notify_all()
            self._wake.wait_for(lambda: not self._queue and not self._writing, timeout=10)

    async def close(self) -> None:
        """Write out the queue and close the file."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        if self._writer is not None:
            self._writer.join(timeout=5)
        if self._file is not None:
            self._file.close()
            self._file = None
        self._usable = False

    def describe(self) -> str:
        """The backend and its file."""
        return f"local {self._path}"
