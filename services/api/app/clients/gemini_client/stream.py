"""Gemini's event stream, in both directions. `Delta.raw` is one event as it goes on the wire.

The dialect has no terminator: an answer is whole when its body ends after a finish reason; a body that ends before is cut short.
"""

from typing import Any

import msgspec

from ...domain.answer import Delta, FinishReason, Thought, ToolCall, Usage
from ...errors import RouterError
from ..common.sse import Event
from .face import candidate_body, complain, usage_body
from .reply import Answer
from .shapes import said_of

_encode = msgspec.json.Encoder().encode


class GeminiEvents:
    """Reads events, each a whole response with new parts."""

    __slots__ = ("_answer", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._answer = Answer()

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event."""
        deltas = self._answer.take(said_of(event.data), b"data: " + event.data.replace(b"\n", b"\ndata: ") + b"\n\n")
        self.finished = self._answer.finish is not None
        return deltas

    def rest(self) -> list[Delta]:
        """The finish and the last usage."""
        return [self._answer.last()]


class GeminiWriter:
    """Writes events. With `native` the provider's own events pass as they came.

    The finish and the usage are held until the end, where this dialect tells them together; so are calls, which come whole.
    Only the first answer is written: this dialect's stream has no place for others.
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
            return delta.raw
        self._usage = delta.usage or self._usage
        if delta.choice:
            return b""
        self._refusal += delta.refusal
        self._finish = delta.finish_reason or self._finish
        thoughts: tuple[Thought, ...] = ()
        if delta.tool_index >= 0:
            self._hold(delta)
        elif delta.reasoning or delta.signature or delta.redacted:
            thoughts = (Thought(delta.reasoning, delta.signature, delta.redacted),)
        if not (delta.text or thoughts or delta.logprobs):
            return b""
        return self._event({"candidates": [candidate_body(delta.text, thoughts, logprobs=delta.logprobs)]})

    def _hold(self, delta: Delta) -> None:
        call = self._calls.setdefault(delta.tool_index, ["", "", "", ""])
        call[0] = call[0] or delta.tool_id
        call[1] = call[1] or delta.tool_name
        call[2] += delta.tool_arguments
        call[3] = call[3] or delta.signature

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, and the event that holds the finish and the usage; nothing terminates a stream here."""
        said = f": {comment}\n\n".encode() if comment else b""
        if self._native:
            return said
        calls = [ToolCall(*self._calls[place]) for place in sorted(self._calls)]
        candidate = candidate_body("", calls=calls, finish=self._finish or "stop", refusal=self._refusal)
        last: dict[str, Any] = {"candidates": [candidate]}
        if self._usage is not None:
            last["usageMetadata"] = usage_body(self._usage)
        return said + self._event(last)

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One event holding the error."""
        return b"data: " + complain(error, request_id) + b"\n\n"

    def _event(self, body: dict[str, Any]) -> bytes:
        return b"data: " + _encode(body | self._head) + b"\n\n"
