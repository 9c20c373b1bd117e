"""From the turns of a ChatRequest to Anthropic's messages. No options of a request may enter."""

import base64
import binascii
from typing import Any, Final

from ...domain.request import Called, Foreign, Media, Part, Reasoning, Result, Text
from ...domain.target import Target
from ...errors import CallerError, UnsupportedFeature
from ..common.seal import signed_by
from ..common.tools import input_of
from ..common.turns import Turn
from .dialect import DIALECT, call_ids

Block = dict[str, Any]
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def cache_control(marker: str) -> dict[str, str]:
    """A breakpoint that keeps its prefix for as long as `marker` says; five minutes are the default."""
    return {"type": "ephemeral", "ttl": marker} if marker == "1h" else {"type": "ephemeral"}


def text_block(part: Text) -> Block:
    """A text, which must not be blank."""
    return _marked({"type": "text", "text": part.text}, part.marker)


def messages_of(turns: list[Turn], target: Target, dropped: list[str]) -> list[Block]:
    """The messages. Thoughts of other models are left out and reported, as is what a model would not look at."""
    turned = _Turned(target, dropped)
    told = [turned.assistant(turn.parts) if turn.assistant else turned.user(turn.parts) for turn in turns]
    return [message for message in told if message["content"]]


class _Turned:
    """Writes the turns of one conversation, in order: the ids of calls depend on what came before."""

    def __init__(self, target: Target, dropped: list[str]) -> None:
        self._ids = call_ids()
        self._target = target
        self._dropped = dropped

    def assistant(self, parts: list[Part]) -> Block:
        """Calls stand last, whatever was said after them, since their results follow."""
        blocks = [block for part in parts if type(part) is not Called for block in self._said(part)]
        blocks += [self._called(part) for part in parts if type(part) is Called]
        return {"role": "assistant", "content": blocks}

    def user(self, parts: list[Part]) -> Block:
        """All results of one turn of calls stand in one message, before anything else."""
        blocks = [self._result(part) for part in parts if type(part) is Result]
        blocks += [self._seen(part) for part in parts if type(part) is not Result]
        return {"role": "user", "content": blocks}

    def _said(self, part: Part) -> list[Block]:
        if type(part) is Text:
            return [text_block(part)]
        if type(part) is not Reasoning:
            raise _unsupported(part, "in a turn of the assistant")
        if not signed_by(part.signer, DIALECT, self._target.model_id):
            self._dropped.append("thinking")
            return []
        if part.redacted:
            return [{"type": "redacted_thinking", "data": part.redacted}]
        return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]

    def _called(self, part: Called) -> Block:
        if part.signature:
            self._dropped.append("thinking")
        block = {"type": "tool_use", "id": self._ids.called(part.id), "name": part.name, "input": input_of(part)}
        return _marked(block, part.marker)

    def _result(self, part: Result) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": self._ids.answered(part.call_id)}
        content = [self._seen(inner) for inner in part.parts if not isinstance(inner, Text) or inner.text.strip()]
        if content:
            block["content"] = content
        if part.failed:
            block["is_error"] = True
        return _marked(block, part.marker)

    def _seen(self, part: Part) -> Block:
        if type(part) is Text:
            return text_block(part)
        if type(part) is not Media or part.kind == "audio":
            raise _unsupported(part, "in a turn of the user")
        if part.detail not in ("", "auto"):
            self._dropped.append("detail")
        return _marked(_image(part) if part.kind == "image" else _document(part), part.marker)


def _image(part: Media) -> Block:
    if part.url:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    if part.media_type not in _IMAGES:
        raise UnsupportedFeature("messages: this model takes images of the types jpeg, png, gif and webp alone", param="messages")
    return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}


def _document(part: Media) -> Block:
    block: Block = {"type": "document", "source": _source(part)}
    if part.name:
        block["title"] = part.name
    return block


def _source(part: Media) -> dict[str, str]:
    if part.url:
        return {"type": "url", "url": part.url}
    if part.media_type == "application/pdf":
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if not part.media_type.startswith("text/"):
        raise UnsupportedFeature("messages: this model takes files of the types PDF and text alone", param="messages")
    try:
        text = base64.b64decode(part.data).decode()
    except (binascii.Error, ValueError):
        raise CallerError("messages: a text file is not UTF-8 in base64", param="messages") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _marked(block: Block, marker: str) -> Block:
    if marker:
        block["cache_control"] = cache_control(marker)
    return block


def _unsupported(part: Part, where: str) -> UnsupportedFeature:
    kind = part.kind if isinstance(part, (Media, Foreign)) else type(part).__name__.lower()
    return UnsupportedFeature(f"messages: a part of type {kind} {where} cannot be carried to this model", param="messages")
