"""The SQLite file under the local cache: one connection to read on the caller's thread, one to write on the writer's. No thread here."""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

SCHEMA_VERSION = 1
READ_WAIT_MS = 5  # another process's commit is over sooner; whatever takes longer is a miss
WRITE_WAIT_MS = 2_000
PURGED_AT_ONCE = 512
_SCHEMA = """
CREATE TABLE answers (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, key TEXT NOT NULL, expires REAL NOT NULL, value BLOB NOT NULL);
CREATE INDEX answers_hash ON answers (hash);
CREATE INDEX answers_expires ON answers (expires);
"""
Row = tuple[str, bytes, float]


class ForeignFile(sqlite3.DatabaseError):
    """The file is a database, but not one of this format."""


def hash_of(key: str) -> int:
    """The 64 bits of a key that are indexed; the full key is compared besides."""
    return int(key[:16], 16) - 2**63


class SqliteFile:
    """Answers in one file, shared by several processes. Every method may raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading: sqlite3.Connection | None = None
        self._writing: sqlite3.Connection | None = None

    def open(self) -> None:
        """Create or open the file. Raises sqlite3.DatabaseError when it is damaged or of another format."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        writing = self._connect(WRITE_WAIT_MS)
        try:
            _prepare(writing)
        except sqlite3.Error:
            writing.close()
            raise
        self._writing = writing
        self._reading = self._connect(READ_WAIT_MS)
        self._reading.execute("PRAGMA query_only = 1")
        self._reading.execute("PRAGMA mmap_size = 268435456")

    def _connect(self, wait_ms: int) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=wait_ms / 1000, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
        return connection

    def get(self, key: str) -> tuple[bytes, float] | None:
        """`(value, expires)` of a key."""
        assert self._reading is not None  # noqa: S101 - the owner opens before it reads
        for other, value, expires in self._reading.execute(
            "SELECT key, value, expires FROM answers WHERE hash = ?", (hash_of(key),)
        ):
            if other == key:
                return value, expires
        return None

    def write(self, rows: Iterable[Row], forgotten: Iterable[str], now: float) -> None:
        """Put rows in, take keys out and purge some of what expired, in one transaction."""
        assert self._writing is not None  # noqa: S101 - the owner opens before it writes
        rows = list(rows)
        gone = [*forgotten, *(key for key, _, _ in rows)]
        with _transaction(self._writing) as writing:
            writing.executemany("DELETE FROM answers WHERE hash = ? AND key = ?", [(hash_of(key), key) for key in gone])
            writing.executemany(
                "INSERT INTO answers (hash, key, value, expires) VALUES (?, ?, ?, ?)",
                [(hash_of(key), key, value, expires) for key, value, expires in rows],
            )
            writing.execute(
                "DELETE FROM answers WHERE id IN (SELECT id FROM answers WHERE expires <= ? LIMIT ?)", (now, PURGED_AT_ONCE)
            )

    def bound(self, max_bytes: int) -> None:
        """Forget the oldest tenth while the file holds more than `max_bytes`."""
        assert self._writing is not None  # noqa: S101 - the owner opens before it writes
        used, page = (self._writing.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        free = self._writing.execute("PRAGMA freelist_count").fetchone()[0]
        if (used - free) * page <= max_bytes:
            return
        with _transaction(self._writing) as writing:
            writing.execute(
                "DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY id LIMIT 1 + (SELECT count(*) FROM answers) / 10)"
            )

    def close(self) -> None:
        """Close both connections."""
        for connection in (self._reading, self._writing):
            if connection is not None:
                connection.close()
        self._reading = self._writing = None

    def set_aside(self) -> Path:
        """Close, and move the file (with what SQLite keeps beside it) out of the way; where it went."""
        with contextlib.suppress(sqlite3.Error):
            self.close()
        n = 1
        while (aside := self._path.with_name(f"{self._path.name}.corrupt-{n}")).exists():
            n += 1
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return aside


def _prepare(connection: sqlite3.Connection) -> None:
    """WAL, and the schema where there is none yet; two processes may do this at once."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    with _transaction(connection) as writing:
        version = writing.execute("PRAGMA user_version").fetchone()[0]
        tables = writing.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            for statement in _SCHEMA.split(";"):
                writing.execute(statement)
            writing.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif version != SCHEMA_VERSION:
            raise ForeignFile(f"schema version {version}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
