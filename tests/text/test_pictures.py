"""A picture's size is read from its head, and its tokens follow each dialect's rule; whatever else it is, it never raises."""

import struct
import time
import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.request import ChatRequest, Media, Message, Result, Text
from app.text.pictures import TYPICAL, picture_tokens, pictures_beyond, size_of


def png(width: int, height: int) -> bytes:
    """The head of one."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def jpeg(width: int, height: int, noted: int = 0) -> bytes:
    """One with so many bytes of a camera's notes."""
    notes = b"".join(
        b"\xff\xe1" + struct.pack(">H", min(65_000, noted - n) + 2) + b"x" * min(65_000, noted - n)
        for n in range(0, noted, 65_000)
    )
    return (
        b"\xff\xd8"
        + notes
        + b"\xff\xdb\x00\x04ab"
        + b"\xff\xc2\x00\x11\x08"
        + struct.pack(">HH", height, width)
        + b"\x03"
        + b"\0" * 40
    )


def webp(kind: bytes, body: bytes) -> bytes:
    """The head of one of its three kinds."""
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + body + b"\0" * 20


def picture(data: bytes, detail: str = "") -> Media:
    """As a request holds it."""
    return Media("image", "image/png", b64encode(data).decode(), detail=detail)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png(640, 480), (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 30, 20) + b"\0\0\0", (30, 20)),
        (jpeg(1200, 800), (1200, 800)),
        (jpeg(1200, 800, 40_000), (1200, 800)),
        (webp(b"VP8X", b"\0\0\0\0" + (1999).to_bytes(3, "little") + (999).to_bytes(3, "little")), (2000, 1000)),
        (webp(b"VP8L", b"\x2f" + (299 | 199 << 14).to_bytes(4, "little")), (300, 200)),
        (webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 176, 144)), (176, 144)),
        (jpeg(1200, 800, 200_000), None),
        (png(0, 5), None),
        (b"no picture at all", None),
        (b"", None),
    ],
)
def test_the_size_is_in_the_head(data: bytes, size: tuple[int, int] | None) -> None:
    """Of every kind that providers take; what a head does not tell within 48 KiB is not known."""
    assert size_of(picture(data)) == size


@pytest.mark.parametrize(
    ("size", "detail", "tokens"),
    [
        ((1024, 1024), "", (1399, 765, 1032, 1406)),
        ((1024, 1024), "low", (1399, 85, 1032, 1406)),
        ((200, 200), "", (54, 255, 258, 72)),
        ((4096, 8192), "high", (1600, 1105, 2064, 1595)),
    ],
)
def test_each_dialect_counts_by_its_own_rule(size: tuple[int, int], detail: str, tokens: tuple[int, ...]) -> None:
    """The examples of the providers' own pages where they give some."""
    assert picture_tokens(picture(png(*size), detail)) == tokens


def test_a_picture_at_an_address_counts_as_a_typical_one() -> None:
    """Nobody fetches it."""
    assert picture_tokens(Media("image", url="https://a.example/a.png")) == picture_tokens(picture(png(*TYPICAL)))


def test_all_pictures_of_a_request_count_those_in_results_too() -> None:
    """As a difference to what the estimate holds."""
    one = picture(png(1024, 1024))
    request = ChatRequest(messages=(Message("user", (Text("look"), one)), Message("tool", (Result("c", (one,)),))))
    assert pictures_beyond(request) == (0, 2 * (765 - 1399), 2 * (1032 - 1399), 2 * (1406 - 1399))
    assert pictures_beyond(ChatRequest(messages=(Message("user", (Text("x"),)),))) is None


@given(st.binary(max_size=400), st.sampled_from((b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF1234WEBPVP8L")))
def test_any_bytes_have_a_count(data: bytes, head: bytes) -> None:
    """Positive, bounded by the largest picture that is believed."""
    assert all(0 < tokens < 10**9 for tokens in picture_tokens(picture(head + data)))
    assert picture_tokens(Media("image", data="*" * 9)) == picture_tokens(Media("image"))


def test_a_large_picture_costs_as_little_as_a_small_one() -> None:
    """Only its head is decoded."""
    large = picture(jpeg(10, 10) + b"\xff" * 20_000_000)
    began = time.process_time()
    for _ in range(100):
        size_of(large)
    assert time.process_time() - began < 0.1
