"""Server-sent events, read at byte level. Knows nothing of any dialect's events and never decodes text.

Per the WHATWG rules: lines end with LF, CRLF or CR, wherever the network cuts; one leading BOM is skipped; comments and unknown
fields are ignored; several `data` lines join with LF; U+2028, U+2029 and U+0085 are ordinary text, since only bytes end lines.
"""

from msgspec import Struct

from ...errors import BadAnswer

MAX_EVENT_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Event(Struct, frozen=True, gc=False):
    """One event: its name ("" = message) and its data."""

    event: str
    data: bytes


class EventStream:
    """Cuts a byte stream into events. An unfinished event at the end is not an event (the rules discard it)."""

    __slots__ = ("_data", "_held", "_held_bytes", "_limit", "_name", "_skip_lf", "_started")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._held = b""  # an unfinished line
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
        between = not (self._held or self._data or self._name)
        if between and chunk[-2:] == b"\n\n" and chunk[:6] == b"data: " and b"\r" not in chunk:
            # the common case, a chunk of whole events with one data line each, is cut without walking its lines
            self._skip_lf = False
            end = len(chunk) - 2
            if chunk.find(b"\n", 6) == end:  # one event, as most providers send them
                return [Event("", chunk[6:end])]
            blocks = chunk[:-2].split(b"\n\n")
            if all(block[:6] == b"data: " and b"\n" not in block for block in blocks):
                return [Event("", block[6:]) for block in blocks]
        return self._walk(chunk)

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
        if len(self._held) + self._held_bytes > self._limit:
            raise BadAnswer(f"one event of the stream is larger than {self._limit} bytes")
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
            if self._held_bytes > self._limit:
                raise BadAnswer(f"one event of the stream is larger than {self._limit} bytes")
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
