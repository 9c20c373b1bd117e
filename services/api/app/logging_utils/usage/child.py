"""The projector: a small process of its own beside the workers, so that no call waits for it. It only steps a Projection.

It lives as long as its standard input is open: whoever started it holds the other end, and the system closes that when its holder
dies. Then it reads what the journal has got until then, for END_SECONDS at most, and ends.
"""

import contextlib
import logging
import os
import select
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from ..outlet import speak, take_over_output
from ..wording import manner
from .projection import Projection, Stopped

STEP_SECONDS: Final = 0.5
END_SECONDS: Final = 2.0
_POLITENESS: Final = 10
"""Of `nice`: calls come first where the processors are busy."""


class _Line:
    """To whoever started this process. `cut` = it is gone, or wants no more."""

    def __init__(self, fd: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._fd = fd
        self._clock = clock
        self._cut_at: float | None = None

    def cut(self, wait_seconds: float = 0.0) -> bool:
        """Whether it is, or becomes so within this time."""
        if self._cut_at is None and select.select([self._fd], [], [], wait_seconds)[0] and not os.read(self._fd, 4096):
            self._cut_at = self._clock()
        return self._cut_at is not None

    def overdue(self) -> bool:
        """Whether it has been for END_SECONDS."""
        return self.cut() and self._cut_at is not None and self._clock() - self._cut_at > END_SECONDS


class Steps:
    """Steps a Projection; a fault is told once, and once that it is over."""

    def __init__(self, step: Callable[[], object], report: Callable[[str], None]) -> None:
        self._step = step
        self._report = report
        self._failing = False

    def __call__(self) -> None:
        """One step. Raises Stopped alone."""
        try:
            self._step()
        except (OSError, sqlite3.Error) as error:
            if not self._failing:
                self._report(f"cannot bring the usage projection up to date: {error}; it is tried again, and loses nothing")
            self._failing = True
            return
        if self._failing:
            self._report("the usage projection is brought up to date again")
        self._failing = False


def _ended(_signal: int, _frame: Any) -> None:
    raise SystemExit(0)


def run(journal: str, path: str) -> None:
    """Step until the other end of standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: meant for the service, whose end this process hears of
    signal.signal(signal.SIGTERM, _ended)
    with contextlib.suppress(OSError):  # a sandbox may not let it be polite
        os.nice(_POLITENESS)
    take_over_output()
    speak(manner(os.environ)[0])
    line = _Line(sys.stdin.fileno())
    report = logging.getLogger("llm_router").warning
    projection = Projection(journal, path, report=report, stop=line.overdue)
    step = Steps(projection.step, report)
    try:
        while not line.cut(STEP_SECONDS):
            step()
        step()
    except Stopped:
        pass  # the next one goes on from here
    finally:
        projection.close()
