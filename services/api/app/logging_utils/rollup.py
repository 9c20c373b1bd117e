"""`daily.json` derived from the journal: step by step while the service runs, or all at once. Writes no journal line.

Of all processes one, the holder of the lease, reads what is new, puts it on the disk (fdatasync: a power cut takes a second of
records at most, a killed process none) and writes. Both ways book the same lines into the same integer sums, so they give the same
bytes. A day is the UTC day of the record's `at`, the end of the call. A row is the model that served, else the one decided on, else
the one asked for; call lines of every purpose count.

A rebuild keeps the stored rows of each day for which `daily.json` shows more calls than the journal still holds: that day's
journal was deleted or cut. Delete `daily.json` first to have only what the journal holds.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from msgspec import Struct

from .booking import Booking, Damage
from .following import Following
from .lease import Lease, LeaseTaken
from .rollup_state import State, load_daily, load_state, replace_file
from .rotation import journal_files, size_of, surplus
from .sums import Sums

_log = logging.getLogger("llm_router")

SEIZE_SECONDS = 30.0
"""How long a rebuild waits for the process that keeps `daily.json` up to date to let go of it."""


class Summary(Struct, frozen=True):
    """What a rebuild found: call lines (`records`) and late `scores`, and `days` that `daily.json` has now.

    `skipped` lines are damaged or not the journal's (the first are in `places`), `repeated` ones were there already; the days in
    `kept_days` kept their stored rows.
    """

    files: int
    records: int
    scores: int
    repeated: int
    skipped: int
    places: tuple[Damage, ...]
    days: int
    kept_days: tuple[str, ...]


def _by_nobody(_file: Path) -> bool:
    return False


class Rollup:
    """Keeps `daily_path` in line with the journal at `journal_path` and the files it was rotated to.

    `keep` rotated files stay (None: all), the oldest beyond go once they are read, here and by whoever `needed` speaks for. `report`
    gets a sentence about what an operator should know. For one thread; any number of processes may have one.
    """

    def __init__(
        self,
        journal_path: str | Path,
        daily_path: str | Path,
        now: Callable[[], float] = time.time,
        *,
        keep: int | None = None,
        report: Callable[[str], None] = _log.warning,
    ) -> None:
        self._journal = Path(journal_path)
        self._daily = Path(daily_path)
        self._state_path = self._daily.with_name(self._daily.name + ".state")
        self._now = now
        self._keep = keep
        self.needed: Callable[[Path], bool] = _by_nobody
        self._report = report
        self._lease = Lease(self._daily)
        self._state: State | None = None
        self._booking = Booking(State(), _breathe)
        self._following = Following(self._journal, report)
        self._changed = False

    def step(self) -> bool:
        """Bring `daily.json` up to date; False, and nothing done, if another process does that. Raises OSError."""
        self._daily.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._lease.held():
            self._state = None
            return False
        if self._state is None:
            self._begin()
        files = journal_files(self._journal)
        self._read_new(files)
        self._write()
        if self._keep is not None:
            self._delete_surplus(files, self._keep)
        return True

    def rebuild(self, progress: Callable[[int, int], None] | None = None, wait_seconds: float = SEIZE_SECONDS) -> Summary:
        """Compute everything again from the journal. `progress` gets bytes read and bytes in all. Raises LeaseTaken, OSError."""
        self._daily.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lease.seize(wait_seconds)
        booking, kept = self._recomputed(progress)
        self._take(booking)
        self._write()
        return Summary(
            files=len(journal_files(self._journal)),
            records=booking.calls,
            scores=booking.scores,
            repeated=booking.repeated,
            skipped=booking.damaged,
            places=tuple(booking.places),
            days=len(booking.state.days),
            kept_days=tuple(kept),
        )

    def finish(self, wait_seconds: float = 2.0) -> None:
        """A last step, so that what this process journalled is counted even if the others end too; then close. Raises OSError."""
        try:
            if not self.step():
                self._lease.seize(wait_seconds)
                self.step()
        except LeaseTaken:
            pass  # its holder is alive and counts our records with its own next step
        finally:
            self.close()

    def close(self) -> None:
        """Let another process take over."""
        self._lease.release()
        self._state = None

    def _begin(self) -> None:
        """Go on from the saved state, or from the whole journal if there is none."""
        saved = load_state(self._state_path)
        self._take(Booking(saved, _breathe) if saved is not None else self._recomputed(None)[0])
        self._tell_damage(0)

    def _take(self, booking: Booking[State]) -> None:
        self._state = booking.state
        self._booking = booking
        self._following.forget()
        self._changed = True

    def _read_new(self, files: list[Path]) -> None:
        booking = self._booking
        consumed, damaged = booking.consumed, booking.damaged
        booking.places.clear()
        for path in files:
            # a packed file was read before it was packed; a rebuild unpacks it
            if path.suffix != ".gz" and self._following.read(booking, path):
                _put_on_disk(path)
        self._changed |= booking.consumed > consumed
        self._tell_damage(damaged)

    def _tell_damage(self, before: int) -> None:
        found = self._booking.damaged - before
        if found:
            first = self._booking.places[0]
            self._report(f"{found} damaged lines skipped, the first in {first.file} at byte {first.offset}")

    def _recomputed(self, progress: Callable[[int, int], None] | None) -> tuple[Booking[State], list[str]]:
        """The sums of all journal files, and the days whose stored rows were kept. Of copies the longest is read."""
        files = sorted(((size_of(path), path) for path in journal_files(self._journal)), reverse=True)
        total, done = sum(size for size, _ in files), 0

        def show(size: int) -> None:
            nonlocal done
            done += size
            if progress is not None:
                progress(min(done, total), total)  # packed files give more bytes than they have
            _breathe(size)

        booking = Booking(State(), show)
        for _, path in files:
            self._following.read(booking, path)
        booking.after_block = _breathe
        kept = booking.state.keep_fuller(self._stored())
        earlier = load_state(self._state_path)
        if earlier is not None:
            booking.state.files = earlier.files | booking.state.files
        return booking, kept

    def _stored(self) -> dict[str, dict[str, Sums]]:
        """The rows that `daily.json` holds; a file that is not ours is put aside."""
        stored = load_daily(self._daily)
        if stored is None:
            aside = self._daily.with_name(self._daily.name + ".damaged")
            self._daily.replace(aside)
            self._report(f"{self._daily} was not readable and is now {aside}")
        return stored or {}

    def _write(self) -> None:
        if self._state is not None and (self._changed or not self._daily.exists()):
            replace_file(self._state_path, self._state.saved())
            replace_file(self._daily, self._state.daily())
            self._changed = False

    def _delete_surplus(self, files: list[Path], keep: int) -> None:
        for path in surplus(files, keep, self._now()):
            if self._following.has_read(path) and not self.needed(path):
                path.unlink()
                self._following.forget_file(path)


class RollupThread:
    """Steps a Rollup beside the service every `interval` seconds; an error of the disk is told once, until a step works again."""

    def __init__(self, rollup: Rollup, interval: float = 0.5, report: Callable[[str], None] = _log.warning) -> None:
        self._rollup = rollup
        self._interval = interval
        self._report = report
        self._ending = Event()
        self._failing = False
        self._thread = Thread(target=self._run, name="rollup", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Take a last step and end; at most `timeout` seconds. Call it after the journal is closed."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._guarded(self._rollup.step)
            self._ending.wait(self._interval)
        self._guarded(self._rollup.finish)

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            if not self._failing:
                self._report(f"cannot bring the daily rollup up to date: {error}")
            self._failing = True
        else:
            self._failing = False


def _put_on_disk(path: Path) -> None:
    """Have the system write a file's bytes out. The event loop's appends go on meanwhile. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # rotated a moment ago: the next pass does it under the new name
    try:
        getattr(os, "fdatasync", os.fsync)(fd)
    finally:
        os.close(fd)


def _breathe(_size: int) -> None:
    """Let other threads run: the service's event loop must not wait for a long catching up."""
    time.sleep(0)
