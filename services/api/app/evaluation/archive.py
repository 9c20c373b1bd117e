"""The archive of compiled snapshots: what decisions stood on, one file for each digest beside the journal. No secret may enter.

`<folder of the journal>/snapshots/<digest>.json` holds the snapshot's grounds (models with prices, figures and places, the modes'
weights, exploration) and the hash of the settings behind them. The digest is that of both, so a file proves by itself that it is
whole and the one that its name says. Files are never changed: whoever archives a digest again finds it there.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ..config.digest import digest_of, grounds
from ..config.snapshot import Grounds, Snapshot

FORMAT: Final = 1
FOLDER: Final = "snapshots"


class ArchiveUnreadable(Exception):
    """No archived snapshot can be had under a digest; the message names the file and the reason."""


class _Kept(Struct, frozen=True):
    """A file of the archive."""

    format: int
    digest: str
    settings: str
    grounds: Raw


class Archive:
    """One worker's way to the archive. `report` gets one sentence when it cannot be written; no call ever fails for it."""

    def __init__(self, per_call_path: str | Path, report: Callable[[str], None]) -> None:
        self._journal = Path(per_call_path)
        self._report = report
        self._failing = False
        self._kept = ""

    def lacks(self, snapshot: Snapshot) -> bool:
        """Whether `keep` has yet to succeed for it."""
        return self._kept != snapshot.digest

    def keep(self, snapshot: Snapshot) -> None:
        """Archive a snapshot, unless the journal is no file. Takes milliseconds: not for an event loop."""
        try:
            if _is_file(self._journal):
                _put(self._journal.parent / FOLDER / f"{snapshot.digest}.json", archived(snapshot))
        except OSError as error:
            if not self._failing:
                self._report(
                    f"cannot archive the configuration in {self._journal.parent / FOLDER}: {error.strerror}; "
                    f"decisions under {snapshot.digest} cannot be replayed until it can be written"
                )
            self._failing = True
            return
        self._failing = False
        self._kept = snapshot.digest


def archived(snapshot: Snapshot) -> bytes:
    """The file of a snapshot."""
    return msgspec.json.encode(_Kept(FORMAT, snapshot.digest, snapshot.settings_hash, Raw(grounds(snapshot)))) + b"\n"


def read_archived(folder: Path, digest: str) -> Grounds:
    """What was archived under `digest` in the folder of a journal. Raises ArchiveUnreadable."""
    path = folder / FOLDER / f"{digest}.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArchiveUnreadable(f"{path}: {error.strerror}") from error
    try:
        kept = msgspec.json.decode(data, type=_Kept)
        told = bytes(kept.grounds)
        if kept.format != FORMAT:
            raise ArchiveUnreadable(f"{path}: written by another version (format {kept.format})")
        if digest_of(kept.settings, told) != digest:
            raise ArchiveUnreadable(f"{path}: is damaged: its content is not that of its name")
        return msgspec.json.decode(b'{"digest":"%s",%s' % (digest.encode(), told[1:]), type=Grounds)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveUnreadable(f"{path}: is damaged: {error}") from error


def _is_file(journal: Path) -> bool:
    """Whether the journal is, or will be, a plain file: beside a pipe or a device nobody looks for an archive."""
    try:
        return stat.S_ISREG(journal.stat().st_mode)
    except FileNotFoundError:
        return True


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all, whoever else writes the same just now: a rename puts one of equal files into place. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner alone, as the journal
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        made.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            made.unlink()
        raise
