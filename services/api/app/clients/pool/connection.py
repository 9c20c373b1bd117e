"""One connection to a host: HTTP/1.1 answers read with httptools. It knows neither the pool nor the meaning of a call.

Whatever it cannot be sure of makes it unfit for another call: `finish` is true only after a complete answer that allows it,
with nothing behind it (blank lines aside, which the parser skips before an answer: they can be no part of one).
"""

import asyncio
from typing import cast

import httptools

from ...errors import BadAnswer, ProviderUnreachable, TruncatedAnswer
from .answer import HIGH_WATER, LOW_WATER, Answer

MAX_HEAD_BYTES = 64 * 1024
_SWITCHING = 101
_BODILESS = (204, 304)


class _Refused(Exception):
    """Stops the parser; the reason stands in the answer, or the answer was complete already."""


class Connection(asyncio.BufferedProtocol):
    """Carries one call at a time; asyncio and httptools call most of its methods.

    `room` is where bytes are read into, one for all connections of a loop, since they are parsed before the next are read. Its
    size bounds what a provider can have read at once: the loop's own would be 256 KB, for each stream that nobody takes from.
    """

    __slots__ = (
        "_answer",
        "_bare",
        "_parser",
        "_paused",
        "_room",
        "_until_close",
        "_whole",
        "closed",
        "idle_since",
        "transport",
    )

    def __init__(self, room: memoryview) -> None:
        self._answer: Answer | None = None
        # bytes since the call was sent, or since the body last grew, that were no body: heads, chunk extensions, trailers
        self._bare = 0
        self._parser = httptools.HttpResponseParser(self)
        self._paused = False
        self._room = room
        self._until_close = False
        self._whole = True
        self.closed = False
        self.idle_since = 0.0
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    def send(self, message: bytes, answer: Answer) -> None:
        """Write a whole request; its answer fills `answer`."""
        self._answer = answer
        self._bare = 0
        self._until_close = False
        self._whole = False
        self.transport.write(message)

    def finish(self) -> bool:
        """End the use for this call. True when another call may follow, else the connection is closed at once."""
        self._answer = None
        if self._whole and not (self.closed or self._paused or self.transport.get_write_buffer_size()):
            return True
        self.abort()
        return False

    @property
    def usable(self) -> bool:
        """Whether it is open, as far as is known."""
        return not (self.closed or self.transport.is_closing())

    def abort(self) -> None:
        """Close at once, without waiting for anybody."""
        self._answer = None
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def hang_up(self) -> None:
        """Close at once, and let the call under way fail."""
        if self._answer is not None:
            self._answer.fail(ProviderUnreachable, "was left: the pool was closed")
        self.abort()

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the open transport."""
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Parse bytes of an answer; bytes that nobody asked for end the connection."""
        answer = self._answer
        if answer is None or answer.complete:
            self._whole = False
            if answer is None:
                self.abort()
            return
        answer.begun = True
        known = answer.buffered
        try:
            self._parser.feed_data(self._room[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._stopped(answer)
            return
        if not answer.complete and answer.buffered == known:
            self._bare += nbytes
            if self._bare > MAX_HEAD_BYTES:
                self._stop(answer, f"sent more than {MAX_HEAD_BYTES} bytes that are no body")
                return
        elif answer.buffered > HIGH_WATER and not (self._paused or answer.complete):
            self._pause(answer)
        answer.wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the reader what the end means for its answer."""
        self.closed = True
        answer, self._answer = self._answer, None
        del self._parser  # it holds our bound methods: without this, only the cycle collector would free the two
        if answer is None or answer.complete:
            return
        if not answer.opened:
            answer.fail(ProviderUnreachable, "hung up before answering")
        elif self._until_close and error is None:
            answer.complete = True
            answer.wake()
        else:
            answer.fail(TruncatedAnswer, "broke its answer off")

    # httptools' calls

    def on_message_begin(self) -> None:
        """A second answer to one call is refused."""
        if self._answer is None or self._answer.complete:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after the head (trailers) is not looked at."""
        answer = self._answer
        if answer is not None and not answer.opened:
            answer.headers[name.decode("latin-1").lower()] = value.rstrip(b" \t").decode("latin-1")

    def on_headers_complete(self) -> None:
        """Judge the head: interim, framed by length, by chunks or by the connection's end."""
        answer = self._answer
        if answer is None:
            raise _Refused
        status = self._parser.get_status_code()
        headers = answer.headers
        if status < 200:
            if status == _SWITCHING or status < 100:
                self._refuse(answer, "answered with a change of protocol")
            answer.headers = {}
            return
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            self._refuse(answer, "sent a transfer coding other than chunked")
        if sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEAD_BYTES:
            self._refuse(answer, f"sent a head of more than {MAX_HEAD_BYTES} bytes")
        length = headers.get("content-length")
        if length is not None:
            answer.length = int(length)
        self._until_close = coding is None and length is None and status not in _BODILESS
        answer.coded = headers.get("content-encoding", "identity").lower() != "identity"
        answer.status = status
        answer.opened = True

    def on_body(self, piece: bytes) -> None:
        """Pass bytes of the body on."""
        if self._answer is not None:
            self._bare = 0
            self._answer.put(piece)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        answer = self._answer
        if answer is not None and answer.opened:
            answer.complete = True
            self._whole = self._parser.should_keep_alive()

    # what went wrong

    def _refuse(self, answer: Answer, what: str) -> None:
        answer.fail(BadAnswer, what)
        raise _Refused

    def _stopped(self, answer: Answer) -> None:
        """The parser gave up: behind a whole answer that only costs the connection."""
        if answer.complete:
            self._whole = False
            answer.wake()
        else:
            self._stop(answer, "did not answer in HTTP")

    def _stop(self, answer: Answer, what: str) -> None:
        self._whole = False
        answer.fail(BadAnswer, what)
        self.abort()

    # flow: a reader slower than its provider holds it back

    def _pause(self, answer: Answer) -> None:
        self._paused = True
        self.transport.pause_reading()
        answer.resume = self._resume

    def _resume(self) -> None:
        answer = self._answer
        if self._paused and answer is not None and answer.buffered < LOW_WATER:
            self._paused = False
            self.transport.resume_reading()
