"""The load: keep-alive connections that send prepared requests one after another and check every answer. Prints one JSON object.

A request has a body of 230 bytes and a tag `#0123456789#` of its own (or, with `--same`, one tag for all: the cache's case).
A failure is a status other than 200, an answer without its own tag, or a stream without all its chunks and its terminator.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop
from upstream import CHUNKS, WORDS

BODY_BYTES = 230
LAST_WORD = WORDS[-1].encode()


def body_of(path: str, model: str, number: int, stream: bool) -> bytes:
    """The JSON body: temperature 0 (the cache is asked on every face), a prompt of its own, exactly BODY_BYTES long."""
    words = [WORDS[(number * step) % len(WORDS)] for step in (1, 3, 7, 11, 13, 17, 19, 23, 29, 31)]
    prompt = f"#{number:010d}# Say what you know of " + " ".join(words)
    wire: dict[str, Any] = {"model": model, "temperature": 0}
    if stream:
        wire["stream"] = True

    def encoded(text: str) -> bytes:
        asks = {"prompt": text} if path == "/query" else {"messages": [{"role": "user", "content": text}]}
        return json.dumps(wire | asks, separators=(",", ":")).encode()

    room = BODY_BYTES - len(encoded(""))
    return encoded(prompt[:room].ljust(room, "."))


class Caller(asyncio.Protocol):
    """One connection: sends, checks, sends the next, until the plan is empty."""

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self.tag = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        number = self.plan.take()
        if number is None:
            self.transport.close()
            return
        self.tag = b"#%010d#" % number
        self.body: list[bytes] = []
        body = body_of(self.plan.path, self.plan.model, number, self.plan.stream)
        self.transport.write(self.plan.head + b"content-length: %d\r\n\r\n%b" % (len(body), body))

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.plan.fail(f"no HTTP: {error}")
            self.tag = b""
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        body = b"".join(self.body)
        self.plan.done += 1
        if status != 200 or not self.right(body):
            self.plan.fail(f"{status}: {body[:300].decode(errors='replace')}")
        self.tag = b""
        if self.parser.should_keep_alive():
            self.parser = httptools.HttpResponseParser(self)
            self.send()
        else:
            self.plan.fail("the connection was not kept alive")
            self.transport.close()

    def right(self, body: bytes) -> bool:
        """Whether the body is the upstream's answer to this very request."""
        if b"Answer " + self.tag not in body:
            return False
        if not self.plan.stream:
            return b"behind the church." in body
        return body.count(b"data: ") > CHUNKS and LAST_WORD in body and b"[DONE]" in body

    def connection_lost(self, _error: Exception | None) -> None:
        if self.tag:
            self.plan.fail("the connection was closed before the answer")
        self.plan.leave()


class Plan:
    """What is to be sent, what came of it."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.path, self.model, self.stream = args.path, args.model, args.stream
        self.head = (
            f"POST {args.path} HTTP/1.1\r\nhost: 127.0.0.1:{args.port}\r\nuser-agent: bench\r\n"
            "accept: */*\r\ncontent-type: application/json\r\n"
        ).encode()
        self.numbers = iter([args.first] * args.calls if args.same else range(args.first, args.first + args.calls))
        self.calls, self.open = args.calls, args.connections
        self.done, self.failures = 0, 0
        self.example: str | None = None
        self.finished = asyncio.Event()

    def take(self) -> int | None:
        return next(self.numbers, None)

    def fail(self, why: str) -> None:
        self.failures += 1
        self.example = self.example or why

    def leave(self) -> None:
        self.open -= 1
        if self.open == 0:
            self.finished.set()


async def run(args: argparse.Namespace) -> Plan:
    """Send everything, or as much as `--seconds` allow."""
    plan = Plan(args)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(args.seconds):
            for _ in range(args.connections):
                await loop.create_connection(lambda: Caller(plan), "127.0.0.1", args.port)
            await plan.finished.wait()
    except TimeoutError:
        plan.fail(f"not finished after {args.seconds} s")
    except OSError as error:
        plan.fail(f"no connection: {error}")
    return plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--model", default="bench-model")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--first", type=int, default=0, help="number of the first prompt")
    parser.add_argument("--same", action="store_true", help="the same prompt every time")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--seconds", type=float, default=120, help="give up after this time")
    plan = uvloop.run(run(parser.parse_args()))
    missing = plan.calls - plan.done
    json.dump({"answered": plan.done, "failures": max(plan.failures, missing), "example": plan.example}, sys.stdout)


if __name__ == "__main__":
    main()
