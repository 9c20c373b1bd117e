"""Wishes in headers, for callers who cannot change their body. The same for every face; the body's own wishes come first."""

from collections.abc import Mapping

import msgspec

from ..clients.common.wishes import cache_of, mode_of
from ..domain.request import CacheWish, ChatRequest
from ..errors import CallerError

_WISH_HEADERS = frozenset({b"x-router-mode", b"x-router-cache", b"x-router-session", b"cache-control"})


def with_header_wishes(request: ChatRequest, headers: Mapping[bytes, bytes]) -> ChatRequest:
    """The request with the wishes its headers add; the body's own come first. Raises CallerError for an unknown word."""
    if _WISH_HEADERS.isdisjoint(headers):
        return request
    mode = request.mode or mode_of(_text(headers, b"x-router-mode"), "x-router-mode")
    cache = request.cache or cache_of(_text(headers, b"x-router-cache"), "x-router-cache") or _cache_control(headers)
    session = request.session or _text(headers, b"x-router-session")
    if session is not None and len(session) > 256:
        raise CallerError("x-router-session: at most 256 characters", param="x-router-session")
    return msgspec.structs.replace(request, mode=mode, cache=cache, session=session)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1").strip() if value else None


def _cache_control(headers: Mapping[bytes, bytes]) -> CacheWish | None:
    words = (_text(headers, b"cache-control") or "").lower()
    if "no-store" in words:
        return "off"
    return "refresh" if "no-cache" in words else None
