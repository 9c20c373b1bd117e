"""The command line as people and scripts use it: in a pipe, and on a terminal of its own."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner

from app.cli.commands import app
from support import child_env

COMMAND = [sys.executable, "-m", "app.cli"]
SECONDS = 60
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich writes to colour and to move."""

_TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal the one whose Ctrl-C reaches the process."""


def environment(home: Path, **more: str) -> dict[str, str]:
    return child_env(LLM_ROUTER_HOME=str(home), **more)


def piped(home: Path, *arguments: str, given: bytes | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """A command whose output nobody looks at."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home, **env),
        input=given or b"",
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def inside(home: Path, *arguments: str, given: bytes | None = None, **env: str) -> "subprocess.CompletedProcess[str]":
    """The same without a process of its own, for the many cases in which that makes no difference."""
    held = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment(home, **env))
    try:
        ended = CliRunner().invoke(app, arguments, input=given or b"")
    finally:
        os.environ.clear()
        os.environ.update(held)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr)


class Terminal:
    """A command on a terminal; `shown` is all that it was sent so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", side: int) -> None:
        self.process = process
        self._side = side
        self._bytes = b""

    @property
    def shown(self) -> str:
        return self._bytes.decode("utf-8", "replace")

    def until(self, text: str) -> str:
        """Wait until the text was shown."""
        self._read(lambda: text in self.shown)
        assert text in self.shown, self.shown[-2000:]
        return self.shown

    def end(self) -> int:
        """Wait for the end; the exit status."""
        self._read(lambda: False)
        return self.process.wait(SECONDS)

    def type(self, keys: bytes) -> None:
        os.write(self._side, keys)

    def _read(self, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not enough():
            assert time.monotonic() < end, f"it did not come: {self.shown[-2000:]}"
            if not select.select([self._side], [], [], 0.5)[0]:
                continue
            try:
                piece = os.read(self._side, 65_536)
            except OSError:  # Linux says so when the other side is closed
                return
            if not piece:
                return
            self._bytes += piece


@contextmanager
def terminal(home: Path, *arguments: str, columns: int = 120, **env: str) -> Iterator[Terminal]:
    """A command with a terminal of its own, on which Ctrl-C can be typed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE, *COMMAND, *arguments],
        env=environment(home, **{"TERM": "xterm-256color", **env}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)
        os.close(ours)
