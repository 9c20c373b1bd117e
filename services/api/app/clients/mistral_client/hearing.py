"""From Mistral's messages to typed ones. Nothing of the request around them may enter."""

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from ...domain.request import Called, Foreign, Media, Message, Part, Reasoning, Result, Text
from ...errors import CallerError
from ..common.media import data_url, is_mended, known_type, media_of
from ..common.seal import unsealed
from .words import DIALECT


class _Function(Struct):
    name: str
    arguments: Raw


class _Call(Struct):
    function: _Function
    id: str = "null"


class Spoken(Struct):
    """One message as it stands in a body."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[Raw] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class _Image(Struct):
    url: str
    detail: str | None = None


class _Piece(Struct):
    text: str | None = None


class _Chunk(Struct):
    type: str = "text"
    text: str | None = None
    image_url: str | _Image | None = None
    document_url: str | None = None
    document_name: str | None = None
    input_audio: str | None = None
    thinking: list[_Piece] | None = None
    signature: str | None = None


_chunk = msgspec.json.Decoder(_Chunk)
_text = msgspec.json.Decoder(str)


class Hearing:
    """Reads the messages of one body, and gathers what only this dialect can carry (`native`, by name)."""

    def __init__(self) -> None:
        self.native: list[str] = []
        self._mended: list[tuple[int, int, Media]] = []

    def message(self, message: Spoken, place: int) -> Message:
        """One turn. Raises CallerError naming the field to change."""
        where = f"messages[{place}]"
        content = message.content
        if content is None or isinstance(content, str):
            parts: tuple[Part, ...] = () if content is None else (Text(content),)
        else:
            parts = tuple(self._part(raw, place, index) for index, raw in enumerate(content))
        if message.role == "tool":
            return Message("tool", (_result(message, parts, where),))
        if message.tool_calls and message.role == "assistant":
            spoken = tuple(part for part in parts if not isinstance(part, Text) or part.text)
            parts = spoken + tuple(_called(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(message.tool_calls))
        return Message(message.role, parts)

    def mend(self, messages: list[Any]) -> bool:
        """Correct in the body itself the media types that their own bytes belie; whether there were any."""
        for place, index, media in self._mended:
            chunk = messages[place]["content"][index]
            field = "image_url" if "image_url" in chunk else "document_url"
            if isinstance(chunk[field], dict):
                chunk[field]["url"] = data_url(media)
            else:
                chunk[field] = data_url(media)
        return bool(self._mended)

    def _part(self, raw: Raw, place: int, index: int) -> Part:
        where = f"messages[{place}].content[{index}]"
        try:
            chunk = _chunk.decode(raw)
        except msgspec.ValidationError:
            raise CallerError(f"{where}: not a chunk of this dialect", param=where) from None
        if chunk.type == "text":
            return Text(_needed(chunk.text, f"{where}.text"))
        if chunk.type == "thinking":
            return _thought(chunk)
        if chunk.type == "input_audio":
            return _audio(_needed(chunk.input_audio, f"{where}.input_audio"), where)
        url = _url(chunk, where)
        if url is None:
            self.native.append(where)
            return Foreign(chunk.type, raw.copy())
        detail = (chunk.image_url.detail if isinstance(chunk.image_url, _Image) else None) or ""
        kind: Literal["image", "file"] = "image" if chunk.type == "image_url" else "file"
        media = media_of(kind, url, f"{where}.{chunk.type}", name=chunk.document_name or "", detail=detail)
        if is_mended(url, media):
            self._mended.append((place, index, media))
        return media


def _needed(text: str | None, where: str) -> str:
    if text is None:
        raise CallerError(f"{where}: required field is missing", param=where)
    return text


def _url(chunk: _Chunk, where: str) -> str | None:
    """The URL of an image or a document, None for chunks of other kinds."""
    if chunk.type == "image_url":
        image = chunk.image_url
        return _needed(image.url if isinstance(image, _Image) else image, f"{where}.image_url")
    return _needed(chunk.document_url, f"{where}.document_url") if chunk.type == "document_url" else None


def _thought(chunk: _Chunk) -> Reasoning:
    """A thought; one without a signature is this dialect's too, since no other has such a chunk."""
    signature, signer = unsealed(chunk.signature or "", DIALECT)
    text = "".join(piece.text or "" for piece in chunk.thinking or ())
    return Reasoning(text=text, signature=signature, signer=signer or DIALECT)


def _audio(data: str, where: str) -> Media:
    if data.startswith(("https://", "http://", "data:")):
        return media_of("audio", data, f"{where}.input_audio")
    return Media("audio", media_type=known_type(data) or "", data=data)


def _result(message: Spoken, parts: tuple[Part, ...], where: str) -> Result:
    call_id = _needed(message.tool_call_id, f"{where}.tool_call_id")
    return Result(call_id, tuple(part for part in parts if isinstance(part, Text | Media)), name=message.name or "")


def _called(call: _Call, where: str) -> Called:
    raw = bytes(call.function.arguments)
    try:
        arguments = _text.decode(raw) if raw.startswith(b'"') else msgspec.json.format(raw, indent=-1).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CallerError(f"{where}.function.arguments: not JSON", param=f"{where}.function.arguments") from None
    return Called(call.id, call.function.name, arguments)
