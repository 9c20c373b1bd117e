"""Writes that wait for their turn, and the one thread that does them in batches. What a write is, others know."""

import threading
import time
from collections.abc import Callable, Sequence

BATCH_SECONDS = 0.5  # what is lost with a killed process; other processes find an answer that much later
BATCH_ROWS = 1_000
MOST_ROWS = 4_096
MOST_BYTES = 64 * 1024 * 1024
Row = tuple[str, bytes | None, float]
"""Key, value (None = forget the key), wall time of its end."""


class WriteQueue:
    """The newest word on each key, until `write` has done with it. `dropped` counts values that found the queue full.

    A batch begins when its first row is BATCH_SECONDS old or BATCH_ROWS are there. Deletions are never dropped.
    """

    def __init__(self, write: Callable[[Sequence[Row]], None]) -> None:
        self._write = write
        self._waiting: dict[str, Row] = {}
        self._under_way: dict[str, Row] = {}
        self._bytes = 0
        self._changed = threading.Condition()
        self._hurry = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def pending(self, key: str) -> Row | None:
        """What is said of a key and not yet written. Needs no lock: rows are under way before they stop waiting."""
        return self._waiting.get(key) or self._under_way.get(key)

    def put(self, row: Row) -> None:
        """Queue a row; never waits for the writing."""
        key, value, _ = row
        with self._changed:
            size = len(value) if value is not None else 0
            full = len(self._waiting) >= MOST_ROWS or self._bytes + size > MOST_BYTES
            if self._closing or (full and value is not None):
                self.dropped += 1
                return
            before = self._waiting.get(key)
            self._bytes += size - (len(before[1]) if before is not None and before[1] is not None else 0)
            self._waiting[key] = row
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cache-writer", daemon=True)
                self._thread.start()
            elif len(self._waiting) in {1, BATCH_ROWS}:
                self._changed.notify_all()

    def _run(self) -> None:
        """The writer's life: wait for work, let some gather, write it in one go."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                self._changed.wait_for(self._ripe, BATCH_SECONDS)
                self._hurry = False
                self._under_way = self._waiting
                self._waiting = {}
                self._bytes = 0
            if self._under_way:
                self._write(list(self._under_way.values()))
            with self._changed:
                self._under_way = {}
                self._changed.notify_all()
                if self._closing and not self._waiting:
                    return

    def _ripe(self) -> bool:
        return self._hurry or self._closing or len(self._waiting) >= BATCH_ROWS

    def flush(self, seconds: float) -> None:
        """Wait until everything queued is written, `seconds` at most."""
        self._until(lambda: not self._waiting and not self._under_way, seconds)

    def write_soon(self, keys: Sequence[str], seconds: float) -> None:
        """Wait until nothing is queued under these keys, `seconds` at most; what waits beside them is written with them."""
        self._until(lambda: not any(map(self.pending, keys)), seconds)

    def _until(self, done: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._changed:
            while not done():
                self._hurry = True
                self._changed.notify_all()
                if not self._changed.wait(end - time.monotonic()):
                    return

    def close(self, seconds: float) -> bool:
        """Write what is queued and end the thread; False when it is still at it after `seconds`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()
