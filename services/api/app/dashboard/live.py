"""What happens now, as server-sent events: one look a second at the projection for all viewers of a worker. Changes no figure.

Nobody looks while nobody watches. Streams end when the worker stops taking calls, so that a page never holds up a drain.
"""

import asyncio
import contextlib
from typing import Final

import msgspec
from msgspec import Struct

from ..errors import RouterError
from ..logging_utils.usage.calls import newer, newest_seq
from ..logging_utils.usage.values import CallRow, Filters
from .answers import PRIVATE, SAFE, NoPage
from .asked import Asked
from .calls import cells, filters, fits
from .figures import Figures, NoFigures
from .kit import Kit
from .ranges import Range, chosen

LOOK_SECONDS: Final = 1.0
MOST_VIEWERS: Final = 24
MOST_ROWS: Final = 200
WAITING: Final = 16
"""Looks that a slow viewer may be behind; then it is let go, and comes again by itself."""
QUIET_LOOKS: Final = 15
"""Looks without news after which a viewer is told that all is well."""
_END: Final = None


class News(Struct, frozen=True, eq=False):
    """What one look found."""

    rows: tuple[CallRow, ...]


class Live:
    """One worker's looks and its viewers."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._viewers: set[asyncio.Queue[News | None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def follow(self, asked: Asked) -> None:
        """Answer with a stream of calls as they come, and first those behind `since`. Raises NoPage before it begins."""
        only, span, since = filters(asked), chosen("", asked.one("tz"), self._kit.now()), _since(asked)
        if len(self._viewers) >= MOST_VIEWERS:
            raise NoPage(503, "Too many live pages", "Close one, or look again without following.")
        if self._kit.here.not_ready() is not None:
            raise NoPage(503, "The service is not ready", "It is starting or stopping.")
        queue: asyncio.Queue[News | None] = asyncio.Queue(WAITING)
        self._viewers.add(queue)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        left = asyncio.create_task(_left(asked))
        try:
            await _open(asked)
            if since is not None:
                await self._catch_up(asked, since, only, span)
            await self._tell(asked, queue, left, only, span)
        finally:
            self._viewers.discard(queue)
            left.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await left

    async def _catch_up(self, asked: Asked, since: int, only: Filters, span: Range) -> None:
        """What ended between the making of the page and now; a page knows which of it it has already."""
        try:
            rows = await self._kit.figures.ask(lambda db: newer(db, since, only, MOST_ROWS))
        except (NoFigures, RouterError):
            return
        if rows:
            body = _event(News(tuple(rows)), only, span)
            await asked.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _tell(
        self, asked: Asked, queue: "asyncio.Queue[News | None]", left: "asyncio.Task[None]", only: Filters, span: Range
    ) -> None:
        while not left.done():
            getting = asyncio.ensure_future(queue.get())
            await asyncio.wait((getting, left), return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                return
            news = getting.result()
            if news is _END:
                await asked.send({"type": "http.response.body", "body": b"event: end\ndata: {}\n\n"})
                return
            body = _event(news, only, span)
            await asked.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _look(self) -> None:
        """Until nobody watches, or the worker stops."""
        seq: int | None = None
        quiet = 0
        while self._viewers and self._kit.here.not_ready() is None:
            try:
                rows, seq = await _found(self._kit.figures, seq)
            except (NoFigures, RouterError):  # none yet, or being made anew
                rows = ()
            quiet = 0 if rows else quiet + 1
            if rows or quiet % QUIET_LOOKS == 0:
                self._spread(News(rows))
            await asyncio.sleep(LOOK_SECONDS)
        self._spread(_END)

    def _spread(self, news: News | None) -> None:
        for queue in list(self._viewers):
            if news is _END or queue.full():
                self._viewers.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(_END)
            else:
                queue.put_nowait(news)


def _since(asked: Asked) -> int | None:
    given = asked.one("since")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 17 else None


async def _found(figures: Figures, seq: int | None) -> tuple[tuple[CallRow, ...], int]:
    if seq is None:
        return (), await figures.ask(newest_seq)
    rows = tuple(await figures.ask(lambda db: newer(db, seq, limit=MOST_ROWS)))
    return rows, rows[-1].seq if rows else seq


def _event(news: News, only: Filters, span: Range) -> bytes:
    if not news.rows:
        return b": all is well\n\n"
    told = {"count": len(news.rows), "rows": [cells(row, span) for row in news.rows if fits(row, only)]}
    return b"event: calls\ndata: " + msgspec.json.encode(told) + b"\n\n"


async def _open(asked: Asked) -> None:
    fields = [(b"content-type", b"text/event-stream; charset=utf-8"), PRIVATE, (b"x-accel-buffering", b"no"), *SAFE]
    await asked.send({"type": "http.response.start", "status": 200, "headers": fields})
    await asked.send({"type": "http.response.body", "body": b"retry: 3000\n: here\n\n", "more_body": True})


async def _left(asked: Asked) -> None:
    while (await asked.receive())["type"] != "http.disconnect":
        pass
