"""The SDK faces over HTTP, one for each dialect that callers speak. The shapes are the clients'; here are our wishes around them."""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from ..clients.common.protocols import Face, Writer
from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..errors import RouterError
from ..pipeline.settle import Settled
from ..pipeline.walk import Walk
from .pulse import COMMENT
from .query import decision_of
from .wishes import with_header_wishes

_encode = msgspec.json.Encoder().encode
MEMO_BYTES, MEMO_BODIES = 4096, 256
"""Small bodies are parsed once while they repeat: what hits the cache is mostly sent in the same bytes again."""


class SdkShape:
    """A provider's own shape. `name` is the face's name in records; `kept` are headers of the dialect that travel upstream.

    `parse` reads the bodies of a route beside the dialect's main one.
    """

    def __init__(
        self,
        face: Face,
        name: str,
        kept: tuple[bytes, ...] = (),
        overloaded: int = 503,
        parse: Callable[[bytes], ChatRequest] | None = None,
        keepalive: bytes = COMMENT,
    ) -> None:
        self.face = name
        self.keepalive = keepalive
        self._face = face
        self._parse = parse or face.parse
        self._parse_again = lru_cache(maxsize=MEMO_BODIES)(self._parse)
        self._kept = kept
        self._overloaded = overloaded

    def parse(self, body: bytes, headers: Mapping[bytes, bytes]) -> ChatRequest:
        """The body, with the wishes of `x-router-*` and `cache-control` where the body has none."""
        parse = self._parse_again if len(body) <= MEMO_BYTES else self._parse
        request = with_header_wishes(parse(body), headers)
        told = [(name.decode(), _plain(headers[name])) for name in self._kept if name in headers]
        if told and request.original is not None:
            original = msgspec.structs.replace(request.original, headers=tuple(told))
            request = msgspec.structs.replace(request, original=original)
        return request

    def dry(self, walk: Walk) -> bytes | None:
        """These faces always answer for real."""
        return None

    def whole(self, walk: Walk, completion: Completion, settled: Settled) -> bytes:
        """The provider's own body when it is of this dialect, else one spelled out; with `router` beside it when asked."""
        own = completion.raw if walk.passes else b""
        body = own or self._face.render(completion, walk.request, walk.asking.id, int(time.time()))
        return explained(body, walk, settled) if walk.request.explain else body

    def writer(self, walk: Walk) -> Writer:
        """Events; the provider's own where it speaks this dialect."""
        model = walk.served.model_id if walk.served else walk.request.model
        return self._face.writer(walk.request, walk.asking.id, int(time.time()), model, walk.passes)

    def last(self, writer: Writer, walk: Walk, settled: Settled) -> bytes:
        """The real cost and who served, in a comment that SDKs skip, then the terminator."""
        record = settled.record
        cost = "unknown" if record.cost_nano_usd is None else f"{record.cost_nano_usd / 1e9:.9f}"
        return writer.finish(f"router id={record.id} model={record.served} cost_usd={cost}")

    def status(self, error: RouterError) -> int:
        """The error's status; Anthropic has a word of its own for overload."""
        return self._overloaded if error.status == 503 else error.status

    def complain(self, error: RouterError, call_id: str) -> bytes:
        """The dialect's error envelope."""
        return self._face.complain(error, call_id)


def explained(body: bytes, walk: Walk, settled: Settled) -> bytes:
    """A whole reply with `router` beside the rest: how the call went and what it cost."""
    record = settled.record
    told = {"decision": decision_of(walk), "attempts": record.attempts, "cost_usd": record.cost_usd, "score": record.score}
    return body.rstrip()[:-1] + b',"router":' + _encode(told) + b"}"


def _plain(value: bytes) -> str:
    """A header value that may go upstream again: printable ASCII, bounded."""
    text = value.decode("latin-1")[:1000]
    return text if text.isascii() and text.isprintable() else ""
