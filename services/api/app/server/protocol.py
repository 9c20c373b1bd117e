"""uvicorn's HTTP protocol, made strict about time, size and order. Nothing of routes enters.

What stock uvicorn lets pass and this one does not: a head or a body that does not come, an idle connection kept awake by blank
lines, a head without end, chunk extensions and trailers without end (trailers also become header fields there), a refusal written
into the middle of another answer, a body lost behind a refused upgrade, a reader that takes nothing any more. Used by
`llm-router serve`; under plain uvicorn the stock protocol serves, and the guard refuses what ASGI can see.
"""

import asyncio
import math
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ..errors import CallerError, RouterError, SlowRequest
from ..metrics.refusals import count_refusal
from . import head
from .cycle import WholeCycle
from .guard import WIRE
from .patience import BODY_RATE, BODY_SECONDS, HEAD_SECONDS, slow_body
from .refusal import refusal
from .sweep import sweep_of

_FRAMING = (b"content-length", b"transfer-encoding")
IDLE, HEAD, BODY, BUSY, LINGER = range(5)


class WholeProtocol(HttpToolsProtocol):
    """The protocol that `llm-router serve` runs. The class's figures are seconds, and bytes that earn one more."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    body_rate = BODY_RATE
    linger_seconds = 2.0
    write_seconds = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._active: WholeCycle | None = None  # the request that is being answered; `cycle` is the latest that was read
        self._phase = IDLE
        self._deadline = math.inf
        self._stalled = math.inf  # since when the caller has read nothing
        self._now = 0.0
        self._deaf = False  # what still comes is no request any more
        self._read = 0  # bytes of this read
        self._unheard = 0  # bytes of reads of which the parser made nothing yet
        self._moved = False  # this read ended something
        self._fresh = False  # this read began a message
        self._again = False  # a head is parsed for the second time
        self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """A caller has come, and has to say something."""
        super().connection_made(transport)
        self._deadline = self.loop.time() + self.head_seconds
        sweep_of(self.server_state, self.loop).wake()

    def data_received(self, data: bytes) -> None:
        """Some bytes of one or more requests."""
        if self._deaf:
            return
        self._now = self.loop.time()
        self._read = len(data)
        self._moved = self._fresh = False
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RouterError) else CallerError("this is no sound HTTP/1.1 request"))
        else:
            self._bound()

    def _parse(self, data: bytes) -> None:
        """Feed the parser. After a head that asks for an upgrade it takes the body for the other protocol's: another one reads it.

        Java's HTTP client asks for one with every request, so the body must not be lost.
        """
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                framing = [field for field in self.scope["headers"] if field[0] in _FRAMING]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self._again = True
                self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % field for field in framing))
                self._again = False
            else:
                return

    def _bound(self) -> None:
        """Refuse what only grows: a head, a chunk extension or a trailer without end."""
        if self._moved:
            self._unheard = 0
        elif self._phase in (HEAD, BODY):
            self._unheard += self._read
            if self._unheard > head.MAX_BYTES:
                self._refuse(
                    head.too_large() if self._phase == HEAD else CallerError("chunk extensions or trailers are too long")
                )

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self._again:
            return
        self._moved = self._fresh = True
        self._phase = HEAD
        self._deadline = self._now + self.head_seconds
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A whole head. Raises HeadTooLarge, which the parser hands to `data_received`."""
        if self._again:
            return
        self._moved = True
        short = self._fresh and self._read <= head.MAX_BYTES
        if len(self.headers) > head.MAX_FIELDS or not (short or head.size(self.url, self.headers) <= head.MAX_BYTES):
            raise head.too_large()
        self.scope[WIRE] = True  # type: ignore[literal-required]  # ASGI leaves further keys to servers
        super().on_headers_complete()
        self.headers = []  # trailers are no fields of the head: they go to a list that nobody reads
        self._phase = BODY
        self._deadline = self._now + self.body_seconds
        self._body = 0

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._moved = True
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        if self.parser.should_upgrade():
            return  # only of its head
        self._moved = True
        super().on_message_complete()
        if self.cycle.response_complete:
            self._rest()
        else:
            self._phase = BUSY

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = WholeCycle
        self._active = cycle  # type: ignore[assignment]  # since the line above
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The end of an answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._active is not None and self._active.unread:
            self._linger()
        elif self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase == BUSY:
            self._now = self.loop.time()
            self._rest()

    def _rest(self) -> None:
        """Wait for the next request."""
        self._phase = IDLE
        self._deadline = self._now + self.timeout_keep_alive

    def pause_writing(self) -> None:
        """The caller does not read as fast as we write."""
        self._stalled = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._stalled = math.inf
        super().resume_writing()

    def overdue(self, now: float) -> None:
        """End what has waited too long."""
        if now > self._stalled + self.write_seconds:
            self.transport.abort()
        elif self._phase in (HEAD, BODY) and (self.pipeline or self.flow.read_paused):
            self._deadline = now + self.head_seconds  # it waits for us
        elif self._phase == BUSY or now < self._deadline:
            return
        elif self._phase == IDLE:
            self.transport.close()
        elif self._phase == LINGER:
            self.transport.abort()
        elif self._phase == HEAD:
            self._refuse(SlowRequest("the request's head did not come"))
        elif now > self._deadline + self._body / self.body_rate:
            self._refuse(slow_body())

    def _refuse(self, error: RouterError) -> None:
        """Say what is wrong, in order: never into another answer, and never twice to one request."""
        self._deaf = True
        active = self._active
        answering = active is not None and not active.response_complete
        own = active is not None and active is self.cycle and self._phase == BODY  # the fault lies in its own body
        if active is not None and answering and not own:
            self.pipeline.clear()
            self._phase = BUSY
            active.keep_alive = False  # it ends, and the connection with it
            return
        if active is not None and own:
            begun = active.response_started
            active.disconnected = True
            active.waiting_for_100_continue = False
            active.message_event.set()
            if begun:
                self._linger()
                return
        count_refusal("", error.code)
        fields, body = refusal(error, anthropic=False)
        lines = [STATUS_LINE[error.status], *(b"%b: %b\r\n" % field for field in fields), b"\r\n", body]
        self.transport.write(b"".join(lines))
        self._linger()

    def _linger(self) -> None:
        """Say no more, but read on for a moment: closed at once, the caller would see a reset instead of the answer."""
        self._deaf = True
        self._phase = LINGER
        self._deadline = self.loop.time() + self.linger_seconds
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
