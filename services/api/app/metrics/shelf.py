"""The folder where the workers of one service lay down their counts for each other. Knows files and locks, not what is counted.

    <folder>/<run>/lock           held for a moment: shared to read, alone to come and to fold
    <folder>/<run>/<worker>.lock  held by its worker for as long as it lives, whatever ends it
    <folder>/<run>/<worker>.json  its counts, written whole and renamed into place
    <folder>/<run>/folded.json    the counts of dead workers, and whose they are

A *run* is one life of the process that started the workers. Files, not memory shared through a mapped file: a store into a mapped
page can wait for the disk that the page is just written to, and kills the process when the disk is full or the file was cut.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from .merge import merged
from .tally import State

T = TypeVar("T")
_log = logging.getLogger("llm_router")
_ENCODER = msgspec.json.Encoder()
_STATE = msgspec.json.Decoder(State)
_LOCK = "lock"
_FOLDED = "folded.json"


class Folded(Struct, frozen=True):
    """Counts of dead workers as one. Files of these `workers`, if they are still there, are counted already."""

    workers: list[str]
    state: State


_FOLD = msgspec.json.Decoder(Folded)


class Shelf:
    """One worker's place in the folder, from `open` to `close`. Every method may raise OSError."""

    def __init__(self, folder: Path, run: str) -> None:
        self._folder = folder
        self._run = folder / run
        self._name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._held = -1

    def open(self) -> None:
        """Take a place; fold what dead workers of this run left, and clear away runs that are over."""
        self._release()
        self._run.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(self._run / _LOCK, fcntl.LOCK_EX):
            self._fold()
            self._held = _opened(self._own(".lock"))
            fcntl.flock(self._held, fcntl.LOCK_EX)
        self._sweep()

    def close(self, state: bytes) -> None:
        """Leave the last counts behind."""
        try:
            self.write(state)
        finally:
            self._release()

    def write(self, state: bytes) -> None:
        """Lay down an encoded state, in a place taken anew if somebody tidied the folder."""
        if not self._own(".lock").exists():
            self.open()
        _replace(self._own(".json"), state)

    def others(self) -> tuple[list[State], list[State]]:
        """What the other workers of this run laid down: the living ones, the dead ones."""
        with _locked(self._run / _LOCK, fcntl.LOCK_SH):
            folded = self._folded()
            alive: list[State] = []
            dead = [folded.state]
            for name in self._workers():
                if name != self._name and name not in folded.workers:
                    (alive if _is_held(self._run / f"{name}.lock") else dead).append(self._read(name))
            return alive, dead

    def _own(self, suffix: str) -> Path:
        return self._run / f"{self._name}{suffix}"

    def _release(self) -> None:
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _workers(self) -> list[str]:
        return [path.stem for path in self._run.glob("*.lock")]

    def _read(self, name: str) -> State:
        return _decoded(self._run / f"{name}.json", _STATE) or State({})

    def _folded(self) -> Folded:
        return _decoded(self._run / _FOLDED, _FOLD) or Folded([], State({}))

    def _fold(self) -> None:
        """Add up the dead; who is killed half-way leaves files that the list of workers tells apart."""
        folded = self._folded()
        dead = [name for name in self._workers() if not _is_held(self._run / f"{name}.lock")]
        if not dead:
            return
        new = [self._read(name) for name in dead if name not in folded.workers]
        _replace(self._run / _FOLDED, _ENCODER.encode(Folded(dead, merged((), [folded.state, *new]))))
        for name in dead:
            for suffix in (".json", ".lock"):
                (self._run / f"{name}{suffix}").unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove other runs whose workers and whose first process are gone."""
        for run in self._folder.iterdir():
            if run != self._run and run.is_dir() and not _is_running(run.name) and not any(map(_is_held, run.glob("*.lock"))):
                shutil.rmtree(run, ignore_errors=True)


def encoded(state: State) -> bytes:
    """A state as `Shelf.write` takes it."""
    return _ENCODER.encode(state)


def run_of(pid: int) -> str:
    """The name of a process's life: ids come again, also soon in a container, but not with the same time of birth."""
    try:
        born = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):  # no such file system, or no such process
        born = ""
    return f"{pid}-{born}"


def _is_running(run: str) -> bool:
    pid = run.partition("-")[0]
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return run_of(int(pid)) == run


def _decoded(path: Path, decoder: msgspec.json.Decoder[T]) -> T | None:
    """What a file holds; None when it is not there or not what it should be."""
    try:
        return decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        _log.warning("metrics: %s is not readable and is left out", path)
        return None


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all. Not synced: what a crash of the machine loses is over anyway."""
    new = path.with_suffix(".new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_held(path: Path) -> bool:
    """Whether a process holds this lock."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    fd = _opened(path)
    try:
        fcntl.flock(fd, kind)
        yield
    finally:
        os.close(fd)
