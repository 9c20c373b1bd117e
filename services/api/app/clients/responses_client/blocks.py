"""Thoughts and messages of the output while they grow, and the events of it. When one ends is the writer's business."""

from typing import Any

import msgspec
from msgspec import Raw

from ...domain.answer import Thought, TokenLogprob
from .events import EventLine, event_head
from .proof import shown_proof
from .render import message_item, piece_logprobs, reasoning_item, refusal_part, summary_part, text_part

_encode = msgspec.json.Encoder().encode
_NO_LOGPROBS = b',"logprobs":[]'


class OpenThought:
    """A reasoning item under way at `place`. `proof` is what ends it, where there is one."""

    __slots__ = ("_head", "_id", "_line", "_text", "place", "proof")

    def __init__(self, line: EventLine, item_id: str, place: int) -> None:
        self.place = place
        self.proof = ""
        self._line = line
        self._id = item_id
        self._text: list[str] = []
        self._head = b""

    def open(self) -> bytes:
        """The item's beginning."""
        item = reasoning_item(self._id, "", "", "in_progress")
        return self._line.event("output_item.added", {"output_index": self.place, "item": item})

    def grow(self, text: str) -> bytes:
        """More of the thought's text."""
        begun = b""
        if not self._text:
            begun = self._line.event("reasoning_summary_part.added", {**self._at, "part": summary_part("")})
            self._head = event_head("reasoning_summary_text.delta", self._at)
        self._text.append(text)
        return begun + self._line.piece(self._head, text)

    def prove(self, signature: str, redacted: str) -> None:
        """Take in the proof that ends the thought."""
        self.proof = shown_proof(Thought("", signature, redacted))

    def item(self, status: str) -> Raw:
        """The item as it is now; a thought with its proof is whole whatever the answer's status."""
        status = "completed" if self.proof else status
        return Raw(_encode(reasoning_item(self._id, "".join(self._text), self.proof, status)))

    def close(self, status: str) -> tuple[bytes, Raw]:
        """The item's end, and the item."""
        told = b""
        if self._text:
            text = "".join(self._text)
            told = self._line.event("reasoning_summary_text.done", {**self._at, "text": text})
            told += self._line.event("reasoning_summary_part.done", {**self._at, "part": summary_part(text)})
        item = self.item(status)
        return told + self._line.event("output_item.done", {"output_index": self.place, "item": item}), item

    @property
    def _at(self) -> dict[str, object]:
        return {"item_id": self._id, "output_index": self.place, "summary_index": 0}


class OpenMessage:
    """A message item under way at `place`: texts and refusals, one after the other."""

    __slots__ = ("_content", "_head", "_id", "_kind", "_line", "_logprobs", "_text", "place")

    def __init__(self, line: EventLine, item_id: str, place: int) -> None:
        self.place = place
        self._line = line
        self._id = item_id
        self._content: list[dict[str, Any]] = []
        self._kind = ""  # of the part under way: output_text or refusal
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._head = b""

    def open(self) -> bytes:
        """The item's beginning."""
        item = message_item(self._id, [], "in_progress")
        return self._line.event("output_item.added", {"output_index": self.place, "item": item})

    def grow(self, kind: str, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> bytes:
        """More of a text (`output_text`) or of a refusal (`refusal`)."""
        begun = b"" if kind == self._kind else self._turn(kind)
        self._text.append(text)
        if kind == "refusal":
            return begun + self._line.piece(self._head, text)
        if not logprobs:
            return begun + self._line.piece(self._head, text, _NO_LOGPROBS)
        self._logprobs += logprobs
        return begun + self._line.piece(self._head, text, b',"logprobs":' + _encode(piece_logprobs(logprobs)))

    def item(self, status: str) -> Raw:
        """The item as it is now."""
        content = [*self._content, self._part()] if self._kind else self._content
        return Raw(_encode(message_item(self._id, content, status)))

    def close(self, status: str) -> tuple[bytes, Raw]:
        """The item's end, and the item."""
        told = self._end_part()
        item = self.item(status)
        return told + self._line.event("output_item.done", {"output_index": self.place, "item": item}), item

    def _turn(self, kind: str) -> bytes:
        told = self._end_part()
        self._kind = kind
        self._head = event_head(f"{kind}.delta", self._at)
        return told + self._line.event("content_part.added", {**self._at, "part": self._part()})

    def _end_part(self) -> bytes:
        if not self._kind:
            return b""
        at, part = self._at, self._part()
        if self._kind == "refusal":
            told = self._line.event("refusal.done", {**at, "refusal": part["refusal"]})
        else:
            said = {"text": part["text"], "logprobs": piece_logprobs(self._logprobs)}
            told = self._line.event("output_text.done", {**at, **said})
        told += self._line.event("content_part.done", {**at, "part": part})
        self._content.append(part)
        self._kind, self._text, self._logprobs = "", [], []
        return told

    def _part(self) -> dict[str, Any]:
        text = "".join(self._text)
        return refusal_part(text) if self._kind == "refusal" else text_part(text, self._logprobs)

    @property
    def _at(self) -> dict[str, object]:
        return {"item_id": self._id, "output_index": self.place, "content_index": len(self._content)}
