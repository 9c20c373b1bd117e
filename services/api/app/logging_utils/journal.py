"""`per_call.jsonl`: one line per call, in the file before `commit` returns. What a line means is the domain's business, what is
derived from the lines is the rollup's; neither may enter, nor anything that reads the journal.

Several workers append to the same file, and any of them may be killed, or the disk may fill, in the middle of a write. The torn
piece that is left has no newline, so the next line, anybody's, would be glued to it and lost to every reader. Therefore each
append looks at the byte before its own line: the kernel serialises appends and leaves the file offset behind ours, so that byte
was there before us (where our own last line ended there is no need to look). If it is no newline, the line is written once
more; the first copy ended with a newline, so the second stands on a line of its own. A prefix of a record with a record glued
to it is never JSON, so readers skip it and count nothing twice. Unlike a newline before every record, this leaves no empty
lines for `wc -l` and never completes somebody's torn record. Our own, from a write that came out short, we go on with.

Records are written one by one. Gathering those of one turn of the event loop into one write was measured with 16 connections
over sockets: 0.8 us of CPU less of 14 per round, but more when calls come one at a time; not worth a future and a second state.
"""

import errno
import json
import logging
import os
import stat
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from ..domain.record import Record, ScoreLine, StandingLine
from .rotation import is_at, move_aside

_log = logging.getLogger("llm_router")
_ENCODER = msgspec.json.Encoder()

LOOK_SECONDS = 1.0
"""How often the path is compared with the open file: a journal that was moved or deleted is left after at most this long."""
ROTATE_AGAIN_SECONDS = 60.0
"""After a rotation that failed, the journal just grows for this long."""
SPOOL_BYTES = 32 * 1024 * 1024
"""Records that wait in memory while the disk takes none."""
RETRIED_BYTES = 1024 * 1024
"""What is written at once of them when it takes some again: a few milliseconds, since nobody else runs meanwhile."""
TRIES = 16
"""Writes of one line before it counts as an error; each try but the last met another torn write."""


class _Begun(Struct, frozen=True):
    """A line of which `done` bytes are in the file, up to its offset `end`."""

    line: bytes | None = None
    end: int = -1
    done: int = 0


_NOTHING = _Begun()


class JournalUnavailable(OSError):
    """The journal cannot be opened for append. The message names the path and the reason."""


def encode(line: Record | ScoreLine | StandingLine) -> bytes:
    """One line of JSON with its newline, null fields kept. Lone surrogates, which UTF-8 cannot carry, become `?`."""
    try:
        return _ENCODER.encode(line) + b"\n"
    except UnicodeEncodeError:
        plain = json.dumps(msgspec.to_builtins(line), ensure_ascii=False, separators=(",", ":"))
        return plain.encode("utf-8", "replace") + b"\n"


class Journal:
    """One worker's handle on the journal. Not for several threads, and not to be carried across a fork.

    `max_bytes` > 0 moves the file aside once it is that long (to `<name>.<UTC stamp>-<pid>`). `report` gets one sentence when
    writing begins to fail and one when it works again. Raises JournalUnavailable at once if the file cannot be opened; later
    nothing is raised: what cannot be written waits in memory (`spooled`), at most SPOOL_BYTES, beyond which it is `dropped`.
    `write_errors` counts attempts that failed, `repaired` records written once more behind somebody's torn line.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_bytes: int = 0,
        report: Callable[[str], None] = _log.warning,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self.write_errors = 0
        self.repaired = 0
        self.dropped = 0
        self._max_bytes = max_bytes
        self._report = report
        self._clock = clock
        self._now = now
        self._spool: deque[bytes] = deque()
        self._spool_bytes = 0
        self._had_waited = 0
        self._failing = False
        self._seekable = True
        self._begun = _NOTHING
        self._rest = b""  # of a record that a full pipe took in part
        self._end = -1
        self._fd = -1
        self._lost = OSError(errno.EBADF, "closed")
        try:
            self._open()
        except OSError as error:
            raise JournalUnavailable(error.errno, f"cannot append to the journal {self.path}: {error.strerror}") from error

    @property
    def spooled(self) -> int:
        """Records that wait for the disk."""
        return len(self._spool) + bool(self._rest)

    @property
    def trouble(self) -> str | None:
        """What is wrong just now, in one line; None while records are written."""
        if not self._failing:
            return None
        return f"{self.path} cannot be written: {self.spooled} records wait in memory, {self.dropped} are lost"

    async def commit(self, line: bytes) -> None:
        """Append one encoded line; when this returns, it is in the file, or counted in `write_errors` and kept in memory."""
        self.append(line)

    def append(self, line: bytes) -> None:
        """What `commit` does: synchronous, since a write to the page cache costs less than handing it to anybody."""
        if self._clock() >= self._look_at or self._fd < 0:
            self._look()
        if self.spooled and not self.retry():
            self._keep(line)
            return
        try:
            end = self._write(line)
        except OSError as error:
            self._failed(error)
            self._keep(line)
            return
        if 0 < self._max_bytes <= end and self._clock() >= self._rotate_at:
            self._rotate()

    def retry(self, most: int = RETRIED_BYTES) -> bool:
        """Write what waits in memory, oldest first, about `most` bytes of it. True when nothing waits any more.

        For whoever has a timer: space that comes back between two calls is used before the next one.
        """
        if self._fd < 0:
            self._look()
        while self.spooled and most > 0:
            try:
                self._write(self._spool[0] if self._spool else b"")
            except OSError as error:
                self._failed(error)
                return False
            if self._spool:
                most -= len(self._spool[0])
                self._spool_bytes -= len(self._spool.popleft())
        if self.spooled:
            return False
        if self._failing:
            self._report(
                f"the journal {self.path} is written again: {self._had_waited} records had waited, {self.dropped} are lost so far"
            )
            self._failing = False
            self._had_waited = 0
        return True

    def close(self) -> None:
        """Write what still waits and close the file; what cannot be written even now is reported as lost."""
        if self.spooled and not self.retry(2 * SPOOL_BYTES):
            self.dropped += self.spooled
            self._report(f"{self.spooled} records are lost: the journal {self.path} could not be written until the end")
            self._spool.clear()
            self._spool_bytes = 0
            self._rest = b""
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._look_at = self._clock() + LOOK_SECONDS
        self._rotate_at = 0.0
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # a pipe that nobody reads must not hold up every call; for files the flag means nothing
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        # pipes and devices (/dev/stdout) have no offset to look back from, and cannot be rotated
        self._seekable = stat.S_ISREG(os.fstat(fd).st_mode)
        self._close()
        self._fd = fd
        self._end = -1
        self._begun = _NOTHING

    def _look(self) -> None:
        """Open the path again if the open file is no longer there (logrotate, a deletion)."""
        self._look_at = self._clock() + LOOK_SECONDS
        if self._fd >= 0 and (not self._seekable or is_at(self.path, self._fd)):
            return
        try:
            self._open()
        except OSError as error:
            # a moved file still keeps what is written to it, a deleted one does not
            if self._fd < 0 or os.fstat(self._fd).st_nlink == 0:
                self._close()
                self._lost = error

    def _write(self, line: bytes) -> int:
        """Append `line` so that it starts a line of its own; the file's length behind it (0 if it has none). Raises OSError."""
        fd, size = self._fd, len(line)
        if fd < 0:
            raise self._lost
        if not self._seekable:
            self._send(line)
            return 0
        for _ in range(TRIES):
            begun = self._begun if self._begun.line is line and os.fstat(fd).st_size == self._begun.end else _NOTHING
            sent = os.write(fd, line[begun.done :] if begun.done else line)
            end = os.lseek(fd, 0, os.SEEK_CUR)
            self._begun = _NOTHING
            if begun.done and end - sent != begun.end:
                continue  # somebody was faster: our end stands behind theirs and is worth nothing
            if begun.done + sent < size:
                self._begun = _Begun(line, end, begun.done + sent)  # the disk is full: the next try says so, or goes on from here
                continue
            start = end - size
            # where our own last line ended there is no need to look: it ended with a newline
            if start in (0, self._end) or os.pread(fd, 1, start - 1) == b"\n":
                self._end = end
                return end
            self.repaired += 1
        raise OSError(errno.EIO, "every write came out torn")

    def _send(self, line: bytes) -> None:
        """Give a line to a pipe or a device; what it takes in part is ended before anything else is sent. Raises OSError."""
        if self._rest:
            self._rest = self._rest[os.write(self._fd, self._rest) :]
            if self._rest:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if line:
            self._rest = line[os.write(self._fd, line) :]

    def _rotate(self) -> None:
        self._rotate_at = self._clock() + ROTATE_AGAIN_SECONDS  # counts only if it fails: opening anew resets it
        try:
            move_aside(self.path, self._fd, self._now())
            if not is_at(self.path, self._fd):
                self._open()
        except OSError as error:
            _log.warning("cannot rotate the journal %s: %s", self.path, error.strerror)

    def _failed(self, error: OSError) -> None:
        self.write_errors += 1
        if not self._failing:
            self._failing = True
            self._report(
                f"cannot write the journal {self.path}: {error.strerror}; records wait in memory until it can be written"
            )

    def _keep(self, line: bytes) -> None:
        if self._spool_bytes + len(line) > SPOOL_BYTES:
            self.dropped += 1
            return
        self._had_waited += 1
        self._spool.append(line)
        self._spool_bytes += len(line)
