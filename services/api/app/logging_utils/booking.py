"""One pass over journal files: every new line once, into the sums. Knows nothing of locks, nor of where the sums are kept.

Lines that are not the journal's are skipped, counted and named by their offset. A line whose call stands within RECENT bytes
before it in the same file is a repetition (a write that was reported as failed and was there after all) and counts once; the
window is in bytes of the file, so that it is the same for whoever starts to read anywhere.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from .lines import CallLine, LateScore, Standing, decode
from .reading import blocks, identity, lines_between, open_journal
from .rollup_state import State

RECENT = 1024 * 1024
_PLACES = 20
_CROWDED = 8192


class Damage(Struct, frozen=True):
    """A line that is none of the journal's: in which file, at which byte (of the unpacked file)."""

    file: str
    offset: int


class Booking:
    """Reads files into `state` and counts what it met (`consumed` in bytes, the rest in lines).

    `after_block` is called with the bytes just read, to pause or to show progress.
    """

    def __init__(self, state: State, after_block: Callable[[int], None]) -> None:
        self.state = state
        self.calls = 0
        self.scores = 0
        self.repeated = 0
        self.damaged = 0
        self.consumed = 0
        self.places: list[Damage] = []
        self.after_block = after_block
        self._reached = 0
        self._window: tuple[str, int, dict[str, int]] = ("", 0, {})

    def read(self, path: Path, live: bool) -> None:
        """Book what this file has beyond what was read of it before. `live`: it is the one that is appended to. Raises OSError."""
        self._reached = 0
        try:
            with open_journal(path) as file:
                self._read(file, path.name, live)
        except (EOFError, zlib.error):  # a packed file that ends early
            self._damage(path.name, self._reached)

    def _read(self, file: BinaryIO, label: str, live: bool) -> None:
        name = identity(file)
        if name is None:
            return
        start = self._reached = self._start(file, name, live)
        recent = self._recent(file, name, start)
        for offset, block in blocks(file, start):
            self._book(label, offset, block, recent)
            self._reached = self.state.files[name] = offset + len(block)
            self.consumed += len(block)
            self.after_block(len(block))
        self._window = (name, self._reached, recent)

    def _start(self, file: BinaryIO, name: str, live: bool) -> int:
        start = self.state.files.get(name, 0)
        whole = name.startswith("inode:")
        if (live or whole) and os.fstat(file.fileno()).st_size < start:
            # cut from outside: what is left was counted, unless the file is known by its place alone
            start = 0 if whole else os.fstat(file.fileno()).st_size
            self.state.files[name] = start
        return start

    def _recent(self, file: BinaryIO, name: str, start: int) -> dict[str, int]:
        """Where each call of the last RECENT bytes before `start` stands."""
        known, end, recent = self._window
        if (known, end) == (name, start):
            return recent
        recent = {}
        for offset, line in lines_between(file, max(start - RECENT, 0), start):
            try:
                key = _key(decode(line))
            except (ValueError, RecursionError):
                continue
            if key is not None:
                recent[key] = offset
        return recent

    def _book(self, file: str, offset: int, block: bytes, recent: dict[str, int]) -> None:
        at = offset
        for line in block.split(b"\n"):
            if line:
                try:
                    self._book_line(at, line if at else line.removeprefix(b"\xef\xbb\xbf"), recent)
                except (ValueError, RecursionError):
                    if line.strip():
                        self._damage(file, at)
            at += len(line) + 1
        if len(recent) > _CROWDED:
            for key in [key for key, seen in recent.items() if at - seen > RECENT]:
                del recent[key]

    def _book_line(self, at: int, text: bytes, recent: dict[str, int]) -> None:
        line = decode(text)
        key = _key(line)
        if key is None:
            return
        seen = recent.get(key)
        recent[key] = at
        if seen is not None and at - seen <= RECENT:
            self.repeated += 1
            return
        assert not isinstance(line, Standing)  # noqa: S101 - it has no key
        self.state.book(line)
        if isinstance(line, CallLine):
            self.calls += 1
        else:
            self.scores += 1

    def _damage(self, file: str, offset: int) -> None:
        self.damaged += 1
        if len(self.places) < _PLACES:
            self.places.append(Damage(file, offset))


def _key(line: CallLine | LateScore | Standing) -> str | None:
    if type(line) is CallLine:
        return line.id
    if isinstance(line, LateScore):
        return f"{line.call} {line.at} {line.scorer}"
    return None
