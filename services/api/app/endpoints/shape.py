"""What a call endpoint needs to know of its face. Protocol and shared pieces only; each face has its own module."""

from collections.abc import Mapping
from typing import Protocol

from ..clients.common.protocols import Writer
from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..errors import RouterError
from ..pipeline.settle import Settled
from ..pipeline.walk import Walk


class Envelope(Protocol):
    """What every face has, whatever it answers. `face` is its name in records and in `cache.faces`."""

    face: str

    def status(self, error: RouterError) -> int:
        """The HTTP status this face answers an error with."""
        ...

    def complain(self, error: RouterError, call_id: str) -> bytes:
        """The error body."""
        ...


class Shape(Envelope, Protocol):
    """One face of conversations over HTTP. `keepalive` is what a stream says while it has nothing to say."""

    keepalive: bytes

    def parse(self, body: bytes, headers: Mapping[bytes, bytes]) -> ChatRequest:
        """The request in the body, with the wishes of the headers."""
        ...

    def dry(self, walk: Walk) -> bytes | None:
        """The body that answers without calling anyone, None when the request wants an answer."""
        ...

    def whole(self, walk: Walk, completion: Completion, settled: Settled) -> bytes:
        """The whole answer."""
        ...

    def writer(self, walk: Walk) -> Writer:
        """A writer for a streamed answer."""
        ...

    def last(self, writer: Writer, walk: Walk, settled: Settled) -> bytes:
        """The end of a streamed answer."""
        ...
