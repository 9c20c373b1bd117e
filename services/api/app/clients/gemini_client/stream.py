"""Gemini's event stream, in both directions. `Delta.raw` is one event's JSON as it came.

The dialect has no terminator: an answer is whole when its body ends after a finish reason; a body that ends before is cut short.
"""

from typing import Any

import msgspec

from ...domain.answer import Delta, FinishReason, ToolCall, Usage
from ...errors import RouterError
from ..common.sse import Event
from . import reply
from .face import candidate_body, complain, usage_body

_encode = msgspec.json.Encoder().encode


class GeminiEvents:
    """Reads events, each a whole response with new parts.

    The finish and the usage are told at the end of the body: usage is cumulative in every event, and there are models
    that put an early finish reason into every event too.
    """

    __slots__ = ("_calls", "_finish", "_usage", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._calls = 0
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event."""
        said = reply.said_of(event.data)
        blocked = reply.blocked_by(said)
        candidate = said.candidates[0] if said.candidates else reply.Candidate()
        if candidate.index:
            candidate = reply.Candidate()  # another answer to the same prompt: passed on, not read
        calls = reply.calls_of(candidate, said.response_id or "", self._calls)
        first = self._calls
        self._calls += len(calls)
        self._end(said, "content_filter" if blocked else reply.finish_of(candidate.finish_reason, self._calls > 0))
        head = Delta(
            text=reply.text_of(candidate, thought=False),
            reasoning=reply.text_of(candidate, thought=True),
            refusal=blocked or reply.refusal_of(candidate),
            response_id=said.response_id or "",
            model_id=said.model_version or "",
            raw=event.data,
        )
        pieces = [
            Delta(tool_index=place, tool_id=call.id, tool_name=call.name, tool_arguments=call.arguments)
            for place, call in enumerate(calls, first)
        ]
        return [head, *pieces]

    def rest(self) -> list[Delta]:
        """The finish and the last usage."""
        return [Delta(finish_reason=self._finish, usage=self._usage)]

    def _end(self, said: reply.Said, finish: FinishReason | None) -> None:
        if finish is not None:
            self.finished = True
            self._finish = finish
        if bytes(said.usage_metadata):
            self._usage = reply.counted(said.usage_metadata)


class GeminiWriter:
    """Writes events. With `native` the provider's own events pass as they came.

    The finish and the usage are held until the end, where this dialect tells them together; so are calls, which come whole.
    """

    __slots__ = ("_calls", "_finish", "_head", "_native", "_refusal", "_usage")

    def __init__(self, call_id: str, model: str, native: bool) -> None:
        self._head = {"modelVersion": model, "responseId": call_id}
        self._native = native
        self._calls: dict[int, list[str]] = {}
        self._refusal = ""
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The event for this piece."""
        if self._native:
            return b"data: " + delta.raw + b"\n\n" if delta.raw else b""
        self._refusal += delta.refusal
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        if delta.tool_index >= 0:
            call = self._calls.setdefault(delta.tool_index, ["", "", ""])
            call[0] += delta.tool_id
            call[1] += delta.tool_name
            call[2] += delta.tool_arguments
        if not delta.text and not delta.reasoning:
            return b""
        return self._event({"candidates": [candidate_body(delta.text, delta.reasoning)]})

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, and the event that holds the finish and the usage; nothing terminates a stream here."""
        said = f": {comment}\n\n".encode() if comment else b""
        if self._native:
            return said
        calls = [ToolCall(*self._calls[place]) for place in sorted(self._calls)]
        last: dict[str, Any] = {"candidates": [candidate_body("", "", calls, self._finish or "stop", self._refusal)]}
        if self._usage is not None:
            last["usageMetadata"] = usage_body(self._usage)
        return said + self._event(last)

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One event holding the error."""
        return b"data: " + complain(error, request_id) + b"\n\n"

    def _event(self, body: dict[str, Any]) -> bytes:
        return b"data: " + _encode(body | self._head) + b"\n\n"
