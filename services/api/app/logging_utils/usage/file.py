"""The projection's file, opened to be written by the one process that holds the lease. No line of the journal, no question.

The file is never the truth, so what is of no use is not repaired: an older format is deleted, a damaged file or another program's is
put aside, and either way an empty one takes its place.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from .ledger import create
from .schema import VERSION

_UNUSABLE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRAGMAS: Final = (
    "page_size = 8192",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "cache_size = -32000",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 2000",
    "journal_size_limit = 33554432",
)
_BUSY_SECONDS: Final = 5.0


class _OtherFormat(Exception):
    """`ours`: of an earlier or later version of this program; else nobody knows whose."""

    def __init__(self, ours: bool) -> None:
        super().__init__()
        self.ours = ours


def is_unusable(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, and not the disk, or somebody who has it busy."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _UNUSABLE or code == sqlite3.SQLITE_IOERR_SHORT_READ


def open_written(path: Path, report: Callable[[str], None]) -> sqlite3.Connection:
    """Open or make the file; what cannot be used is taken out of the way and said. Raises sqlite3.Error, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return _opened(path)
    except _OtherFormat as found:
        if found.ours:
            report(f"{path} has another format and is made anew from the journal")
            _delete(path)
        else:
            put_aside(path, report)
    except sqlite3.DatabaseError as error:
        if not is_unusable(error):
            raise
        put_aside(path, report)
    return _opened(path)


def put_aside(path: Path, report: Callable[[str], None]) -> None:
    """Move the file out of the way; no process may have it open to write."""
    aside = path.with_name(path.name + ".damaged")
    with contextlib.suppress(FileNotFoundError):
        path.replace(aside)
    _delete(path)
    report(f"{path} was damaged, or not ours, and is now {aside}; it is made anew from the journal")


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None without one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
            db.execute("ROLLBACK")
        raise


def _opened(path: Path) -> sqlite3.Connection:
    if not path.exists():
        _delete(path)  # a log that was left beside a file that is gone would be taken for the new one's
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        fresh = _is_fresh(db)
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        if fresh:
            with transaction(db):
                create(db)
    except BaseException:
        db.close()
        raise
    return db


def _is_fresh(db: sqlite3.Connection) -> bool:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == VERSION and {"state", "sums"} <= tables:
        return False
    if version or tables:
        raise _OtherFormat({"state", "sums"} <= tables)
    return True


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
