"""Anthropic's event stream, in both directions.

`Delta.raw` is the whole event, name and data, as it goes on the wire: a face of this dialect passes it as it is. Events that
say nothing in our terms (a block's start, a signature, events of a later version) are deltas with `raw` alone; the ping
and the terminator are none.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Delta, FinishReason, Usage
from ...errors import RouterError
from ..common.said import NOTHING, arguments_text, read
from ..common.sse import Event
from . import reply
from .face import STOP_REASON, complain, shown_usage, stop_details

_encode = msgspec.json.Encoder().encode


class _Piece(Struct, frozen=True):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_details: reply.StopDetails | None = None


class _Data(Struct, frozen=True):
    type: str
    index: int = 0
    message: reply.Said | None = None
    content_block: reply.Block | None = None
    delta: _Piece | None = None
    usage: Raw = NOTHING
    error: reply.ErrorObject | None = None


_data = msgspec.json.Decoder(_Data)


class AnthropicEvents:
    """Reads named events until `message_stop`.

    The usage is told once, with the finish: the counts of `message_start` are only a beginning, and must not be booked
    when the final ones turn out to be no counts.
    """

    __slots__ = ("_begun", "_steps", "_tools", "_written", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._begun: reply.Spent | None = reply.Spent()
        self._tools: dict[int, tuple[int, str]] = {}  # block index -> (tool index, input told at the start)
        self._written: set[int] = set()  # blocks whose arguments came in pieces
        self._steps = {
            "message_start": self._open,
            "content_block_start": self._block,
            "content_block_delta": self._piece,
            "content_block_stop": self._block_end,
            "message_delta": self._finish,
        }

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event."""
        data = read(event.data, _data)
        if data.error is not None or data.type == "error":
            raise reply.error_of(data.error or reply.ErrorObject())
        if data.type == "message_stop":
            self.finished = True
            return []
        if data.type == "ping":
            return []
        raw = b"event: " + (event.event or data.type).encode() + b"\ndata: " + event.data.replace(b"\n", b"\ndata: ") + b"\n\n"
        step = self._steps.get(data.type)
        return [Delta(raw=raw) if step is None else step(data, raw)]

    def rest(self) -> list[Delta]:
        """Nothing is held back."""
        return []

    def _open(self, data: _Data, raw: bytes) -> Delta:
        message = data.message or reply.Said()
        self._begun = reply.spent_of(message.usage)
        return Delta(response_id=message.id or "", model_id=message.model or "", raw=raw)

    def _block(self, data: _Data, raw: bytes) -> Delta:
        block = data.content_block or reply.Block()
        if block.type != "tool_use":
            return Delta(text=block.text or "", reasoning=block.thinking or "", raw=raw)
        place = len(self._tools)
        self._tools[data.index] = (place, arguments_text(block.input))
        return Delta(tool_index=place, tool_id=block.id or "", tool_name=block.name or "", raw=raw)

    def _piece(self, data: _Data, raw: bytes) -> Delta:
        piece = data.delta or _Piece()
        if piece.partial_json and data.index in self._tools:
            self._written.add(data.index)
            return Delta(tool_index=self._tools[data.index][0], tool_arguments=piece.partial_json, raw=raw)
        return Delta(text=piece.text or "", reasoning=piece.thinking or "", raw=raw)

    def _block_end(self, data: _Data, raw: bytes) -> Delta:
        tool = self._tools.get(data.index)
        if tool is None or data.index in self._written:
            return Delta(raw=raw)
        return Delta(tool_index=tool[0], tool_arguments=tool[1], raw=raw)

    def _finish(self, data: _Data, raw: bytes) -> Delta:
        piece = data.delta or _Piece()
        return Delta(
            refusal=reply.refusal_of(piece.stop_details),
            finish_reason=reply.finish_of(piece.stop_reason),
            usage=self._usage(data.usage),
            raw=raw,
        )

    def _usage(self, usage: Raw) -> Usage | None:
        """The final counts over those of the start (they are cumulative; the input is repeated only if it changed)."""
        begun, final = self._begun, reply.spent_of(usage)
        if begun is None or final is None:
            return None
        told = {name: count for name in reply.Spent.__struct_fields__ if (count := getattr(final, name)) is not None}
        return reply.counted(msgspec.structs.replace(begun, **told))


class AnthropicWriter:
    """Writes named events. With `native` the provider's own events pass as they came.

    The finish and the usage are held until the end, where this dialect tells them together.
    """

    __slots__ = ("_blocks", "_finish", "_id", "_model", "_native", "_open", "_opened", "_refusal", "_usage")

    def __init__(self, call_id: str, model: str, native: bool) -> None:
        self._id = f"msg_{call_id}"
        self._model = model
        self._native = native
        self._opened = False
        self._open: tuple[str, int] | None = None  # the block being written: its kind and, of a tool, which one
        self._blocks = 0
        self._refusal = ""
        self._finish: FinishReason | None = None
        self._usage = Usage()

    def write(self, delta: Delta) -> bytes:
        """The events for this piece."""
        if self._native:
            return delta.raw
        self._refusal += delta.refusal
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        out = self._start()
        if delta.reasoning:
            out += self._within(("thinking", 0), {"type": "thinking", "thinking": "", "signature": ""})
            out += self._piece({"type": "thinking_delta", "thinking": delta.reasoning})
        if delta.text:
            out += self._within(("text", 0), {"type": "text", "text": ""})
            out += self._piece({"type": "text_delta", "text": delta.text})
        if delta.tool_index >= 0:
            tool = {"type": "tool_use", "id": delta.tool_id, "name": delta.tool_name, "input": {}}
            out += self._within(("tool_use", delta.tool_index), tool)
            if delta.tool_arguments:
                out += self._piece({"type": "input_json_delta", "partial_json": delta.tool_arguments})
        return out

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, the finish with the usage, and `message_stop`."""
        said = f": {comment}\n\n".encode() if comment else b""
        end = _event("message_stop", {"type": "message_stop"})
        if self._native:
            return said + end
        details = stop_details(self._refusal, self._finish)
        reason = "refusal" if details else STOP_REASON[self._finish or "stop"]
        delta = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
        finish = {"type": "message_delta", "delta": delta, "usage": shown_usage(self._usage)}
        return said + self._start() + self._close() + _event("message_delta", finish) + end

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """The `error` event."""
        return b"event: error\ndata: " + complain(error, request_id) + b"\n\n"

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
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", {"type": "message_start", "message": message})

    def _within(self, place: tuple[str, int], block: dict[str, Any]) -> bytes:
        """Go on in the block of this place; where another one is open, close it and open a new one."""
        if self._open == place:
            return b""
        closed = self._close()
        self._open = place
        start = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        return closed + _event("content_block_start", start)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        self._blocks += 1
        return _event("content_block_stop", {"type": "content_block_stop", "index": self._blocks - 1})

    def _piece(self, delta: dict[str, str]) -> bytes:
        return _event("content_block_delta", {"type": "content_block_delta", "index": self._blocks, "delta": delta})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"
