"""Requests to the service: to a running one by URL, or to the application itself in this process. No command enters."""

import asyncio
import http.client
import ipaddress
import os
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from ..config.redaction import without_password
from .ending import WrongUse

OnBytes = Callable[[bytes], None]
OnReply = Callable[[int, "Reply"], None]
T = TypeVar("T")
PATIENCE: Final = 600.0
"""Seconds without a byte; the service's own time limits are shorter."""
MOST_BYTES: Final = 256 * 1024 * 1024


class Unreachable(Exception):
    """No service answered at the URL, or not to the end."""


class NotOurs(Exception):
    """What answers there is not this router."""

    def __init__(self) -> None:
        super().__init__("what answers there is not this router")


class Ask(Struct, frozen=True):
    """One request: a POST of `body`, a GET when it is None."""

    path: str
    body: dict[str, Any] | None = None

    def data(self) -> bytes | None:
        """The body's bytes."""
        return None if self.body is None else msgspec.json.encode(self.body)


class Reply(Struct, frozen=True):
    """What came back; `status` 0 = nothing did, and `body` says why."""

    status: int
    body: bytes

    @property
    def error(self) -> str:
        """What an answer that is none says, in one sentence."""
        if self.status == 0:
            return self.body.decode()
        try:
            error = msgspec.json.decode(self.body)["error"]
            return f"{error['code']}: {error['message']}"
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
            return f"the service answered {self.status}, and not with an error of this router"


def told(reply: Reply, read: Callable[[Any], T]) -> T:
    """What `read` makes of a good reply's JSON. Raises NotOurs when it cannot."""
    try:
        return read(msgspec.json.decode(reply.body))
    except (msgspec.MsgspecError, UnicodeDecodeError, LookupError, TypeError, ValueError, AttributeError):
        raise NotOurs from None


class Service(Struct, frozen=True):
    """Whom to ask. No `url` = this process, with the configuration that is in use here. Raises WrongUse for what cannot be one.

    `patience` = seconds without a byte.
    """

    url: str = ""
    key: str = ""
    patience: float = PATIENCE

    def __post_init__(self) -> None:
        """Whatever is wrong is said before anything is sent."""
        if self.url and not (self.url.startswith(("http://", "https://")) and _host(self.url)):
            raise WrongUse(f"{without_password(self.url)} is not an http address")
        if not (self.key.isascii() and self.key.isprintable()):
            raise WrongUse("the caller key holds characters that no header can carry")

    def ask(self, path: str, body: dict[str, Any] | None = None, on_bytes: OnBytes | None = None) -> Reply:
        """One request; `on_bytes` sees a good answer's pieces as they arrive. Raises Unreachable."""
        ask = Ask(path, body)
        return self._remote(ask, on_bytes) if self.url else asyncio.run(_in_process([ask], 1, _to_none, on_bytes))[0]

    def ask_all(self, asks: Sequence[Ask], at_once: int, on_reply: OnReply) -> list[Reply]:
        """Many requests, so many at a time; `on_reply` hears of each by its place. What is out of reach has status 0."""
        if not self.url:
            return asyncio.run(_in_process(asks, at_once, on_reply))
        return self._in_threads(asks, at_once, on_reply)

    def _in_threads(self, asks: Sequence[Ask], at_once: int, on_reply: OnReply) -> list[Reply]:
        waiting = iter(list(enumerate(asks)))
        ended: queue.SimpleQueue[tuple[int, Reply]] = queue.SimpleQueue()
        taking = threading.Lock()

        def work() -> None:
            while True:
                with taking:
                    place, ask = next(waiting, (-1, None))
                if ask is None:
                    return
                try:
                    ended.put((place, self._remote(ask, None)))
                except Unreachable as error:
                    ended.put((place, Reply(0, str(error).encode())))

        for _ in range(min(at_once, len(asks))):
            # a daemon: Ctrl-C does not wait for answers
            threading.Thread(target=work, daemon=True).start()
        replies = [Reply(0, b"")] * len(asks)
        for _ in asks:
            place, reply = ended.get()
            replies[place] = reply
            on_reply(place, reply)
        return replies

    def _remote(self, ask: Ask, on_bytes: OnBytes | None) -> Reply:
        url = self.url.rstrip("/") + ask.path
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {self.key}"} if self.key else {})}
        try:
            request = urllib.request.Request(url, data=ask.data(), headers=headers)  # noqa: S310 - an http address, see above
            with opener_for(url).open(request, timeout=self.patience) as answer:
                return Reply(answer.status, b"".join(_pieces(answer, on_bytes)))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(MOST_BYTES))
        except http.client.IncompleteRead:
            raise Unreachable(f"the answer of {without_password(self.url)} broke off") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            says = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise Unreachable(f"no service answers at {without_password(self.url)}: {says}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key and the prompt along to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Is not followed."""


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Proxies of the environment are not asked for this very machine."""
    proxies = [urllib.request.ProxyHandler({})] if _is_here(_host(url)) else []
    return urllib.request.build_opener(_NoRedirect, *proxies)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pieces(answer: http.client.HTTPResponse | IO[bytes], on_bytes: OnBytes | None) -> Iterator[bytes]:
    room = MOST_BYTES
    while piece := answer.read1(65536):  # type: ignore[union-attr]  # urlopen's answer over http is an HTTPResponse
        room -= len(piece)
        if room < 0:
            raise ValueError("the answer has no end")
        yield piece
        if on_bytes is not None:
            on_bytes(piece)
    if getattr(answer, "length", None):  # what is missing of the length that was promised; read1 says nothing of it
        raise http.client.IncompleteRead(b"")


def _to_none(_place: int, _reply: Reply) -> None:
    """Nobody waits for a part."""


def _scope(ask: Ask) -> dict[str, Any]:
    """An ASGI request that came from this very machine."""
    path, _, query = ask.path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if ask.body is None else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "client": None,
        "server": None,
        "state": {},
        "llm_router.local": True,
    }


async def _in_process(asks: Sequence[Ask], at_once: int, on_reply: OnReply, on_bytes: OnBytes | None = None) -> list[Reply]:
    """The same application as the server's, for these requests alone; its start-up lines stay out of the way."""
    os.environ["LLM_ROUTER_QUIET"] = "1"
    from ..service import create_app  # noqa: PLC0415 - the service is heavy; a remote command does not pay for it

    app = create_app()
    turn = asyncio.Semaphore(at_once)

    async def one(place: int, ask: Ask) -> Reply:
        async with turn:
            reply = await _asked(app, ask, on_bytes)
            on_reply(place, reply)
            return reply

    async with app.router.lifespan_context(app):
        return await asyncio.gather(*(one(place, ask) for place, ask in enumerate(asks)))


async def _asked(app: Callable[..., Any], ask: Ask, on_bytes: OnBytes | None) -> Reply:
    status = 0
    pieces: list[bytes] = []
    inbox = [{"type": "http.request", "body": ask.data() or b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message.get("body"):
            pieces.append(message["body"])
            if on_bytes is not None and status == 200:
                on_bytes(message["body"])

    await app(_scope(ask), receive, send)
    return Reply(status, b"".join(pieces))
