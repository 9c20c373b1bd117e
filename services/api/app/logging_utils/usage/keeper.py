"""Sees to it that one projector runs beside all workers: one of them, the holder of a lock, starts it and starts it again.

The lock goes with the worker that holds it, and its projector with it; another worker takes both over. Reads and writes nothing else.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Final

from ..lease import Lease
from ..wording import FORMAT, LEVEL

_log = logging.getLogger("llm_router")

LOOK_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Between two starts of a projector that keeps ending."""
STOP_SECONDS: Final = 5.0
_START: Final = "import sys; sys.path[:] = sys.argv[3:]; from {package}.child import run; run(sys.argv[1], sys.argv[2])"
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "PYTHON", "LD_LIBRARY_PATH", LEVEL, FORMAT)
"""What a projector inherits of the environment: it needs no key and no secret, so it gets none."""


class Keeper:
    """One worker's part in it: a thread that looks every `interval` seconds. Nothing is started before the journal has a line."""

    def __init__(
        self,
        journal_path: str | Path,
        path: str | Path,
        *,
        interval: float = LOOK_SECONDS,
        report: Callable[[str], None] = _log.warning,
    ) -> None:
        self._journal = Path(journal_path)
        self._path = Path(path)
        self._interval = interval
        self._report = report
        self._lease = Lease(self._path.with_name(self._path.name + ".keeper"))
        self._ending = Event()
        self._failing = False
        self._projector: subprocess.Popen[bytes] | None = None
        self._pause = interval
        self._next_start = 0.0
        self._thread = Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        """Begin; the first look is an interval away."""
        self._thread.start()

    def stop(self) -> None:
        """End the projector, once it has read what is there, and give the lock to another worker. At most STOP_SECONDS twice."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self._end_projector()
        self._lease.release()

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            try:
                self._look()
            except OSError as error:
                if not self._failing:
                    self._report(f"cannot run the usage projection: {error}")
                self._failing = True
            else:
                self._failing = False

    def _look(self) -> None:
        if self._projector is not None and self._projector.poll() is None:
            return
        if not self._has_lines():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._lease.held() and time.monotonic() >= self._next_start:
            self._end_projector()
            self._start_projector()

    def _has_lines(self) -> bool:
        try:
            return self._journal.is_file() and self._journal.stat().st_size > 0
        except OSError:
            return False

    def _start_projector(self) -> None:
        now = time.monotonic()
        self._pause = self._interval if now > self._next_start + LONGEST_PAUSE else min(self._pause * 2, LONGEST_PAUSE)
        self._next_start = now + self._pause
        program = _START.format(package=__name__.rpartition(".")[0])
        command = [sys.executable, "-c", program, str(self._journal), str(self._path), *sys.path]
        self._projector = subprocess.Popen(command, stdin=subprocess.PIPE, env=_environment(os.environ))  # noqa: S603 - this very program

    def _end_projector(self) -> None:
        if self._projector is None:
            return
        assert self._projector.stdin is not None  # noqa: S101 - it was started with one
        self._projector.stdin.close()
        try:
            self._projector.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._projector.kill()
            self._projector.wait()
        self._projector = None


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in own.items() if name.startswith(_KEPT)}
