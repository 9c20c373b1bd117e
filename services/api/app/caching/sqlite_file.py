"""The SQLite file under the local cache: one connection to read on the caller's thread, one to write on the writer's. No thread here."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

SCHEMA_VERSION = 4
READ_WAIT_MS = 5  # another process's commit is over sooner; whatever takes longer is a miss
WRITE_WAIT_MS = 2_000
PURGED_AT_ONCE = 512
EVICTED_AT_ONCE = 64
ROWS_AT_ONCE = 200
PAGE_BYTES = 16_384
CHECKPOINT_PAGES = 250  # 4 MiB of log between two copies into the file
WAL_BYTES = 8 * 1024 * 1024  # what the log beside the file shrinks to when it is empty
_SCHEMA = (
    # AUTOINCREMENT: an id that was given once is never given again, else other processes would take a new row for a known one
    "CREATE TABLE answers (id INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL, key TEXT NOT NULL,"
    " expires REAL NOT NULL, value BLOB NOT NULL)",
    "CREATE INDEX answers_hash ON answers (hash)",
    "CREATE INDEX answers_expires ON answers (expires)",
    # what is new is read from here alone, without touching the values' pages
    "CREATE INDEX answers_order ON answers (id, hash)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
# SQLITE_ERROR: the statements are all ours, so what they miss is a table, which a file cut to nothing has not
_UNUSABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
Row = tuple[str, bytes, float]
T = TypeVar("T")


class ForeignFile(sqlite3.DatabaseError):
    """The file is a database, but not one of this format."""


def is_unusable(error: Exception) -> bool:
    """Whether the file itself is at fault: damaged, no database, or another program's."""
    cut_short = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ
    return cut_short or isinstance(error, ForeignFile) or _code(error) in _UNUSABLE


def is_busy(error: Exception) -> bool:
    """Whether another process holds the file for now."""
    return _code(error) in _BUSY


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def hash_of(key: str) -> int:
    """The 64 bits of a key that are indexed; the full key is compared besides."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True)


class SqliteFile:
    """Answers in one file, shared by several processes. Every method may raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._reading: sqlite3.Connection | None = None
        self._writing: sqlite3.Connection | None = None

    def open(self) -> None:
        """Create or open the file, waiting READ_WAIT_MS at most. Raises OSError too; see `is_unusable` and `is_busy`."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # only where there is none: closing a file that is open as a database in this process would end that one's locks
        if not self._path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._identity = self._now_there()
        try:
            self._writing = self._connect()
            _prepare(self._writing)
            self._writing.execute(f"PRAGMA busy_timeout = {WRITE_WAIT_MS}")
            self._reading = self._connect()
            self._reading.execute("PRAGMA query_only = 1")
            # not mapped into memory: a reader gains a microsecond, and dies (SIGBUS) when somebody cuts the file short
            self._reading.execute("PRAGMA mmap_size = 0")
        except sqlite3.Error:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=READ_WAIT_MS / 1000, isolation_level=None, check_same_thread=False)

    def _now_there(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def get(self, key: str) -> tuple[bytes, float] | None:
        """`(value, expires)` of a key; of several rows the newest."""
        assert self._reading is not None  # noqa: S101 - the owner opens before it reads
        found = self._reading.execute("SELECT key, value, expires FROM answers WHERE hash = ? ORDER BY id DESC", (hash_of(key),))
        return next(((value, expires) for other, value, expires in found.fetchall() if other == key), None)

    def newer(self, row_id: int, most: int) -> list[tuple[int, int]]:
        """`(id, hash)` of at most `most` rows behind `row_id`, in order: what this or another process wrote since."""
        assert self._reading is not None  # noqa: S101 - the owner opens before it reads
        found: list[tuple[int, int]] = self._reading.execute(
            "SELECT id, hash FROM answers INDEXED BY answers_order WHERE id > ? ORDER BY id LIMIT ?", (row_id, most)
        ).fetchall()
        return found

    def purges(self) -> int:
        """How often all answers were forgotten at once, by `contents.purge_file`."""
        assert self._reading is not None  # noqa: S101 - the owner opens before it reads
        return int(self._reading.execute("PRAGMA application_id").fetchone()[0])

    def write(self, rows: Sequence[Row], gone: Sequence[str], now: float) -> None:
        """Take the keys in `gone` out, put rows in and purge some of what expired, in one transaction.

        One statement for many rows: each one hands the interpreter's lock over twice, and waits to get it back from a busy loop.
        """
        assert self._writing is not None  # noqa: S101 - the owner opens before it writes
        with _transaction(self._writing) as writing:
            for keys in _portions(gone):
                pairs = [field for key in keys for field in (hash_of(key), key)]
                writing.execute(f"DELETE FROM answers WHERE (hash, key) IN (VALUES {_places('(?,?)', keys)})", pairs)  # noqa: S608
            for some in _portions(rows):
                fields = [field for key, value, expires in some for field in (hash_of(key), key, value, expires)]
                writing.execute(
                    f"INSERT INTO answers (hash, key, value, expires) VALUES {_places('(?,?,?,?)', some)}",  # noqa: S608
                    fields,
                )
            writing.execute(
                "DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE expires <= ? LIMIT ?)", (now, PURGED_AT_ONCE)
            )

    def bound(self, max_bytes: int) -> None:
        """Forget the oldest until what the file holds fits into `max_bytes`; the room is used again, the file does not shrink."""
        assert self._writing is not None  # noqa: S101 - the owner opens before it writes
        while self._held(self._writing) > max_bytes:
            with _transaction(self._writing) as writing:
                gone = writing.execute(
                    "DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY id LIMIT ?)", (EVICTED_AT_ONCE,)
                )
            if gone.rowcount <= 0:
                return

    @staticmethod
    def _held(writing: sqlite3.Connection) -> int:
        size, pages, free = (
            writing.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size * (pages - free))

    def close(self) -> None:
        """Close both connections. Only when no other thread is at work here."""
        for connection in (self._reading, self._writing):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
        self._reading = self._writing = None

    def __del__(self) -> None:
        self.close()

    def set_aside(self) -> Path | None:
        """Move the file (with what SQLite keeps beside it) out of the way; where it went. May raise OSError.

        The connections stay open until the last thread lets go of this object; SQLite notices that the file has moved and leaves
        alone what lies at the path by then. None when the path leads to another file already: another process was faster.
        """
        if self._identity is None or self._now_there() != self._identity:
            return None
        n = 1
        while (aside := self._path.with_name(f"{self._path.name}.unusable-{n}")).exists():
            n += 1
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return aside


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """At most ROWS_AT_ONCE items at a time: SQLite bounds the parameters of a statement."""
    return (items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE))


def _places(one: str, items: Sequence[object]) -> str:
    """The places of one row, as often as there are items."""
    return ",".join([one] * len(items))


def _prepare(connection: sqlite3.Connection) -> None:
    """WAL, and the schema where there is none yet; two processes may do this at once. Needs no lock where all is there already."""
    fresh = _is_empty(connection)  # asked before anything is changed: the file may be another program's
    if fresh:
        # answers are a few thousand bytes: large pages hold several, so that a batch is written in few system calls
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    if fresh:
        with _transaction(connection) as writing:
            if _is_empty(writing):
                for statement in _SCHEMA:
                    writing.execute(statement)


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the file holds nothing yet. Raises ForeignFile when it holds anything but this format."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return False
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version or tables:
        raise ForeignFile(f"its format is {version}, not {SCHEMA_VERSION}")
    return True


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors; the first one is the news
            connection.execute("ROLLBACK")
        raise
