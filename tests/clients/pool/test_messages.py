"""What goes onto the wire and what is read from it, however it is cut; what is no sound HTTP is refused."""

import asyncio
import random
import socket
import struct

import pytest

from app.clients.common.protocols import Call
from app.clients.pool import answer as answers
from app.clients.pool.transport import PoolTransport
from app.errors import BadAnswer, OurBug, ProviderAuth, ProviderUnreachable, TruncatedAnswer
from raw_hosts import (
    CHUNKED,
    KEY,
    OK,
    PATIENT,
    TARGET,
    UNTIL_CLOSE,
    Line,
    ask,
    call_to,
    failure,
    hosting,
    once,
    playing,
)


async def test_the_request_is_one_sound_message(transport: PoolTransport) -> None:
    """Path and query as given, the framing ours, the key in its one header."""
    async with hosting(playing(OK)) as host:
        await ask(transport, call_to(host.port, "/v1/a%20b?x=1&y=%2F", b'{"a": 1}'))
    [(first, headers, body)] = host.lines[0].asked
    assert first == "POST /v1/a%20b?x=1&y=%2F HTTP/1.1"
    assert body == b'{"a": 1}'
    assert headers == {
        "host": f"127.0.0.1:{host.port}",
        "accept-encoding": "identity",
        "user-agent": "llm-router",
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
        "content-length": "8",
    }


@pytest.mark.parametrize("auth", ["x-api-key", "x-goog-api-key", ""])
async def test_each_scheme_has_its_header(transport: PoolTransport, auth: str) -> None:
    async with hosting(playing(OK)) as host:
        await ask(transport, call_to(host.port, auth=auth))
    headers = host.lines[0].asked[0][1]
    assert [name for name, value in headers.items() if KEY in value] == ([auth] if auth else [])


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\x00b", "a\x7fb", "\u20ac", "a\rb"])
async def test_a_header_that_would_break_the_message_is_not_sent(transport: PoolTransport, value: str) -> None:
    async with hosting(playing(OK)) as host:
        call = Call(f"http://127.0.0.1:{host.port}/", b"{}", (("x-odd", value),))
        assert isinstance(await failure(transport, call), OurBug)
        call = Call(f"http://127.0.0.1:{host.port}/", b"{}", ((f"x-{value}", "1"),))
        assert isinstance(await failure(transport, call), OurBug)
    assert host.lines == []


@pytest.mark.parametrize("name", ["host", "Content-Length", "transfer-encoding", "connection"])
async def test_a_call_may_not_bring_its_own_framing(transport: PoolTransport, name: str) -> None:
    assert isinstance(await failure(transport, Call("http://127.0.0.1:9/", b"{}", ((name, "1"),))), OurBug)


@pytest.mark.parametrize("key", ["a\r\nx-evil: 1", "a\x00", "schl\u00fcssel", "a\x7f"])
async def test_a_key_that_no_header_may_carry_is_named_not_shown(key: str) -> None:
    error = await failure(PoolTransport(lambda _: key), call_to(9))
    assert isinstance(error, ProviderAuth)
    assert "KEY" in error.message and key not in error.message


async def test_a_missing_key_names_its_variable() -> None:
    error = await failure(PoolTransport(lambda _: ""), call_to(9))
    assert isinstance(error, ProviderAuth) and error.message == "no key for host: set KEY"


URLS = [
    "ftp://h/",
    "http:///x",
    "http://u:p@h/",
    "http://h:99999/",
    "http://h/a b",
    "http://h/\r\nx",
    "h",
    "http://[::1/",
    "http://\u20ac/",
]


@pytest.mark.parametrize("url", URLS)
async def test_what_is_no_address_is_unreachable(transport: PoolTransport, url: str) -> None:
    error = await failure(transport, Call(url, b"{}"))
    assert isinstance(error, ProviderUnreachable)
    assert "u:p" not in error.message


async def test_an_ipv6_literal_is_reached_and_named_in_brackets(transport: PoolTransport) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    async with hosting(playing(OK), name="::1") as host:
        assert await ask(transport, Call(f"http://[::1]:{host.port}/", b"{}")) == (200, b"hello")
    assert host.lines[0].asked[0][1]["host"] == f"[::1]:{host.port}"


async def test_a_large_body_arrives_whole(transport: PoolTransport) -> None:
    body = random.Random(1).randbytes(5_000_000)
    async with hosting(playing(OK)) as host:
        assert await ask(transport, call_to(host.port, body=body)) == (200, b"hello")
    assert host.lines[0].asked[0][2] == body


SHAPES = {
    "length": OK,
    "chunked": CHUNKED + b"3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nx-trailer: 1\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\nx-early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK,
    "http/1.0": OK.replace(b"1.1", b"1.0", 1).replace(b"\r\n\r\n", b"\r\nconnection: keep-alive\r\n\r\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_split_at_any_byte_is_the_same_answer(transport: PoolTransport, shape: str) -> None:
    """On one connection, so that nothing of an answer is left behind for the next."""
    whole = SHAPES[shape]
    splits = iter([*([whole[:at], whole[at:]] for at in range(1, len(whole))), [bytes([byte]) for byte in whole]])

    async def played(line: Line) -> None:
        for pieces in splits:
            assert await line.hear()
            await line.say(*pieces)

    async with hosting(played) as host:
        for _ in range(len(whole)):
            async with transport.open(call_to(host.port), TARGET, PATIENT) as reply:
                assert (reply.status, await reply.read()) == (200, b"hello")
                assert not {"x-early", "link", "x-trailer"} & set(reply.headers)
    assert len(host.lines) == 1


@pytest.mark.parametrize("at", range(len(UNTIL_CLOSE) + 1))
async def test_a_body_may_end_with_the_connection(transport: PoolTransport, at: int) -> None:
    whole = UNTIL_CLOSE + b"hello"
    async with hosting(once(whole[:at], whole[at:])) as host:
        assert await ask(transport, call_to(host.port)) == (200, b"hello")


async def test_a_reset_does_not_end_a_body_well(transport: PoolTransport) -> None:
    async with (
        hosting(once(UNTIL_CLOSE + b"hel", reset=True)) as host,
        transport.open(call_to(host.port), TARGET, PATIENT) as reply,
    ):
        assert await reply.chunk() == b"hel"
        # the linger of zero makes the close a reset
        host.lines[0].writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with pytest.raises(TruncatedAnswer):
            await reply.chunk()


@pytest.mark.parametrize("status", [204, 304])
async def test_some_answers_have_no_body(transport: PoolTransport, status: int) -> None:
    async with hosting(playing(b"HTTP/1.1 %d Odd\r\nx-a: 1\r\n\r\n" % status)) as host:
        for _ in range(2):
            assert await ask(transport, call_to(host.port)) == (status, b"")
    assert len(host.lines) == 1


async def test_a_redirect_is_an_answer_and_is_not_followed(transport: PoolTransport) -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"
    async with hosting(playing(moved)) as host, transport.open(call_to(host.port), TARGET, PATIENT) as reply:
        assert (reply.status, reply.headers["location"]) == (307, "http://127.0.0.1:9/")
    assert host.asked == 1


async def test_headers_have_lower_case_names_and_keep_their_values(transport: PoolTransport) -> None:
    async with (
        hosting(playing(b"HTTP/1.1 200 OK\r\nX-Odd-NAME:  A b \r\nContent-Length: 0\r\n\r\n")) as host,
        transport.open(call_to(host.port), TARGET, PATIENT) as reply,
    ):
        assert reply.headers == {"x-odd-name": "A b", "content-length": "0"}


async def test_a_stream_is_read_piece_by_piece_as_it_comes(transport: PoolTransport) -> None:
    more = asyncio.Event()

    async def played(line: Line) -> None:
        await line.hear()
        await line.say(CHUNKED + b"3\r\none\r\n")
        await more.wait()
        await line.say(b"3\r\ntwo\r\n0\r\n\r\n")

    async with hosting(played) as host, transport.open(call_to(host.port, stream=True), TARGET, PATIENT) as reply:
        assert await reply.chunk() == b"one"
        more.set()
        assert [await reply.chunk(), await reply.chunk(), await reply.chunk()] == [b"two", b"", b""]


BAD = {
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "html alone": b"<html></html>",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "length no number": b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    "huge length number": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nhello",
    "length and chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "other coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "switching bare": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
    "status too low": b"HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n",
    "chunk size no number": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "chunk size huge": CHUNKED + b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "chunk longer than said": CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
    "header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\ncontent-length: 0\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n",
    "nul in header": b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("stays", [True, False], ids=["stays", "closes"])
async def test_what_is_no_sound_http_is_a_bad_answer(transport: PoolTransport, name: str, stays: bool) -> None:
    """Told at once, without waiting for the connection's end; the connection is closed."""
    async with hosting((playing if stays else once)(BAD[name])) as host:
        error = await failure(transport, call_to(host.port))
        assert isinstance(error, BadAnswer), error
        if stays:
            assert await host.lines[0].left()
    assert host.asked == 1


HUGE = {
    "one header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: aaaaaaaaaaaaaaa\r\n" % n for n in range(4000)),
    "whole in one packet": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 66_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "interim for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    "chunk extension": CHUNKED + b"3;" + b"a" * 140_000,
    "trailer": CHUNKED + b"0\r\nx: " + b"a" * 140_000,
}


@pytest.mark.parametrize("name", HUGE)
async def test_what_is_no_body_is_bounded(transport: PoolTransport, name: str) -> None:
    async with hosting(playing(HUGE[name])) as host:
        assert isinstance(await failure(transport, call_to(host.port)), BadAnswer)


async def test_a_long_head_within_the_bound_is_read(transport: PoolTransport) -> None:
    async with hosting(playing(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 60_000 + b"\r\ncontent-length: 2\r\n\r\nok")) as host:
        assert await ask(transport, call_to(host.port)) == (200, b"ok")


async def test_the_bound_is_not_on_a_stream_as_a_whole(transport: PoolTransport) -> None:
    """Much framing with some body in between is a long stream, not a flood."""
    pieces = [CHUNKED, *(piece for _ in range(10) for piece in (b"3;x=" + b"a" * 20_000, b"\r\nabc\r\n")), b"0\r\n\r\n"]
    async with hosting(playing(*pieces)) as host:
        assert await ask(transport, call_to(host.port)) == (200, b"abc" * 10)


async def test_a_compressed_body_is_refused_when_read(transport: PoolTransport) -> None:
    packed = b"HTTP/1.1 503 Busy\r\ncontent-encoding: gzip\r\nretry-after: 7\r\ncontent-length: 5\r\n\r\nhello"
    async with hosting(playing(packed)) as host, transport.open(call_to(host.port), TARGET, PATIENT) as reply:
        assert (reply.status, reply.headers["retry-after"]) == (503, "7")
        for reading in (reply.read, reply.chunk):
            with pytest.raises(BadAnswer):
                await reading()


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_whole_body_is_bounded(transport: PoolTransport, framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_RESPONSE_BYTES", 1000)
    shapes = {
        "length": b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
        "chunked": CHUNKED + b"3e9\r\n" + b"a" * 1001 + b"\r\n",
        "close": UNTIL_CLOSE + b"a" * 1001,
    }
    async with hosting(playing(shapes[framing])) as host:
        assert isinstance(await failure(transport, call_to(host.port)), BadAnswer)
        assert await host.lines[0].left()


HALVES = {
    "length": OK[:-1],
    "length, no body yet": OK[:-5],
    "chunked": CHUNKED + b"5\r\nhel",
    "chunked, between": CHUNKED + b"5\r\nhello\r\n",
    "chunked, last line missing": CHUNKED + b"5\r\nhello\r\n0\r\n",
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("name", HALVES)
async def test_an_answer_that_breaks_off_is_truncated(transport: PoolTransport, name: str, reset: bool) -> None:
    async with hosting(once(HALVES[name], reset=reset)) as host:
        assert isinstance(await failure(transport, call_to(host.port)), TruncatedAnswer)
    assert host.asked == 1


async def test_what_came_before_the_break_is_read_first(transport: PoolTransport) -> None:
    async with (
        hosting(once(CHUNKED + b"3\r\none\r\n")) as host,
        transport.open(call_to(host.port, stream=True), TARGET, PATIENT) as reply,
    ):
        assert await reply.chunk() == b"one"
        for _ in range(2):
            with pytest.raises(TruncatedAnswer):
                await reply.chunk()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-"])
async def test_a_host_that_hangs_up_before_its_head_is_unreachable(transport: PoolTransport, said: bytes) -> None:
    """On a fresh connection nothing is sent twice."""
    async with hosting(once(said)) as host:
        error = await failure(transport, call_to(host.port))
        assert isinstance(error, ProviderUnreachable)
    assert host.asked == 1 and KEY not in error.message


async def test_a_refused_connection_is_unreachable(transport: PoolTransport) -> None:
    async with hosting(playing(OK)) as host:
        pass
    assert isinstance(await failure(transport, call_to(host.port)), ProviderUnreachable)


async def test_an_unknown_name_is_unreachable(transport: PoolTransport) -> None:
    error = await failure(transport, Call("http://no-such-host.invalid/", b"{}"))
    assert isinstance(error, ProviderUnreachable) and KEY not in error.message
