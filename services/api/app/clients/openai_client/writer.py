"""OpenAI's event stream towards callers: deltas to chunks, and the provider's own chunks passed on. No reading here."""

from typing import Any, Final

import msgspec

from ...domain.answer import Delta, Thought, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError
from .face import detail_body, error_body, finish_word, is_legacy, logprobs_body, signed_body
from .usage import usage_body

_encode = msgspec.json.Encoder().encode
_NO_CHOICES: Final = (b'"choices":[]', b'"choices": []')


class OpenAIWriter:
    """Writes chunks. With `native` the provider's own chunks pass as they came, but for a usage chunk nobody asked for."""

    __slots__ = ("_calls", "_head", "_legacy", "_native", "_opened", "_tail", "_thoughts", "_usage", "_usage_wished")

    def __init__(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool) -> None:
        head = {"id": f"chatcmpl-{call_id}", "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":'
        # whoever asks for usage gets the field in every chunk, null in all but the last
        self._tail = b',"usage":null}\n\n' if request.include_usage else b"}\n\n"
        self._usage_wished = request.include_usage
        self._usage: Usage | None = None
        self._native = native
        self._legacy = is_legacy(request)
        self._opened: set[int] = set()
        self._calls: set[tuple[int, int]] = set()
        self._thoughts: dict[int, int] = {}

    def write(self, delta: Delta) -> bytes:
        """The event for this piece; usage is told once, at the end."""
        if self._native:
            unwanted = delta.usage is not None and not self._usage_wished and _is_usage_chunk(delta)
            return b"" if unwanted else delta.raw
        if delta.usage is not None:
            self._usage = delta.usage
        said = self._said(delta)
        if not said and delta.finish_reason is None and not delta.logprobs:
            return b""
        event = b""
        if delta.choice not in self._opened:
            self._opened.add(delta.choice)
            event = self._chunk({"index": delta.choice, "delta": {"role": "assistant", "content": ""}, "finish_reason": None})
        choice: dict[str, Any] = {"index": delta.choice, "delta": said}
        if delta.logprobs:
            choice["logprobs"] = logprobs_body(delta.logprobs)
        choice["finish_reason"] = None if delta.finish_reason is None else finish_word(delta.finish_reason, self._legacy)
        return event + self._chunk(choice)

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return self._head + _encode([choice]) + self._tail

    def _said(self, delta: Delta) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if delta.text:
            said["content"] = delta.text
        if delta.refusal:
            said["refusal"] = delta.refusal
        if delta.tool_index >= 0:
            said |= self._called(delta)
        elif delta.reasoning or delta.signature or delta.redacted:
            said |= self._thought(delta)
        return said

    def _thought(self, delta: Delta) -> dict[str, Any]:
        """A piece of a thought under both names: the readable one, and the one that can carry its signature back."""
        place = self._thoughts.get(delta.choice, 0)
        if delta.signature or delta.redacted:
            self._thoughts[delta.choice] = place + 1
        said: dict[str, Any] = {"reasoning_content": delta.reasoning} if delta.reasoning else {}
        said["reasoning_details"] = [detail_body(Thought(delta.reasoning, delta.signature, delta.redacted), place)]
        return said

    def _called(self, delta: Delta) -> dict[str, Any]:
        function: dict[str, str] = {"arguments": delta.tool_arguments}
        tool: dict[str, Any] = {"index": delta.tool_index, "function": function}
        key = (delta.choice, delta.tool_index)
        if key not in self._calls:
            self._calls.add(key)
            function = {"name": delta.tool_name, "arguments": delta.tool_arguments}
            tool = {"index": delta.tool_index, "id": delta.tool_id, "type": "function", "function": function}
        if delta.signature:
            tool["extra_content"] = signed_body(delta.signature)
        if not self._legacy:
            return {"tool_calls": [tool]}
        return {"function_call": function} if delta.tool_index == 0 else {}

    def finish(self, comment: str = "") -> bytes:
        """The usage, if wished and known, the comment, if any, and `[DONE]`."""
        end = (f": {comment}\n\n".encode() if comment else b"") + b"data: [DONE]\n\n"
        if self._native or self._usage is None or not self._usage_wished:
            return end
        return self._head + b'[],"usage":' + _encode(usage_body(self._usage)) + b"}\n\n" + end

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One chunk holding the error; the SDKs raise on it."""
        return b"data: " + error_body(error, request_id) + b"\n\n"


def _is_usage_chunk(delta: Delta) -> bool:
    """Whether the event holds usage and nothing of any answer."""
    return any(spelling in delta.raw for spelling in _NO_CHOICES)
