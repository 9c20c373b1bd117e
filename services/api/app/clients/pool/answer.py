"""One answer under way: what its connection has put in and its reader takes out. No socket and no HTTP syntax may enter.

It outlives its use of the connection, so a reader that kept it can never see the bytes of the next call.
"""

from asyncio import Future
from collections import deque
from collections.abc import Callable

from ...errors import BadAnswer, ProviderError
from .turns import Turns

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
HIGH_WATER = 64 * 1024
LOW_WATER = 32 * 1024
# a stream's reader gets about so much at once: what a provider sends faster than its events can be read would else lie in our
# memory as events
MOST_AT_ONCE = 16 * 1024


class Answer:
    """What a provider answers to one call; the transport's `Reply`.

    `begun`: a byte of it came. `opened`: its head is complete. `complete`: its last byte came. `length`: its announced bytes.
    """

    __slots__ = (
        "_fault",
        "_pieces",
        "_turns",
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

    def __init__(self, who: str, turns: Turns) -> None:
        # its class and the message after the name: a kept exception would hold its traceback, and that this answer, in a cycle
        self._fault: tuple[type[ProviderError], str] | None = None
        self._pieces: deque[bytes] = deque()
        self._turns = turns
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

    @property
    def ready(self) -> int:
        """Bytes that the next `chunk` would give now."""
        return min(self.buffered, MOST_AT_ONCE)

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
        if not await self._some():
            return b""
        turn = self._turns.take(self)
        if turn is not None:
            await turn
        data = self._next()
        if self.resume is not None:
            self.resume()
        return data

    def _refuse_coded(self) -> None:
        if self.coded:
            raise BadAnswer(f"{self.who} sent a compressed body that nobody asked for")

    async def _some(self) -> bool:
        """Wait for something to read; False at the end."""
        while not self._pieces:
            if self.complete:
                return False
            await self._wait()
        return True

    def _next(self) -> bytes:
        """What is there, up to MOST_AT_ONCE. Pieces stay whole where they can: a provider's events end where they do."""
        pieces = self._pieces
        if len(pieces) == 1 and self.buffered <= MOST_AT_ONCE:
            self.buffered = 0
            return pieces.popleft()
        parts: list[bytes] = []
        size = 0
        while pieces and (not parts or size + len(pieces[0]) <= MOST_AT_ONCE):
            parts.append(pieces.popleft())
            size += len(parts[-1])
        if size > MOST_AT_ONCE:
            pieces.appendleft(parts[0][MOST_AT_ONCE:])
            parts[0] = parts[0][:MOST_AT_ONCE]
            size = MOST_AT_ONCE
        self.buffered -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read(self) -> bytes:
        """The whole body. Raises as `chunk` does, and BadAnswer when it is larger than MAX_RESPONSE_BYTES."""
        self._refuse_coded()
        size = self.length or 0
        parts: list[bytes] = []
        while size <= MAX_RESPONSE_BYTES:
            if not await self._some():
                return parts[0] if len(parts) == 1 else b"".join(parts)
            if self.length is None:
                size += self.buffered
            parts += self._pieces
            self._pieces.clear()
            self.buffered = 0
            if self.resume is not None:
                self.resume()
        raise BadAnswer(f"{self.who} sent more than {MAX_RESPONSE_BYTES} bytes")

    async def _wait(self) -> None:
        if self._fault is not None:
            kind, what = self._fault
            raise kind(f"{self.who} {what}")
        self._waiter = self._turns.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
