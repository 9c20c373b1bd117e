"""Which files of the journal the projection has yet to read, for whoever wants to delete one. Waits for nobody, writes nothing."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..reading import identity, open_journal
from .schema import NoProjection, open_usage

GRACE_SECONDS: Final = 600.0
"""A file is held for this long at most: a projection that cannot be written must not fill the disk with journals."""


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
