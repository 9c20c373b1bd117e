"""Calls on their way to a collector: noted by the event loop, made into spans and sent by a thread. Nothing here waits or fails a call.

A collector that is slow or gone costs traces, never answers: what waits is bounded, and what is lost is counted and said once.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from ..config.redaction import without_password
from ..domain.record import Record
from ..domain.request import ChatRequest
from .place import Trace, caller_of, new_span_id, new_trace_id
from .sampling import Sampler
from .spans import MOST_CHARACTERS, Call, Span, asked_by, spans_of
from .wanted import Wanted

_log = logging.getLogger("llm_router")
_HURRY = 0.5
"""Of the time that a stop allows: after this share nothing is tried again."""


class Exporter(Protocol):
    """Where spans go. `export` may take its time and says what went wrong; `hurry` ends its waiting, from another thread."""

    def export(self, spans: Sequence[Span]) -> str | None:
        """Send them; None when they were taken."""
        ...

    def hurry(self) -> None:
        """Try nothing again from now on."""
        ...


class Tracer:
    """One worker's. `now` is wall time in seconds, `clock` monotonic seconds."""

    def __init__(
        self, wanted: Wanted, sampler: Sampler, exporter: Exporter, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self.lost = 0
        self._wanted = wanted
        self._url = without_password(wanted.url)
        self._sampler = sampler
        self._exporter = exporter
        self._now = now
        self._clock = clock
        self._calls: deque[Call] = deque()
        self._awake = threading.Event()
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def begin(self, traceparent: str | None) -> Trace:
        """The trace of a call that begins, below its caller's span if it has one."""
        caller = caller_of(traceparent)
        trace_id = caller.trace if caller is not None else new_trace_id()
        return Trace(trace_id, new_span_id(), caller.span if caller is not None else None, self._sampler(trace_id, caller))

    def end(self, record: Record, request: ChatRequest, trace: Trace, started: float) -> None:
        """A call has ended that `started` at these monotonic seconds."""
        if not trace.sampled:
            return
        if len(self._calls) >= self._wanted.waiting:
            self.lost += 1
            return
        wall = self._now() - (self._clock() - started)
        self._calls.append(Call(self._light(record), trace, asked_by(request), wall, started))
        if len(self._calls) >= self._wanted.batch:
            self._awake.set()

    def _light(self, record: Record) -> Record:
        """What is to wait: no long text in memory that will not be sent."""
        if record.prompt is UNSET and record.response is UNSET:
            return record
        return msgspec.structs.replace(record, prompt=self._kept(record.prompt), response=self._kept(record.response))

    def _kept(self, text: str | UnsetType) -> str | UnsetType:
        return text[:MOST_CHARACTERS] if self._wanted.content and not isinstance(text, UnsetType) else UNSET

    def stop(self, seconds: float) -> None:
        """Send what waits, at most so long."""
        self._stopping = True
        self._awake.set()
        self._thread.join(seconds * _HURRY)
        if self._thread.is_alive():
            self._exporter.hurry()
            self._thread.join(seconds * (1 - _HURRY))
        left = len(self._calls) + self.lost
        if left:
            _log.warning("traces: those of %d calls were lost: %s did not take them in time", left, self._url)

    def _run(self) -> None:
        while not self._stopping:
            self._awake.wait(self._wanted.seconds)
            self._awake.clear()
            while self._calls:
                self._send([self._calls.popleft() for _ in range(min(len(self._calls), self._wanted.batch))])

    def _send(self, calls: list[Call]) -> None:
        try:
            trouble = self._exporter.export([span for call in calls for span in spans_of(call, self._wanted.content)])
        except Exception as error:  # noqa: BLE001 - the border of a thread: it goes on, whatever one batch met
            trouble = f"{type(error).__name__}: {error}"
        if trouble is not None:
            self.lost += len(calls)
            if not self._failing:
                _log.warning("traces: %s does not take them (%s); they are lost until it does", self._url, trouble)
        elif self._failing:
            _log.warning("traces: %s takes them again; those of %d calls were lost", self._url, self.lost)
            self.lost = 0
        self._failing = trouble is not None
