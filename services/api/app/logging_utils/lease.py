"""Which of several processes may write a file: a lock that its holder keeps, and gives up when it dies or is asked to.

Two lock files: `<name>.lock` is held for as long as its holder writes; `<name>.turn` is held by whoever waits for the first, and
the holder, who looks at each step, then lets go. Nothing else than locking may enter.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


class LeaseTaken(TimeoutError):
    """Another process kept the lease for the whole wait."""


class Lease:
    """The right to write `path`, for one holder among all processes and objects."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None

    def held(self) -> bool:
        """Take or keep the lease without waiting; False if another has it or is waiting for it. Raises OSError."""
        if not self._nobody_waits():
            self.release()
            return False
        if self._lock is not None and self._is_there(self._lock):
            return True
        self.release()
        self._lock = self._locked(".lock")
        return self._lock is not None

    def seize(self, wait_seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Ask the holder for the lease and take it. Raises LeaseTaken after `wait_seconds`, OSError."""
        if self._lock is not None and self._is_there(self._lock):
            return
        deadline = time.monotonic() + wait_seconds
        turn = None
        try:
            while (turn := turn if turn is not None else self._locked(".turn")) is None or not self._take():
                if time.monotonic() >= deadline:
                    raise LeaseTaken(f"another process keeps {self._file('.lock')} locked")
                sleep(0.02)
        finally:
            if turn is not None:
                os.close(turn)

    def release(self) -> None:
        """Give the lease back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self) -> bool:
        self.release()
        self._lock = self._locked(".lock")
        return self._lock is not None

    def _nobody_waits(self) -> bool:
        turn = self._locked(".turn", fcntl.LOCK_SH)
        if turn is None:
            return False
        os.close(turn)
        return True

    def _file(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _locked(self, suffix: str, kind: int = fcntl.LOCK_EX) -> int | None:
        fd = os.open(self._file(suffix), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def _is_there(self, fd: int) -> bool:
        """Whether the lock file is still the one others would lock (somebody may have tidied the folder)."""
        try:
            there = self._file(".lock").stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(fd))
