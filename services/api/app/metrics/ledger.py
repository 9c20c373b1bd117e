"""One worker's counts in a file that is mapped into its memory, so that they outlive the process. Knows no metric, lock or folder.

A store into the mapping is in the file at once, whatever becomes of the process: nothing waits to be written. Chunks of the same
size follow each other, each with a mark and records one after the other, in words of 8 bytes:

    head        how many words the key takes, and above bit 32 how many cells there are; 0 where nothing follows
    key         JSON, filled up with spaces
    cells       one whole number each, aligned, so that no reader ever sees half a store

Records are only added, their head last: who is killed in the middle leaves none, and where a record stands it stands for good.
"""

import logging
import mmap
import os
from collections.abc import Iterator

import msgspec

CHUNK = 1 << 18
_MARK = int.from_bytes(b"counts 1", "little")
_WORD = 8
_ABOVE = 32
_KEYS = (1 << _ABOVE) - 1
_KEY = msgspec.json.Decoder(tuple[str, ...])
_log = logging.getLogger("llm_router")

Key = tuple[str, ...]
Record = tuple[Key, memoryview]


class Foreign(Exception):
    """The file is not one of this layout."""


class Ledger:
    """The file behind `fd`, to go on writing: records that are there keep their cells. One writer at a time. Raises OSError, Foreign."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._chunks = 0
        self._words = memoryview(b"").cast("q")
        self._end = 0
        self._full = False
        self.records: dict[Key, memoryview] = {}
        for _ in range(os.fstat(fd).st_size // CHUNK):
            self._map()
            for key, cells in _records(self._words):
                self.records[key] = cells
                self._end += _length(key, len(cells))
        if not self._chunks:
            self._grow()

    def cells(self, key: Key, count: int) -> memoryview | None:
        """The `count` cells of a record, added at 0 where there is none; None when the file has no room for it."""
        found = self.records.get(key)
        if found is None or len(found) != count:
            if self._full or not self._has_room(_length(key, count)):
                return None
            found = self.records[key] = self._add(key, count)
        return found

    def _has_room(self, length: int) -> bool:
        if self._end + length > len(self._words) and length < CHUNK // _WORD:
            try:
                self._grow()
            except OSError as error:
                self._full = True
                _log.warning("metrics: no room for the counts that other workers see (%s); new ones stay with this worker", error)
        return self._end + length <= len(self._words)

    def _add(self, key: Key, count: int) -> memoryview:
        name = _padded(key)
        begun = self._end + 1 + len(name) // _WORD
        end = begun + count
        cells = self._words[begun:end]
        self._words[self._end + 1 : begun] = memoryview(name).cast("q")
        for place in range(count):
            cells[place] = 0
        self._words[self._end] = count << _ABOVE | len(name) // _WORD
        self._end = end
        return cells

    def _grow(self) -> None:
        """Have room before it is used: a store where the disk has none would kill the process."""
        begun = self._chunks * CHUNK
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, begun, CHUNK)
        else:
            os.ftruncate(self._fd, begun + CHUNK)
        self._map()

    def _map(self) -> None:
        words = memoryview(mmap.mmap(self._fd, CHUNK, offset=self._chunks * CHUNK)).cast("q")
        if words[0] == 0:
            words[0] = _MARK
        if words[0] != _MARK:
            raise Foreign
        self._words, self._end = words, 1
        self._chunks += 1


def read(fd: int) -> list[tuple[Key, list[int]]]:
    """What another worker's file holds now; what is of another layout is left out. Raises OSError."""
    size = os.fstat(fd).st_size // CHUNK * CHUNK
    if size == 0:
        return []
    words = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ)).cast("q")
    chunks = [words[begun : begun + CHUNK // _WORD] for begun in range(0, len(words), CHUNK // _WORD)]
    return [(key, cells.tolist()) for chunk in chunks if chunk[0] == _MARK for key, cells in _records(chunk)]


def _records(words: memoryview) -> Iterator[Record]:
    """The records of a chunk, as far as they can be read."""
    at = 1
    while at < len(words) and words[at] > 0:
        begun = at + 1 + (words[at] & _KEYS)
        end = begun + (words[at] >> _ABOVE)
        if end > len(words):
            return
        try:
            key = _KEY.decode(words[at + 1 : begun].tobytes())
        except ValueError:
            return
        if not key:
            return
        yield key, words[begun:end]
        at = end


def _padded(key: Key) -> bytes:
    name = msgspec.json.encode(key)
    return name.ljust(-(-len(name) // _WORD) * _WORD)


def _length(key: Key, count: int) -> int:
    return 1 + len(_padded(key)) // _WORD + count
