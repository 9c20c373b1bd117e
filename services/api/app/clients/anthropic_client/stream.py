"""Reads Anthropic's event stream. Nothing may enter of how we write one (`writer`).

`Delta.raw` is the whole event, name and data, as it goes on the wire: a face of this dialect passes it as it is. Events that
say nothing in our terms (a text block's start, citations, events of a later version) are deltas with `raw` alone; the ping
and the terminator are none.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Delta, Usage
from ..common.said import NOTHING, arguments_text, read
from ..common.seal import sealed
from ..common.sse import Event
from . import reply
from .dialect import DIALECT

_COUNTS: Final = reply.Spent.__struct_fields__


class _Piece(Struct, frozen=True):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
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

    Counts are cumulative and may come anywhere, each kind where it changed; they are told where they come after the start: those
    of `message_start` are only a beginning, and must not be booked when the final ones turn out to be no counts.
    """

    __slots__ = ("_begun", "_ended", "_id", "_signatures", "_steps", "_tools", "_written", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._begun: reply.Spent | None = reply.Spent()
        self._ended = False  # whether the finish was told
        self._id = ""
        self._signatures: dict[int, str] = {}  # block index -> what the thought's end is to be signed with
        self._tools: dict[int, tuple[int, str]] = {}  # block index -> (tool index, input told at the start)
        self._written: set[int] = set()  # blocks whose arguments were told
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
        """What the end of a block would have told, of blocks that never ended; the finish of calls that was never told."""
        finish = [Delta(finish_reason="tool_calls")] if self._tools and not self._ended else []
        return [
            *(Delta(signature=sealed(DIALECT, signature)) for signature in self._signatures.values()),
            *(
                Delta(tool_index=place, tool_arguments=given)
                for index, (place, given) in self._tools.items()
                if index not in self._written
            ),
            *finish,
        ]

    def _open(self, data: _Data, raw: bytes) -> Delta:
        message = data.message or reply.Said()
        self._begun = reply.spent_of(message.usage)
        self._id = message.id or ""
        return Delta(response_id=self._id, model_id=message.model or "", raw=raw)

    def _block(self, data: _Data, raw: bytes) -> Delta:
        block = data.content_block or reply.Block()
        if block.type == "tool_use":
            place = len(self._tools)
            self._tools[data.index] = (place, arguments_text(block.input))
            return Delta(tool_index=place, tool_id=reply.call_id(block, self._id, place), tool_name=block.name or "", raw=raw)
        if block.type == "redacted_thinking":
            return Delta(redacted=sealed(DIALECT, block.data or ""), raw=raw)
        if block.type == "thinking" and block.signature:
            self._signatures[data.index] = block.signature
        return Delta(text=block.text or "", reasoning=block.thinking or "", raw=raw)

    def _piece(self, data: _Data, raw: bytes) -> Delta:
        piece = data.delta or _Piece()
        if piece.partial_json and data.index in self._tools:
            self._written.add(data.index)
            return Delta(tool_index=self._tools[data.index][0], tool_arguments=piece.partial_json, raw=raw)
        if piece.signature:
            self._signatures[data.index] = piece.signature
        return Delta(text=piece.text or "", reasoning=piece.thinking or "", raw=raw)

    def _block_end(self, data: _Data, raw: bytes) -> Delta:
        signature = self._signatures.pop(data.index, "")
        if signature:
            return Delta(signature=sealed(DIALECT, signature), raw=raw)
        tool = self._tools.get(data.index)
        if tool is None or data.index in self._written:
            return Delta(raw=raw)
        self._written.add(data.index)
        return Delta(tool_index=tool[0], tool_arguments=tool[1], raw=raw)

    def _finish(self, data: _Data, raw: bytes) -> Delta:
        piece = data.delta or _Piece()
        self._ended = True
        return Delta(
            refusal=reply.refusal_of(piece.stop_details),
            finish_reason=reply.finish_of(piece.stop_reason, bool(self._tools)),
            usage=self._usage(data.usage),
            raw=raw,
        )

    def _usage(self, usage: Raw) -> Usage | None:
        """The counts so far, with these over those told before."""
        said = reply.spent_of(usage)
        if self._begun is None or said is None:
            return None
        changed = {name: count for name in _COUNTS if (count := getattr(said, name)) is not None}
        self._begun = msgspec.structs.replace(self._begun, **changed)
        return reply.counted(self._begun)
