"""A streamed answer: found among the targets of a plan, then followed to its end. Whom to ask is for `order`; no record, no face."""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager

import msgspec

from ..clients.common.protocols import Reader, Reply
from ..domain.answer import Completion, Delta, Fold
from ..errors import DeadlineExceeded, RouterError
from .attempts import deadlines, fault, sent
from .health import Try
from .house import House
from .order import Order, seconds_left
from .patience import Patience
from .walk import Walk

END_SECONDS = 0.1
RAW_SEPARATOR = b"\x1e"


class Stream:
    """`first` finds a target that speaks, `more` goes on with it, `close` is owed in every case.

    Until `first` returns, a failure moves to the next target; afterwards a failure is raised to the caller of `more`.
    """

    __slots__ = (
        "_ends",
        "_house",
        "_idle",
        "_open",
        "_order",
        "_patience",
        "_raw",
        "_reader",
        "_reply",
        "_this",
        "_walk",
        "fold",
        "over",
    )

    def __init__(self, house: House, walk: Walk) -> None:
        self._house = house
        self._walk = walk
        self._order = Order(house, walk)
        self._this: Try | None = None
        self._open: AbstractAsyncContextManager[Reply] | None = None
        self._reply: Reply | None = None
        self._reader: Reader | None = None
        self._patience = Patience()
        self._ends = house.clock() + seconds_left(house, walk)
        self._idle = walk.compiled.snapshot.timeouts.idle
        # the provider's own pieces, kept only where the cache may want them
        self._raw: list[bytes] | None = [] if walk.recall_wish != "off" else None
        self.fold = Fold()
        self.over = False

    def completion(self) -> Completion:
        """The answer as far as it came; `raw` joins the provider's pieces by RECORD SEPARATOR, which JSON text cannot hold."""
        return self.fold.completion(raw=RAW_SEPARATOR.join(self._raw) if self._raw else b"")

    async def first(self) -> list[Delta]:
        """The deltas up to and with the first that speaks. Raises the last failure when no target speaks."""
        order, walk = self._order, self._walk
        this = order.begin() or await order.wait()
        while True:
            self._this = this
            walk.waited_before = walk.waited
            try:
                batch = await self._until_spoken(this)
            except RouterError as error:
                await self._let_go()
                self._forget()
                this = await order.next(this, error)
                continue
            except BaseException:
                order.given_up(this)
                raise
            walk.served, walk.served_since, walk.first_token = this.target, this.began, self._house.clock()
            order.note(this, None)
            if self.over:
                this.succeeded(walk.first_token)
            else:
                this.spoke()
            return batch

    async def more(self) -> list[Delta]:
        """The next deltas; meaningful until `over`. A failure here is final and marks the attempt."""
        this, walk = self._this, self._walk
        assert this is not None  # noqa: S101 - set by `first`
        left = self._ends - self._house.clock()
        try:
            batch = await (self._pull(self._idle, "timeouts.idle") if self._idle < left else self._pull(left, "timeouts.total"))
        except RouterError as error:
            self._order.judge(this, error, 200, spoke=True)
            walk.attempts[-1] = msgspec.structs.replace(walk.attempts[-1], error=error.code)
            raise
        if self.over:
            this.succeeded(self._house.clock())
        return batch

    async def close(self) -> None:
        """Leave the provider: its connection goes back to the pool if the answer was read to its end, else it is closed."""
        self._patience.stop()
        if self._this is not None:
            self._this.left()
        await self._let_go()

    async def _let_go(self) -> None:
        opened, self._open = self._open, None
        reply, self._reply = self._reply, None
        if opened is None or reply is None:
            return
        try:
            if self.over:
                await self._read_out(reply)
        finally:
            await opened.__aexit__(None, None, None)

    async def _read_out(self, reply: Reply) -> None:
        """After the dialect's end HTTP's own may still be under way: wait a moment for it, else the connection is lost."""
        with contextlib.suppress(RouterError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while await reply.chunk():
                    pass

    def _forget(self) -> None:
        """Nothing of a target that failed before speaking may mix into the next one's answer."""
        self.fold = Fold()
        self.over = False
        if self._raw:
            self._raw.clear()

    async def _until_spoken(self, this: Try) -> list[Delta]:
        house, walk, target = self._house, self._walk, this.target
        began = house.clock()
        limits = deadlines(walk.compiled.snapshot.timeouts, seconds_left(house, walk), this.patience)
        call = sent(walk, target, house.wire(target).encode(walk.request, target, True))
        self._reader = house.wire(target).reader()
        self._open = house.transport(target).open(call, target, limits)
        until = began + limits.first_token
        self._patience.allow(limits.first_token)
        try:
            self._reply = await self._open.__aenter__()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"{target.provider} sent no first token within timeouts.first_token") from None
        finally:
            self._patience.rest()
            walk.waited += house.clock() - began
        walk.upstream_status = self._reply.status
        if self._reply.status != 200:
            raise await fault(house, target, self._reply)
        batch: list[Delta] = []
        while not self.over:
            batch += await self._pull(until - house.clock(), "timeouts.first_token")
            if any(delta.speaks for delta in batch):
                break
        return batch

    async def _pull(self, seconds: float, limit: str) -> list[Delta]:
        """What the next bytes bring, waiting for them at most `seconds`; `limit` names the setting in the error."""
        assert self._reply is not None and self._reader is not None  # noqa: S101 - set by _until_spoken
        clock = self._house.clock
        began = clock()
        self._patience.allow(seconds)
        try:
            chunk = await self._reply.chunk()
        except asyncio.CancelledError:
            if not self._patience.ran_out():
                raise
            raise DeadlineExceeded(f"the stream stood still for longer than {limit} allows") from None
        finally:
            self._patience.rest()
            self._walk.waited += clock() - began
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
