"""From typed messages to Mistral's: its order of turns, its chunks, its ids of calls. Nothing of the request around them.

Mistral refuses what others let pass (error 3230): an instruction or a user after the tools' results, an instruction after
the assistant, and ids of calls that are not nine letters and digits.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from ...domain.request import Called, Media, Message, Part, Reasoning, Result, Text
from ...errors import CallerError, UnsupportedFeature
from ..common.call_ids import CallIds, spelled_short
from ..common.media import data_url
from ..common.seal import signed_by
from ..common.turns import parts_of
from .words import DIALECT

_IDS: Final = re.compile(r"[a-zA-Z0-9]{9}")
# closer than `high` cannot be looked here
_DETAILS: Final = {"original": "high"}
# stands between the tools' results and who speaks next, where the assistant was not heard; it may not be empty
_BRIDGE: Final = "OK."
_FAILED: Final = Text("Error:")


class Conversation:
    """The messages of one request; `dropped` gets what is not told. Raises UnsupportedFeature, CallerError."""

    def __init__(self, model_id: str, dropped: dict[str, None]) -> None:
        self._model_id = model_id
        self._dropped = dropped
        self._ids = CallIds(_IDS, spelled_short)
        self.messages: list[dict[str, Any]] = []

    def add(self, message: Message) -> None:
        """Tell one turn; a turn that says nothing is left out, since it would be refused."""
        if message.name:
            self._dropped["name"] = None
        if message.role == "tool":
            self._add_results(message)
            return
        parts = parts_of(message)
        if any(part.marker for part in parts if isinstance(part, Text | Media | Called)):
            self._dropped["cache_control"] = None
        if message.role == "assistant":
            self._add_assistant(parts)
        elif parts and message.role == "user":
            self._add_user(self._chunks(parts))
        elif parts:
            self._add_instruction(parts)

    def ended(self) -> list[dict[str, Any]]:
        """All messages. A text of the assistant at the end is the beginning of its answer, else it would be refused."""
        if not self.messages:
            raise CallerError("messages: there is no text in them", param="messages")
        last = self.messages[-1]
        if last["role"] == "assistant" and "tool_calls" not in last:
            last["prefix"] = True
        return self.messages

    def _add_instruction(self, parts: Sequence[Part]) -> None:
        if not all(isinstance(part, Text) for part in parts):
            raise UnsupportedFeature("a system message can hold nothing but text for this model", param="messages")
        chunks = self._chunks(parts)
        if self._last() in ("assistant", "tool"):
            self._add_user([chunk | {"text": f"[system] {chunk['text']}"} for chunk in chunks])
        else:
            self.messages.append({"role": "system", "content": _content(chunks)})

    def _add_user(self, chunks: list[dict[str, Any]]) -> None:
        if self._last() == "tool":
            self.messages.append({"role": "assistant", "content": _BRIDGE})
        self.messages.append({"role": "user", "content": _content(chunks)})

    def _add_assistant(self, parts: Sequence[Part]) -> None:
        kept = [part for part in parts if not isinstance(part, Reasoning) or self._is_ours(part)]
        if len(kept) < len(parts):
            self._dropped["thinking"] = None
        calls = [part for part in kept if isinstance(part, Called)]
        chunks = self._chunks([part for part in kept if not isinstance(part, Called)])
        if not calls and not any(chunk["type"] != "thinking" for chunk in chunks):
            return
        message: dict[str, Any] = {"role": "assistant", "content": _content(chunks)}
        if calls:
            message["tool_calls"] = [self._call(place, call) for place, call in enumerate(calls)]
        self.messages.append(message)

    def _is_ours(self, thought: Reasoning) -> bool:
        return not thought.redacted and signed_by(thought.signer, DIALECT, self._model_id)

    def _call(self, place: int, call: Called) -> dict[str, Any]:
        if call.signature and not signed_by(call.signer, DIALECT, self._model_id):
            self._dropped["thinking"] = None
        function = {"name": call.name, "arguments": call.arguments.strip() or "{}"}
        return {"id": self._ids.called(call.id), "type": "function", "function": function, "index": place}

    def _add_results(self, message: Message) -> None:
        for part in message.parts:
            if not isinstance(part, Result):
                raise UnsupportedFeature(
                    "a tool message without the id of its call cannot be carried to this model", param="messages"
                )
            if part.marker or any(inner.marker for inner in part.parts):
                self._dropped["cache_control"] = None
            parts = (_FAILED, *part.parts) if part.failed else part.parts
            result = {
                "role": "tool",
                "content": _content(self._chunks(parts)),
                "tool_call_id": self._ids.answered(part.call_id),
            }
            if part.name:
                result["name"] = part.name
            self.messages.append(result)

    def _chunks(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        if any(isinstance(part, Media) and part.detail in _DETAILS for part in parts):
            self._dropped["detail"] = None
        return [_chunk(part) for part in parts]

    def _last(self) -> str:
        return str(self.messages[-1]["role"]) if self.messages else ""


def _content(chunks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Chunks in their shortest form: one text is a plain one, and nothing at all an empty one."""
    if not chunks:
        return ""
    if len(chunks) == 1 and chunks[0]["type"] == "text":
        return str(chunks[0]["text"])
    return chunks


def _chunk(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Media):
        return _media(part)
    if isinstance(part, Reasoning):
        chunk: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
        return chunk | {"signature": part.signature} if part.signature else chunk
    raise UnsupportedFeature("a call or a result stands where this model does not take one", param="messages")


def _media(media: Media) -> dict[str, Any]:
    if media.kind == "audio":
        return {"type": "input_audio", "input_audio": media.data or media.url}
    if media.kind == "file":
        chunk = {"type": "document_url", "document_url": data_url(media)}
        return chunk | {"document_name": media.name} if media.name else chunk
    image = {"url": data_url(media)}
    if media.detail:
        image["detail"] = _DETAILS.get(media.detail, media.detail)
    return {"type": "image_url", "image_url": image}
