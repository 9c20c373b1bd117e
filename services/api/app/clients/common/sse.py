"""Server-sent events, read at byte level. Knows nothing of any dialect's events and never decodes text.

Per the WHATWG rules: lines end with LF, CRLF or CR, wherever the network cuts; one leading BOM is skipped; comments and unknown
fields are ignored; several `data` lines join with LF; U+2028, U+2029 and U+0085 are ordinary text, since only bytes end lines.
"""

from msgspec import Struct

from ...errors import BadAnswer

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_MUCH = 64 * 1024


class Event(Struct, frozen=True, gc=False):
    """One event: its name ("" = message) and its data."""

    event: str
    data: bytes


class EventStream:
    """Cuts a byte stream into events. An unfinished event at the end is not an event (the rules discard it)."""

    __slots__ = ("_data", "_held", "_held_bytes", "_limit", "_more", "_more_bytes", "_name", "_skip_lf", "_started")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._held = b""  # an unfinished line ...
        self._more: list[bytes] = []  # ... and what came of it since: joined once, however many pieces a large event comes in
        self._more_bytes = 0
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._name = ""
        self._skip_lf = False
        self._started = False
        self._limit = max_event_bytes

    def feed(self, chunk: bytes) -> list[Event]:
        """The events completed by these bytes. Raises BadAnswer when one event outgrows its limit."""
        if not self._started:
            chunk = self._start(chunk)
        if self._started and b"\n" not in chunk and b"\r" not in chunk:
            return self._go_on(chunk)
        if self._more:
            self._held += b"".join(self._more)
            self._more.clear()
            self._more_bytes = 0
        if not (self._data or self._name or self._skip_lf) and self._started and b"\r" not in chunk:
            events = self._cut(chunk)
            if events is not None:
                return events
        return self._walk(chunk)

    def _go_on(self, chunk: bytes) -> list[Event]:
        """More of a line that does not end here."""
        if chunk:
            self._skip_lf = False
            self._more.append(chunk)
            self._more_bytes += len(chunk)
            self._refuse_large(len(self._held) + self._more_bytes)
        return []

    def _refuse_large(self, line: int) -> None:
        if line + self._held_bytes > self._limit:
            raise BadAnswer(f"one event of the stream is larger than {self._limit} bytes")

    def _cut(self, chunk: bytes) -> list[Event] | None:
        """The events of the common case, in which each is one line of data, under its name or not: cut without walking lines.

        None, with nothing changed, when any of them is anything else or none is complete.
        """
        if len(self._held) > _MUCH:  # one large event is under way; to look for its end is the walk's work
            return None
        text = self._held + chunk if self._held else chunk
        end = text.rfind(b"\n\n")
        if end < 0 or len(text) - end > self._limit:  # the walk tells what is too large
            return None
        events: list[Event] = []
        for block in text[:end].split(b"\n\n"):
            name = b""
            data = block
            if block[:7] == b"event: ":
                name, _, data = block[7:].partition(b"\n")
            if data[:6] != b"data: " or b"\n" in data or len(data) > self._limit:
                return None
            events.append(Event(name.decode("utf-8", "replace") if name else "", data[6:]))
        self._held = text[end + 2 :]
        return events

    def _start(self, chunk: bytes) -> bytes:
        chunk = self._held + chunk
        self._held = b""
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._held = chunk
            return b""
        self._started = True
        return chunk.removeprefix(_BOM)

    def _walk(self, chunk: bytes) -> list[Event]:
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if chunk[-1:] == b"\r":
            self._skip_lf = True  # a LF that opens the next chunk belongs to this line end
        text = self._held + chunk if self._started else chunk
        if b"\r" in chunk:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = text.split(b"\n")
        if self._started:
            self._held = lines.pop()
        events: list[Event] = []
        for line in lines:
            self._take(line, events)
        self._refuse_large(len(self._held))
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            if self._data:
                events.append(Event(self._name, b"\n".join(self._data)))
                self._data = []
                self._held_bytes = 0
            self._name = ""
            return
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._held_bytes += len(value) + 1
            self._refuse_large(0)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
