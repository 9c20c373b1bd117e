"""One streamed answer of one target, from its call to its end. Tries nobody else, judges nobody, and writes nothing down."""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager

from ..clients.common.protocols import Reader, Reply
from ..domain.answer import Completion, Delta, Fold
from ..errors import DeadlineExceeded, RouterError
from .attempts import deadlines, fault, sent
from .health import Try
from .house import House
from .order import seconds_left
from .patience import Patience
from .walk import Walk

END_SECONDS = 0.1
RAW_SEPARATOR = b"\x1e"


class Line:
    """`speak` calls and waits for the first word, `pull` goes on, `let_go` is owed in every case.

    `status` is the upstream's HTTP status once it came; `dropped` are the caller's wishes that its wire could not carry.
    """

    __slots__ = (
        "_house",
        "_open",
        "_patience",
        "_raw",
        "_reader",
        "_reply",
        "_walk",
        "dropped",
        "fold",
        "over",
        "status",
        "this",
    )

    def __init__(self, house: House, walk: Walk, this: Try) -> None:
        self._house = house
        self._walk = walk
        self._open: AbstractAsyncContextManager[Reply] | None = None
        self._patience = Patience()
        # the provider's own pieces, kept only where the cache may want them
        self._raw: list[bytes] | None = [] if walk.recall_wish != "off" else None
        self._reader: Reader | None = None
        self._reply: Reply | None = None
        self.dropped: tuple[str, ...] = ()
        self.fold = Fold()
        self.over = False
        self.status: int | None = None
        self.this = this

    def completion(self) -> Completion:
        """The answer as far as it came; `raw` joins the provider's pieces by RECORD SEPARATOR, which JSON text cannot hold."""
        return self.fold.completion(raw=RAW_SEPARATOR.join(self._raw) if self._raw else b"")

    async def speak(self) -> list[Delta]:
        """The deltas up to and with the first that speaks. Raises what the target failed with."""
        house, walk, this = self._house, self._walk, self.this
        target = this.target
        limits = deadlines(walk.compiled.snapshot.timeouts, seconds_left(house, walk), this.patience)
        call = sent(walk, this, house.wire(target).encode(walk.request, target, True))
        self.dropped = call.dropped
        self._reader = house.wire(target).reader()
        self._open = house.transport(target).open(call, target, limits)
        until = house.clock() + limits.first_token
        self._patience.allow(limits.first_token)
        try:
            self._reply = await self._open.__aenter__()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"{target.provider} sent no first token within timeouts.first_token") from None
        finally:
            self._patience.rest()
        self.status = self._reply.status
        if self.status != 200:
            raise await fault(house, walk, target, self._reply)
        batch: list[Delta] = []
        while not self.over:
            piece = await self.pull(until - house.clock(), "timeouts.first_token")
            batch += piece
            if any(delta.speaks for delta in piece):
                break
        return batch

    async def pull(self, seconds: float, limit: str) -> list[Delta]:
        """What the next bytes bring, waiting for them at most `seconds`; `limit` names the setting in the error."""
        assert self._reply is not None and self._reader is not None  # noqa: S101 - set by `speak`
        self._patience.allow(seconds)
        try:
            chunk = await self._reply.chunk()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"the stream stood still for longer than {limit} allows") from None
        finally:
            self._patience.rest()
        batch = self._reader.feed(chunk) if chunk else []
        if not chunk or self._reader.done:
            batch += self._reader.close()
            self.over = True
        add = self.fold.add
        for delta in batch:
            add(delta)
        if self._raw is not None:
            self._raw += [delta.raw for delta in batch if delta.raw]
        return batch

    async def let_go(self) -> None:
        """Leave the provider: its connection goes back to the pool if the answer was read to its end, else it is closed."""
        self._patience.stop()
        opened, self._open = self._open, None
        reply, self._reply = self._reply, None
        if opened is None or reply is None:
            return
        try:
            if self.over:
                await _read_out(reply)
        finally:
            await opened.__aexit__(None, None, None)


async def _read_out(reply: Reply) -> None:
    """After the dialect's end HTTP's own may still be under way: wait a moment for it, else the connection is lost."""
    with contextlib.suppress(RouterError, TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            while await reply.chunk():
                pass
