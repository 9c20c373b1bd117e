"""Mistral's event stream, in both directions. `Delta.raw` is one chunk's JSON as it came."""

from typing import Any

import msgspec

from ...domain.answer import Delta, FinishReason, ToolCall, Usage
from ...errors import RouterError
from ..common.sse import Event
from . import reply
from .face import call_body, complain, content_body, finish_word, usage_body

_encode = msgspec.json.Encoder().encode


class MistralEvents:
    """Reads chunks until `[DONE]`. Calls come whole, all in one chunk or one by one."""

    __slots__ = ("finished",)

    def __init__(self) -> None:
        self.finished = False

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event."""
        if event.data == b"[DONE]":
            self.finished = True
            return []
        said = reply.said_of(event.data)
        choice = said.choices[0] if said.choices else reply.Choice()
        if choice.index:
            choice = reply.Choice()  # another answer to the same prompt: passed on, not read
        message = choice.delta or reply.Message()
        head = Delta(
            text=reply.text_of(message),
            reasoning=reply.reasoning_of(message),
            finish_reason=reply.finish_of(choice.finish_reason),
            usage=reply.counted(said.usage),
            response_id=said.id or "",
            model_id=said.model or "",
            raw=event.data,
        )
        return [head, *(_call(place, tool) for place, tool in enumerate(message.tool_calls or ()))]

    def rest(self) -> list[Delta]:
        """Nothing is held back."""
        return []


def _call(place: int, tool: reply.Tool) -> Delta:
    return Delta(
        tool_index=place if tool.index is None else tool.index,
        tool_id=reply.id_of(tool),
        tool_name=(tool.function and tool.function.name) or "",
        tool_arguments=reply.arguments_of(tool),
    )


class MistralWriter:
    """Writes chunks. With `native` the provider's own chunks pass as they came.

    The finish and the usage are held until the end, where this dialect tells them together; so are calls, which come whole.
    """

    __slots__ = ("_calls", "_finish", "_head", "_native", "_opened", "_usage")

    def __init__(self, call_id: str, created: int, model: str, native: bool) -> None:
        self._head = {"id": call_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._native = native
        self._opened = False
        self._calls: dict[int, list[str]] = {}
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The event for this piece. A refusal, which has no place of its own here, is shown as text."""
        if self._native:
            return b"data: " + delta.raw + b"\n\n" if delta.raw else b""
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        if delta.tool_index >= 0:
            call = self._calls.setdefault(delta.tool_index, ["", "", ""])
            call[0] += delta.tool_id
            call[1] += delta.tool_name
            call[2] += delta.tool_arguments
        text = delta.refusal + delta.text
        if not text and not delta.reasoning:
            return b""
        return self._chunk({"content": content_body(text, delta.reasoning)}, None)

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, the chunk that holds the finish and the usage, and `[DONE]`."""
        out = f": {comment}\n\n".encode() if comment else b""
        if not self._native:
            said: dict[str, Any] = {"content": ""}
            if self._calls:
                calls = [ToolCall(*self._calls[place]) for place in sorted(self._calls)]
                said["tool_calls"] = [call_body(place, call) for place, call in enumerate(calls)]
            out += self._chunk(said, finish_word(self._finish))
        return out + b"data: [DONE]\n\n"

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One event holding the error."""
        return b"data: " + complain(error, request_id) + b"\n\n"

    def _chunk(self, said: dict[str, Any], finish: str | None) -> bytes:
        if not self._opened:
            self._opened = True
            said = {"role": "assistant", **said}
        chunk: dict[str, Any] = {**self._head, "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}
        if finish is not None and self._usage is not None:
            chunk["usage"] = usage_body(self._usage)
        return b"data: " + _encode(chunk) + b"\n\n"
