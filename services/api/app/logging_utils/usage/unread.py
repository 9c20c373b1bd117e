"""What of the journal the projection has yet to read: for readers of sums, and for deleters of files. Waits for nobody."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..reading import identity, open_journal
from ..rotation import journal_files
from .schema import NoProjection, open_usage

GRACE_SECONDS: Final = 600.0
"""A file is held for this long at most: a projection that cannot be written must not fill the disk with journals."""


def unread_bytes(db: sqlite3.Connection, journal: Path) -> int:
    """What the journal and the file that was rotated last hold beyond what was projected. Raises sqlite3.Error."""
    rotated = [file for file in journal_files(journal) if file != journal and file.suffix != ".gz"]
    unread = 0
    for file in (*rotated[-1:], journal):
        try:
            with open_journal(file) as lines:
                name, size = identity(lines), file.stat().st_size
        except OSError:
            continue
        row = db.execute("SELECT read FROM files WHERE identity = ?", (name,)).fetchone()
        unread += max(size - (row[0] if row is not None else 0), 0)
    return unread


class Unread:
    """Remembers since when each file is wanted gone."""

    def __init__(self, path: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._since: dict[Path, float] = {}

    def __call__(self, file: Path) -> bool:
        """Whether `file` should stay for now. Raises OSError."""
        since = self._since.setdefault(file, self._clock())
        if self._clock() - since < GRACE_SECONDS and not self._has_read(file):
            return True
        del self._since[file]
        return False

    def _has_read(self, file: Path) -> bool:
        with open_journal(file) as lines:
            name = identity(lines)
        if name is None:  # it never got its first line
            return True
        try:
            db = open_usage(self._path)
        except NoProjection:
            return False
        try:
            row = db.execute("SELECT read FROM files WHERE identity = ?", (name,)).fetchone()
        except sqlite3.Error:
            return False
        finally:
            db.close()
        return row is not None and row[0] >= file.stat().st_size
