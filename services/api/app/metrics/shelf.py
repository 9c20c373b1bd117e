"""The folder where the workers of one service keep their counts for each other. Knows files and locks, not what is counted.

    <folder>/<run>/lock        held for a moment: shared to look who lives, alone to take a place
    <folder>/<run>/<n>.counts  a place: locked by its worker for as long as that lives, whatever ends it

A *run* is one life of the process that started the workers. Who takes the place of a dead worker goes on in its file, on top of
its counts: nothing is ever copied, moved or added up between files, so there is no moment at which a count is missing or there twice.

The files are in memory where the system has a folder for that. On a disk a store can wait while the page is written out, and on
some file systems a full disk kills the process that stores.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from .ledger import Foreign, Key, Ledger, read

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is checked to be ours alone
_LOCK = "lock"
_PLACES = "*.counts"
Counts = list[tuple[Key, list[int]]]


class Shelf:
    """One worker's place in the folder, from `open` to the end of the process. Every method may raise OSError."""

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._run = folder / run
        self._path: Path | None = None
        self._held = -1

    def open(self) -> Ledger:
        """Take a free place, with what its dead worker counted; clear away runs that are over."""
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._run.mkdir(exist_ok=True, mode=0o700)
        with _locked(self._run / _LOCK, fcntl.LOCK_EX):
            ledger = next(found for number in count() if (found := self._taken(self._run / f"{number}.counts")) is not None)
        with suppress(OSError):  # others clear away at the same time, and what stays now goes another time
            self._sweep()
        return ledger

    def close(self) -> None:
        """Give the place up; its ledger must not be written any more."""
        if self._held >= 0:
            fcntl.flock(self._held, fcntl.LOCK_UN)  # a mapping holds on to the open file, so closing would not unlock it
            os.close(self._held)
        self._path, self._held = None, -1

    def kept(self) -> bool:
        """Whether others still find our file: somebody may have tidied the folder."""
        if self._path is None:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._held))
        except FileNotFoundError:
            return False

    def others(self) -> tuple[list[Counts], list[Counts]]:
        """What stands in the other places of this run: those of living workers, those of dead ones."""
        alive: list[Counts] = []
        dead: list[Counts] = []
        with _locked(self._run / _LOCK, fcntl.LOCK_SH):
            for path in self._run.glob(_PLACES):
                if path != self._path:
                    fd = _opened(path)
                    try:
                        (alive if _is_locked(fd) else dead).append(read(fd))
                    finally:
                        os.close(fd)
        return alive, dead

    def _taken(self, path: Path) -> Ledger | None:
        fd = _opened(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ledger = Ledger(fd)
        except (BlockingIOError, Foreign):
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        self._path, self._held = path, fd
        return ledger

    def _sweep(self) -> None:
        """Remove other runs whose workers and whose first process are gone."""
        for run in self._folder.iterdir():
            if run != self._run and run.is_dir() and not _is_running(run.name) and not any(map(_is_held, run.glob(_PLACES))):
                shutil.rmtree(run, ignore_errors=True)


def folder_of(home: Path) -> Path:
    """Where the services of this user keep their counts: in memory, or under `run/metrics` of the home folder."""
    memory = MEMORY / f"llm-router-{os.geteuid()}"
    try:
        with suppress(FileExistsError):
            memory.mkdir(mode=0o700)
        found = memory.lstat()
    except OSError:
        return home / "run" / "metrics"
    # anybody may make a folder of this name there
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return memory if ours else home / "run" / "metrics"


def clear(home: Path) -> None:
    """Remove what the workers of this process left, once all of them have ended."""
    shutil.rmtree(folder_of(home) / run_of(os.getpid()), ignore_errors=True)


def run_of(pid: int) -> str:
    """The name of a process's life: ids come again, also soon in a container, but not with the same time of birth."""
    try:
        born = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):  # no such file system, or no such process
        born = ""
    return f"{pid}-{born}"


def _is_running(run: str) -> bool:
    pid = run.partition("-")[0]
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return run_of(int(pid)) == run


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_held(path: Path) -> bool:
    """Whether a process holds this place."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _is_locked(fd)
    finally:
        os.close(fd)


def _is_locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    fd = _opened(path)
    try:
        fcntl.flock(fd, kind)
        yield
    finally:
        os.close(fd)
