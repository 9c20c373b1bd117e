"""From one part of a chat message to the value it stands for. Single parts only: turns and calls are read elsewhere."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import Foreign, Media, Part, Text
from ...errors import CallerError
from ..common.faces import CHAT, part_home
from ..common.media import is_mended, media_of, true_type

# how long a marked prefix is kept: the words of our domain that hold at least as long as the caller's
_KEPT: Final = {"5m": "5m", "30m": "1h", "1h": "1h", "12h": "1h"}


class Marked(Struct):
    """What can end a prompt prefix that is to be kept: OpenAI's breakpoint, or Anthropic's as clients write it on such parts."""

    cache_control: Any = None
    prompt_cache_breakpoint: Any = None

    @property
    def marker(self) -> str:
        """How long the prefix up to here is to be kept, "" where nothing is said."""
        if self.cache_control is None and self.prompt_cache_breakpoint is None:
            return ""
        return marker_of(self.prompt_cache_breakpoint) or marker_of(self.cache_control)


def marker_of(told: Any) -> str:
    """How long a breakpoint wants its prefix kept, in our words; "" for what is no breakpoint."""
    if not isinstance(told, dict):
        return ""
    ttl = told.get("ttl")
    return _KEPT.get(ttl, "5m") if isinstance(ttl, str) else "5m"


class Image(Struct):
    """Where an image is."""

    url: str
    detail: str | None = None


class Audio(Struct):
    """A sound in base64."""

    data: str
    format: str


class File(Struct):
    """A document: its data, or the id under which OpenAI holds it."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ContentPart(Marked):
    """One part of a turn's content."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: Image | str | None = None
    input_audio: Audio | None = None
    file: File | None = None


class Notes(Struct):
    """What reading finds beside the values: wishes that bind to this dialect, and media whose type had to be mended.

    `mended` maps (place of the message, place of the part) to the URL that says the true type.
    """

    native: list[str] = msgspec.field(default_factory=list)
    mended: dict[tuple[int, int], str] = msgspec.field(default_factory=dict)


_part = msgspec.json.Decoder(ContentPart)


def part_of(raw: Raw, message: int, place: int, notes: Notes) -> Part:
    """The part as a value. Raises CallerError naming the field; what no other dialect carries is a Foreign, and noted."""
    where = f"messages[{message}].content[{place}]"
    part = _read(raw, where)
    if part.type == "text":
        return Text(_needed(part.text, f"{where}.text"), part.marker)
    if part.type == "refusal":
        return Text(_needed(part.refusal, f"{where}.refusal"))
    if part.type == "image_url":
        return _image(part, where, (message, place), notes)
    if part.type == "input_audio" and part.input_audio is not None:
        audio = part.input_audio
        return Media("audio", true_type(f"audio/{audio.format}", audio.data), audio.data, marker=part.marker)
    if part.type == "file" and part.file is not None and part.file.file_data is not None:
        return _file(part, part.file, part.file.file_data, f"{where}.file.file_data")
    notes.native.append(where)
    return Foreign(part.type, raw)


def _read(raw: Raw, where: str) -> ContentPart:
    try:
        part = _part.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{where}: a part is an object with a `type` and the fields of its type", param=where) from None
    if not part.type:
        raise CallerError(f"{where}: a part is an object with a `type` and the fields of its type", param=where)
    home = part_home(part.type)
    if home not in (None, CHAT):
        raise CallerError(f"{where}: a part of type `{part.type}` belongs to {home}", param=where)
    return part


def _needed(text: str | None, where: str) -> str:
    if text is None:
        raise CallerError(f"{where}: required field is missing", param=where)
    return text


def _image(part: ContentPart, where: str, key: tuple[int, int], notes: Notes) -> Media:
    image = part.image_url
    if isinstance(image, str):  # some clients leave the object around the URL out; hosts take both
        image = Image(image)
    if image is None:
        raise CallerError(f"{where}.image_url: required field is missing", param=f"{where}.image_url")
    media = media_of("image", image.url, f"{where}.image_url.url", detail=image.detail or "", marker=part.marker)
    if is_mended(image.url, media):
        notes.mended[key] = f"data:{media.media_type};base64,{media.data}"
    return media


def _file(part: ContentPart, file: File, data: str, where: str) -> Media:
    name = file.filename or ""
    if data.startswith(("data:", "https://", "http://")):
        return media_of("file", data, where, name=name, marker=part.marker)
    return Media("file", true_type("application/pdf", data), data, name=name, marker=part.marker)
