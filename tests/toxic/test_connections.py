"""What the faults of times and connections do to a socket, and what the upstream's log says of it."""

import asyncio
import contextlib
import gc
import json
import sys
from asyncio import IncompleteReadError

import pytest

from app.toxic.fault import Fault
from app.toxic.server import ToxicUpstream
from app.toxic.table import FAULTS

from .calling import DIALECTS, SAID, Caller, ask, call, eventually, posted, request


async def asked(upstream: ToxicUpstream, model: str, stream: bool = True) -> Caller:
    """A connection on which this was asked."""
    caller = await call(upstream.port)
    caller.writer.write(request("openai", model, stream))
    return caller


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["cut-mid-stream", "truncated-length", "truncated-chunked", "half-close"])
async def test_a_cut_answer_ends_before_its_framing_does(upstream: ToxicUpstream, fault: str, stream: bool) -> None:
    with pytest.raises(IncompleteReadError):
        await ask(upstream, request("openai", fault, stream))
    assert not upstream.log.entries[-1].complete


async def test_a_cut_comes_after_so_many_events(upstream: ToxicUpstream) -> None:
    caller = await asked(upstream, "cut-mid-stream:3")
    assert (await caller.rest()).count(b"data: {") == 3
    caller.leave()


async def test_a_reset_midway_leaves_what_came_before(upstream: ToxicUpstream) -> None:
    caller = await asked(upstream, "rst-mid-stream:3")
    for _ in range(3):
        await caller.until(b"data: {")
    with pytest.raises(ConnectionResetError):
        await caller.rest()


async def test_a_chunk_size_is_no_number(upstream: ToxicUpstream) -> None:
    with pytest.raises(ValueError, match="zz"):
        await ask(upstream, request("openai", "bad-framing"))


async def test_an_answer_that_ends_with_its_connection_promises_no_length(upstream: ToxicUpstream) -> None:
    caller = await asked(upstream, "close-delimited", stream=False)
    head = await caller.head()
    assert b"content-length" not in head and b"chunked" not in head
    with pytest.raises(json.JSONDecodeError):
        json.loads(await caller.rest())
    caller.leave()


async def test_a_connection_is_reset_or_closed_once_the_request_was_read(upstream: ToxicUpstream) -> None:
    with pytest.raises(ConnectionResetError):
        await (await asked(upstream, "reset-on-connect")).rest()
    closed = await asked(upstream, "close-on-connect")
    assert await closed.rest() == b""
    closed.leave()
    assert [(entry.model, entry.bytes_sent) for entry in upstream.log.entries] == [
        ("reset-on-connect", 0),
        ("close-on-connect", 0),
    ]


async def test_a_half_closed_connection_can_still_be_written_to(upstream: ToxicUpstream) -> None:
    caller = await asked(upstream, "half-close")
    await caller.rest()
    entry = upstream.log.entries[-1]
    caller.writer.write(b"x")
    await caller.writer.drain()
    assert entry.ended is None and upstream.open == 1
    caller.leave()
    await eventually(lambda: entry.client_closed is not None)


@pytest.mark.parametrize("how", ["", ":rst"])
async def test_a_kept_connection_is_lost_as_the_next_request_comes(upstream: ToxicUpstream, how: str) -> None:
    caller = await call(upstream.port)
    await caller.ask(request("openai", f"keepalive-race{how}"))
    with pytest.raises(ConnectionResetError if how else IncompleteReadError):
        await caller.ask(request("openai", f"keepalive-race{how}"))
    caller.leave()
    assert [(entry.reused, entry.complete) for entry in upstream.log.entries] == [(False, True), (True, False)]


async def test_an_idle_connection_is_closed_by_the_upstream(upstream: ToxicUpstream) -> None:
    caller = await asked(upstream, "idle-close:5", stream=False)
    head = await caller.head()
    assert b"connection: close" not in head
    await caller.body(head)
    assert await caller.rest() == b""
    caller.leave()
    assert upstream.log.entries[-1].complete


async def test_the_answer_comes_before_the_body(upstream: ToxicUpstream) -> None:
    """Chosen by the model at the body's beginning, and by the path; the rest of the body is never sent."""
    for path, model in (("/v1/chat/completions", "early-answer:5"), ("/~early-answer:5/v1/chat/completions", "gpt-4o")):
        caller = await call(upstream.port)
        data = posted(path, json.dumps({"model": model, **SAID["openai"], "more": "x" * 100_000}).encode())
        caller.writer.write(data[:300])
        assert (await caller.head()).startswith(b"HTTP/1.1 503 ")
        caller.leave()


@pytest.mark.parametrize("fault", ["silence", "stall-mid-stream", "drip", "slow-headers", "slow-first-token", "slow", "1xx-forever",
                                   "comments-forever", "idle-stream", "endless-line", "101", "slow-stream"])  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_the_upstream_sees_when_its_caller_leaves(upstream: ToxicUpstream, fault: str, stream: bool) -> None:
    caller = await asked(upstream, fault, stream)
    await eventually(lambda: upstream.log.entries and upstream.log.entries[-1].fault == fault)
    entry = upstream.log.entries[-1]
    assert entry.client_closed is None and entry.ended is None
    caller.leave()
    await eventually(lambda: entry.ended is not None and upstream.open == 0)
    assert entry.client_closed is not None and entry.client_closed <= (entry.ended or 0) and not entry.complete


@pytest.mark.parametrize(
    ("fault", "before"),
    [("slow-first-token", b"\r\n\r\n"), ("stall-mid-stream", b"data: "), ("idle-stream", b"data: "), ("drip", b"d"),
     ("comments-forever", b": still here")],
)  # fmt: skip
async def test_what_comes_before_the_wait_comes_at_once(upstream: ToxicUpstream, fault: str, before: bytes) -> None:
    caller = await asked(upstream, f"{fault}:3600000" if fault != "idle-stream" else fault)
    await caller.until(before)
    assert upstream.log.entries[-1].ended is None
    caller.leave()


async def test_once_is_the_first_time_and_reset_begins_anew(upstream: ToxicUpstream) -> None:
    async def statuses(model: str) -> list[bytes]:
        return [(await ask(upstream, request("openai", model)))[0][9:12] for _ in range(3)]

    assert await statuses("500-once") == [b"500", b"200", b"200"]
    assert await statuses("500-once:2") == [b"500", b"500", b"200"]
    assert await statuses("500-once") == [b"200", b"200", b"200"]
    upstream.reset()
    assert await statuses("500-once") == [b"500", b"200", b"200"]


async def test_a_brown_out_spreads_its_share(upstream: ToxicUpstream) -> None:
    got = [(await ask(upstream, request("openai", "brown-out:25")))[0][9:12] for _ in range(8)]
    assert got == [b"200", b"200", b"200", b"500"] * 2


async def test_a_flapping_provider_is_down_then_up(upstream: ToxicUpstream) -> None:
    async def is_up() -> bool:
        return (await ask(upstream, request("openai", "flap:200")))[0][9:12] == b"200"

    assert not await is_up()
    async with asyncio.timeout(10):
        while not await is_up():
            await asyncio.sleep(0.01)
        while await is_up():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_bills_on_charges_what_nobody_hears(upstream: ToxicUpstream, stream: bool) -> None:
    await ask(upstream, request("openai", "bills-on:0.1", stream))
    heard = upstream.log.entries[-1].billed_tokens
    caller = await asked(upstream, "bills-on:5", stream)
    await eventually(lambda: len(upstream.log.entries) == 2 and upstream.log.entries[-1].billed_tokens > 0)
    caller.leave()
    entry = upstream.log.entries[-1]
    await eventually(lambda: entry.client_closed is not None)
    assert entry.billed_tokens < heard
    await eventually(lambda: entry.ended is not None)
    assert entry.billed_tokens == heard > 20 and not entry.complete


async def test_a_caller_that_does_not_read_holds_the_flood_back(upstream: ToxicUpstream) -> None:
    """200 MB are neither made nor kept ahead of the reader."""
    caller = await asked(upstream, "huge-body")
    await caller.head()
    await eventually(lambda: upstream.log.entries[-1].bytes_sent > 2**20)
    caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
    sent = -1
    async with asyncio.timeout(10):
        while sent != (sent := upstream.log.entries[-1].bytes_sent):
            await asyncio.sleep(0.05)
    assert sent < 100 * 2**20
    caller.writer.transport.abort()


# without an end of their own, or byte by byte: the caller leaves after the first bytes
ENDLESS = {"1xx-forever", "comments-forever", "endless-line", "101", "idle-stream", "half-close", "drip", "sse-split"}
QUICK = {"ms": "0.05", "mb": "0.1", "percent": "50"}
COUNTS = {"gzip-members": "10", "many-headers": "10", "tiny-events": "10", "huge-header": "10", "status": "418"}
OTHERS = [
    ("/v1/embeddings", b'{"model": "MODEL", "input": "a"}'),
    ("/v1/messages/count_tokens", b'{"model": "MODEL", "messages": []}'),
]


def quick(fault: Fault) -> str:
    """A model's name that plays this fault in no time."""
    given = QUICK.get(fault.unit, COUNTS.get(fault.name, ""))
    return f"{fault.name}:{given}" if given else fault.name


async def test_no_fault_breaks_the_upstream_itself(upstream: ToxicUpstream) -> None:
    """Every fault, in every dialect, streamed and whole, and on the routes that it was not made for."""
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))

    async def played(fault: Fault, data: bytes) -> None:
        caller = await call(upstream.port)
        caller.writer.write(data)
        if fault.name in ENDLESS:
            await caller.reader.read(1)
        else:
            with contextlib.suppress(IncompleteReadError, ConnectionResetError, ValueError):
                await caller.body(await caller.head())
        caller.leave()

    for fault in FAULTS:
        name = quick(fault)
        calls = [request(dialect, name, stream) for dialect in DIALECTS for stream in (False, True)]
        calls += [posted(path, body.replace(b"MODEL", name.encode())) for path, body in OTHERS]
        await asyncio.gather(*[played(fault, data) for data in calls])
    await eventually(lambda: all(entry.ended for entry in upstream.log.entries) and upstream.open == 0)
    gc.collect()
    assert problems == []
    assert len(upstream.log.entries) == 10 * len(FAULTS)


class TestDoors:
    """Ports that fail before any request."""

    async def test_one_refuses(self, upstream: ToxicUpstream) -> None:
        with pytest.raises(ConnectionRefusedError):
            await call(upstream.doors["refused"])

    async def test_one_accepts_and_resets(self, upstream: ToxicUpstream) -> None:
        with pytest.raises(ConnectionResetError):
            await (await call(upstream.doors["reset"])).rest()

    async def test_one_says_nothing(self, upstream: ToxicUpstream) -> None:
        caller = await call(upstream.doors["silent"])
        caller.writer.write(request("openai", "ok"))
        await caller.writer.drain()
        await ask(upstream, request("openai", "ok"))  # time enough for an answer here
        assert caller.reader._buffer == b"" and not caller.reader.at_eof()  # type: ignore[attr-defined]
        caller.leave()

    @pytest.mark.skipif(sys.platform != "linux", reason="a full backlog drops attempts on Linux alone")
    async def test_one_never_connects(self, upstream: ToxicUpstream) -> None:
        """Where a refusing port answers at once, this one leaves the attempt open."""
        attempt = asyncio.ensure_future(call(upstream.doors["full"]))
        with pytest.raises(ConnectionRefusedError):
            await call(upstream.doors["refused"])
        await ask(upstream, request("openai", "ok"))
        assert not attempt.done()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
