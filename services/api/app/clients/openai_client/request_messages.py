"""From typed turns to OpenAI's messages, for requests that came in another dialect. No other field of the body."""

from typing import Any, Final

from ...domain.request import Called, ChatRequest, Foreign, Media, Message, Part, Reasoning, Result, Text
from ...domain.target import Target
from ...errors import UnsupportedFeature
from ..common.call_ids import CallIds, spelled_hex
from ..common.media import data_url
from ..common.seal import signed_by
from .face import call_body
from .mending import ACCEPTED_IDS

_SOUNDS: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}
# a breakpoint without a `ttl` is kept for half an hour, the least that the API has
BREAKPOINTS: Final = {"5m": {"mode": "explicit"}, "1h": {"mode": "explicit", "ttl": "12h"}}
_SHOWN_BELOW: Final = "(see the next user message)"


def knows_breakpoints(target: Target) -> bool:
    """Whether the host takes cache breakpoints: OpenAI's models from gpt-5.6 on, says the SDK."""
    return target.provider == "openai" and "reasoning" in target.capabilities


class Translation:
    """One conversation on its way into OpenAI's messages; `dropped` gathers what had to be left out.

    Images that a tool gave back, and those that a model drew, have no place in tool and assistant messages here: they go into
    the user message that follows, or into one of their own before the next turn.
    """

    __slots__ = ("_dropped", "_ids", "_marks", "_model_id", "_said", "_thinks_on", "_waiting")

    def __init__(self, target: Target, strict: bool) -> None:
        self._model_id = target.model_id
        self._marks = knows_breakpoints(target)
        self._thinks_on = not strict  # OpenAI itself takes no thoughts back
        self._ids = CallIds(ACCEPTED_IDS, spelled_hex("call_"))
        self._dropped: set[str] = set()
        self._said: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []

    def of(self, request: ChatRequest) -> tuple[list[dict[str, Any]], set[str]]:
        """(the messages, what was left out). Raises UnsupportedFeature for what the dialect cannot say."""
        for message in request.messages:
            if message.role == "tool":
                self._results(message)
            elif message.role == "assistant":
                self._flush()
                self._said.append(self._assistant(message))
            elif message.role == "user":
                self._said.append(self._named(message, self._content(message.parts, self._waiting)))
                self._waiting = []
            else:
                self._flush()
                self._said.append(self._named(message, self._content(message.parts, [])))
        self._flush()
        self._mark_end(request.marker)
        return self._said, self._dropped

    def _flush(self) -> None:
        if self._waiting:
            self._said.append({"role": "user", "content": self._waiting})
            self._waiting = []

    def _named(self, message: Message, content: str | list[dict[str, Any]]) -> dict[str, Any]:
        said: dict[str, Any] = {"role": message.role, "content": content}
        if message.name is not None:
            said["name"] = message.name
        return said

    def _content(self, parts: tuple[Part, ...], before: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        if not before and len(parts) == 1 and isinstance(parts[0], Text) and not (self._marks and parts[0].marker):
            self._note_marker(parts[0].marker)
            return parts[0].text
        return before + [self._part(part) for part in parts]

    def _part(self, part: Part) -> dict[str, Any]:
        if isinstance(part, Text):
            return self._marked({"type": "text", "text": part.text}, part.marker)
        if isinstance(part, Media):
            return self._marked(_MEDIA[part.kind](part), part.marker)
        kind = part.kind if isinstance(part, Foreign) else "call, thought or result here"
        raise UnsupportedFeature(f"a part of type {kind} cannot be carried to this model", param="messages")

    def _marked(self, body: dict[str, Any], marker: str) -> dict[str, Any]:
        if marker and self._marks:
            body["prompt_cache_breakpoint"] = BREAKPOINTS.get(marker, BREAKPOINTS["5m"])
        else:
            self._note_marker(marker)
        return body

    def _mark_end(self, marker: str) -> None:
        """A breakpoint at the end of the whole prompt, on the last part that can bear one."""
        self._note_marker(marker)
        if not (marker and self._marks):
            return
        for said in reversed(self._said):
            content = said["content"]
            if content and isinstance(content, str):
                content = said["content"] = [{"type": "text", "text": content}]
            if content:
                self._marked(content[-1], marker)
                return

    def _note_marker(self, marker: str) -> None:
        if marker and not self._marks:
            self._dropped.add("cache_control")

    def _assistant(self, message: Message) -> dict[str, Any]:
        texts = tuple([part for part in message.parts if isinstance(part, Text)])
        calls = [self._call(part) for part in message.parts if isinstance(part, Called)]
        self._waiting += [self._part(part) for part in message.parts if isinstance(part, Media | Foreign)]
        said = self._named(message, self._content(texts, []) if texts else "")
        if calls:
            said["content"] = said["content"] or None
            said["tool_calls"] = calls
        return said | self._thoughts([part for part in message.parts if isinstance(part, Reasoning)])

    def _thoughts(self, thoughts: list[Reasoning]) -> dict[str, Any]:
        """The thoughts that a host of this dialect signed; all others stay out, as they are not this model's."""
        kept = [thought for thought in thoughts if self._is_own(thought.signer)]
        if len(kept) < len(thoughts):
            self._dropped.add("thinking")
        if not kept:
            return {}
        text = "".join([thought.text for thought in kept])
        said: dict[str, Any] = {"reasoning_content": text} if text else {}
        return {**said, "reasoning_details": [_detail(thought, i) for i, thought in enumerate(kept)]}

    def _is_own(self, signer: str) -> bool:
        return self._thinks_on and signed_by(signer, "openai", self._model_id)

    def _call(self, call: Called) -> dict[str, Any]:
        signature = call.signature
        if signature and not self._is_own(call.signer):
            self._dropped.add("thinking")
            signature = ""
        if call.marker:
            self._dropped.add("cache_control")
        return call_body(self._ids.called(call.id), call.name, call.arguments, signature)

    def _results(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, Result):
                self._result(part)
            else:
                self._part(part)

    def _result(self, result: Result) -> None:
        texts = tuple([part for part in result.parts if isinstance(part, Text)])
        shown = [self._part(part) for part in result.parts if isinstance(part, Media)]
        if shown:
            self._waiting += [{"type": "text", "text": f"From the tool {result.name or result.call_id}:"}, *shown]
        if result.failed:
            texts = (Text("Error:"), *texts)
        if shown:
            texts += (Text(_SHOWN_BELOW),)
        if result.marker and texts:
            texts = (*texts[:-1], Text(texts[-1].text, texts[-1].marker or result.marker))
        content = self._content(texts, []) if texts else ""
        self._said.append({"role": "tool", "tool_call_id": self._ids.answered(result.call_id), "content": content})


def _detail(thought: Reasoning, index: int) -> dict[str, Any]:
    if thought.redacted:
        return {"type": "reasoning.encrypted", "data": thought.redacted, "format": "unknown", "index": index}
    body = {"type": "reasoning.text", "text": thought.text, "signature": thought.signature, "format": "unknown", "index": index}
    return body if thought.signature else {**body, "signature": None}


def _image(media: Media) -> dict[str, Any]:
    image = {"url": data_url(media)}
    if media.detail:
        image["detail"] = media.detail
    return {"type": "image_url", "image_url": image}


def _audio(media: Media) -> dict[str, Any]:
    sound = _SOUNDS.get(media.media_type)
    if sound is None or not media.data:
        raise UnsupportedFeature("OpenAI's models take sounds as WAV or MP3 data only", param="messages")
    return {"type": "input_audio", "input_audio": {"data": media.data, "format": sound}}


def _file(media: Media) -> dict[str, Any]:
    if not media.data:
        raise UnsupportedFeature("OpenAI's chat takes the data of a file, not its URL", param="messages")
    name = media.name or f"file.{media.media_type.rpartition('/')[2] or 'pdf'}"
    return {"type": "file", "file": {"filename": name, "file_data": data_url(media)}}


_MEDIA: Final = {"image": _image, "audio": _audio, "file": _file}
