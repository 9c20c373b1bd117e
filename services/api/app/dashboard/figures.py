"""The usage projection, asked beside the event loop: few questions at a time, none for long. Makes no figure itself."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from ..logging_utils.usage.calls import newer, newest_seq
from ..logging_utils.usage.schema import NoProjection, open_usage

AT_ONCE: Final = 2
"""Threads of a worker that questions may take."""
PATIENCE_SECONDS: Final = 20.0
_STEPS: Final = 200_000
BEHIND_BYTES: Final = 512 * 1024
"""So much of the journal may wait without a word: it is read within a second."""
T = TypeVar("T")


class NoFigures(Exception):
    """The usage figures cannot be had; the message says why and what to do."""


class Figures:
    """`paths` gives the projection's (None = it is off) and the journal's path, or raises NotReady."""

    def __init__(self, paths: Callable[[], tuple[Path | None, Path]]) -> None:
        self.paths = paths
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to `question`, which gets an open connection in a thread. Raises NoFigures, NotReady."""
        place, _ = self.paths()
        if place is None:
            raise NoFigures(
                "The configuration switches the usage figures off: give logging.usage_path a path and restart the service."
            )
        async with self._gate:
            return await asyncio.to_thread(_answered, place, question)

    async def behind(self) -> int:
        """Bytes of the journal that are not projected yet; 0 = none worth a word."""
        _, journal = self.paths()
        return await self.ask(lambda db: _behind(db, journal))


def _answered(place: Path, question: Callable[[sqlite3.Connection], T]) -> T:
    try:
        db = open_usage(place)
    except NoProjection as error:
        raise NoFigures(str(error)) from error
    end = time.monotonic() + PATIENCE_SECONDS
    db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        return question(db)
    except sqlite3.Error as error:
        late = time.monotonic() > end
        told = "took too long; ask for less" if late else f"cannot be read just now ({error}); it is mended by the service"
        raise NoFigures(f"{place} {told}") from error
    finally:
        db.close()


def _behind(db: sqlite3.Connection, journal: Path) -> int:
    seq = newest_seq(db)
    try:
        held = journal.stat().st_size
    except OSError:
        return 0
    latest = newer(db, seq - 1) if seq else []
    read = latest[-1].place.offset + latest[-1].place.size if latest and latest[-1].place.name == journal.name else 0
    return held - read if held - read > BEHIND_BYTES else 0
