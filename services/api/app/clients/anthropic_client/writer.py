"""Writes Anthropic's event stream for an answer of any origin. Nothing may enter of how we read one (`stream`)."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Delta, FinishReason, Usage
from ...errors import RouterError
from ..common.said import read_or_none
from .dialect import call_ids, carried
from .face import STOP_REASON, complain, message_id, shown_usage, stop_details

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""The event that shows callers of this dialect that somebody is still there; they ignore it wherever it stands."""

_encode = msgspec.json.Encoder().encode
_object = msgspec.json.Decoder(dict[str, Raw])
_END: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _Block(Struct):
    """A block on its way: `key` tells which, `start` is how it begins, `pieces` are its deltas that are not yet written."""

    key: tuple[str, int]
    start: dict[str, Any]
    pieces: list[dict[str, str]]


class AnthropicWriter:
    """Writes named events. With `native` the provider's own events pass as they came.

    Blocks stand one after the other here. While a call's arguments are incomplete, whatever else comes waits; everything waits
    no longer than to the end. The finish and the usage are held until then too, since this dialect tells them together.
    """

    __slots__ = (
        "_arguments", "_blocks", "_finish", "_id", "_ids", "_model", "_native", "_open", "_opened", "_refusal", "_singles",
        "_tools", "_usage", "_waiting",
    )  # fmt: skip

    def __init__(self, call_id: str, model: str, native: bool) -> None:
        self._id = message_id("", call_id)
        self._model = model
        self._native = native
        self._opened = False
        self._open: tuple[str, int] | None = None  # the key of the block being written
        self._blocks = 0  # blocks that are closed
        self._waiting: list[_Block] = []
        self._singles = 0  # thoughts that are over
        self._ids = call_ids()
        self._tools: dict[int, str] = {}  # tool index -> id, of all that have begun
        self._arguments: list[str] = []  # of the call being written
        self._refusal = ""
        self._finish: FinishReason | None = None
        self._usage = Usage()

    def write(self, delta: Delta) -> bytes:
        """The events for this piece."""
        if self._native:
            return delta.raw
        if delta.refusal:
            self._refusal += delta.refusal
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        out = self._start()
        if delta.tool_index >= 0:
            out += self._tool(delta)
        else:
            out += self._thought(delta)
        if delta.text:
            out += self._put(("text", 0), {"type": "text", "text": ""}, {"type": "text_delta", "text": delta.text})
        return out

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, the finish with the usage, and `message_stop`."""
        said = f": {comment}\n\n".encode() if comment else b""
        if self._native:
            return said + _END
        details = stop_details(self._refusal, self._finish)
        reason = "refusal" if details else STOP_REASON[self._finish or "stop"]
        delta = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
        finish = {"type": "message_delta", "delta": delta, "usage": shown_usage(self._usage)}
        return self._start() + self._flushed(at_end=True) + self._close() + said + _event("message_delta", finish) + _END

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """The `error` event."""
        return b"event: error\ndata: " + complain(error, request_id) + b"\n\n"

    def _thought(self, delta: Delta) -> bytes:
        out = b""
        if delta.redacted:
            out += self._put(self._single("redacted_thinking"), {"type": "redacted_thinking", "data": delta.redacted}, None)
        block = {"type": "thinking", "thinking": "", "signature": ""}
        if delta.reasoning:
            out += self._put(("thinking", self._singles), block, {"type": "thinking_delta", "thinking": delta.reasoning})
        if delta.signature:
            out += self._put(("thinking", self._singles), block, {"type": "signature_delta", "signature": delta.signature})
            self._singles += 1  # a signed thought is over
        return out

    def _single(self, kind: str) -> tuple[str, int]:
        """The key of a block that nothing continues."""
        self._singles += 1
        return kind, self._singles

    def _tool(self, delta: Delta) -> bytes:
        place, out = delta.tool_index, b""
        begun = place in self._tools
        if not begun:
            self._tools[place] = self._ids.called(delta.tool_id)
        call_id = self._tools[place]
        if delta.signature:
            block = {"type": "redacted_thinking", "data": carried(delta.signature, call_id)}
            out += self._put(self._single("redacted_thinking"), block, None)
        if begun and not delta.tool_arguments:
            return out
        key = ("tool_use", place)
        if begun and self._open != key and not any(block.key == key for block in self._waiting):
            return out  # this call's arguments were complete already
        start = {"type": "tool_use", "id": call_id, "name": delta.tool_name, "input": {}}
        piece = {"type": "input_json_delta", "partial_json": delta.tool_arguments} if delta.tool_arguments else None
        return out + self._put(key, start, piece)

    def _put(self, key: tuple[str, int], start: dict[str, Any], piece: dict[str, str] | None) -> bytes:
        """Go on in the block of this key, or begin it; let it wait while a call before it is incomplete."""
        pieces = [] if piece is None else [piece]
        if key == self._open:
            out = self._pieces(pieces)
            return out + self._flushed() if self._waiting else out
        if self._waiting or self._is_incomplete():
            self._hold(key, start, pieces)
            return self._flushed()
        return self._begin(key, start) + self._pieces(pieces)

    def _hold(self, key: tuple[str, int], start: dict[str, Any], pieces: list[dict[str, str]]) -> None:
        for block in self._waiting:
            if block.key == key and (key[0] == "tool_use" or block is self._waiting[-1]):
                block.pieces += pieces
                return
        self._waiting.append(_Block(key, start, pieces))

    def _flushed(self, at_end: bool = False) -> bytes:
        """The blocks that need not wait any longer."""
        out = b""
        while self._waiting and (at_end or not self._is_incomplete()):
            block = self._waiting.pop(0)
            out += self._begin(block.key, block.start) + self._pieces(block.pieces)
        return out

    def _is_incomplete(self) -> bool:
        """Whether the open block is a call whose arguments are no JSON object yet."""
        if self._open is None or self._open[0] != "tool_use":
            return False
        return read_or_none("".join(self._arguments).encode("utf-8", "surrogatepass"), _object) is None

    def _start(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        message: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": shown_usage(self._usage),
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _begin(self, key: tuple[str, int], start: dict[str, Any]) -> bytes:
        closed = self._close()
        self._open = key
        self._arguments = []
        return closed + _event(
            "content_block_start", {"type": "content_block_start", "index": self._blocks, "content_block": start}
        )

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        out = b""
        if self._open[0] == "tool_use" and not self._arguments:
            out = self._pieces([{"type": "input_json_delta", "partial_json": "{}"}])
        self._open = None
        self._blocks += 1
        return out + _event("content_block_stop", {"type": "content_block_stop", "index": self._blocks - 1})

    def _pieces(self, pieces: list[dict[str, str]]) -> bytes:
        out = b""
        for piece in pieces:
            if "partial_json" in piece:
                self._arguments.append(piece["partial_json"])
            out += _event("content_block_delta", {"type": "content_block_delta", "index": self._blocks, "delta": piece})
        return out


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"
