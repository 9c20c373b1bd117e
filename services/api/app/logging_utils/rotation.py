"""The journal's files: their names, moving the full one aside, deleting the oldest. Never reads or writes a line."""

import fcntl
import os
import re
from datetime import UTC, datetime
from pathlib import Path

LINGER_SECONDS = 3.0
"""A file that was moved aside is still written for a second by workers that have not looked; it is not deleted before this."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_MOVED = re.compile(r"\.(\d{8}T\d{6}\.\d{6}Z)-\d+$")


def is_at(path: Path, fd: int) -> bool:
    """Whether the open file is the one that the path names."""
    try:
        there = path.stat()
    except OSError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def move_aside(path: Path, fd: int, now: float) -> None:
    """Rename the journal to `<name>.<UTC stamp>-<pid>`, unless another worker has done so or is about to. Raises OSError.

    The lock lies on the file itself, so whoever waits for its turn finds the path leading elsewhere and only opens it anew.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    try:
        if is_at(path, fd):
            path.rename(_free_name(path, now))
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _free_name(path: Path, now: float) -> Path:
    micros = int(now * 1_000_000)
    while True:
        stamp = datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000).strftime(_STAMP)
        name = path.with_name(f"{path.name}.{stamp}-{os.getpid()}")
        if not name.exists():  # the process's id is in the name, so nobody else can take it in between
            return name
        micros += 1


def journal_files(path: Path) -> list[Path]:
    """The journal and what it was rotated to: every regular file beside it whose name begins with its name."""
    try:
        with os.scandir(path.parent) as entries:
            names = sorted(e.name for e in entries if e.name.startswith(path.name) and e.is_file())
    except FileNotFoundError:
        return []
    return [path.with_name(name) for name in names]


def size_of(path: Path) -> int:
    """Bytes in a file; 0 when it was renamed or deleted a moment ago. Raises OSError."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def surplus(files: list[Path], keep: int, now: float) -> list[Path]:
    """Of the files that `move_aside` made, those beyond the `keep` newest that no worker writes to any more."""
    moved = sorted((match.group(1), file) for file in files if (match := _MOVED.search(file.name)))
    late = datetime.fromtimestamp(now - LINGER_SECONDS, UTC).strftime(_STAMP)
    return [file for stamp, file in moved[: max(len(moved) - keep, 0)] if stamp < late]
