"""The loop that readers of event streams share: cut, hand over, hold an error back. No dialect's events may enter."""

from collections.abc import Callable
from typing import Protocol

from ...domain.answer import Completion, Delta, FinishReason
from ...errors import BadAnswer, RouterError, TruncatedAnswer
from .said import silent
from .sse import Event, EventStream

_MOST_HELD = 1024 * 1024


class Taker(Protocol):
    """What a dialect knows of its own events."""

    finished: bool

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event; sets `finished` at the end of the answer. Raises RouterError for an error event."""
        ...

    def rest(self) -> list[Delta]:
        """What is only known when the body has ended; asked once, of a finished answer."""
        ...


class EventReader:
    """A Reader (see `protocols`) over a Taker.

    Deltas that came in the same bytes as an error are delivered first and the error is raised by the next call, so what
    the caller sees does not depend on where the network cuts. A body that is JSON or HTML instead of a stream is read by
    `decode` when it ends, for the error object it may hold.

    A stream that ends well is no answer when it said nothing at all, not even why it finished, or nothing but that it failed,
    or called a tool that it never named.

    `endless`: the dialect has no terminator, so that only the body's end is one, and `done` is never true before it.
    """

    __slots__ = ("_decode", "_ended", "_endless", "_events", "_failed", "_held", "_named", "_spoke", "_started", "_taker")

    def __init__(self, taker: Taker, decode: Callable[[bytes], Completion], *, endless: bool = False) -> None:
        self._taker = taker
        self._decode = decode
        self._endless = endless
        self._events = EventStream()
        self._failed: RouterError | None = None
        self._started = False
        self._spoke = False
        self._ended: FinishReason | None = None
        self._named: dict[tuple[int, int], bool] = {}  # by answer and call
        self._held: bytearray | None = None  # a body that is no event stream

    @property
    def done(self) -> bool:
        """Whether the terminator was seen."""
        return self._taker.finished and not self._endless

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas completed by these bytes."""
        if self._failed is not None:
            raise self._failed
        if self.done:
            return []
        if not self._started:
            self._start(chunk)
        return self._read(chunk) if self._held is None else self._hold(chunk)

    def close(self) -> list[Delta]:
        """What was held back, be it an error; raises TruncatedAnswer when the answer never ended, BadAnswer when it was none."""
        if self._failed is not None:
            raise self._failed
        if self._held is not None:
            self._decode(bytes(self._held))
            raise BadAnswer("the provider sent a whole answer where a stream was asked for")
        if not self._taker.finished:
            raise TruncatedAnswer("the provider's stream ended before the answer did")
        rest = self._taker.rest()
        self._note(rest)
        if not self._spoke:
            raise silent(self._ended)
        if not all(self._named.values()):
            raise BadAnswer("the provider's stream held a call without a name")
        return rest

    def _read(self, chunk: bytes) -> list[Delta]:
        deltas: list[Delta] = []
        try:
            for event in self._events.feed(chunk):
                deltas += self._taker.take(event)
                if self.done:
                    break
        except RouterError as error:
            self._failed = error
            if not deltas:
                raise
        self._note(deltas)
        return deltas

    def _note(self, deltas: list[Delta]) -> None:
        """Remember what makes these pieces an answer."""
        for delta in deltas:
            if not self._spoke and not delta.choice:
                self._ended = delta.finish_reason or self._ended
                self._spoke = delta.speaks or self._ended not in (None, "error")
            if delta.tool_index >= 0:
                call = (delta.choice, delta.tool_index)
                self._named[call] = bool(delta.tool_name) or self._named.get(call, False)

    def _start(self, chunk: bytes) -> None:
        text = chunk.lstrip()
        if text:
            self._started = True
            if text[:1] in b"{[<":
                self._held = bytearray()

    def _hold(self, chunk: bytes) -> list[Delta]:
        assert self._held is not None  # noqa: S101 - only called while a body is held
        self._held += chunk
        if len(self._held) > _MOST_HELD:
            raise BadAnswer("the provider sent something else where a stream was asked for")
        return []
