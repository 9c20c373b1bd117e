"""One connection on our protocol: its time, its order, its end. The limits are the protocol's own, made short; the sockets are real."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from app.server import sweep
from app.server.protocol import WholeProtocol

from .wire import Reply, get, parsed, post

PATIENCE = 20.0  # for the test to give up; nothing waits for it when all is well


class Short(WholeProtocol):
    """Limits of a moment."""

    head_seconds = 0.3
    body_seconds = 0.3
    linger_seconds = 0.3
    write_seconds = 0.3


class App:
    """Answers by path: `/whole`, `/stream` (which waits for `go`), `/late` (waits, then whole), `/early` (reads no body), `/huge`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.seen: list[tuple[str, str, bytes]] = []
        self.fields: list[list[tuple[bytes, bytes]]] = []
        self.gone = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        body = b""
        if path != "/early":
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.gone += 1
                    return
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        self.seen.append((scope["method"], path, body))
        self.fields.append(list(scope["headers"]))
        if path in ("/late", "/early-late"):
            await self.go.wait()
        await {"/stream": self.stream, "/huge": self.huge}.get(path, self.whole)(path, send)

    async def whole(self, path: str, send: Any) -> None:
        text = path.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text})

    async def stream(self, path: str, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"begun,", "more_body": True})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"ended", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def huge(self, path: str, send: Any) -> None:
        size = 64 * 1024 * 1024
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
        await send({"type": "http.response.body", "body": bytes(size)})


@pytest.fixture(autouse=True)
def _sweep_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SECONDS", 0.02)


@asynccontextmanager
async def serving(protocol: type[WholeProtocol] = Short, keep_alive: float = 60) -> AsyncIterator[tuple[App, int]]:
    app = App()
    config = uvicorn.Config(
        app, port=0, http=protocol, ws="none", lifespan="off", log_level="warning", server_header=False, date_header=False,
        timeout_keep_alive=keep_alive, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    server.capture_signals = _signals_stay  # type: ignore[method-assign]
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield app, listener.getsockname()[1]
    finally:
        app.go.set()
        server.should_exit = True
        await running
        assert not server.server_state.connections and not server.server_state.tasks


class _signals_stay:  # noqa: N801 - a context manager that leaves the test runner's handlers alone
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


class Caller:
    """A client that says what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(mark)

    async def rest(self) -> bytes:
        """Everything until the other side ends the connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def replies(self) -> list[Reply]:
        return parsed(await self.rest())

    async def keeps_saying(self, data: bytes, until: Callable[[], bool]) -> None:
        """A byte now and then, as long as the other side takes them."""
        while not until():
            self.writer.write(data)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    caller = Caller(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield caller
    finally:
        caller.writer.close()


async def dripping(port: int, start: bytes, drop: bytes) -> list[Reply]:
    """What a caller gets that says `start` and then `drop`, again and again."""
    async with calling(port) as caller:
        await caller.say(start)
        drip = asyncio.create_task(caller.keeps_saying(drop, caller.reader.at_eof))
        try:
            return await caller.replies()
        finally:
            drip.cancel()


HEAD = b"POST /whole HTTP/1.1\r\nhost: localhost\r\n"


# time


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with serving() as (app, port), calling(port) as caller:
        assert await caller.rest() == b"" and app.seen == []


async def test_blank_lines_keep_no_connection_awake() -> None:
    async with serving() as (_, port):
        assert await dripping(port, b"\r\n", b"\r\n") == []


async def test_a_head_that_drips_is_408() -> None:
    async with serving() as (app, port):
        (late,) = await dripping(port, HEAD, b"x-a: b\r\n")
        assert (late.status, late.code, late.fields["connection"]) == (408, "request_timeout", "close")
        assert app.seen == []


async def test_a_head_that_stops_is_408() -> None:
    async with serving() as (_, port), calling(port) as caller:
        await caller.say(HEAD)
        assert [reply.status for reply in await caller.replies()] == [408]


@pytest.mark.parametrize("framing", [b"content-length: 100000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"])
async def test_a_body_that_drips_is_408_and_the_application_hears_that_the_caller_is_gone(framing: bytes) -> None:
    drop = b"1\r\nx\r\n" if b"chunked" in framing else b"x"
    async with serving() as (app, port):
        (late,) = await dripping(port, HEAD + framing, drop)
        assert (late.status, late.code) == (408, "request_timeout")
        assert (app.gone, app.seen) == (1, [])


async def test_a_body_that_comes_steadily_may_take_longer_than_one_that_drips() -> None:
    async with serving() as (app, port), calling(port) as caller:
        pieces = 40
        await caller.say(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % (pieces * 1000))
        for _ in range(pieces):  # 25 ms each: three times the limit in all
            await caller.say(b"x" * 1000)
            await asyncio.sleep(0.025)
        assert [reply.status for reply in await caller.replies()] == [200]
        assert len(app.seen[0][2]) == pieces * 1000


async def test_a_body_that_nobody_waits_for_any_more_holds_no_connection() -> None:
    """The application answered without reading it: one answer, and no second one when the body is late."""
    async with serving() as (_, port):
        replies = await dripping(port, b"POST /early HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n", b"x")
        assert [reply.status for reply in replies] == [200]


async def test_a_connection_without_a_next_request_is_closed() -> None:
    async with serving(keep_alive=0.1) as (_, port), calling(port) as caller:
        await caller.say(get("/whole") * 2)
        assert [reply.body for reply in await caller.replies()] == [b"/whole"] * 2


async def test_time_does_not_run_while_a_request_is_answered() -> None:
    async with serving(keep_alive=0.1) as (app, port), calling(port) as caller, calling(port) as other:
        await caller.say(get("/late"))
        await other.say(HEAD)  # it is cut when its time is over, which is later than the first one's would be
        assert [reply.status for reply in await other.replies()] == [408]
        app.go.set()
        assert [reply.body for reply in await caller.replies()] == [b"/late"]


async def test_time_does_not_run_for_a_request_that_waits_behind_another() -> None:
    async with serving() as (app, port), calling(port) as caller, calling(port) as other:
        await caller.say(get("/late") + HEAD + b"connection: close\r\ncontent-length: 3\r\n\r\nab")
        await other.say(HEAD)
        assert [reply.status for reply in await other.replies()] == [408]
        app.go.set()
        await caller.until(b"/late")
        await caller.say(b"c")
        assert [reply.body for reply in await caller.replies()] == [b"/whole"]
        assert app.seen[-1] == ("POST", "/whole", b"abc")


async def test_a_caller_who_does_not_read_is_dropped() -> None:
    async with serving() as (_, port), calling(port) as caller:
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await caller.say(get("/huge"))
        async with calling(port) as other:
            await other.say(HEAD)
            assert [reply.status for reply in await other.replies()] == [408]
        async with asyncio.timeout(PATIENCE):
            while True:  # a dropped connection is one that takes no more
                caller.writer.write(b"x" * 1000)
                await asyncio.sleep(0.02)
                if caller.writer.transport.is_closing():
                    return


async def test_nobody_else_waits_for_those_who_are_slow() -> None:
    async with serving() as (_, port):
        slow = [asyncio.create_task(dripping(port, HEAD, b"x-a: b\r\n")) for _ in range(20)]
        async with calling(port) as caller:
            await caller.say(get("/whole", b"connection: close"))
            assert [reply.status for reply in await caller.replies()] == [200]
        assert not any(task.done() for task in slow)
        assert [[reply.status for reply in replies] for replies in await asyncio.gather(*slow)] == [[408]] * 20


# order


async def test_requests_in_one_packet_are_answered_in_order() -> None:
    async with serving() as (app, port), calling(port) as caller:
        await caller.say(get("/late") + post("/a", b"{}") + get("/stream") + get("/b", b"connection: close"))
        while not app.seen:
            await asyncio.sleep(0)
        app.go.set()
        assert [reply.body for reply in await caller.replies()] == [b"/late", b"/a", b"begun,ended", b"/b"]
        assert [path for _, path, _ in app.seen] == ["/late", "/a", "/stream", "/b"]


GARBAGE = [b"\x16\x03\x01\x02", b"GET /a HTTP/1.1\nhost: x\n\n", b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\n"]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_nothing_is_written_into_an_answer_that_is_under_way(garbage: bytes) -> None:
    async with serving() as (app, port), calling(port) as caller:
        await caller.say(get("/stream"))
        begun = await caller.until(b"begun,")
        await caller.say(garbage)
        async with calling(port) as other:  # by the time this is answered, the garbage has been read
            await other.say(get("/whole", b"connection: close"))
            await other.rest()
        app.go.set()
        (only,) = parsed(begun + await caller.rest())
        assert only.body == b"begun,ended"


async def test_a_request_before_garbage_is_answered_and_the_connection_ends() -> None:
    async with serving() as (_, port), calling(port) as caller:
        await caller.say(get("/whole") + b"\x16\x03\x01" + get("/whole"))
        replies = await caller.replies()
        assert replies[0].body == b"/whole" and len(replies) == 1


async def test_a_body_that_breaks_its_framing_is_400_and_never_reaches_the_application() -> None:
    async with serving() as (app, port), calling(port) as caller:
        await caller.say(HEAD + b"expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxx\r\n")
        assert [reply.status for reply in await caller.replies()] == [400]
        assert app.seen == []


async def test_an_early_answer_is_followed_by_no_second_one_when_the_body_turns_out_unsound() -> None:
    async with serving() as (_, port), calling(port) as caller:
        await caller.say(b"POST /early HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        await caller.until(b"/early")
        await caller.say(b"zz\r\n")
        assert await caller.rest() == b""


# ends


async def test_a_caller_who_still_sends_gets_the_answer_that_closes() -> None:
    """Closed at once with unread bytes the connection would be reset, and the answer lost."""
    async with serving() as (_, port), calling(port) as caller:
        body = b"x" * 8_000_000
        sending = asyncio.create_task(
            caller.say(
                b"POST /early HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
        )
        assert [reply.body for reply in await caller.replies()] == [b"/early"]
        sending.cancel()


async def test_the_refusal_of_an_endless_head_arrives() -> None:
    async with serving() as (_, port), calling(port) as caller:
        sending = asyncio.create_task(caller.say(HEAD + b"x-a: " + b"b" * 4_000_000))
        assert [(reply.status, reply.code) for reply in await caller.replies()] == [(431, "headers_too_large")]
        sending.cancel()


async def test_a_head_in_many_pieces_is_measured_as_a_whole() -> None:
    async with serving() as (app, port):
        for size, status in ((60_000, 200), (66_000, 431)):
            async with calling(port) as caller:
                await caller.say(b"GET /whole HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-a: ")
                for _ in range(size // 1000):
                    await caller.say(b"b" * 1000)
                    await asyncio.sleep(0)
                await caller.say(b"\r\n\r\n")
                assert [reply.status for reply in await caller.replies()] == [status]
        assert len(app.seen) == 1


async def test_an_expected_body_is_asked_for_once_it_is_wanted() -> None:
    async with serving() as (app, port), calling(port) as caller:
        await caller.say(HEAD + b"expect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n")
        assert await caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.say(b"abc")
        assert [reply.status for reply in await caller.replies()] == [200] and app.seen[0][2] == b"abc"


async def test_a_body_that_was_not_asked_for_can_not_be_taken_for_a_request() -> None:
    """Nobody knows whether it will still come: the connection ends with the answer."""
    async with serving() as (app, port), calling(port) as caller:
        await caller.say(b"POST /early HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 40\r\n\r\n")
        (only,) = await caller.replies()
        assert (only.status, only.fields["connection"]) == (200, "close") and len(app.seen) == 1


async def test_http_1_0_gets_a_stream_without_chunks_and_the_end_of_the_connection() -> None:
    async with serving() as (app, port), calling(port) as caller:
        app.go.set()
        await caller.say(get("/stream", version=b"1.0"))
        (only,) = await caller.replies()
        assert only.body == b"begun,ended"
        assert only.fields.get("transfer-encoding") is None and only.fields["connection"] == "close"


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_an_upgrade_is_not_taken_and_the_request_is_answered_as_it_is(protocol: bytes) -> None:
    upgrade = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: " + protocol)
    async with serving() as (app, port):
        for request in (get("/whole", *upgrade), post("/whole", b"body", *upgrade)):
            async with calling(port) as caller:
                await caller.say(request + get("/next", b"connection: close"))
                assert [reply.body for reply in await caller.replies()] == [b"/whole", b"/next"]
        assert [request for request in app.seen if request[1] == "/whole"] == [
            ("GET", "/whole", b""),
            ("POST", "/whole", b"body"),
        ]


async def test_the_body_after_a_refused_upgrade_may_come_later_and_in_chunks_and_is_still_framed() -> None:
    upgrade = b"connection: Upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serving() as (app, port):
        for pieces, statuses in (((b"1\r\nx", b"\r\n0\r\n\r\n"), [200, 200]), ((b"", b"zz\r\n"), [400])):
            async with calling(port) as caller:
                await caller.say(HEAD + upgrade)
                for piece in pieces:
                    await caller.say(piece)
                    await asyncio.sleep(0)
                await caller.say(get("/next", b"connection: close"))
                assert [reply.status for reply in await caller.replies()] == statuses
        assert [body for _, _, body in app.seen] == [b"x", b""]


async def test_trailers_are_no_header_fields() -> None:
    async with serving() as (app, port), calling(port) as caller:
        body = b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\nx\r\n0\r\nx-api-key: k\r\nhost: evil\r\n\r\n"
        await caller.say(HEAD + body)
        assert [reply.status for reply in await caller.replies()] == [200]
        assert [name for name, _ in app.fields[0]] == [b"host", b"transfer-encoding", b"connection"]


async def test_a_caller_who_leaves_in_any_phase_leaves_nothing_behind() -> None:
    async def leave(data: bytes) -> None:
        async with calling(port) as caller:
            await caller.say(data)

    phases: list[Awaitable[None]] = []
    async with serving() as (_, port):
        phases = [
            leave(data)
            for data in (b"", b"\r\n", b"GET", HEAD, HEAD + b"content-length: 9\r\n\r\nx", get("/late"), get("/stream"))
        ]
        await asyncio.gather(*phases)
