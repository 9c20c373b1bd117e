"""One answer under way: what its connection has put in and its reader takes out. No socket and no HTTP syntax may enter.

It outlives its use of the connection, so a reader that kept it can never see the bytes of the next call.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable

from ...errors import BadAnswer, ProviderError

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
HIGH_WATER = 128 * 1024
LOW_WATER = 64 * 1024


class Answer:
    """What a provider answers to one call; the transport's `Reply`.

    `begun`: a byte of it came. `opened`: its head is complete. `complete`: its last byte came. `length`: its announced bytes.
    """

    __slots__ = (
        "_fault",
        "_loop",
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
        if self.coded:
            raise BadAnswer(f"{self.who} sent a compressed body that nobody asked for")
        pieces = self._pieces
        while not pieces:
            if self.complete:
                return b""
            await self._wait()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        if self.resume is not None:
            self.resume()
        return data

    async def read(self) -> bytes:
        """The whole body. Raises as `chunk` does, and BadAnswer when it is larger than MAX_RESPONSE_BYTES."""
        size = self.length or 0
        parts: list[bytes] = []
        while size <= MAX_RESPONSE_BYTES:
            part = await self.chunk()
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
