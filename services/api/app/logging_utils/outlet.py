"""The service's own words on standard output and error: written by a thread, so that a reader who does not read holds up nobody.

A full pipe would stop the event loop at the first warning, a closed one would end the process at the first line. What nobody takes
waits in memory, up to MOST_LINES, and is then dropped and counted. What is said is the business of those who say it.
"""

import contextlib
import io
import logging
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO, cast

from .wording import Manner, OneLine, formatter, lost_line

MOST_LINES = 1000
"""Lines that wait for a reader."""
_UVICORN = ("uvicorn", "uvicorn.access")


class Outlet:
    """Lines for one file descriptor. Nothing here blocks or raises, whatever became of the other end."""

    def __init__(self, fd: int, told_lost: Callable[[int], str] | None = None) -> None:
        self.lost = 0
        self.told_lost = told_lost or lost_line(as_json=False)
        self._fd = fd
        self._lines: deque[bytes] = deque()
        self._untold = 0
        self._writing = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, text: str) -> None:
        """Have `text`, whole lines, written soon."""
        with self._change:
            if len(self._lines) >= MOST_LINES:
                self._lose()
                return
            self._lines.append(text.encode("utf-8", "backslashreplace"))
            if self._thread is None or not self._thread.is_alive():  # the first line, or a process that was forked
                self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def flush(self, seconds: float = 1.0) -> bool:
        """Wait until everything is written, at most so long; whether it is."""
        with self._change:
            return self._change.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            with self._change:
                self._writing = False
                self._change.notify_all()
                while not self._lines:
                    self._change.wait()
                line = self._lines.popleft()
                self._writing = True
                if self._untold:
                    line = self.told_lost(self._untold).encode() + b"\n" + line
                    self._untold = 0
            self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            while line:
                try:
                    line = line[os.write(self._fd, line) :]
                except BlockingIOError:  # whoever shares the other end made it so
                    select.select([], [self._fd], [], 1.0)
        except (OSError, ValueError):
            with self._change:
                self._lose()

    def _lose(self) -> None:
        self.lost += 1
        self._untold += 1


class OutletText(io.TextIOBase):
    """An Outlet in the place of `sys.stdout` or `sys.stderr`."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Have it written soon."""
        if text:
            self._outlet.put(text)
        return len(text)

    def flush(self) -> None:
        """Wait a moment for the writer."""
        self._outlet.flush()


class OutletHandler(logging.Handler):
    """Log records as lines of an Outlet."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet
        self.setFormatter(OneLine())

    def dress(self, as_json: bool) -> None:
        """Let lines have the one form or the other."""
        self.setFormatter(formatter(as_json))
        self._outlet.told_lost = lost_line(as_json)

    def emit(self, record: logging.LogRecord) -> None:
        """Have it written soon; a record that cannot be put into words is dropped."""
        with contextlib.suppress(TypeError, ValueError, MemoryError, RecursionError):
            self._outlet.put(self.format(record) + "\n")

    def flush(self) -> None:
        """Wait a moment for the writer."""
        self._outlet.flush()


def hold_standard_files() -> None:
    """Put /dev/null where a standard file is closed: the next file opened, the journal say, would take its number and its words."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def take_over_output() -> None:
    """Let all that this process prints and logs go through an Outlet: its own words from INFO on, others' from WARNING on."""
    outlet = Outlet(2)
    sys.stdout = cast(TextIO, OutletText(Outlet(1)))
    sys.stderr = cast(TextIO, OutletText(outlet))
    root = logging.getLogger()
    root.addHandler(OutletHandler(outlet))
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    speak(Manner())


def speak_if_silent() -> None:
    """The same for what we log ourselves, where nobody else has arranged for it."""
    own = logging.getLogger("llm_router")
    if not own.hasHandlers():
        own.addHandler(OutletHandler(Outlet(2)))


def speak(manner: Manner) -> None:
    """From now on lines have this form and, our own, this level. Lines of uvicorn's own handlers are left to a terminal as they are."""
    own = logging.getLogger("llm_router")
    ours = [handler for handler in (*logging.getLogger().handlers, *own.handlers) if isinstance(handler, OutletHandler)]
    if ours:  # else somebody else has arranged for our lines, and for their level
        own.setLevel(manner.level)
    for handler in ours:
        handler.dress(_as_json(manner, sys.__stderr__))
    for theirs in [handler for name in _UVICORN for handler in logging.getLogger(name).handlers]:
        # an operator's own --log-config is not touched
        stock = type(theirs.formatter).__module__ == "uvicorn.logging"
        if stock and isinstance(theirs, logging.StreamHandler) and _as_json(manner, theirs.stream):
            theirs.setFormatter(formatter(as_json=True))


def _as_json(manner: Manner, stream: TextIO | None) -> bool:
    if manner.as_json is not None:
        return manner.as_json
    try:
        return stream is None or not stream.isatty()
    except ValueError:  # it is closed
        return True
