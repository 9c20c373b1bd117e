"""What a fault is, and the two commonest ways to make one: by changing a good answer. No particular fault may enter."""

from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

from . import good
from .exchange import JSON, Exchange

Play = Callable[[Exchange], Awaitable[None]]
Events = Callable[[good.Stream], Iterable[bytes]]
Body = Callable[[bytes], bytes]


class Fault(Struct, frozen=True):
    """One row of the table: its name, what the caller meets, the cases of the fault catalogue it plays, and how.

    `takes` says what may stand after the name and a colon, with what holds without it: `ms=300`, `text=2`; "" is nothing.
    An `early` fault is played when the head and the model's name have come, the rest of the body unread.
    """

    name: str
    says: str
    cases: tuple[str, ...]
    play: Play
    takes: str = ""
    early: bool = False

    @property
    def unit(self) -> str:
        """What it takes: ms, count, mb, percent, text, or ""."""
        return self.takes.partition("=")[0]


def altered(events: Events, body: Body) -> Play:
    """A well-framed answer whose events, or whose body, are changed."""

    async def play(x: Exchange) -> None:
        if x.asked.stream:
            await x.say(events(good.stream(x.asked)))
        else:
            await x.answer(200, body(good.whole(x.asked)))

    return play


def changed(change: Callable[[bytes], bytes]) -> Play:
    """A well-framed answer, each event of which, or the body of which, went through `change`; b"" is left out."""

    def events(said: good.Stream) -> Iterable[bytes]:
        return [event for event in map(change, said.events) if event]

    return altered(events, change)


def instead(body: bytes, kind: str = JSON, status: int = 200) -> Play:
    """This body, whatever was asked."""

    async def play(x: Exchange) -> None:
        await x.answer(status, body, kind)

    return play
