"""Which route a wrong path may have meant. Pure text; nothing is ever redirected."""

import re
from collections.abc import Collection
from difflib import get_close_matches

_LONGEST = 200
# what a path is when an SDK's base URL lacks its `/v1`, or when the last word was left out
_MEANT = {
    "/chat": "/v1/chat/completions",
    "/completions": "/v1/chat/completions",
    "/message": "/v1/messages",
    "/count_tokens": "/v1/messages/count_tokens",
    "/healthz": "/health",
    "/livez": "/health",
    "/readyz": "/ready",
    "/openapi": "/openapi.json",
    "/swagger": "/docs",
}
_CLOSE = 0.8


def nearest(path: str, routes: Collection[str]) -> str | None:
    """The route of `routes` that `path` comes closest to, None when there is none near it."""
    if len(path) > _LONGEST or not path.isascii() or not path.isprintable():
        return None
    words = [word.partition(";")[0].rstrip(".") for word in re.split(r"[/\\]", path.lower())]
    words = [word for word in words if word and word != "v1"]
    for start in range(len(words)):
        below = "/" + "/".join(words[start:])
        for candidate in (f"/v1{below}", below, _MEANT.get(below)):
            if candidate in routes:
                return candidate
    plain = "/" + "/".join(words)
    by_word = {route.removeprefix("/v1"): route for route in routes if words and route != "/"}
    close = get_close_matches(plain, by_word, n=1, cutoff=_CLOSE)
    return by_word[close[0]] if close else None
