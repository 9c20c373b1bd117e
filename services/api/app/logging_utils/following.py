"""Which files of the journal hold something new, and reading each of them. What is made of the lines is the booking's business."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .booking import Booking


class Following:
    """The files of the journal at `journal`, for one reader. One that cannot be read is reported once and does not stop the others."""

    def __init__(self, journal: Path, report: Callable[[str], None]) -> None:
        self._journal = journal
        self._report = report
        self._unreadable: set[Path] = set()
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def forget(self) -> None:
        """Look into every file again."""
        self._seen.clear()

    def forget_file(self, path: Path) -> None:
        """It was deleted."""
        self._seen.pop(path, None)

    def has_read(self, path: Path) -> bool:
        """Whether the file was read as far as it goes now. Raises OSError."""
        return path in self._seen and path.stat().st_size == self._seen[path][1]

    def has_news(self, path: Path) -> bool:
        """Whether `read` would look into the file."""
        try:
            return self._seen.get(path) != _facts(path)
        except OSError:
            return True

    def read(self, booking: Booking[Any], path: Path) -> bool:
        """Have what is new in one file booked, if anything is."""
        try:
            facts = _facts(path)
            if self._seen.get(path) == facts:
                return False
            booking.read(path, live=path == self._journal)
        except FileNotFoundError:
            return False  # rotated a moment ago: the next pass finds it under its new name
        except OSError as error:
            if path not in self._unreadable:
                self._unreadable.add(path)
                self._report(f"cannot read {path}: {error.strerror or error}")
            return False
        self._seen[path] = facts
        return True


def _facts(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
