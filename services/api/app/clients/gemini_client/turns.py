"""From `contents` to turns of typed parts. Nothing of an answer's limits or form may enter."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import Called, Foreign, Media, MediaKind, Message, Part, Reasoning, Result, Text
from ...errors import CallerError
from ..common.call_ids import minted
from ..common.media import true_type
from ..common.said import NOTHING
from .signatures import opened, standard

_KNOWN: Final = frozenset(
    {"text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData", "fileData", "mediaResolution"}
)
_KINDS: Final[dict[str, MediaKind]] = {"image": "image", "audio": "audio", "application": "file", "text": "file"}
_DETAILS: Final = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_MEDIUM": "auto",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "original",
}
# what the dialect calls a result that is no object of its own
_WRAPPED: Final = frozenset({"output", "error"})
_object = msgspec.json.Decoder(dict[str, Any])


class _Blob(Struct, rename="camel"):
    mime_type: str
    data: str


class _File(Struct, rename="camel"):
    file_uri: str
    mime_type: str = ""


class _Call(Struct):
    name: str
    id: str | None = None
    args: dict[str, Raw] | None = None


class _ResponsePart(Struct, rename="camel"):
    inline_data: _Blob | None = None
    file_data: _File | None = None


class _Response(Struct):
    name: str
    id: str | None = None
    response: Raw = NOTHING
    parts: list[_ResponsePart] | None = None


class _Resolution(Struct):
    level: str | None = None


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    function_response: _Response | None = None
    inline_data: _Blob | None = None
    file_data: _File | None = None
    media_resolution: _Resolution | None = None


class Content(Struct):
    """One turn as the caller wrote it; without a role it is the user's."""

    parts: Annotated[list[_Part], Meta(min_length=1)]
    role: str | None = None


def detail_of(word: str | None) -> str:
    """How closely to look, "" when nothing (known) is said."""
    return _DETAILS.get(word or "", "")


class Turns:
    """Reads the turns of one conversation, in order.

    `native` and `extra` are as in ChatRequest. `tree` is the decoded `contents`; a wrong media type is mended in it too
    (`mended` tells).
    """

    def __init__(self, tree: list[dict[str, Any]], detail: str) -> None:
        self.tree = tree
        self.native: list[str] = []
        self.extra: list[str] = []
        self.mended = False
        self._detail = detail
        self._open: dict[str, list[str]] = {}  # name -> ids of calls without a result

    def read(self, contents: Sequence[Content]) -> list[Message]:
        """The messages. Raises CallerError naming the field to change."""
        messages: list[Message] = []
        for place, content in enumerate(contents):
            parts = [part for at, told in enumerate(content.parts) for part in self._parts(told, place, at)]
            role = content.role or "user"
            if role == "model":
                messages.append(Message("assistant", tuple(sorted(parts, key=_rank))))
            elif role in ("user", "function", "tool"):
                messages += _split(parts)
            else:
                where = f"contents[{place}].role"
                raise CallerError(f"{where}: use one of user, model", param=where)
        return messages

    def _parts(self, told: _Part, place: int, at: int) -> list[Part]:
        where = f"contents[{place}].parts[{at}]"
        source = self.tree[place]["parts"][at]
        self.extra += [f"{where}.{name}" for name in source if name not in _KNOWN and source[name] is not None and _says(told)]
        signature, signer = opened(told.thought_signature or "")
        if told.function_call is not None:
            return [self._called(told.function_call, place, at, signature, signer)]
        if told.function_response is not None:
            return [self._result(told.function_response, source["functionResponse"])]
        if told.inline_data is not None or told.file_data is not None:
            return [self._media(told, where, source)]
        if told.thought:
            return [Reasoning(told.text or "", signature, signer=signer)]
        if told.text is not None:
            thought: list[Part] = [Reasoning(redacted=signature, signer=signer)] if signature else []
            return [*thought, Text(told.text)] if told.text or not thought else thought
        kind = next((name for name in source if name not in _KNOWN), "part")
        self.native.append(where)
        return [Foreign(kind, Raw(msgspec.json.encode(source)))]

    def _called(self, call: _Call, place: int, at: int, signature: str, signer: str) -> Called:
        call_id = call.id or minted("contents", str(place), str(at), call.name)
        self._open.setdefault(call.name, []).append(call_id)
        return Called(call_id, call.name, msgspec.json.encode(call.args or {}).decode(), signature, signer)

    def _result(self, told: _Response, source: dict[str, Any]) -> Result:
        """A result; one without an id answers the first open call of its name."""
        waiting = self._open.get(told.name, [])
        call_id = told.id or (waiting[0] if waiting else minted("result", told.name))
        if call_id in waiting:
            waiting.remove(call_id)
        media = [self._attached(part, source["parts"][at]) for at, part in enumerate(told.parts or ())]
        text, failed = _said(told.response)
        texts = [Text(text)] if text or not media else []
        return Result(call_id, (*texts, *[part for part in media if part is not None]), told.name, failed)

    def _attached(self, part: _ResponsePart, source: dict[str, Any]) -> Media | None:
        if part.inline_data is None and part.file_data is None:
            return None
        return self._seen(part.inline_data, part.file_data, source, self._detail)

    def _media(self, told: _Part, where: str, source: dict[str, Any]) -> Part:
        level = told.media_resolution.level if told.media_resolution is not None else None
        media = self._seen(told.inline_data, told.file_data, source, detail_of(level) or self._detail)
        if media is not None:
            return media
        self.native.append(where)
        return Foreign("media", Raw(msgspec.json.encode(source)))

    def _seen(self, blob: _Blob | None, file: _File | None, source: dict[str, Any], detail: str) -> Media | None:
        """The media of a part; None for kinds that only this dialect has (video, files that the host keeps)."""
        if blob is not None:
            data = standard(blob.data)
            media_type = true_type(blob.mime_type, data)
            if media_type != blob.mime_type.lower():
                source["inlineData"]["mimeType"] = media_type
                self.mended = True
            kind = _KINDS.get(media_type.partition("/")[0])
            return None if kind is None else Media(kind, media_type, data, detail=detail if kind == "image" else "")
        if (
            file is None
            or not file.file_uri.startswith(("https://", "http://"))
            or "generativelanguage.googleapis.com/" in file.file_uri
        ):
            return None
        kind = _KINDS.get(file.mime_type.partition("/")[0] or "application")
        return None if kind is None else Media(kind, file.mime_type, url=file.file_uri, detail=detail if kind == "image" else "")


def _says(told: _Part) -> bool:
    """Whether a part has content that we read: else it is foreign as a whole."""
    return any((told.text is not None, told.function_call, told.function_response, told.inline_data, told.file_data))


def _rank(part: Part) -> int:
    if isinstance(part, Reasoning):
        return 0
    return 2 if isinstance(part, Called) else 1


def _split(parts: Sequence[Part]) -> list[Message]:
    """The user's turn, its results apart from what else is said, in order."""
    messages: list[Message] = []
    for part in parts:
        role = "tool" if isinstance(part, Result) else "user"
        if messages and messages[-1].role == role:
            messages[-1] = Message(messages[-1].role, (*messages[-1].parts, part))
        else:
            messages.append(Message("tool" if role == "tool" else "user", (part,)))
    return messages


def _said(response: Raw) -> tuple[str, bool]:
    """(text, whether the tool reports an error) of a result's object."""
    data = bytes(response)
    if not data:
        return "", False
    try:
        told = _object.decode(data)
    except msgspec.ValidationError:
        raise CallerError("contents: functionResponse.response must be an object", param="contents") from None
    if len(told) == 1:
        name, value = next(iter(told.items()))
        if name in _WRAPPED and isinstance(value, str):
            return value, name == "error"
    return msgspec.json.format(data, indent=-1).decode(), False
