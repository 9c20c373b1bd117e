"""Mistral's event stream, in both directions. `Delta.raw` is one event as it goes on the wire."""

from typing import Any, Final

import msgspec

from ...domain.answer import Delta, FinishReason, ToolCall, Usage
from ...errors import RouterError
from ..common.sse import Event
from .face import call_body, complain, finish_word, logprobs_body, thought_body, usage_body
from .reply import Answers
from .shape import said_of

_DONE: Final = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


class MistralEvents:
    """Reads chunks until `[DONE]`."""

    __slots__ = ("_answers", "finished")

    def __init__(self) -> None:
        self.finished = False
        self._answers = Answers()

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event."""
        if event.data == b"[DONE]":
            self.finished = True
            return self._answers.end()
        return self._answers.take(said_of(event.data), b"data: " + event.data.replace(b"\n", b"\ndata: ") + b"\n\n")

    def rest(self) -> list[Delta]:
        """Nothing is held back."""
        return []


class _Told:
    """What is held of one answer until the end: its calls, which come whole here, and its finish."""

    __slots__ = ("calls", "finish", "opened")

    def __init__(self) -> None:
        self.calls: dict[int, list[str]] = {}
        self.finish: FinishReason | None = None
        self.opened = False

    def take(self, delta: Delta) -> None:
        self.finish = delta.finish_reason or self.finish
        if delta.tool_index >= 0:
            call = self.calls.setdefault(delta.tool_index, ["", "", ""])
            call[0] = call[0] or delta.tool_id
            call[1] = call[1] or delta.tool_name
            call[2] += delta.tool_arguments


class MistralWriter:
    """Writes chunks. With `native` the provider's own events pass as they came.

    The finishes and the usage are held until the end, where this dialect tells them together; so are calls.
    """

    __slots__ = ("_head", "_native", "_told", "_usage")

    def __init__(self, call_id: str, created: int, model: str, native: bool) -> None:
        self._head = {"id": call_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._native = native
        self._told = {0: _Told()}
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The event for this piece. A refusal, which has no place of its own here, is shown as text."""
        if self._native:
            return delta.raw
        self._usage = delta.usage or self._usage
        told = self._told.setdefault(delta.choice, _Told()) if delta.choice else self._told[0]
        told.take(delta)
        text = delta.refusal + delta.text
        content: str | list[dict[str, Any]] = text
        if delta.tool_index < 0 and (delta.reasoning or delta.signature):
            content = [thought_body(delta.reasoning, delta.signature)]
            if text:
                content.append({"type": "text", "text": text})
        if not content and not delta.logprobs:
            return b""
        said: dict[str, Any] = {"delta": {"content": content}, "finish_reason": None}
        if delta.logprobs:
            said["logprobs"] = logprobs_body(delta.logprobs)
        return self._event(delta.choice, said)

    def finish(self, comment: str = "") -> bytes:
        """The comment, if any, the chunks that hold the finishes, the usage in the last of them, and `[DONE]`."""
        out = f": {comment}\n\n".encode() if comment else b""
        if self._native:
            return out + _DONE
        places = sorted(self._told)
        for place in places:
            told = self._told[place]
            said: dict[str, Any] = {"content": ""}
            if told.calls:
                calls = [ToolCall(*told.calls[index]) for index in sorted(told.calls)]
                said["tool_calls"] = [call_body(index, call) for index, call in enumerate(calls)]
            usage = self._usage if place == places[-1] else None
            out += self._event(place, {"delta": said, "finish_reason": finish_word(told.finish)}, usage)
        return out + _DONE

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """One event holding the error."""
        return b"data: " + complain(error, request_id) + b"\n\n"

    def _event(self, place: int, said: dict[str, Any], usage: Usage | None = None) -> bytes:
        told = self._told[place]
        if not told.opened:
            told.opened = True
            said["delta"] = {"role": "assistant", **said["delta"]}
        chunk: dict[str, Any] = {**self._head, "choices": [{"index": place, **said}]}
        if usage is not None:
            chunk["usage"] = usage_body(usage)
        return b"data: " + _encode(chunk) + b"\n\n"
