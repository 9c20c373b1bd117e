"""A local provider in OpenAI's dialect, far cheaper than what is measured: answers of 1 KB, streams of 50 chunks 2 ms apart.

It parses no JSON and looks for three things only: `"stream":true`, `"include_usage":true`, and the load generator's tag
`#0123456789#`, which it repeats in the answer so that no answer can be taken for another. Prints its port.
"""

import asyncio
import json
import re
from typing import Any

import httptools
import uvloop

CHUNKS = 50
CHUNK_SECONDS = 0.002
TAG = re.compile(rb"#[0-9]{10}#")
NO_TAG = b"#----------#"
# plain prose: nothing that a gate for defects may take for a refusal, a repetition or an echo
PROSE = (
    "the river rises in the hills north of the old town and turns west where three roads meet. Boats carried salt and timber "
    "along it until the railway came; then the quays fell silent and gardens took their place. Today a path follows the bank "
    "past two mills, a brewery and the school. In spring the water stands high enough to reach the lower steps, so the council "
    "closes that stretch for a month or two. Herons fish below the weir, and on warm evenings swallows hunt over the meadow. "
    "Anyone who wants quiet should start early, cross the iron bridge, look back once from the far side, where painters used to "
    "set up their easels, and return by the narrow lane that passes behind the church."
)
WORDS = PROSE.split(" ")[: CHUNKS - 2]
USAGE = {"prompt_tokens": 58, "completion_tokens": 129, "total_tokens": 187}


def _envelope(kind: str, **rest: Any) -> bytes:
    whole = {"id": "chatcmpl-bench", "object": kind, "created": 1795600000, "model": "bench-model", **rest}
    return json.dumps(whole, separators=(",", ":")).encode()


def _event(data: bytes) -> bytes:
    return b"%x\r\ndata: %b\n\n\r\n" % (len(data) + 8, data)


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event(_envelope("chat.completion.chunk", choices=[choice]))


_MESSAGE = {"role": "assistant", "content": f"Answer {NO_TAG.decode()}: {PROSE}"}
_CHOICE = {"index": 0, "message": _MESSAGE, "logprobs": None, "finish_reason": "stop"}
BODY = _envelope("chat.completion", choices=[_CHOICE], usage=USAGE, system_fingerprint="fp_bench")
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = _delta({"role": "assistant", "content": f"Answer {NO_TAG.decode()}:"})
MIDDLE = [_delta({"content": f" {word}"}) for word in WORDS]
LAST = _delta({}, "stop")
USAGE_CHUNK = _event(_envelope("chat.completion.chunk", choices=[], usage=USAGE))
END = _event(b"[DONE]") + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One keep-alive connection."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.TimerHandle | None = None
        self.body = b""

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        found = TAG.search(self.body)
        tag = found.group() if found else NO_TAG
        if b'"stream":true' not in self.body:
            self.transport.write(WHOLE.replace(NO_TAG, tag, 1))
            return
        pieces = [FIRST.replace(NO_TAG, tag, 1), *MIDDLE, LAST]
        if b'"include_usage":true' in self.body:
            pieces.append(USAGE_CHUNK)
        self.transport.write(STREAM_HEAD)
        self.pieces = iter([*pieces, END])
        self.due = self.loop.time()
        self.next_piece()

    def next_piece(self) -> None:
        """Each chunk is its own write; usage and the terminator follow the last one at once, as providers send them."""
        piece = next(self.pieces)
        self.transport.write(piece)
        if piece is LAST:
            for rest in self.pieces:
                self.transport.write(rest)
            return
        self.due += CHUNK_SECONDS
        self.timer = self.loop.call_at(self.due, self.next_piece)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()


async def serve() -> None:
    """Serve on a free port of loopback until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
