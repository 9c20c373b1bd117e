"""A call of the output while it grows, and the events of it. Which calls there are is the writer's business."""

import msgspec
from msgspec import Raw

from ...domain.answer import ToolCall
from .events import EventLine, event_head
from .kit import Own
from .render import NO_ARGUMENTS, ResponseFrame, call_item

_encode = msgspec.json.Encoder().encode


class OpenCall:
    """A call under way at `place`, of a function or of what its caller declared as a custom tool (`own`).

    The input of a custom tool stands inside the arguments' JSON, so it is told only when it is whole.
    """

    __slots__ = ("_arguments", "_custom", "_frame", "_head", "_line", "_name", "_own", "call_id", "place")

    def __init__(self, frame: ResponseFrame, line: EventLine, place: int, call: ToolCall, own: Own | None) -> None:
        self.place = place
        self._frame = frame
        self._line = line
        self.call_id = call.id
        self._name = call.name
        self._own = own
        self._custom = own is not None and own.custom
        self._arguments: list[str] = []
        kind = "custom_tool_call_input" if self._custom else "function_call_arguments"
        self._head = event_head(f"{kind}.delta", self._at)

    def open(self) -> bytes:
        """The item's beginning."""
        item = call_item(self._frame, self.place, ToolCall(self.call_id, self._name, ""), self._own, "in_progress")
        return self._line.event("output_item.added", {"output_index": self.place, "item": item})

    def grow(self, text: str) -> bytes:
        """More of the arguments."""
        if not text:
            return b""
        self._arguments.append(text)
        return b"" if self._custom else self._line.piece(self._head, text)

    def item(self, status: str) -> Raw:
        """The item as it is now."""
        return Raw(_encode(call_item(self._frame, self.place, self._call, self._own, status)))

    def close(self, status: str) -> tuple[bytes, Raw]:
        """The item's end, and the item."""
        told = b""
        if not self._arguments and not self._custom:
            told = self.grow(NO_ARGUMENTS)
        item = call_item(self._frame, self.place, self._call, self._own, status)
        if self._custom:
            told = self._line.piece(self._head, item["input"])
            told += self._line.event("custom_tool_call_input.done", {**self._at, "input": item["input"]})
        else:
            said = {"name": item["name"], "arguments": item["arguments"]}
            told += self._line.event("function_call_arguments.done", {**self._at, **said})
        whole = Raw(_encode(item))
        return told + self._line.event("output_item.done", {"output_index": self.place, "item": whole}), whole

    @property
    def _call(self) -> ToolCall:
        return ToolCall(self.call_id, self._name, "".join(self._arguments))

    @property
    def _at(self) -> dict[str, object]:
        return {"item_id": self._frame.id_of("ctc" if self._custom else "fc", self.place), "output_index": self.place}
