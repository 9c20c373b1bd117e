"""The toxic upstream as a server: it accepts, reads requests, lets the chosen fault answer. No fault's own bytes may enter.

async with ToxicUpstream() as upstream:
    upstream.base_url("openai")     # for a provider's base_url
    upstream.log.entries[-1].client_closed
"""

import asyncio
import ssl
from time import monotonic
from types import TracebackType
from typing import IO, Final

from ..errors import CallerError
from . import asked as asking
from .asked import CONTROL, Asked, Bad, Head, Route
from .control import Board, Past
from .doors import Doors
from .exchange import JSON, Exchange
from .line import Left, Line, TooMuch
from .log import Entry, Log
from .statuses import refuse
from .table import OK, Chosen, UnknownFault, chosen, named
from .wording import error_body

DIALECTS: Final = {"openai": "/v1", "mistral": "/mistral/v1", "anthropic": "", "gemini": ""}
"""What a provider's base URL ends with, by dialect."""
_MOST_MODELS: Final = 10_000


class ToxicUpstream:
    """A provider that fails as the model's name says. `port` 0 is any free one; `file` gets the log as it grows.

    With `tls` it speaks HTTPS. After the start `port`, `doors` (ports that fail before any request) and `log` can be read.
    """

    def __init__(
        self, port: int = 0, host: str = "127.0.0.1", file: IO[bytes] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = port
        self.host = host
        self.log = Log(file)
        self.doors: dict[str, int] = {}
        self._tls = tls
        self._lines: set[Line] = set()
        self._board = Board(self.log, lambda: len(self._lines))
        self._entries: dict[Line, Entry] = {}
        self._opened = Doors()
        self._server: asyncio.Server

    async def __aenter__(self) -> "ToxicUpstream":
        """Start. Raises OSError where the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, self.host, self.port, ssl=self._tls, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]
        await self._opened.open(self.host)
        self.doors = self._opened.ports
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._opened.close()
        self._server.close()
        tasks = [line.task for line in self._lines if line.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in tuple(self._lines):
            line.abort()
        await asyncio.sleep(0)

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    def base_url(self, dialect: str, fault: str = "") -> str:
        """Where a provider of this dialect is; with `fault` every call to it meets that one, whatever the model."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{host}:{self.port}{f'/~{fault}' if fault else ''}{DIALECTS[dialect]}"

    def play(self, model: str, fault: str) -> None:
        """From now on this model ("*" = every other one) meets this fault; "" ends that. Raises UnknownFault."""
        self._board.play(model, fault)

    def reset(self) -> None:
        """Forget what was asked, counted and wished."""
        self._board.reset()

    def _accept(self) -> Line:
        self._board.accepted += 1
        line = Line(self._board.accepted, self._serve, self._hung_up, self._lines.discard)
        self._lines.add(line)
        return line

    def _hung_up(self, line: Line) -> None:
        entry = self._entries.get(line)
        if entry is not None:
            self.log.hang_up(entry)

    async def _serve(self, line: Line) -> None:
        """One connection, request by request."""
        try:
            while not line.over and await self._one(line):
                pass
        except (Left, ConnectionError):
            pass
        except TooMuch:
            await _last_words(line, 413, "the request is too large")
        except Bad as error:
            await _last_words(line, 400, str(error))
        finally:
            self._entries.pop(line, None)
            if not line.over:
                line.close()

    async def _one(self, line: Line) -> bool:
        """One request; False when none came."""
        data = await line.until(b"\r\n\r\n", asking.MOST_HEAD)
        if not data:
            return False
        head = asking.head_of(data)
        if head.path.startswith(CONTROL):
            status, kind, body = self._board.reply(head.method, head.path, await asking.body_of(line, head.headers))
            await Exchange(line, _unlogged(line), Asked(head, "openai", "chat", "", False, b"")).answer(status, body, kind)
            return True
        entry = self.log.open(line.number, line.answered > 0, head.method, head.target, head.headers)
        self._entries[line] = entry
        line.answered += 1
        entry.bytes_in = len(data)
        try:
            await self._answer(line, head, entry)
        finally:
            self.log.end(entry)
        return True

    async def _answer(self, line: Line, head: Head, entry: Entry) -> None:
        route = asking.route_of(head.path)
        if route is None or head.method != "POST":
            self.log.note("asked", entry)
            await asking.body_of(line, head.headers)
            asked = Asked(head, "openai", "chat", "", False, b"")
            message = "not a provider's path: POST .../chat/completions, /messages, /embeddings, /models/NAME:generateContent"
            await refuse(Exchange(line, entry, asked), 404, message=message)
            return
        asked = await self._read(line, head, route, entry)
        x = Exchange(line, entry, asked)
        try:
            choice = self._choice(route, asked.model)
            entry.model, entry.fault = asked.model, choice.fault.name
            self.log.note("asked", entry)
            x.given, past = choice.given, self._past(asked.model)
            x.turn, x.since = past.turns, past.since
            past.turns += 1
            await choice.fault.play(x)
        except (CallerError, UnknownFault) as error:
            await x.answer(400, error_body(asked.dialect, 400, message=str(error)))

    async def _read(self, line: Line, head: Head, route: Route, entry: Entry) -> Asked:
        """The request; of one that is answered early only what has come by then."""
        if head.headers.get("expect", "").lower() == "100-continue":
            await line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if asking.length_of(head.headers) and not line.waiting():
            await line.more()
        model = route.model or asking.early_model(line.waiting())
        if self._is_early(route, model):
            return Asked(head, route.dialect, route.kind, model, route.stream, b"")
        body = await asking.body_of(line, head.headers)
        entry.bytes_in += len(body)
        return asking.asked_of(head, route, body)

    def _is_early(self, route: Route, model: str) -> bool:
        try:
            return self._choice(route, model).fault.early
        except UnknownFault:
            return False

    def _choice(self, route: Route, model: str) -> Chosen:
        """The fault of the path, else the one wished for the model, else the one it names, else the one wished for all."""
        if route.fault:
            return named(route.fault)
        played = self._board.played
        return played.get(model) or chosen(model) or played.get("*") or Chosen(OK)

    def _past(self, model: str) -> Past:
        pasts = self._board.pasts
        if model not in pasts:
            if len(pasts) >= _MOST_MODELS:
                del pasts[next(iter(pasts))]
            pasts[model] = Past(0, monotonic())
        return pasts[model]


def _unlogged(line: Line) -> Entry:
    """An entry for what is asked of the upstream itself, which no log shows."""
    return Entry(id=0, connection=line.number, reused=False, method="", path="")


async def _last_words(line: Line, status: int, message: str) -> None:
    nobody = Asked(Head("", "", {}), "openai", "chat", "", False, b"")
    try:
        await Exchange(line, _unlogged(line), nobody).answer(status, error_body("openai", status, message=message), JSON)
    except (Left, ConnectionError):
        return
