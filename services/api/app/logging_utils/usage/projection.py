"""The projection kept in line with the journal: step by step while the service runs, or all at once. Asks nothing of it.

Of all processes one, the holder of the lease, reads what is new. Rows and the offsets behind them are one transaction, so a process
that is killed, or a disk that is full, leaves the state of some moment, and whoever comes next goes on from there.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..booking import Booking
from ..following import Following
from ..lease import Lease
from ..rotation import journal_files, size_of
from .file import identity_of, is_unusable, open_written, put_aside, transaction
from .ledger import Ledger, create, drop
from .lines import decode
from .queries import projected
from .values import Projected

_log = logging.getLogger("llm_router")

SEIZE_SECONDS: Final = 30.0
"""How long a rebuild waits for the process that keeps the projection up to date to let go of it."""
CALLS_AT_ONCE: Final = 20_000
"""Calls in one transaction while it catches up: the fewer transactions, the fewer rows of `sums` are written twice."""


class Stopped(Exception):
    """It was asked to stop; what was read until then is kept."""


class _GaveWay(Exception):
    """Another process waits for the lease, which is no longer held; what was read until then is kept."""


def _never() -> bool:
    return False


class Projection:
    """Keeps the file at `path` in line with the journal at `journal_path` and the files it was rotated to.

    `report` gets a sentence about what an operator should know; `stop` is asked between two blocks. For one thread; any number of
    processes may have one.
    """

    def __init__(
        self,
        journal_path: str | Path,
        path: str | Path,
        *,
        report: Callable[[str], None] = _log.warning,
        stop: Callable[[], bool] = _never,
    ) -> None:
        self._journal = Path(journal_path)
        self._path = Path(path)
        self._report = report
        self._stop = stop
        self._lease = Lease(self._path)
        self._following = Following(self._journal, report)
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._booking: Booking[Ledger] | None = None
        self._counted = (0, 0, 0, 0)

    def step(self) -> bool:
        """Bring the projection up to date; False, and nothing done, if another process does that.

        Raises Stopped, OSError, and sqlite3.Error for what another step may overcome (a full disk).
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._lease.held():
            self._shut()
            return False
        try:
            db = self._opened()
            news = [path for path in self._files(db) if self._following.has_news(path)]
            if news:
                with transaction(db):
                    self._read(db, news)
        except _GaveWay:
            self._shut()
            return False
        except sqlite3.DatabaseError as error:
            self._shut()
            if not is_unusable(error):
                raise
            put_aside(self._path, self._report)
        except BaseException:
            self._shut()
            raise
        return True

    def rebuild(self, progress: Callable[[int, int], None] | None = None, wait_seconds: float = SEIZE_SECONDS) -> Projected:
        """Make everything again from the journal; readers see the old state until it is done. `progress`: bytes read, and in all.

        Raises LeaseTaken, OSError, sqlite3.Error.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lease.seize(wait_seconds)
        self._shut()
        try:
            return self._rebuilt(progress)
        except sqlite3.DatabaseError as error:
            self._shut()
            if not is_unusable(error):
                raise
            put_aside(self._path, self._report)
            return self._rebuilt(progress)
        finally:
            self._shut()

    def close(self) -> None:
        """Let another process take over."""
        self._shut()
        self._lease.release()

    def _rebuilt(self, progress: Callable[[int, int], None] | None) -> Projected:
        files = _in_order(journal_files(self._journal), self._journal)
        total, done = sum(map(size_of, files)), 0

        def show(size: int) -> None:
            nonlocal done
            done += size
            if progress is not None:
                progress(min(done, total), total)  # packed files give more bytes than they have

        db = self._opened()
        with transaction(db):
            drop(db)
            create(db)
            booking = self._begin(db, show)
            for path in files:
                self._following.read(booking, path)
            self._put(db, booking)
            db.execute("UPDATE state SET whole = 1")
        return projected(db)

    def _read(self, db: sqlite3.Connection, files: list[Path]) -> None:
        booking = self._booking or self._begin(db, lambda _size: self._after_block(db))
        for path in files:
            self._following.read(booking, path)
        self._put(db, booking)
        db.execute("UPDATE state SET whole = 1 WHERE whole = 0")

    def _begin(self, db: sqlite3.Connection, after_block: Callable[[int], None]) -> Booking[Ledger]:
        self._counted = (0, 0, 0, 0)
        self._following.forget()
        self._booking = Booking(Ledger(db), after_block, decode)
        return self._booking

    def _after_block(self, db: sqlite3.Connection) -> None:
        """Write when there is much to write; stop when that is wanted, or when a rebuild waits."""
        assert self._booking is not None  # noqa: S101 - it is what calls this
        stopped = self._stop()
        if stopped or self._booking.state.waiting >= CALLS_AT_ONCE:
            self._put(db, self._booking)
            db.execute("COMMIT")
            if stopped:
                raise Stopped
            if not self._lease.held():
                raise _GaveWay
            db.execute("BEGIN IMMEDIATE")

    def _put(self, db: sqlite3.Connection, booking: Booking[Ledger]) -> None:
        booking.state.put()
        counted = (booking.calls, booking.scores, booking.repeated, booking.damaged)
        more = [now - before for now, before in zip(counted, self._counted, strict=True)]
        db.execute(
            "UPDATE state SET calls = calls + ?, scores = scores + ?, repeated = repeated + ?, damaged = damaged + ?", more
        )
        self._counted = counted

    def _files(self, db: sqlite3.Connection) -> list[Path]:
        """What to look into: packed files only until all were read once, since each was read before it was packed."""
        (whole,) = db.execute("SELECT whole FROM state").fetchone()
        files = _in_order(journal_files(self._journal), self._journal)
        return [path for path in files if not whole or path.suffix != ".gz"]

    def _opened(self) -> sqlite3.Connection:
        """The file, opened anew when another one lies at its path or none does."""
        if self._db is not None and self._file == identity_of(self._path):
            return self._db
        self._shut()
        self._db = open_written(self._path, self._report)
        self._file = identity_of(self._path)
        return self._db

    def _shut(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db = self._file = self._booking = None
        self._following.forget()


def _in_order(files: list[Path], journal: Path) -> list[Path]:
    """Oldest first, so that a score finds the call that it belongs to: what was moved aside, then the journal itself."""
    return sorted(files, key=lambda path: (path == journal, path.name))
