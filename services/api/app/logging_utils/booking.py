"""One pass over journal files: every new line once, into the sums. Knows nothing of locks, nor of where the sums are kept.

Lines that are not the journal's are skipped, counted and named by their offset. A line whose call stands within RECENT bytes
before it in the same file is a repetition (a write that was reported as failed and was there after all) and counts once; the
window is in bytes of the file, so that it is the same for whoever starts to read anywhere.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, TypeVar

from msgspec import Struct

from .lines import CallLine, LateScore, Line, Standing, decode
from .reading import blocks, identity, lines_between, open_journal

RECENT = 1024 * 1024
_PLACES = 20
_CROWDED = 8192


class Damage(Struct, frozen=True):
    """A line that is none of the journal's: in which file, at which byte (of the unpacked file)."""

    file: str
    offset: int


class Ledger(Protocol):
    """Where lines are booked. `files`: how far each file was read, by its identity."""

    files: dict[str, int]

    def turn_to(self, identity: str, label: str) -> None:
        """The lines that follow stand in this file."""
        ...

    def book(self, line: CallLine | LateScore, offset: int, size: int) -> None:
        """A line that counts, and the bytes it takes. Raises ValueError if it names no day."""
        ...

    def pass_over(self, line: Standing, offset: int, size: int) -> None:
        """A line that is not counted."""
        ...


L = TypeVar("L", bound=Ledger)


class Booking(Generic[L]):
    """Reads files into `state` and counts what it met (`consumed` in bytes, the rest in lines).

    `after_block` is called with the bytes just read, to pause, to write or to show progress: by then `state` holds them and their file's
    new offset. `decode` may give more of a line than the rollup needs.
    """

    def __init__(self, state: L, after_block: Callable[[int], None], decode: Callable[[bytes], Line] = decode) -> None:
        self.state = state
        self.calls = 0
        self.scores = 0
        self.repeated = 0
        self.damaged = 0
        self.consumed = 0
        self.places: list[Damage] = []
        self.after_block = after_block
        self._decode = decode
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
        self.state.turn_to(name, label)
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
                earlier = self._decode(line)
            except (ValueError, RecursionError):
                continue
            if not isinstance(earlier, Standing):
                recent[_key(earlier)] = offset
        return recent

    def _book(self, file: str, offset: int, block: bytes, recent: dict[str, int]) -> None:
        at = offset
        for line in block.split(b"\n"):
            if line:
                text = line if at else line.removeprefix(b"\xef\xbb\xbf")
                try:
                    self._book_line(at + len(line) - len(text), text, recent)
                except (ValueError, RecursionError):
                    if line.strip():
                        self._damage(file, at)
            at += len(line) + 1
        if len(recent) > _CROWDED:
            for key in [key for key, seen in recent.items() if at - seen > RECENT]:
                del recent[key]

    def _book_line(self, at: int, text: bytes, recent: dict[str, int]) -> None:
        line = self._decode(text)
        if isinstance(line, Standing):
            self.state.pass_over(line, at, len(text))
            return
        key = _key(line)
        seen = recent.get(key)
        recent[key] = at
        if seen is not None and at - seen <= RECENT:
            self.repeated += 1
            return
        self.state.book(line, at, len(text))
        if isinstance(line, CallLine):
            self.calls += 1
        else:
            self.scores += 1

    def _damage(self, file: str, offset: int) -> None:
        self.damaged += 1
        if len(self.places) < _PLACES:
            self.places.append(Damage(file, offset))


def _key(line: CallLine | LateScore) -> str:
    if isinstance(line, CallLine):
        return line.id
    return f"{line.call} {line.at} {line.scorer}"
