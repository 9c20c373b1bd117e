"""The event stream of one Response. How items look, and the events of each, is not told here.

A thought and a message end where another kind of item begins; calls, whose pieces may alternate, end with the answer. The
stream ends with `response.completed`, `.incomplete` or `.failed`, as documented: no `[DONE]` follows on this route.
"""

from typing import Final

from msgspec import Raw

from ...domain.answer import Delta, FinishReason, ToolCall, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError
from .blocks import OpenMessage, OpenThought
from .calls import OpenCall
from .complain import failure_of
from .events import EventLine
from .kit import own_tools
from .proof import shown_call_proof
from .render import ResponseFrame, ending

_NOT_YET: Final = Raw(b"null")


class ResponsesWriter:
    """Writes one streamed Response."""

    __slots__ = ("_begun", "_calls", "_frame", "_line", "_open", "_output", "_own", "_reason", "_unnamed", "_usage")

    def __init__(self, request: ChatRequest, call_id: str, created: int, model: str) -> None:
        self._frame = ResponseFrame(request, call_id, created, model)
        self._own = own_tools(request) if request.tools else {}
        self._line = EventLine()
        self._output: list[Raw] = []  # by place; an open item's place holds nothing yet
        self._open: OpenThought | OpenMessage | None = None
        self._calls: dict[int, OpenCall] = {}
        self._unnamed: dict[int, ToolCall] = {}  # what came of calls whose id or name did not yet
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._begun = False

    def write(self, delta: Delta) -> bytes:
        """The events for this piece."""
        told = b"" if self._begun else self._begin()
        self._usage = delta.usage or self._usage
        self._reason = delta.finish_reason or self._reason
        if delta.tool_index < 0 and (delta.reasoning or delta.signature or delta.redacted):
            told += self._take_thought(delta)
        if delta.refusal:
            told += self._take_words("refusal", delta.refusal, delta)
        if delta.text or delta.logprobs:
            told += self._take_words("output_text", delta.text, delta)
        return told + self._take_call(delta) if delta.tool_index >= 0 else told

    def finish(self, comment: str = "") -> bytes:
        """The ends of what is open, the comment, if any, and the last event with the whole Response."""
        told = b"" if self._begun else self._begin()
        status, facts = ending(self._reason)
        told += self._close_all(status)
        if comment:
            told += f": {comment}\n\n".encode()
        response = self._frame.body(status, self._output, self._usage, **facts)
        return told + self._line.event(status, {"response": response})

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """`response.failed` with what came so far: the SDKs hand it on and Codex acts on its code; both pass over `error` events."""
        told = b"" if self._begun else self._begin()
        output = list(self._output)
        for item in self._open_items():
            output[item.place] = item.item("incomplete")
        response = self._frame.body("failed", output, self._usage, error=failure_of(error))
        return told + self._line.event("failed", {"response": response})

    def _begin(self) -> bytes:
        self._begun = True
        response = {"response": self._frame.body("in_progress", ())}
        return self._line.event("created", response) + self._line.event("in_progress", response)

    def _take_words(self, kind: str, text: str, delta: Delta) -> bytes:
        message = self._open
        if isinstance(message, OpenMessage):
            return message.grow(kind, text, delta.logprobs)
        told = self._close_open()
        self._open = message = OpenMessage(self._line, *self._next("msg"))
        return told + message.open() + message.grow(kind, text, delta.logprobs)

    def _take_thought(self, delta: Delta) -> bytes:
        told = b""
        thought = self._open
        if not isinstance(thought, OpenThought) or delta.redacted:
            told = self._close_open()
            self._open = thought = OpenThought(self._line, *self._next("rs"))
            told += thought.open()
        if delta.reasoning:
            told += thought.grow(delta.reasoning)
        if delta.signature or delta.redacted:
            thought.prove(delta.signature, delta.redacted)
            told += self._close_open()
        return told

    def _take_call(self, delta: Delta) -> bytes:
        call = self._calls.get(delta.tool_index)
        if call is not None:
            told = self._tell_proof(call.call_id, delta.signature) if delta.signature else b""
            return told + call.grow(delta.tool_arguments)
        so_far = self._unnamed.pop(delta.tool_index, ToolCall("", "", ""))
        begun = ToolCall(
            so_far.id or delta.tool_id,
            so_far.name or delta.tool_name,
            so_far.arguments + delta.tool_arguments,
            so_far.signature or delta.signature,
        )
        if begun.id and begun.name:
            return self._begin_call(delta.tool_index, begun)
        self._unnamed[delta.tool_index] = begun
        return b""

    def _begin_call(self, index: int, begun: ToolCall) -> bytes:
        told = self._close_open()
        if begun.signature:
            told += self._tell_proof(begun.id, begun.signature)
        _, place = self._next("fc")
        self._calls[index] = call = OpenCall(self._frame, self._line, place, begun, self._own.get(begun.name))
        return told + call.open() + call.grow(begun.arguments)

    def _tell_proof(self, call_id: str, signature: str) -> bytes:
        """A call's proof, in an item of its own."""
        told = self._close_open()
        self._open = thought = OpenThought(self._line, *self._next("rs"))
        thought.proof = shown_call_proof(call_id, signature)
        return told + thought.open() + self._close_open()

    def _next(self, kind: str) -> tuple[str, int]:
        """(id, place) of a new item."""
        place = len(self._output)
        self._output.append(_NOT_YET)
        return self._frame.id_of(kind, place), place

    def _open_items(self) -> list[OpenThought | OpenMessage | OpenCall]:
        items: list[OpenThought | OpenMessage | OpenCall] = list(self._calls.values())
        if self._open is not None:
            items.append(self._open)
        return sorted(items, key=lambda item: item.place)

    def _close_open(self) -> bytes:
        item, self._open = self._open, None
        if item is None:
            return b""
        told, self._output[item.place] = item.close("completed")
        return told

    def _close_all(self, status: str) -> bytes:
        """The ends of all open items; of an answer that broke off only the last item is not whole."""
        told = b"".join([self._begin_call(index, call) for index, call in sorted(self._unnamed.items())])
        self._unnamed.clear()
        for item in self._open_items():
            last = item.place == len(self._output) - 1
            end, self._output[item.place] = item.close("incomplete" if last and status == "incomplete" else "completed")
            told += end
        self._open = None
        self._calls.clear()
        return told
