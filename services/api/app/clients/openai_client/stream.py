"""OpenAI's event stream, in both directions. `Delta.raw` is one chunk's JSON as it came."""

import msgspec

from ...domain.answer import Delta, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError, TruncatedAnswer
from ..common.sse import EventStream
from . import reply
from .face import error_body, usage_body

_encode = msgspec.json.Encoder().encode


class OpenAIReader:
    """Reads chunks until `[DONE]`; what comes after it is not read."""

    __slots__ = ("_called", "_events", "done")

    def __init__(self) -> None:
        self._events = EventStream()
        self._called = False
        self.done = False

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas completed by these bytes."""
        deltas: list[Delta] = []
        if self.done:
            return deltas
        for event in self._events.feed(chunk):
            if event.data == b"[DONE]":
                self.done = True
                break
            self._take(event.data, deltas)
        return deltas

    def close(self) -> list[Delta]:
        """Nothing is ever held back; a stream without `[DONE]` was cut."""
        if not self.done:
            raise TruncatedAnswer("the provider's stream ended without its terminator")
        return []

    def _take(self, data: bytes, deltas: list[Delta]) -> None:
        body = reply.body_of(data)
        usage = reply.usage_of(body.usage) if body.usage is not None else None
        choice = body.choices[0] if body.choices else None
        if choice is None or choice.index != 0:
            deltas.append(Delta(usage=usage, response_id=body.id or "", model_id=body.model or "", raw=data))
            return
        said = choice.delta or reply.Said()
        tools = said.tool_calls
        if tools:
            self._called = True
        deltas.append(
            Delta(
                text=said.content if isinstance(said.content, str) else reply.text_of(said),
                reasoning=said.reasoning_content or said.reasoning or "",
                refusal=said.refusal or "",
                finish_reason=None if choice.finish_reason is None else reply.finish_of(choice.finish_reason, self._called),
                usage=usage,
                response_id=body.id or "",
                model_id=body.model or "",
                raw=data,
            )
        )
        if tools:
            deltas += [_piece(place, tool) for place, tool in enumerate(tools)]


def _piece(place: int, tool: reply.Tool) -> Delta:
    function = tool.function or reply.Function()
    return Delta(
        tool_index=place if tool.index is None else tool.index,
        tool_id=tool.id or "",
        tool_name=function.name or "",
        tool_arguments=function.arguments or "",
    )


class OpenAIWriter:
    """Writes chunks. With `native` the provider's own chunks pass as they came, but for a usage chunk nobody asked for."""

    __slots__ = ("_head", "_model", "_native", "_opened", "_request")

    def __init__(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool) -> None:
        head = {"id": f"chatcmpl-{call_id}", "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":'
        self._request = request
        self._native = native
        self._opened = False

    def write(self, delta: Delta) -> bytes:
        """The event for this piece."""
        if self._native:
            if not delta.raw or (delta.usage and not self._request.include_usage and _only_usage(delta)):
                return b""
            return b"data: " + delta.raw + b"\n\n"
        said = _said(delta)
        if not said and delta.finish_reason is None:
            return self._usage(delta.usage) if delta.usage and self._request.include_usage else b""
        if not self._opened:
            self._opened = True
            said = {"role": "assistant", **said}
        choice = {"index": 0, "delta": said, "finish_reason": delta.finish_reason}
        chunk = self._head + _encode([choice]) + b"}\n\n"
        return chunk + self._usage(delta.usage) if delta.usage and self._request.include_usage else chunk

    def _usage(self, usage: Usage) -> bytes:
        return self._head + b'[],"usage":' + _encode(usage_body(usage)) + b"}\n\n"

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, and `[DONE]`."""
        return (f": {comment}\n\n".encode() if comment else b"") + b"data: [DONE]\n\n"

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One chunk holding the error; the SDKs raise on it."""
        return b"data: " + error_body(error, request_id) + b"\n\n"


def _only_usage(delta: Delta) -> bool:
    return delta.finish_reason is None and not delta.speaks


def _said(delta: Delta) -> dict[str, object]:
    said: dict[str, object] = {}
    if delta.text:
        said["content"] = delta.text
    if delta.reasoning:
        said["reasoning_content"] = delta.reasoning
    if delta.refusal:
        said["refusal"] = delta.refusal
    if delta.tool_index >= 0:
        function: dict[str, str] = {"arguments": delta.tool_arguments}
        tool: dict[str, object] = {"index": delta.tool_index, "function": function}
        if delta.tool_id or delta.tool_name:
            function["name"] = delta.tool_name
            tool |= {"id": delta.tool_id, "type": "function"}
        said["tool_calls"] = [tool]
    return said
