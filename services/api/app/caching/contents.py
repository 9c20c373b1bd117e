"""What a cache holds in all, and forgetting all of it, from outside: whoever uses it meanwhile. No single answer is looked for.

The values are untrusted: what is no entry of ours counts as unreadable.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from .memory import is_over
from .sqlite_file import SCHEMA_VERSION, WRITE_WAIT_MS, ForeignFile

BATCH: Final = 200
OnValue = Callable[[int], None]
"""Hears the bytes of each value that was looked at."""


class _Label(Struct, frozen=True):
    """As much of an entry as is counted."""

    row: str
    stored_at: float
    cost_nano: int | None = None


class OfModel(Struct):
    """Answers of one model. `cost_nano` is what they cost, and so what a hit on each would save, in billionths of a US dollar."""

    answers: int = 0
    size: int = 0
    cost_nano: int = 0


class Contents(Struct):
    """Sums. Bytes are those of the values; moments are wall time in seconds. `over` = ended, and not yet taken out."""

    answers: int = 0
    size: int = 0
    over: int = 0
    unreadable: int = 0
    oldest: float | None = None
    newest: float | None = None
    models: dict[str, OfModel] = {}

    def count(self, value: bytes) -> None:
        """Add one value."""
        self.answers += 1
        self.size += len(value)
        try:
            label = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.unreadable += 1
            return
        self.oldest = min(self.oldest or label.stored_at, label.stored_at)
        self.newest = max(self.newest or label.stored_at, label.stored_at)
        model = self.models.setdefault(label.row, OfModel())
        model.answers += 1
        model.size += len(value)
        model.cost_nano += label.cost_nano or 0


_decode = msgspec.json.Decoder(_Label).decode


def size_of(path: Path) -> int:
    """Bytes of the file, about; 0 without one."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def of_file(path: Path, now: float, on_value: OnValue) -> Contents:
    """The contents of the local cache's file; nothing without one. Raises sqlite3.Error."""
    found = Contents()
    if not path.exists():
        return found
    with closing(_connected(path, "ro")) as db:
        for value, expires in _values(db):
            on_value(len(value))
            if is_over(expires, now):
                found.over += 1
            else:
                found.count(value)
    return found


def purge_file(path: Path) -> int:
    """Forget every answer of the local cache, also those that running services have in memory; how many there were.

    What is deleted is overwritten. Raises sqlite3.Error.
    """
    if not path.exists():
        return 0
    with closing(_connected(path, "rw")) as db:
        db.execute("PRAGMA secure_delete = 1")
        db.execute("BEGIN IMMEDIATE")
        (answers,) = db.execute("SELECT count(*) FROM answers").fetchone()
        db.execute("DELETE FROM answers")
        (purges,) = db.execute("PRAGMA application_id").fetchone()
        db.execute(f"PRAGMA application_id = {(purges + 1) % 2**31}")
        db.execute("COMMIT")
        with contextlib.suppress(sqlite3.Error):  # a reader that is at work keeps the log from being emptied
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return int(answers)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=WRITE_WAIT_MS / 1000, isolation_level=None)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise ForeignFile(f"its format is {version}, not {SCHEMA_VERSION}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _values(db: sqlite3.Connection) -> Iterator[tuple[bytes, float]]:
    """Values and when they end, some at a time, so that no long read keeps the log from being written back."""
    last = 0
    while rows := db.execute("SELECT id, value, expires FROM answers WHERE id > ? ORDER BY id LIMIT ?", (last, BATCH)).fetchall():
        last = rows[-1][0]
        yield from ((value, expires) for _, value, expires in rows)
