"""What a picture costs in tokens, by each dialect's own published rule, from its size alone. Reads the few bytes of a file's head that tell
the size; decodes no picture, fetches nothing, and knows no price.
"""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from math import ceil
from typing import Final

from ..domain.request import ChatRequest, Media, Message, Result

RULES: Final = ("anthropic", "openai", "gemini", "mistral")
"""The dialects whose rules are known, in the order of the figures below. Other hosts of OpenAI's dialect are taken to count as it does."""
TYPICAL: Final = (1024, 1024)
"""Width and height in pixels of a picture whose size is not told: one at an address, or of a kind that is not read here."""
_HEADS = (256, 65_536)  # characters of base64: nearly every kind tells its size at once, JPEG behind what a camera noted
_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_SIZED_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Tokens = tuple[int, int, int, int]


def picture_tokens(media: Media) -> Tokens:
    """Input tokens of one picture under each of RULES; those it has without its words around it."""
    width, height = size_of(media) or TYPICAL
    return _anthropic(width, height), _openai(width, height, media.detail), _gemini(width, height), _mistral(width, height)


def pictures_beyond(request: ChatRequest) -> Tokens | None:
    """How many tokens more (or fewer) all pictures take under each of RULES than under the first, which estimates count by.

    None where there is no picture.
    """
    found = [picture_tokens(media) for media in _pictures(request.messages)]
    if not found:
        return None
    sums = [sum(column) for column in zip(*found, strict=True)]
    return 0, sums[1] - sums[0], sums[2] - sums[0], sums[3] - sums[0]


def size_of(media: Media) -> tuple[int, int] | None:
    """Width and height in pixels as the file's head tells them; None where it does not."""
    for most in _HEADS:
        head = _decoded(media.data, most)
        found = _size(head)
        if found is not None or len(media.data) <= most:
            return found
    return None


def _pictures(messages: Iterable[Message]) -> Iterable[Media]:
    for message in messages:
        for part in message.parts:
            for inner in part.parts if isinstance(part, Result) else (part,):
                if isinstance(inner, Media) and inner.kind == "image":
                    yield inner


def _decoded(data: str, most: int) -> bytes:
    try:
        return b64decode(data[: min(most, len(data) // 4 * 4)])
    except (Error, ValueError):
        return b""


def _size(head: bytes) -> tuple[int, int] | None:
    size: tuple[int, int] | None = None
    if head.startswith(_PNG) and len(head) >= 24:
        size = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    elif head.startswith(_GIF) and len(head) >= 10:
        size = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    elif head.startswith(b"RIFF") and head[8:12] == b"WEBP" and len(head) >= 30:
        size = _webp(head)
    elif head.startswith(b"\xff\xd8"):
        size = _jpeg(head)
    return size if size is not None and 0 < size[0] < 1 << 20 and 0 < size[1] < 1 << 20 else None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """The first frame header behind the segments that come before it."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _SIZED_FRAMES:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        at += 2 + int.from_bytes(head[at + 2 : at + 4]) if marker != 0xFF else 1
    return None


def _fitted(width: float, height: float, longest: float) -> tuple[float, float]:
    scale = min(1.0, longest / max(width, height))
    return width * scale, height * scale


def _anthropic(width: int, height: int) -> int:
    """Width x height / 750, after fitting into 1568 pixels; about 1,600 at most (docs: Vision)."""
    w, h = _fitted(width, height, 1568)
    return min(ceil(w * h / 750), 1_600)


def _openai(width: int, height: int, detail: str) -> int:
    """85, and 170 per tile of 512 pixels after fitting into 2048 and the shorter side into 768 (docs: Images and vision)."""
    if detail == "low":
        return 85
    w, h = _fitted(width, height, 2048)
    scale = min(1.0, 768 / min(w, h))
    return 85 + 170 * ceil(w * scale / 512) * ceil(h * scale / 512)


def _gemini(width: int, height: int) -> int:
    """258 for a small one, else for each tile of 768 pixels after fitting into 3072 (docs: Image understanding)."""
    w, h = _fitted(width, height, 3072)
    return 258 if max(w, h) <= 384 else 258 * ceil(w / 768) * ceil(h / 768)


def _mistral(width: int, height: int) -> int:
    """One per patch of 28 pixels and one per row, after fitting into 1540 (the open weights' image processor)."""
    w, h = _fitted(width, height, 1540)
    rows = ceil(h / 28)
    return rows * (ceil(w / 28) + 1)
