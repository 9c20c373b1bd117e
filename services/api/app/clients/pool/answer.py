"""One answer under way: what its connection has put in and its reader takes out. No socket and no HTTP syntax may enter.

It outlives its use of the connection, so a reader that kept it can never see the bytes of the next call.
"""

from asyncio import AbstractEventLoop, Future, sleep
from collections.abc import Callable

from ...errors import BadAnswer, ProviderError

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
HIGH_WATER = 64 * 1024
LOW_WATER = 32 * 1024
# a stream's reader gets at most so much at once, and others have their turn before it gets more: a provider that sends faster
# than events can be read would else have the whole event loop to itself, and its stream lie in our memory
MOST_AT_ONCE = 16 * 1024


class Answer:
    """What a provider answers to one call; the transport's `Reply`.

    `begun`: a byte of it came. `opened`: its head is complete. `complete`: its last byte came. `length`: its announced bytes.
    """

    __slots__ = (
        "_fault",
        "_loop",
        "_more",
        "_pieces",
        "_waiter",
        "begun",
        "buffered",
        "coded",
        "complete",
        "headers",
        "length",
        "opened",
        "resume",
        "status",
        "who",
    )

    def __init__(self, who: str, loop: AbstractEventLoop) -> None:
        # its class and the message after the name: a kept exception would hold its traceback, and that this answer, in a cycle
        self._fault: tuple[type[ProviderError], str] | None = None
        self._loop = loop
        self._pieces: list[bytes] = []
        self._waiter: Future[None] | None = None
        self.begun = False
        self.buffered = 0
        self.coded = False
        self.complete = False
        self.headers: dict[str, str] = {}
        self._more = False  # the reader did not get all that was there
        self.length: int | None = None
        self.opened = False
        self.resume: Callable[[], None] | None = None
        self.status = 0
        self.who = who

    def put(self, piece: bytes) -> None:
        """Add bytes of the body."""
        self._pieces.append(piece)
        self.buffered += len(piece)

    def wake(self) -> None:
        """Let a waiting reader look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, kind: type[ProviderError], what: str) -> None:
        """End it with an error that says what the provider did, unless it has ended."""
        if not self.complete and self._fault is None:
            self._fault = (kind, what)
            self.wake()

    async def head(self) -> None:
        """Return when the head is complete. Raises what the answer failed with."""
        while not self.opened:
            await self._wait()

    async def chunk(self) -> bytes:
        """The next bytes of the body; b"" at its end. Raises TruncatedAnswer, BadAnswer, DeadlineExceeded."""
        self._refuse_coded()
        if self._more:
            self._more = False
            await sleep(0)
        data = await self._everything()
        if len(data) > MOST_AT_ONCE:
            self._more = True
            self._pieces.insert(0, data[MOST_AT_ONCE:])
            self.buffered += len(data) - MOST_AT_ONCE
            data = data[:MOST_AT_ONCE]
        if self.resume is not None:
            self.resume()
        return data

    def _refuse_coded(self) -> None:
        if self.coded:
            raise BadAnswer(f"{self.who} sent a compressed body that nobody asked for")

    async def _everything(self) -> bytes:
        """All that is there, waiting for something; b"" at the end."""
        pieces = self._pieces
        while not pieces:
            if self.complete:
                return b""
            await self._wait()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return data

    async def read(self) -> bytes:
        """The whole body. Raises as `chunk` does, and BadAnswer when it is larger than MAX_RESPONSE_BYTES."""
        self._refuse_coded()
        size = self.length or 0
        parts: list[bytes] = []
        while size <= MAX_RESPONSE_BYTES:
            part = await self._everything()
            if self.resume is not None:
                self.resume()
            if not part:
                return b"".join(parts)
            parts.append(part)
            if self.length is None:
                size += len(part)
        raise BadAnswer(f"{self.who} sent more than {MAX_RESPONSE_BYTES} bytes")

    async def _wait(self) -> None:
        if self._fault is not None:
            kind, what = self._fault
            raise kind(f"{self.who} {what}")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
