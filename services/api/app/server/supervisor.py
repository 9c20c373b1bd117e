"""The parent of several workers: starts them, replaces those that die or hang, passes a stop on to all. Serves no request.

uvicorn's own supervisor looks twice a second, replaces a worker that cannot start twice a second for ever, hears no second signal,
and keeps the listening socket open while its workers drain, so that callers wait in a queue which nobody serves any more.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from .farewell import FLUSH_SECONDS, HURRY, LAST_WORDS_SECONDS, LEAVE_SECONDS, READY, STOP, STOPS

TICK_SECONDS = 0.5
APART_SECONDS = 1.0
"""Between two starts in the same place at least, however soon a worker dies."""
BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF = 30.0
"""A worker that dies before it is ready is replaced after the first of these; the wait doubles with each such death."""
FAILED_STARTS = 3
"""If so many die before any was ready, none will be."""
START_SECONDS = 120.0
"""A worker that is not ready after this is taken for hung."""
HUNG_SECONDS = 30.0
"""A worker whose event loop says nothing for so long is taken for dead."""
_AT_ONCE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Workers that start at the same time: more would only make the first one wait for the others."""
_MARGIN = LAST_WORDS_SECONDS + FLUSH_SECONDS + LEAVE_SECONDS + 2.0


class Place:
    """One of the workers, and whoever follows it there."""

    def __init__(self) -> None:
        self.process: SpawnProcess | None = None
        self.tie: socket.socket | None = None
        self.ready = False
        self.failures = 0
        self.born = self.heard = self.due = float("-inf")

    def tell(self, word: bytes) -> None:
        """Say something to the worker."""
        if self.tie is not None:
            with contextlib.suppress(OSError):
                self.tie.send(word, socket.MSG_DONTWAIT)

    def listen(self, now: float) -> None:
        """Take what the worker said."""
        if self.tie is None:
            return
        try:
            words = self.tie.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self.let_go()
            return
        self.heard = now
        if READY in words:
            self.ready = True
            self.failures = 0

    def let_go(self) -> None:
        """Close our end of the tie."""
        if self.tie is not None:
            self.tie.close()
            self.tie = None

    def silent(self, now: float) -> bool:
        """Whether the worker has said nothing for too long."""
        return now - self.heard > (HUNG_SECONDS if self.ready else START_SECONDS)


class Supervisor:
    """Keeps `count` workers running on `listeners` until it is told to stop.

    `spawn(tie)` makes a worker's process, not yet started; `report` gets a sentence about each that died; `tick` is called about
    every TICK_SECONDS.
    """

    def __init__(
        self,
        count: int,
        spawn: Callable[[socket.socket], SpawnProcess],
        listeners: list[socket.socket],
        drain_seconds: Callable[[], float],
        *,
        report: Callable[[str], None],
        tick: Callable[[], None],
    ) -> None:
        self._places = [Place() for _ in range(count)]
        self._spawn = spawn
        self._listeners = listeners
        self._drain_seconds = drain_seconds
        self._report = report
        self._tick = tick
        self._ever_ready = False
        self._failed_starts = 0
        self._stops = 0
        self._kill_at = float("inf")
        self._status = 0
        self._signals = 0
        self._ticked = float("-inf")

    def run(self) -> int:
        """Work until all workers have ended; 0, or 1 if none could start or one had to be killed at the end."""
        heard, rung = socket.socketpair()
        for end in (heard, rung):
            end.setblocking(False)
        for number in STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._signalled)
        signal.set_wakeup_fd(rung.fileno(), warn_on_full_buffer=False)
        while self._stops == 0 or any(place.process for place in self._places):
            self._turn(heard)
        signal.set_wakeup_fd(-1)
        return self._status

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _turn(self, heard: socket.socket) -> None:
        now = time.monotonic()
        if self._stops == 0:
            self._fill(now)
        running = [place for place in self._places if place.process is not None]
        ties = [place.tie for place in running if place.tie is not None]
        wait([heard, *ties, *(place.process.sentinel for place in running if place.process)], self._patience(now))
        with contextlib.suppress(BlockingIOError):
            heard.recv(4096)
        now = time.monotonic()
        for place in running:
            place.listen(now)
            self._ever_ready |= place.ready
            self._look(place, now)
        self._obey(now)
        if now - self._ticked >= TICK_SECONDS and self._stops == 0:
            self._ticked = now
            self._tick()

    def _patience(self, now: float) -> float:
        """Seconds until something is due."""
        due = [place.due for place in self._places if place.process is None and self._stops == 0 and place.due > now]
        return max(0.0, min([TICK_SECONDS, self._kill_at - now, *(at - now for at in due)]))

    def _fill(self, now: float) -> None:
        starting = sum(place.process is not None and not place.ready for place in self._places)
        for place in self._places:
            if starting < _AT_ONCE and place.process is None and place.due <= now:
                self._begin(place, now)
                starting += 1

    def _begin(self, place: Place, now: float) -> None:
        ours, theirs = socket.socketpair()
        place.process = self._spawn(theirs)
        place.tie, place.ready = ours, False
        place.born = place.heard = now
        # a terminal's Ctrl-C reaches the whole group; the workers shall hear it once, from us
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            place.process.start()
        except OSError as error:
            self._report(f"a worker could not be started: {error}")
            place.process = None
            place.let_go()
            self._postpone(place, now)
        finally:
            signal.signal(signal.SIGINT, before)
            theirs.close()

    def _postpone(self, place: Place, now: float) -> float:
        """When a worker that never was ready is followed by the next one; the wait in seconds."""
        place.failures += 1
        back_off = min(LONGEST_BACK_OFF, BACK_OFF_SECONDS * 2 ** (place.failures - 1))
        place.due = max(now + back_off, place.born + APART_SECONDS)
        return place.due - now

    def _look(self, place: Place, now: float) -> None:
        """Replace a worker that ended; end one that hangs."""
        process = place.process
        if process is None:
            return
        if process.exitcode is None:
            if place.silent(now) and self._stops == 0:
                self._report(f"worker {process.pid} has hung for {now - place.heard:.0f} s and is killed")
                place.heard = now
                process.kill()
            return
        how = _ending(process.exitcode)
        pid, place.process = process.pid, None
        place.let_go()
        process.close()
        if self._stops:
            self._note_end(pid, how)
        elif place.ready:
            place.due = place.born + APART_SECONDS
            self._report(f"worker {pid} {how}; it is replaced")
        else:
            self._failed(place, f"worker {pid} {how} before it was ready", now)

    def _note_end(self, pid: int | None, how: str) -> None:
        if how != _ending(0) and how != _ending(-signal.SIGTERM):
            self._report(f"worker {pid} {how} while stopping")

    def _failed(self, place: Place, what: str, now: float) -> None:
        delay = self._postpone(place, now)
        self._failed_starts += not self._ever_ready
        if not self._ever_ready and self._failed_starts >= FAILED_STARTS:
            self._report(f"{what}, as those before it: the service cannot start")
            self._status = 1
            self._signals += 1
        else:
            self._report(f"{what}; the next one follows in {delay:.1f} s")

    def _obey(self, now: float) -> None:
        """Pass on what signals asked for; kill whoever does not come to an end."""
        while self._stops < min(self._signals, 2):
            self._stops += 1
            self._stop(hurry=self._stops == 2, now=now)
        if now >= self._kill_at:
            self._kill_at = float("inf")
            for place in self._places:
                if place.process is not None:
                    self._status = 1
                    place.process.kill()

    def _stop(self, hurry: bool, now: float) -> None:
        for listener in self._listeners:
            listener.close()
        self._kill_at = now + _MARGIN + (0.0 if hurry else self._drain_seconds())
        for place in self._places:
            place.tell(HURRY if hurry else STOP)
            if place.process is not None and not place.ready:
                place.process.terminate()


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"died of {signal.Signals(-status).name}"
    except ValueError:
        return f"died of signal {-status}"
