"""Raw ASGI in and out: bodies, headers, ids, and a watch on callers who leave. Nothing of any face may enter."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..domain import ids
from ..errors import BadMediaType, BodyTooLarge, CallerError, MethodNotAllowed, RouterError, SlowRequest
from .packing import coding_of, unpacked

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
new_id = ids.new_id
LINGER_SECONDS = 2.0
WATCH_AFTER = 0.02
_OVER = "the body is larger than limits.max_body_bytes ({} bytes)"
_CLIENT_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_TIMEOUT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?", re.ASCII)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class StillComing(Exception):
    """A body is known to be too large before it is here; what is left of it has to be read, or it costs the caller the answer."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.error = BodyTooLarge(_OVER.format(limit))


class CallerLeft(Exception):
    """The caller hung up before the body was here: there is nobody to answer."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by lower-case name; of equal names the last."""
    fields: dict[bytes, bytes] | None = scope.get("llm_router.fields")  # the guard's
    return dict(scope["headers"]) if fields is None else fields


def refuse_method(scope: Scope, allowed: str) -> None:
    """Raises MethodNotAllowed unless the method is the allowed one."""
    if scope["method"] != allowed:
        raise MethodNotAllowed(allowed)


def refuse_media_type(headers: dict[bytes, bytes]) -> None:
    """Raises BadMediaType unless the body says that it is JSON (a browser's cross-site form cannot)."""
    value = headers.get(b"content-type", b"")
    if value == b"application/json":
        return
    kind, _, rest = value.partition(b";")
    charset = rest.strip().lower()
    if kind.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8", b'charset="utf-8"'):
        raise BadMediaType("send the header `content-type: application/json`", param="content-type")


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The request's body, unpacked. Raises BodyTooLarge over `limit` bytes, StillComing while more of them would come, CallerLeft
    on a hang-up, BadMediaType and CallerError for a packing that is not taken or not sound.
    """
    coding = coding_of(headers)
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and len(announced) < 20 and int(announced) > limit:
        raise StillComing(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(_OVER.format(limit))
    else:
        body = await _gathered(message, receive, limit)
    return await unpacked(body, coding, limit) if coding else body


async def _gathered(message: Message, receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise StillComing(limit)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    raise CallerLeft


def client_request_id(headers: dict[bytes, bytes]) -> str | None:
    """The caller's own `x-request-id` when it is harmless to repeat."""
    value = headers.get(b"x-request-id")
    if value is None:
        return None
    text = value.decode("latin-1")
    return text if _CLIENT_ID.fullmatch(text) else None


def request_timeout(headers: dict[bytes, bytes]) -> float | None:
    """`x-request-timeout` in seconds. Raises CallerError when it is there but no positive number."""
    value = headers.get(b"x-request-timeout")
    if value is None:
        return None
    text = value.decode("latin-1")
    if not _TIMEOUT.fullmatch(text) or float(text) <= 0:
        raise CallerError("x-request-timeout: a positive number of seconds, at most three decimals", param="x-request-timeout")
    return float(text)


def traceparent(headers: dict[bytes, bytes]) -> str | None:
    """The caller's W3C trace context when it is well-formed."""
    value = headers.get(b"traceparent")
    if value is None:
        return None
    text = value.decode("latin-1")
    return text if _TRACEPARENT.fullmatch(text) else None


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole response."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_early(send: Send, receive: Receive, status: int, headers: Headers, body: bytes) -> None:
    """A whole response to a request whose body is still coming: closed at once, the caller would see a reset instead of it."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


def id_headers(call_id: str, face: str) -> Headers:
    """Our id, on Anthropic's face also under the name that its SDKs read it from."""
    value = call_id.encode()
    return [(b"x-request-id", value), (b"request-id", value)] if face == "messages" else [(b"x-request-id", value)]


def error_headers(error: RouterError, call_id: str, face: str = "") -> Headers:
    """What every error carries."""
    headers: Headers = [JSON, *id_headers(call_id, face)]
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode()))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
    elif error.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    elif error.status == SlowRequest.status:
        headers.append((b"connection", b"close"))  # where its body would have ended, nobody knows
    if error.should_retry is not None:
        headers.append((b"x-should-retry", b"true" if error.should_retry else b"false"))
    return headers


class Attendance:
    """Watches one caller while a provider works: whoever leaves cancels the serving task, which closes the upstream.

    The watch begins WATCH_AFTER seconds into the call: a task per call is not free, and what is answered sooner needs none.
    """

    __slots__ = ("_receive", "_serving", "_timer", "_watch", "gone")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._serving: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self.gone = False

    def start(self) -> None:
        """Begin to watch; the current task is the one to cancel."""
        loop = asyncio.get_running_loop()
        self._serving = asyncio.current_task(loop)
        self._timer = loop.call_later(WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._serving is not None:
            self._serving.cancel()

    def stop(self) -> bool:
        """End the watch. True when the caller had left: the cancellation, if still under way, is taken back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None and not self._watch.done():
            self._watch.cancel()
        if self.gone and self._serving is not None:
            self._serving.uncancel()
        self._serving = None
        return self.gone
