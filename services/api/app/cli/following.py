"""The journal's lines as they are written, over rotations: the last ones first, then what comes. Shows nothing, decodes nothing."""

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..logging_utils.reading import BLOCK, blocks, identity, open_journal
from ..logging_utils.rotation import journal_files

Wanted = Callable[[bytes], bool]


class Follower:
    """Reads the journal at `path` and what it is rotated to. Raises OSError where a file cannot be read.

    A file is known by its first line (see `reading`), so neither a rename nor a copy gives any line twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, int] = {}
        self._seen: dict[Path, tuple[int, int, int]] = {}
        self._begun = [(file, self._register(file)) for file in self._files()]

    def last(self, count: int, wanted: Wanted) -> list[bytes]:
        """The last `count` wanted lines that were there at the beginning, oldest first."""
        found: deque[bytes] = deque()
        for path, end in reversed(self._begun):
            if len(found) >= count:
                break
            found.extendleft(self._backwards(path, end, wanted, count - len(found)))
        return list(found)

    def news(self) -> Iterator[bytes]:
        """Whole lines that came since the last time."""
        for path in self._files():
            if path.suffix == ".gz":  # it was read before it was packed
                continue
            try:
                facts = _facts(path)
                if self._seen.get(path) != facts:
                    yield from self._more(path)
                    self._seen[path] = facts
            except FileNotFoundError:
                continue  # renamed a moment ago: it comes under its new name

    def _files(self) -> list[Path]:
        """Oldest first, the journal itself last."""
        return sorted(journal_files(self._path), key=lambda one: (one == self._path, one.name))

    def _register(self, path: Path) -> int:
        """Where the whole lines of a file end now; what comes behind is news."""
        if path.suffix == ".gz":
            return 0
        with path.open("rb") as file:
            name = identity(file)
            end = _end_of_lines(file)
        if name is not None:
            self._read[name] = end
        return end

    def _more(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            name = identity(file)
            if name is None:
                return
            for start, data in blocks(file, self._read.get(name, 0)):
                yield from filter(None, data.split(b"\n"))
                self._read[name] = start + len(data)

    @staticmethod
    def _backwards(path: Path, end: int, wanted: Wanted, count: int) -> list[bytes]:
        """The last `count` wanted lines of a file before `end`, newest first; a packed file is read from its beginning."""
        try:
            with open_journal(path) as file:
                if path.suffix == ".gz":
                    kept = deque((line.rstrip(b"\n") for line in file if wanted(line)), maxlen=count)
                    return list(reversed(kept))
                found = []
                for line in _lines_backwards(file, end):
                    if line and wanted(line):
                        found.append(line)
                    if len(found) == count:
                        break
                return found
        except (FileNotFoundError, EOFError, zlib.error):
            return []


def _facts(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _end_of_lines(file: BinaryIO) -> int:
    """The offset behind the last newline."""
    end = file.seek(0, 2)
    while end > 0:
        start = max(end - BLOCK, 0)
        file.seek(start)
        cut = file.read(end - start).rfind(b"\n")
        if cut >= 0:
            return start + cut + 1
        end = start
    return 0


def _lines_backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    rest = b""
    while end > 0:
        start = max(end - max(BLOCK, len(rest)), 0)  # doubling, so that a huge line costs linear time
        file.seek(start)
        parts = (file.read(end - start) + rest).split(b"\n")
        rest = parts[0]
        yield from reversed(parts[1:])
        end = start
    yield rest
