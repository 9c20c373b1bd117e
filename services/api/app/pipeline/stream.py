"""A streamed answer: found among the targets of a plan, then followed to its end. No socket, no record, no face.

Whom to ask is for `order`, one target's answer is a `line`, and a second one beside a late one is for `hedge`.
"""

import msgspec

from ..domain.answer import Completion, Delta
from ..errors import RouterError
from .hedge import patience_with, raced
from .house import House
from .line import Line
from .order import Order, seconds_left
from .walk import Walk


class Stream:
    """`first` finds a target that speaks, `more` goes on with it, `close` is owed in every case.

    Until `first` returns, a failure moves to the next target; afterwards a failure is raised to the caller of `more`.
    """

    __slots__ = ("_ends", "_house", "_idle", "_line", "_order", "_walk", "over")

    def __init__(self, house: House, walk: Walk) -> None:
        self._house = house
        self._walk = walk
        self._order = Order(house, walk)
        self._line: Line | None = None
        self._ends = house.clock() + seconds_left(house, walk)
        self._idle = walk.compiled.snapshot.timeouts.idle
        self.over = False

    def completion(self) -> Completion:
        """The answer as far as it came."""
        return self._line.completion() if self._line is not None else Completion()

    async def first(self) -> list[Delta]:
        """The deltas up to and with the first that speaks. Raises the last failure when no target speaks."""
        order, walk, clock = self._order, self._walk, self._house.clock
        this = order.begin() or await order.wait()
        while True:
            self._line = line = Line(self._house, walk, this)
            walk.waited_before = walk.waited
            try:
                batch = await self._spoken(line)
            except RouterError as error:
                walk.waited += clock() - this.began
                failed, self._line = self._line, None  # nothing of it may mix into the next one's answer
                walk.upstream_status = failed.status
                await failed.let_go()
                this = await order.next(failed.this, error)
                continue
            except BaseException:
                walk.waited += clock() - this.began
                walk.upstream_status = self._line.status
                order.given_up(self._line.this)
                raise
            walk.waited += clock() - this.began
            self._begun(self._line)
            return batch

    async def more(self) -> list[Delta]:
        """The next deltas; meaningful until `over`. A failure here is final and marks the attempt."""
        line, walk, clock = self._line, self._walk, self._house.clock
        assert line is not None  # noqa: S101 - set by `first`
        began = clock()
        left = self._ends - began
        try:
            batch = await (line.pull(self._idle, "timeouts.idle") if self._idle < left else line.pull(left, "timeouts.total"))
        except RouterError as error:
            self._order.judge(line.this, error, line.status, spoke=True)
            walk.attempts[-1] = msgspec.structs.replace(walk.attempts[-1], error=error.code)
            raise
        finally:
            now = clock()
            walk.waited += now - began
        if line.over:
            self.over = True
            line.this.succeeded(now)
        return batch

    async def close(self) -> None:
        """Leave the provider: its connection goes back to the pool if the answer was read to its end, else it is closed."""
        if self._line is not None:
            self._line.this.left()
            await self._line.let_go()

    async def _spoken(self, line: Line) -> list[Delta]:
        """The first word of this target, or of another that was started beside it; `_line` is then that one's."""
        patience = patience_with(self._house, self._walk, line.this)
        if patience is None:
            return await line.speak()
        race = await raced(self._house, self._walk, self._order, line, patience)
        self._line = race.line
        if race.error is not None:
            raise race.error
        return race.batch

    def _begun(self, line: Line) -> None:
        """Note who speaks."""
        walk, this = self._walk, line.this
        walk.upstream_status = line.status
        self._order.note(this, None)
        walk.first_token = self._house.clock()
        walk.served = walk.tried = this.target
        walk.served_since = this.began
        walk.dropped = line.dropped
        if line.over:
            self.over = True
            this.succeeded(walk.first_token)
        else:
            this.spoke()
