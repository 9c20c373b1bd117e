"""Bodies that come packed: gzip and deflate, unpacked in steps and never past a limit. What is in them may not enter.

A packed body may grow a thousandfold, so the limit counts unpacked bytes as they come out, and the loop serves others in between.
"""

import asyncio
import zlib

from ..errors import BadMediaType, BodyTooLarge, CallerError

GZIP = b"gzip"
DEFLATE = b"deflate"
# RFC 1952 lets a gzip body be many members in a row; thousands of empty ones would cost time and yield nothing
MAX_MEMBERS = 64
_STEP = 256 * 1024
_ZLIB_METHOD, _ZLIB_CHECK = 8, 31


def coding_of(headers: dict[bytes, bytes]) -> bytes:
    """The body's coding, b"" for none. Raises BadMediaType for one that is not taken."""
    coding = headers.get(b"content-encoding")
    if coding is None:
        return b""
    coding = coding.strip().lower()
    if coding in (GZIP, DEFLATE):
        return coding
    if coding == b"identity":
        return b""
    raise BadMediaType("send the body as it is, or with content-encoding gzip or deflate", param="content-encoding")


async def unpacked(body: bytes, coding: bytes, limit: int) -> bytes:
    """`body` unpacked. Raises BodyTooLarge over `limit` bytes, CallerError when it is not what `coding` says, or not whole."""
    pieces: list[bytes] = []
    room = limit
    rest = body
    for _ in range(MAX_MEMBERS if coding == GZIP else 1):
        unpacker = zlib.decompressobj(_window(rest, coding))
        while not unpacker.eof:
            piece = _step(unpacker, rest, min(_STEP, room + 1))
            room -= len(piece)
            if room < 0:
                raise BodyTooLarge(f"the unpacked body is larger than limits.max_body_bytes ({limit} bytes)")
            pieces.append(piece)
            rest = unpacker.unconsumed_tail
            if not unpacker.eof and not piece and not rest:
                raise _unsound(coding)  # it ends before its end
            if len(piece) == _STEP:
                await asyncio.sleep(0)
        rest = unpacker.unused_data
        if not rest:
            return b"".join(pieces)
    raise _unsound(coding)


def _step(unpacker: "zlib._Decompress", data: bytes, size: int) -> bytes:
    try:
        return unpacker.decompress(data, size)
    except zlib.error:
        raise CallerError("the body is not what content-encoding says", param="content-encoding") from None


def _window(data: bytes, coding: bytes) -> int:
    """zlib's word for the format. `deflate` means zlib's (RFC 9110, 8.4.1.2), but some clients send the bare stream."""
    if coding == GZIP:
        return 16 + zlib.MAX_WBITS
    wrapped = len(data) > 1 and data[0] & 15 == _ZLIB_METHOD and int.from_bytes(data[:2]) % _ZLIB_CHECK == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _unsound(coding: bytes) -> CallerError:
    return CallerError(f"the {coding.decode()} body is cut off, or more follows it", param="content-encoding")
