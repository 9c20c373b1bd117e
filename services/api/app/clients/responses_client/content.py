"""The parts of a turn's content: texts, images, sounds, files. Items around them may not enter."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from ...domain.request import Media, Text
from ...errors import CallerError
from ..common.faces import CHAT, MESSAGES, RESPONSES, part_home
from ..common.media import known_type, media_of
from .body import ContentPart, Kind, read, unsupported

_part = msgspec.json.Decoder(ContentPart)
_kind = msgspec.json.Decoder(Kind)
_SOUNDS: Final = {"mp3": "audio/mp3", "wav": "audio/wav"}


def parts_of(content: str | list[Raw], where: str) -> tuple[Text | Media, ...]:
    """The parts of a content, one at least. Raises CallerError naming the part."""
    if isinstance(content, str):
        return (Text(content),)
    if not content:
        raise CallerError(f"{where}: at least one part is needed", param=where)
    return tuple([_part_of(raw, f"{where}[{place}]") for place, raw in enumerate(content)])


def _part_of(raw: Raw, where: str) -> Text | Media:
    try:
        part = read(raw, _part, where)
    except CallerError:
        _refuse_other_faces(read(raw, _kind, where).type or "", where)
        raise
    reader = _READERS.get(part.type)
    if reader is None:
        _refuse_other_faces(part.type, where)
        raise CallerError(f"{where}.type: use one of {', '.join(_READERS)}", param=f"{where}.type")
    return reader(part, where)


def _refuse_other_faces(kind: str, where: str) -> None:
    home = f"{CHAT} or {MESSAGES}" if kind == "text" else part_home(kind)
    if home not in (None, RESPONSES):
        raise CallerError(f"{where}.type: a part of type `{kind}` belongs to {home}", param=f"{where}.type")


def _text(part: ContentPart, where: str) -> Text:
    if part.text is None:
        raise _missing(where, "text")
    return Text(part.text, _marker(part))


def _refusal(part: ContentPart, where: str) -> Text:
    if part.refusal is None:
        raise _missing(where, "refusal")
    return Text(part.refusal)


def _image(part: ContentPart, where: str) -> Media:
    if part.image_url is None:
        _refuse_stored(part, where)
        raise _missing(where, "image_url")
    return media_of("image", part.image_url, f"{where}.image_url", detail=part.detail or "", marker=_marker(part))


def _file(part: ContentPart, where: str) -> Media:
    name, marker = part.filename or "", _marker(part)
    if part.file_url is not None:
        return media_of("file", part.file_url, f"{where}.file_url", name=name, marker=marker)
    if part.file_data is None:
        _refuse_stored(part, where)
        raise _missing(where, "file_data")
    if part.file_data.startswith("data:"):
        return media_of("file", part.file_data, f"{where}.file_data", name=name, marker=marker)
    media_type = known_type(part.file_data) or "application/pdf"
    return Media("file", media_type=media_type, data=part.file_data, name=name, marker=marker)


def _sound(part: ContentPart, where: str) -> Media:
    if part.input_audio is None:
        raise _missing(where, "input_audio")
    media_type = _SOUNDS.get(part.input_audio.format)
    if media_type is None:
        raise CallerError(f"{where}.input_audio.format: use mp3 or wav", param=f"{where}.input_audio.format")
    return Media("audio", media_type=media_type, data=part.input_audio.data)


_READERS: Final[dict[str, Callable[[ContentPart, str], Text | Media]]] = {
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _sound,
}


def _marker(part: ContentPart) -> str:
    """How long a breakpoint's prefix is kept: the shorter of the two spans that providers know, unless a span is asked for."""
    if part.prompt_cache_breakpoint is None:
        return ""
    return "5m" if part.prompt_cache_breakpoint.ttl is None else "1h"


def _refuse_stored(part: ContentPart, where: str) -> None:
    if part.file_id is not None:
        raise unsupported(f"{where}.file_id", "files kept by OpenAI cannot be reached from here: send the data or a URL")


def _missing(where: str, name: str) -> CallerError:
    return CallerError(f"{where}.{name}: required field is missing", param=f"{where}.{name}")
