"""Images, sounds and files inside requests: reading data URLs, knowing a type by its bytes. Nothing is ever fetched here."""

import base64
import binascii
from typing import Final

from ...domain.request import Media, MediaKind
from ...errors import CallerError

# first bytes -> type; WebP and WAV carry theirs at offset 8 of a RIFF file
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3\x02", "audio/mp3"),
    (b"ID3\x03", "audio/mp3"),
    (b"ID3\x04", "audio/mp3"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_HEAD_CHARS: Final = 24  # of base64: 18 bytes, enough for every signature above
_SAME: Final = {"audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav"}
_MISSPELLED: Final = {"image/jpg": "image/jpeg"}  # no provider takes the left one


def known_type(data: str) -> str | None:
    """The media type that base64 `data` shows by its first bytes, None when they are no signature we know."""
    start = data[:_HEAD_CHARS]
    try:
        head = base64.b64decode(start[: len(start) // 4 * 4].encode("ascii", "replace"))
    except (binascii.Error, ValueError):
        return None
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def true_type(stated: str, data: str) -> str:
    """`stated`, or what the bytes show when they show another one (clients label screenshots wrongly, providers then refuse)."""
    stated = stated.strip().lower()
    stated = _MISSPELLED.get(stated, stated)
    shown = known_type(data)
    return stated if shown is None or _SAME.get(stated, stated) == shown else shown


def media_of(kind: MediaKind, url: str, where: str, *, name: str = "", detail: str = "", marker: str = "") -> Media:
    """The Media that a data URL holds or an https URL names. Raises CallerError naming `where` for any other URL."""
    scheme = url[:8].lower()
    if scheme.startswith(("https://", "http://")):
        return Media(kind, url=url, name=name, detail=detail, marker=marker)
    if not scheme.startswith("data:"):
        raise CallerError(f"{where}: use an https URL or a data URL", param=where)
    comma = url.find(",")
    media_type, *parameters = url[5 : max(comma, 5)].split(";")
    data = url[comma + 1 :] if comma >= 0 else ""
    if not data or "base64" not in parameters:
        raise CallerError(f"{where}: a data URL must be `data:<type>;base64,<data>`", param=where)
    return Media(kind, media_type=true_type(media_type, data), data=data, name=name, detail=detail, marker=marker)


def data_url(media: Media) -> str:
    """The URL that carries this media: its own, or a data URL."""
    return media.url or f"data:{media.media_type};base64,{media.data}"


def is_mended(url: str, media: Media) -> bool:
    """Whether `media` was read from `url` under another type than the URL states."""
    stated = url[5 : 5 + len(media.media_type) + 1].lower()  # no more of it: the rest may be megabytes
    return bool(media.data) and stated not in (f"{media.media_type};", f"{media.media_type},")
