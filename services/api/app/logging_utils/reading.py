"""Reading journal files in whole lines, from any offset, whatever stands in them. Books nothing.

A file is known by its first line, which names a call and so occurs once: neither a rename, nor a copy (logrotate's
copytruncate), nor an inode number that the system gave out again makes the same lines count twice or new ones not at all.
Lines end at newlines and nowhere else: `splitlines` would part a record at every U+2028 that its text holds.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

BLOCK = 64 * 1024
"""Bytes read at once: some 40 records, half a millisecond between two chances for other threads."""
LONGEST = 64 * 1024 * 1024
"""Bytes without a newline that are given up as no record; a whole request with its answer is shorter."""
_HEAD = 4096
_FIRST = (b'{"kind":"', b'{"id":"')


def open_journal(path: Path) -> BinaryIO:
    """Open a journal file for reading, unpacked if its name ends in .gz. Raises OSError."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def identity(file: BinaryIO) -> str | None:
    """The name of what the file holds; None while it does not hold its first line."""
    file.seek(0)
    head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    line, newline, _ = head.partition(b"\n")
    if not newline and len(head) < _HEAD - 3:
        return None
    if line.startswith(_FIRST):
        return hashlib.blake2b(line, digest_size=12).hexdigest()
    # damaged or foreign: equal beginnings mean nothing, so the file itself is what is left to go by
    status = os.fstat(file.fileno())
    return f"inode:{status.st_dev}:{status.st_ino}"


def blocks(file: BinaryIO, start: int) -> Iterator[tuple[int, bytes]]:
    """Pairs of offset and bytes from `start` on, each whole lines; what has no newline yet is left for the next time.

    Only bytes beyond LONGEST without a newline come without one.
    """
    file.seek(start)
    rest = b""
    while data := file.read(max(BLOCK, len(rest))):  # doubling, so that a huge line costs linear time
        data = rest + data
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > LONGEST:
            cut = len(data)
        if cut:
            yield start, data[:cut]
            start += cut
        rest = data[cut:]


def lines_between(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Pairs of offset and line for the lines that begin at or after `start` and end before `end`."""
    begin = max(start - 1, 0)
    file.seek(begin)
    data = file.read(end - begin)
    at = 0 if start == 0 else data.find(b"\n") + 1
    if start and not at:
        return
    for line in data[at:].split(b"\n"):
        yield begin + at, line
        at += len(line) + 1
