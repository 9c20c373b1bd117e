"""CORS for the origins of `server.cors_origins`, and for nobody else: without a match no header is sent. Pure; no route may enter.

Cookies are never used, so credentials are not allowed; a caller's key travels in a header that the preflight admits.
"""

import re
from collections.abc import Mapping

Fields = list[tuple[bytes, bytes]]
SECONDS = b"600"
METHODS = b"GET, HEAD, POST"
EXPOSED = (
    b"x-request-id, request-id, x-router-model, x-router-provider, x-router-mode, x-router-reason, x-router-mock, "
    b"x-router-cost-usd, x-router-estimated-cost-usd, x-router-overhead-ms, x-router-config, x-router-fallback, "
    b"x-router-dropped, x-cache, x-should-retry, retry-after"
)
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}")


class Cors:
    """The origins that may read our answers from a browser; `*` stands for all."""

    __slots__ = ("_any", "_origins")

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.lower().encode() for origin in origins)

    def _shared(self, origin: bytes) -> Fields:
        if self._any:
            return [(b"access-control-allow-origin", b"*")]
        vary = (b"vary", b"origin")
        return [(b"access-control-allow-origin", origin), vary] if origin.lower() in self._origins else [vary]

    def headers(self, fields: Mapping[bytes, bytes]) -> Fields:
        """What every answer to this request carries."""
        shared = self._shared(fields.get(b"origin", b""))
        exposed = b"origin" in fields and shared[0][0] != b"vary"
        return [*shared, (b"access-control-expose-headers", EXPOSED)] if exposed else shared

    def preflight(self, fields: Mapping[bytes, bytes]) -> Fields | None:
        """The answer to a browser that asks before it sends; None for a foreign origin, or when this is no such question."""
        origin = fields.get(b"origin")
        if origin is None or b"access-control-request-method" not in fields or not (self._any or origin.lower() in self._origins):
            return None
        answer = [(b"access-control-allow-methods", METHODS), (b"access-control-max-age", SECONDS)]
        wanted = fields.get(b"access-control-request-headers", b"")
        if _NAMES.fullmatch(wanted):
            answer.append((b"access-control-allow-headers", wanted))
        return answer
